"""Drawn index expressions beside PyTorch and NumPy: read, assigned, and differentiated; and the errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import same_bits

import minigrad as mg
from minigrad.tensor import wrap

Array = np.ndarray[Any, Any]
Draw = np.random.Generator

EXPRESSIONS = 400
INDEX_DTYPES = [np.int64, np.int32, np.int16, np.int8]


class Library:
    """What a drawn expression needs of a library: its tensors."""

    def __init__(self, tensor: Callable[[Array], Any]) -> None:
        self.tensor = tensor


MINIGRAD = Library(lambda a: wrap(a.copy()))
NUMPY = Library(lambda a: a)


def pytorch() -> Library:
    torch = pytest.importorskip("torch")
    return Library(lambda a: torch.from_numpy(a.copy()))


def draw_shape(draw: Draw) -> tuple[int, ...]:
    return tuple(int(n) for n in draw.choice([1, 2, 3, 4, 5, 5], size=draw.integers(1, 5)))


def draw_slice(draw: Draw, n: int) -> slice:
    start, stop = (None if draw.random() < 0.4 else int(draw.integers(-n - 1, n + 2)) for _ in range(2))
    return slice(start, stop, None if draw.random() < 0.6 else int(draw.integers(1, 4)))


def draw_indices(draw: Draw, n: int, common: tuple[int, ...]) -> Array:
    """Return indices of a shape that broadcasts to `common`."""
    shape = tuple(1 if draw.random() < 0.2 else m for m in common[draw.integers(0, len(common) + 1) :])
    return np.asarray(draw.integers(-n, n, shape)).astype(draw.choice(INDEX_DTYPES))


def draw_key(draw: Draw, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return a key of Python objects and arrays, which stand for tensors."""
    common = tuple(int(n) for n in draw.integers(1, 4, size=draw.integers(1, 3)))
    key: list[Any] = []
    d = 0
    while d < len(shape) and draw.random() < 0.9:
        kind = draw.choice(["int", "slice", "none", "index", "index", "index", "list", "mask", "ellipsis", "bool"])
        n = shape[d]
        if kind == "none":
            key.append(None)
            continue
        if kind == "bool":
            key.append(bool(draw.random() < 0.8))
            continue
        if kind == "ellipsis":
            if Ellipsis not in [k for k in key if not isinstance(k, np.ndarray)]:
                key.append(Ellipsis)
                d += int(draw.integers(0, len(shape) - d))
            continue
        if kind == "mask":
            dims = int(draw.integers(1, min(2, len(shape) - d) + 1))
            mask = np.zeros(shape[d : d + dims], np.bool_)
            # As many true elements as one of the common sizes, so that the mask broadcasts with the indices.
            count = min(common[-1], mask.size)
            mask.reshape(-1)[draw.permutation(mask.size)[:count]] = True
            key.append(mask)
            d += dims
            continue
        if kind == "int":
            key.append(int(draw.integers(-n, n)))
        elif kind == "slice":
            key.append(draw_slice(draw, n))
        elif kind == "list":
            key.append([int(i) for i in draw.integers(-n, n, common[-1])])
        else:
            key.append(draw_indices(draw, n, common))
        d += 1
    return tuple(key)


def given_to(library: Library, key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(library.tensor(k) if isinstance(k, np.ndarray) else k for k in key)


def expressions() -> list[tuple[int, tuple[int, ...], tuple[Any, ...]]]:
    """Return drawn shapes and keys that PyTorch takes."""
    torch = pytest.importorskip("torch")
    found = []
    seed = 0
    while len(found) < EXPRESSIONS:
        draw = np.random.default_rng(seed)
        shape = draw_shape(draw)
        key = draw_key(draw, shape)
        try:
            torch.zeros(shape)[given_to(pytorch(), key)]
            found.append((seed, shape, key))
        except IndexError:
            pass
        seed += 1
    return found


def is_plain(key: tuple[Any, ...]) -> bool:
    """Return whether NumPy means the same: it takes an integer beside indices for one of them."""
    picks = any(isinstance(k, list | np.ndarray | bool) for k in key)
    return not picks or not any(type(k) is int or (isinstance(k, np.ndarray) and k.ndim == 0) for k in key)


def test_reading_as_pytorch_and_numpy_do() -> None:
    torch = pytest.importorskip("torch")
    for seed, shape, key in expressions():
        x = np.random.default_rng(seed).standard_normal(shape)
        y = wrap(x)[given_to(MINIGRAD, key)]
        right = torch.from_numpy(x)[given_to(pytorch(), key)]
        assert same_bits(y._array, right.numpy()), (shape, key)
        if is_plain(key):
            assert same_bits(y._array, np.asarray(x[key])), (shape, key)
        assert np.may_share_memory(y._array, x) == (right._base is not None) or y.numel() == 0


@pytest.mark.parametrize("layout", ["as it is", "transposed", "every other", "part"])
def test_reading_and_assigning_in_any_layout(layout: str) -> None:
    torch = pytest.importorskip("torch")

    def laid_out(x: Any) -> Any:
        if layout == "transposed":
            return x.transpose(0, x.ndim - 1)
        if layout == "every other":
            return x[::2]
        return x[..., 1:] if layout == "part" else x

    for seed, shape, _ in expressions()[:150]:
        draw = np.random.default_rng(seed)
        a = draw.standard_normal(shape)
        ours, theirs = wrap(a.copy()), torch.from_numpy(a.copy())
        x, right = laid_out(ours), laid_out(theirs)
        if 0 in right.shape:
            continue
        key = draw_key(draw, tuple(right.shape))
        try:
            picked = right[given_to(pytorch(), key)]
        except IndexError:
            continue
        assert same_bits(x[given_to(MINIGRAD, key)]._array, picked.numpy())
        x[given_to(MINIGRAD, key)] = 7.0
        right[given_to(pytorch(), key)] = 7.0
        assert same_bits(ours._array, theirs.numpy()), (shape, key)


def distinct(shape: tuple[int, ...], key: tuple[Any, ...]) -> bool:
    """Return whether the key names every element once at most."""
    torch = pytest.importorskip("torch")
    places = torch.arange(int(np.prod(shape))).reshape(shape)[given_to(pytorch(), key)]
    return len(places.unique()) == places.numel()


@pytest.mark.parametrize("value", ["number", "tensor", "broadcast", "no dims"])
def test_assigning_as_pytorch_does(value: str) -> None:
    torch = pytest.importorskip("torch")
    compared = 0
    for seed, shape, key in expressions():
        draw = np.random.default_rng(seed + 1)
        x = draw.standard_normal(shape)
        size = tuple(torch.zeros(shape)[given_to(pytorch(), key)].shape)
        written = draw.standard_normal(
            {"tensor": size, "broadcast": tuple(1 if draw.random() < 0.5 else n for n in size)}.get(value, ())
        )
        if value == "tensor" and not distinct(shape, key):
            continue  # which one stays is undefined in PyTorch
        compared += 1
        ours, theirs = wrap(x.copy()), torch.from_numpy(x.copy())
        if value == "number":
            ours[given_to(MINIGRAD, key)] = theirs[given_to(pytorch(), key)] = 2.5
        else:
            written = np.asarray(written)
            if value == "broadcast" and not distinct(shape, key):
                written = np.ones_like(written)
            ours[given_to(MINIGRAD, key)] = wrap(written)
            theirs[given_to(pytorch(), key)] = torch.from_numpy(written)
        assert same_bits(ours._array, theirs.numpy()), (shape, key)
    assert compared > 100


def test_gradients_of_reading_as_pytorch_s() -> None:
    torch = pytest.importorskip("torch")
    for seed, shape, key in expressions():
        draw = np.random.default_rng(seed + 2)
        x = draw.standard_normal(shape)
        ours, theirs = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, right = ours[given_to(MINIGRAD, key)], theirs[given_to(pytorch(), key)]
        g = draw.standard_normal(tuple(right.shape))
        y.backward(wrap(np.asarray(g)))
        right.backward(torch.from_numpy(np.asarray(g)))
        assert ours.grad is not None
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12, atol=1e-13)


def test_gradients_of_assigning_as_pytorch_s() -> None:
    torch = pytest.importorskip("torch")
    compared = 0
    for seed, shape, key in expressions():
        if not distinct(shape, key):
            continue
        compared += 1
        draw = np.random.default_rng(seed + 3)
        size = tuple(torch.zeros(shape)[given_to(pytorch(), key)].shape)
        a, v = draw.standard_normal(shape), draw.standard_normal(tuple(n if draw.random() < 0.7 else 1 for n in size))
        g = draw.standard_normal(shape)
        found = []
        for library, lib in ((mg, MINIGRAD), (torch, pytorch())):
            x, value = (library.tensor(z, requires_grad=True) for z in (a, np.asarray(v)))
            y = x * 2
            z = y[..., :]  # a view taken before sees the write
            y[given_to(lib, key)] = value * 3
            (z * library.tensor(g)).sum().backward()
            found.append((y.detach().numpy(), x.grad.numpy(), value.grad.numpy()))
        for mine, other in zip(*found, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-13, err_msg=f"{shape} {key}")
    assert compared > 100


# ---- Gradients by finite differences ---------------------------------------------------------------------------------


def test_second_order_and_forward_mode() -> None:
    from minigrad.autograd import gradcheck, gradgradcheck

    i, j = mg.tensor([0, 2, 0]), mg.tensor([[1], [3]])
    mask = mg.tensor([True, False, True])

    def assigned(x: Any, v: Any) -> Any:
        y = x * x
        y[:, j, 0] = v * v
        y[mask] *= 2
        y[i, 1] = v[0, 0, 0] * y[i, 1]
        return y

    x = mg.tensor(np.random.default_rng(0).standard_normal((3, 4, 2)), requires_grad=True)
    v = mg.tensor(np.random.default_rng(1).standard_normal((3, 2, 1)), requires_grad=True)
    for function, inputs in (
        (lambda x: x[i] ** 2, (x,)),
        (lambda x: x[:, j, 0] ** 2, (x,)),
        (lambda x: x[i, :, 1] ** 3, (x,)),
        (lambda x: x[mask, j] ** 2, (x,)),
        (assigned, (x, v)),
    ):
        assert gradcheck(function, inputs, check_forward_ad=True)
        assert gradgradcheck(function, inputs)


# ---- Duplicates ------------------------------------------------------------------------------------------------------


def test_of_several_writes_to_one_place_the_last_one_stays_and_has_the_gradient() -> None:
    v = mg.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = mg.zeros(3)
    y[[1, 1, 0, 1]] = v
    assert y.tolist() == [3.0, 4.0, 0.0]
    (y * mg.tensor([10.0, 20.0, 30.0])).sum().backward()
    assert v.grad is not None
    assert v.grad.tolist() == [0.0, 0.0, 10.0, 20.0]


def test_in_place_arithmetic_with_duplicates_writes_once() -> None:
    y = mg.zeros(3)
    y[[0, 0, 1]] += 1
    assert y.tolist() == [1.0, 1.0, 0.0]


def test_masked_arithmetic_in_place() -> None:
    x = mg.tensor([1.0, -2.0, 3.0])
    x[x > 0] += 1
    assert x.tolist() == [2.0, -2.0, 4.0]


# ---- Kinds of indices ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_bytes_and_booleans_are_masks(dtype: type) -> None:
    x = mg.tensor([1, 2, 3])
    assert x[mg.tensor(np.array([1, 0, 1], dtype))].tolist() == [1, 3]
    assert x[np.array([1, 0, 1], dtype)].tolist() == [1, 3]


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int16, np.int32, np.int64, np.float32])
def test_elements_of_any_dtype(dtype: type) -> None:
    a = np.random.default_rng(0).integers(0, 2, (4, 3)).astype(dtype)
    x = wrap(a.copy())
    assert same_bits(x[[3, 0]]._array, a[[3, 0]])
    assert same_bits(x[:, [2, 2]]._array, a[:, [2, 2]])
    assert same_bits(x[x > 0]._array, a[a > 0])
    x[[0, 1], [1, 2]] = 1
    x[1:] = mg.tensor([0, 1, 1])
    a[[0, 1], [1, 2]] = 1
    a[1:] = [0, 1, 1]
    assert same_bits(x._array, a)


def test_a_list_of_sequences_is_a_tuple_as_in_pytorch() -> None:
    x = mg.arange(12).reshape(3, 4)
    assert x[[[0, 1], [2, 3]]].tolist() == [2, 7]
    assert x[[0, slice(1, 3)]].tolist() == [1, 2]


def test_views_share_memory_and_copies_do_not() -> None:
    x = mg.zeros(3, 4)
    x[1, ::2][:] = 1
    x[[0]][:] = 5
    x[x == 0][:] = 5
    assert x.tolist() == [[0] * 4, [1, 0, 1, 0], [0] * 4]


def test_no_dims() -> None:
    x = mg.tensor(3.0)
    assert x[...].shape == ()
    assert x[None].shape == x[True].shape == x[mg.tensor(True)].shape == (1,)
    assert x[False].shape == (0,)
    x[True] = 4.0
    assert x.item() == 4
    x[...] = 5.0
    assert x.item() == 5


# ---- Errors ----------------------------------------------------------------------------------------------------------

I5 = mg.tensor([0, 5])


@pytest.mark.parametrize(
    ("key", "kind", "parts"),
    [
        (5, IndexError, ["5", "(2, 3)"]),
        ((0, 0, 0), IndexError, ["too many", "(2, 3)"]),
        ((I5, 0, 0), IndexError, ["too many indices", "(2, 3)", "3"]),
        (I5, IndexError, ["index 5", "dim 0", "size 2"]),
        (([0], [-4]), IndexError, ["index -4", "dim 1", "size 3"]),
        ((0, I5), IndexError, ["index 5", "dim 1", "size 3"]),
        ((slice(None), I5), IndexError, ["index 5", "dim 1", "size 3"]),
        (([0, 1], [0, 1, 2]), IndexError, ["(2,)", "(3,)", "do not broadcast"]),
        (mg.tensor([True, False, True]), IndexError, ["mask (3,)", "(2, 3)", "dim 0"]),
        (mg.tensor([0.5]), IndexError, ["float32"]),
        (1.5, IndexError, ["float"]),
        ("a", IndexError, ["str"]),
        (slice(None, None, -1), ValueError, ["positive", "-1"]),
        (slice(None, None, 0), ValueError, ["positive", "0"]),
    ],
    ids=str,
)
def test_errors_name_what_is_wrong(key: Any, kind: type[Exception], parts: list[str]) -> None:
    x = mg.zeros(2, 3)
    with pytest.raises(kind, match=r"^index: ") as reading:
        x[key]
    with pytest.raises(kind, match=r"^(setitem|index): ") as writing:
        x[key] = 1.0
    for part in parts:
        assert part in str(reading.value)
        assert part in str(writing.value)
    assert x.tolist() == [[0.0] * 3] * 2


def test_deleting_is_refused() -> None:
    x = mg.zeros(3)
    with pytest.raises((TypeError, AttributeError)):
        del x[0]


def test_a_leaf_that_requires_a_gradient_is_not_assigned_to() -> None:
    x = mg.zeros(3, requires_grad=True)
    for key in (0, [0, 1], mg.tensor([True, False, True]), (Ellipsis, [0])):
        with pytest.raises(RuntimeError, match="leaf that requires a gradient"):
            x[key] = 1.0
    with mg.no_grad():
        x[[0, 1]] = 1.0
    assert x.tolist() == [1.0, 1.0, 0.0]


def test_values_that_do_not_broadcast() -> None:
    x = mg.zeros(4, 3)
    for key in (0, [0, 1], x == 0):
        with pytest.raises(RuntimeError, match=r"setitem: shape \(5,\) does not broadcast to"):
            x[key] = mg.zeros(5)
    x[[0, 1]] = mg.ones(1, 1, 2, 3)  # dims of size 1 in front do no harm
    assert x.sum().item() == 6


def test_a_changed_index_is_noticed() -> None:
    """What the gradient needs of an index is either a copy, or watched."""
    for pick in (lambda x, i: x[i], lambda x, i: x.gather(0, i), lambda x, i: x.index_select(0, i)):
        x, i = mg.tensor([1.0, 2.0, 3.0], requires_grad=True), mg.tensor([0, 1])
        y = pick(x * 1, i)
        i += 1
        with pytest.raises(RuntimeError, match="changed in place"):
            y.sum().backward()


def test_a_slice_is_that_of_the_time_it_was_taken() -> None:
    """Also where its ends are tensors, which may be changed before the gradient reads them."""
    for end in (mg.tensor(2), np.array(2)):
        x = mg.zeros(4, requires_grad=True)
        y = x[mg.tensor(0) : end]
        end.__iadd__(1)
        (g,) = mg.autograd.grad(y.sum(), x)
        assert g.tolist() == [1, 1, 0, 0]


def test_writes_raise_the_version() -> None:
    x = mg.ones(3, requires_grad=True) * 2
    y = x * x
    x[[0]] = 1.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()
    v = mg.zeros(3)
    before = v._version
    v[[0]] = 1.0
    v.index_add_(0, mg.tensor([1]), mg.ones(1))
    assert v._version > before


# ---- scatter and its kin ---------------------------------------------------------------------------------------------

SCATTERS: dict[str, Callable[..., Any]] = {
    "gather": lambda x, dim, index, src: x.gather(dim, index) * src,
    "scatter number": lambda x, dim, index, src: x.scatter(dim, index, 1.5),
    "scatter value": lambda x, dim, index, src: x.scatter(dim, index, value=2),
    "scatter_add": lambda x, dim, index, src: x.scatter_add(dim, index, src),
    "take_along_dim": lambda x, dim, index, src: x.take_along_dim(index, dim) * src,
    **{
        f"scatter_reduce {how} {own}": lambda x, dim, index, src, how=how, own=own: x.scatter_reduce(
            dim, index, src, how, include_self=own
        )
        for how in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    },
}

SLICES: dict[str, Callable[..., Any]] = {
    "index_select": lambda x, dim, index, src: x.index_select(dim, index) * src,
    "index_add": lambda x, dim, index, src: x.index_add(dim, index, src, alpha=3),
    "index_fill": lambda x, dim, index, src: x.index_fill(dim, index, 1.5),
    **{
        f"index_reduce {how}": lambda x, dim, index, src, how=how: x.index_reduce(dim, index, src, how)
        for how in ("prod", "mean", "amax", "amin")
    },
}


def compare_with_pytorch(function: Callable[..., Any], x: Array, dim: int, index: Array, src: Array) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for library in (mg, torch):
        a, b = library.tensor(x, requires_grad=True), library.tensor(src, requires_grad=True)
        y = function(a, dim, library.tensor(index), b)
        g = library.tensor(np.random.default_rng(9).standard_normal(tuple(y.shape)))
        da, db = (library.autograd.grad((y * g).sum(), [a, b], allow_unused=True)) if y.numel() else (None, None)
        found.append((y.detach().numpy(), *(None if d is None else d.numpy() for d in (da, db))))
    for mine, other in zip(*found, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-12)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*SCATTERS, *SLICES])
def test_scatters_and_slices_as_pytorch(name: str) -> None:
    for seed in range(25):
        draw = np.random.default_rng(seed)
        shape = draw_shape(draw)
        dim = int(draw.integers(-len(shape), len(shape)))
        whole = name in SLICES or name == "take_along_dim"
        sizes = list(shape) if whole else [int(draw.integers(1, n + 1)) for n in shape]
        sizes[dim] = int(draw.integers(1, 8))
        index = draw.integers(0, shape[dim], sizes[dim] if name in SLICES else sizes)
        call = (SCATTERS | SLICES)[name]
        compare_with_pytorch(call, draw.standard_normal(shape), dim, index, draw.standard_normal(sizes))


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("how", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce_at_every_order(how: str, own: bool) -> None:
    from minigrad.autograd import gradcheck, gradgradcheck

    index = mg.tensor([[0, 1, 2], [0, 0, 0], [3, 1, 1], [0, 2, 3], [0, 0, 2]])
    x = mg.tensor(np.random.default_rng(0).standard_normal((4, 3)), requires_grad=True)
    src = mg.tensor(np.random.default_rng(1).standard_normal((5, 3)), requires_grad=True)

    def function(x: Any, src: Any) -> Any:
        return x.scatter_reduce(0, index, src, how, include_self=own)

    assert gradcheck(function, (x, src), check_forward_ad=True)
    assert gradgradcheck(function, (x, src))


def test_scattered_products_are_right_at_zeros() -> None:
    from minigrad.autograd import gradcheck, gradgradcheck

    index = mg.tensor([0, 0, 1, 1, 1, 2])
    src = mg.tensor([0.0, 2.0, 0.0, 0.0, 3.0, 0.0], dtype=mg.float64, requires_grad=True)
    x = mg.tensor([5.0, 7.0, 0.0], dtype=mg.float64, requires_grad=True)

    def function(x: Any, src: Any) -> Any:
        return x.scatter_reduce(0, index, src, "prod")

    (g,) = mg.autograd.grad(function(x, src).sum(), [src])
    assert g.tolist() == [10.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert gradcheck(function, (x, src), check_forward_ad=True)
    assert gradgradcheck(function, (x, src))


def test_in_place_forms_of_parts_write_through() -> None:
    x = mg.zeros(3, 4)
    x.t()[1:3].index_add_(1, mg.tensor([0, 0, 2]), mg.ones(2, 3))
    x[1].scatter_(0, mg.tensor([0, 3]), mg.tensor([5.0, 6.0]))
    x[:, 3].put_(mg.tensor([-1]), mg.tensor([9.0]))
    x[2].index_fill_(0, mg.tensor([-4]), 7)
    assert x.tolist() == [[0, 2, 2, 0], [5, 0, 0, 6], [7, 1, 1, 9]]


def test_in_place_forms_are_tracked() -> None:
    from minigrad.autograd import gradcheck, gradgradcheck

    i = mg.tensor([0, 2, 0])

    def function(x: Any, v: Any) -> Any:
        y = x * x
        y.index_add_(0, i, v * v)
        y[1:].index_copy_(1, mg.tensor([1]), v[:2, :1] ** 3)
        y.scatter_(1, mg.tensor([[0], [1], [1]]), v[:, 1:] * 2)
        y.put_(mg.tensor([5]), v[0, :1], accumulate=True)
        y.scatter_(0, mg.tensor([[0, 1], [0, 1]]), v[:2] + 1, reduce="multiply")
        y.scatter_reduce_(0, mg.tensor([[2, 2]]), v[:1], "amax")
        return y.masked_scatter_(mg.tensor([False, True]), v[:, 0])

    x = mg.tensor(np.random.default_rng(0).standard_normal((3, 2)), requires_grad=True)
    v = mg.tensor(np.random.default_rng(1).standard_normal((3, 2)), requires_grad=True)
    assert gradcheck(function, (x, v), check_forward_ad=True)
    assert gradgradcheck(function, (x, v))


def test_nothing_is_written_where_an_index_is_out_of_range() -> None:
    x = mg.zeros(3)
    for write in (
        lambda: x.index_add_(0, mg.tensor([0, 3]), mg.ones(2)),
        lambda: x.scatter_(0, mg.tensor([0, -1]), mg.ones(2)),
        lambda: x.__setitem__([0, 3], 1.0),
    ):
        with pytest.raises(IndexError, match="out of bounds for dim 0 with size 3"):
            write()
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_a_tensor_is_scattered_into_itself_as_it_was() -> None:
    """What is written is read before, as source and as index."""

    def written(write: Callable[[Any, Any], Any], own: bool, dtype: Any) -> list[Any]:
        x = mg.tensor([1, 2, 0, 3], dtype=dtype)
        write(x, x if own else x.clone())
        return x.tolist()

    at = mg.tensor([1, 2, 3, 0])
    writes: list[Callable[[Any, Any], Any]] = [
        lambda x, y: x.scatter_(0, at, y),
        lambda x, y: x.scatter_(0, at, y, reduce="multiply"),
        lambda x, y: x.scatter_add_(0, at, y),
        lambda x, y: x.index_add_(0, at, y),
        lambda x, y: x.index_copy_(0, at, y),
        lambda x, y: x.index_put_((at,), y, accumulate=True),
        lambda x, y: x.__setitem__(at, y),
    ]
    for write in writes:
        assert written(write, True, mg.float32) == written(write, False, mg.float32)
    indexed: list[Callable[[Any, Any], Any]] = [
        lambda x, y: x.scatter_(0, y, at),
        lambda x, y: x.scatter_add_(0, y, at),
        lambda x, y: x.index_add_(0, y, at),
        lambda x, y: x.index_copy_(0, y, y),
        lambda x, y: x.__setitem__(y, y),
    ]
    for write in indexed:
        assert written(write, True, mg.int64) == written(write, False, mg.int64)


def test_the_order_of_sums_does_not_depend_on_threads() -> None:
    from helpers import with_threads

    draw = np.random.default_rng(4)
    for shape, dim in (((50,), 0), ((7, 90), 0), ((90, 7), 1), ((30, 11, 6), 1)):
        sizes = list(shape)
        sizes[dim] = 4000 // (int(np.prod(shape)) // shape[dim])
        index, src = draw.integers(0, shape[dim], sizes), draw.standard_normal(sizes).astype(np.float32)
        results = []
        for threads in (1, 2, 3, 8):
            with with_threads(threads):
                x = mg.zeros(shape)
                results += [
                    x.scatter_add(dim, mg.tensor(index), wrap(src)),
                    x.scatter(dim, mg.tensor(index), wrap(src)),
                ]
                y = mg.zeros(shape, requires_grad=True)
                y.gather(dim, mg.tensor(index)).backward(wrap(src))
                results.append(y.grad)
        for n, other in enumerate(results):
            assert same_bits(other._array, results[n % 3]._array)


# ---- Kernels that make indices ---------------------------------------------------------------------------------------


def test_positions_of_masks_in_any_layout() -> None:
    from helpers import layouts

    from minigrad.ops.index import true_positions

    for shape in ((), (0,), (7,), (3, 40), (5, 1, 6)):
        mask = np.asarray(np.random.default_rng(2).random(shape) < 0.5)
        for given in layouts(mask):
            assert same_bits(true_positions(given), np.flatnonzero(mask))


def test_linear_indices_in_any_layout() -> None:
    from helpers import layouts

    from minigrad import _core

    sizes = (4, 5, 3)
    draw = np.random.default_rng(3)
    shapes = ((6, 1), (7,), (2, 6, 7))
    indices = [draw.integers(-n, n, shape) for n, shape in zip(sizes, shapes, strict=True)]
    broadcast = np.broadcast_arrays(*indices)
    expected = np.ravel_multi_index([a % n for a, n in zip(broadcast, sizes, strict=True)], sizes)
    for k, index in enumerate(indices):
        for given in layouts(index):
            arrays = [given if n == k else a for n, a in enumerate(indices)]
            assert same_bits(_core.kernels["linear_index"](arrays, sizes), expected)
