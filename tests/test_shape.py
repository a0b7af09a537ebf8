"""Shape functions against PyTorch's: values, gradients, second order, both modes, shared memory, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd
from minigrad.autograd import functional

Function = Callable[..., Any]

VIEWS: dict[str, tuple[tuple[int, ...], Function]] = {
    "narrow": ((4, 5), lambda x: x.narrow(1, 1, 3)),
    "narrow from behind": ((4, 5), lambda x: x.narrow(-1, -2, 1)),
    "select": ((4, 5), lambda x: x.select(1, -2)),
    "diagonal": ((4, 5), lambda x: x.diagonal(1)),
    "diagonal of a batch": ((2, 4, 5), lambda x: x.diagonal(-1, 1, 2)),
    "unfold": ((4, 7), lambda x: x.unfold(1, 3, 3)),
    "unflatten": ((4, 6), lambda x: x.unflatten(1, (2, -1))),
    "swapaxes": ((2, 3, 4), lambda x: x.swapaxes(0, 2)),
    "swapdims": ((2, 3, 4), lambda x: x.swapdims(-1, 1)),
    "moveaxis": ((2, 3, 4), lambda x: x.moveaxis((0, 1), (-1, 0))),
    "movedim": ((2, 3, 4), lambda x: x.movedim(-1, 0)),
    "T": ((3, 4), lambda x: x.T),
    "mT": ((2, 3, 4), lambda x: x.mT),
    "ravel": ((3, 4), lambda x: x.ravel()),
    "squeeze dims": ((1, 3, 1, 1), lambda x: x.squeeze((0, 2))),
    "expanded": ((3, 1), lambda x: x.expand(-1, 4)[:, 1:2]),
    "split": ((5, 3), lambda x: x.split(2)[1]),
    "split by sizes": ((3, 5), lambda x: x.split([1, 4], 1)[1]),
    "chunk": ((5, 3), lambda x: x.chunk(3)[2]),
    "tensor_split": ((7,), lambda x: x.tensor_split(3)[1]),
    "tensor_split by indices": ((7,), lambda x: x.tensor_split((2, 5))[1]),
    "hsplit": ((3, 4), lambda x: x.hsplit(2)[1]),
    "vsplit": ((4, 3), lambda x: x.vsplit((1, 2))[1]),
    "dsplit": ((2, 2, 4), lambda x: x.dsplit(2)[0]),
    "unbind": ((3, 4), lambda x: x.unbind(1)[2]),
}

COPIES: dict[str, tuple[tuple[int, ...], Function]] = {
    "repeat": ((3, 2), lambda x: x.repeat(2, 3, 2)),
    "repeat once": ((3, 2), lambda x: x.repeat(1, 1)),
    "repeat nothing": ((3, 2), lambda x: x.repeat(0, 1)),
    "repeat no dims": ((), lambda x: x.repeat(3)),
    "tile": ((3, 2), lambda x: x.tile(2)),
    "repeat_interleave": ((3, 2), lambda x: x.repeat_interleave(2)),
    "repeat_interleave dim": ((3, 2), lambda x: x.repeat_interleave(3, 1)),
    "roll": ((3, 4), lambda x: x.roll(5)),
    "roll dims": ((3, 4), lambda x: x.roll((1, -2), (0, 1))),
    "rot90": ((3, 4), lambda x: x.rot90()),
    "rot90 back": ((2, 3, 4), lambda x: x.rot90(-1, (1, 2))),
    "rot90 twice": ((3, 4), lambda x: x.rot90(2)),
    "fliplr": ((3, 4), lambda x: x.fliplr()),
    "flipud": ((3,), lambda x: x.flipud()),
    "diag of a vector": ((3,), lambda x: x.diag(-1)),
    "diag of a matrix": ((3, 4), lambda x: x.diag(1)),
    "diagflat": ((2, 2), lambda x: x.diagflat(1)),
    "diag_embed": ((2, 3), lambda x: x.diag_embed(1, 0, 2)),
    "diff": ((3, 5), lambda x: x.diff()),
    "diff twice": ((5, 3), lambda x: x.diff(2, 0)),
    "diff too often": ((3,), lambda x: x.diff(5)),
    "overlapping windows": ((7, 2), lambda x: x.unfold(0, 3, 1)),
}


def leaf(shape: tuple[int, ...], seed: int = 0) -> mg.Tensor:
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def both(f: Function, *arrays: Any) -> None:
    """Check that f, which takes a library and leaves, gives PyTorch's value and gradients."""
    torch = pytest.importorskip("torch")
    xs = [mg.tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    mine, right = f(mg, *xs), f(torch, *ts)
    several = isinstance(right, tuple | list)
    assert isinstance(mine, type(right)) or not several
    outs, rights = (mine, right) if several else ((mine,), (right,))
    assert len(outs) == len(rights)
    for y, z in zip(outs, rights, strict=True):
        assert tuple(y.shape) == tuple(z.shape)
        np.testing.assert_array_equal(y.detach().numpy(), z.detach().numpy())
    v = [np.random.default_rng(1).standard_normal(tuple(z.shape)) for z in rights]
    found = autograd.grad(list(outs), xs, [mg.tensor(a) for a in v])
    expected = torch.autograd.grad(rights, ts, [torch.tensor(a) for a in v])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-14, atol=1e-14)


ALL = {**VIEWS, **COPIES}


@pytest.mark.parametrize("name", ALL)
def test_against_pytorch(name: str) -> None:
    shape, f = ALL[name]
    both(lambda _, x: f(x), np.random.default_rng(0).standard_normal(shape))


@pytest.mark.parametrize("name", ALL)
def test_every_order_and_both_modes(name: str) -> None:
    shape, f = ALL[name]
    x = leaf(shape)
    assert autograd.gradcheck(lambda x: f(x).sin(), x, check_forward_ad=True)
    assert autograd.gradgradcheck(lambda x: f(x).sin(), x)


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_versions(name: str) -> None:
    shape, f = VIEWS[name]
    x = leaf(shape).detach()
    y = f(x)
    assert np.shares_memory(y.numpy(), x.numpy())
    before = x._version
    if name != "expanded":
        y.zero_()
        assert x._version == before + 1


def written(f: Function) -> Function:
    """Return a function that writes through the view f makes, twice."""

    def g(x: Any) -> Any:
        base = x * 1.5
        kept = f(base)
        kept.mul_(2.0)
        f(base).mul_(kept * 1.0)
        return base, kept * 3.0

    return g


#: Views that PyTorch lets nobody write into, as they are made several at a time.
PIECES = (
    "split",
    "split by sizes",
    "chunk",
    "tensor_split",
    "tensor_split by indices",
    "hsplit",
    "vsplit",
    "dsplit",
    "unbind",
)


@pytest.mark.parametrize("name", [name for name in VIEWS if name not in (*PIECES, "expanded")])
def test_writing_through_a_view_against_pytorch(name: str) -> None:
    shape, f = VIEWS[name]
    both(lambda _, x: written(f)(x), np.random.default_rng(0).standard_normal(shape))


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "expanded"])
def test_writing_through_a_view(name: str) -> None:
    shape, f = VIEWS[name]
    assert autograd.gradcheck(written(f), leaf(shape), check_forward_ad=True)
    assert autograd.gradgradcheck(written(f), leaf(shape))


@pytest.mark.parametrize("name", COPIES)
def test_copies_share_nothing(name: str) -> None:
    shape, f = COPIES[name]
    if name != "overlapping windows":
        x = leaf(shape).detach()
        assert not np.shares_memory(f(x).numpy(), x.numpy())


# ---- Joining and splitting -------------------------------------------------------------------------------------------

JOINS: dict[str, tuple[list[tuple[int, ...]], Function]] = {
    "cat": ([(2, 3), (4, 3), (0, 3)], lambda lib, *xs: lib.cat(xs)),
    "cat columns": ([(2, 3), (2, 1)], lambda lib, *xs: lib.cat(xs, dim=-1)),
    "cat middle": ([(2, 3, 2), (2, 1, 2)], lambda lib, *xs: lib.concat(xs, 1)),
    "cat with a vector without elements": ([(2, 3)], lambda lib, x: lib.concatenate([lib.ones(0), x, lib.ones(0)], 1)),
    "stack": ([(2, 3), (2, 3)], lambda lib, *xs: lib.stack(xs)),
    "stack last": ([(2, 3), (2, 3)], lambda lib, *xs: lib.stack(xs, -1)),
    "stack numbers": ([(), (), ()], lambda lib, *xs: lib.stack(xs)),
    "hstack": ([(3,), (2,)], lambda lib, *xs: lib.hstack(xs)),
    "hstack matrices": ([(2, 3), (2, 2)], lambda lib, *xs: lib.hstack(xs)),
    "vstack": ([(3,), (2, 3)], lambda lib, *xs: lib.vstack(xs)),
    "dstack": ([(3,), (3,)], lambda lib, *xs: lib.dstack(xs)),
    "column_stack": ([(3,), (3, 2)], lambda lib, *xs: lib.column_stack(xs)),
    "vstack vectors": ([(3,), (3,)], lambda lib, *xs: lib.vstack(xs)),
    "vstack one": ([(3,)], lambda lib, *xs: lib.vstack(xs)),
    "vstack numbers": ([(), ()], lambda lib, *xs: lib.vstack(xs)),
    "dstack matrices": ([(2, 3), (2, 3)], lambda lib, *xs: lib.dstack(xs)),
    "dstack a matrix": ([(2, 3), (2, 3, 2)], lambda lib, *xs: lib.dstack(xs)),
    "column_stack vectors": ([(3,), (3,)], lambda lib, *xs: lib.column_stack(xs)),
    "column_stack numbers": ([(), (1,)], lambda lib, *xs: lib.column_stack(xs)),
    "meshgrid": ([(3,), (2,), ()], lambda lib, *xs: tuple(lib.meshgrid(*xs, indexing="ij"))),
    "meshgrid xy": ([(3,), (2,), (4,)], lambda lib, *xs: tuple(lib.meshgrid(*xs, indexing="xy"))),
    "broadcast_tensors": ([(3, 1), (2,), ()], lambda lib, *xs: tuple(lib.broadcast_tensors(*xs))),
    "atleast_1d": ([(), (2,)], lambda lib, *xs: lib.atleast_1d(*xs)),
    "atleast_2d": ([(), (2,)], lambda lib, *xs: lib.atleast_2d(*xs)),
    "atleast_3d": ([(), (2,), (2, 3)], lambda lib, *xs: lib.atleast_3d(*xs)),
    "diff with ends": ([(3,), (1,), (2,)], lambda lib, x, y, z: lib.diff(x, prepend=y, append=z)),
    "one of them twice": ([(2,), (2,)], lambda lib, x, y: lib.cat([x, y, x])),
}

SPLITS: dict[str, tuple[tuple[int, ...], Function]] = {
    "split": ((5, 3), lambda x: x.split(2)),
    "split whole": ((5,), lambda x: x.split(9)),
    "split nothing": ((0, 2), lambda x: x.split(0)),
    "sizes": ((3, 5), lambda x: x.split_with_sizes([1, 0, 4], 1)),
    "chunk": ((7, 2), lambda x: x.chunk(4)),
    "chunk nothing": ((0, 2), lambda x: x.chunk(3)),
    "tensor_split": ((8,), lambda x: x.tensor_split(3)),
    "tensor_split unordered": ((8,), lambda x: x.tensor_split((5, 2))),
    "tensor_split beyond": ((4,), lambda x: x.tensor_split((2, 9))),
    "unbind": ((3, 2, 2), lambda x: x.unbind(1)),
    "unbind one": ((1, 2), lambda x: x.unbind()),
}


@pytest.mark.parametrize("join", [mg.vstack, mg.dstack, mg.column_stack])
def test_joins_of_what_does_not_fit_are_refused(join: Callable[..., Any]) -> None:
    for shapes in ([(3,), (2,)], [(2, 3), (3, 2)], [(3,), (2, 2)]):
        with pytest.raises(RuntimeError, match=f"^{join.__name__}: shapes .* differ besides in dim"):
            join([mg.ones(*s) for s in shapes])


@pytest.mark.parametrize("name", ["cat", "concat", "hstack", "row_stack", "column_stack"])
def test_joins_say_which_of_them_failed(name: str) -> None:
    for recorded in (False, True):
        xs = [mg.ones(2, 3, requires_grad=recorded), mg.ones(1, 2, 3)]
        with pytest.raises(RuntimeError, match=f"^{name}: shapes"):
            getattr(mg, name)(xs)
    if name.startswith("c"):
        with pytest.raises((IndexError, RuntimeError), match=f"^{name}: "):
            getattr(mg, name)([mg.ones(2), mg.tensor(1.0)] if name != "column_stack" else [mg.tensor(1.0), mg.ones(2)])


@pytest.mark.parametrize("name", JOINS)
def test_joins_against_pytorch(name: str) -> None:
    shapes, f = JOINS[name]
    both(f, *[np.random.default_rng(i).standard_normal(s) for i, s in enumerate(shapes)])


@pytest.mark.parametrize("name", JOINS)
def test_joins_at_every_order(name: str) -> None:
    shapes, f = JOINS[name]

    def g(*xs: mg.Tensor) -> Any:
        y = f(mg, *xs)
        return tuple(one.sin() for one in y) if isinstance(y, tuple) else y.sin()

    xs = tuple(leaf(s, i) for i, s in enumerate(shapes))
    assert autograd.gradcheck(g, xs, check_forward_ad=True)
    assert autograd.gradgradcheck(g, xs)


@pytest.mark.parametrize("name", SPLITS)
def test_splits(name: str) -> None:
    shape, f = SPLITS[name]
    both(lambda _, x: f(x), np.random.default_rng(0).standard_normal(shape))
    x = leaf(shape)
    assert autograd.gradcheck(lambda x: tuple(p.sin() for p in f(x)), x, check_forward_ad=True)
    assert autograd.gradgradcheck(lambda x: tuple(p.sin() for p in f(x)), x)
    assert functional.jvp(lambda x: f(x), x, x)[1][0].tolist() == f(x)[0].tolist()


def test_the_gradient_of_one_piece_is_zero_elsewhere() -> None:
    x = mg.arange(6.0, requires_grad=True)
    a, b, _ = x.split(2)
    (b * b).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 4, 6, 0, 0]
    assert a.grad_fn is not None


def test_writing_into_a_piece_reaches_base_and_other_pieces() -> None:
    x = mg.arange(4.0, requires_grad=True)
    base = x * 1
    first, second = base.unbind(0)[:2]
    first.mul_(3)
    assert base.tolist() == [0, 1, 2, 3]
    (base.sum() + second).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 2, 1, 1]


@pytest.mark.parametrize("dtypes", [("int64", "float32"), ("uint8", "int8"), ("bool", "int32"), ("float32", "float64")])
def test_cat_and_stack_promote(dtypes: tuple[str, str]) -> None:
    torch = pytest.importorskip("torch")
    for name in ("cat", "stack"):
        mine = getattr(mg, name)([mg.ones(2).to(getattr(mg, d)) for d in dtypes])
        right = getattr(torch, name)([torch.ones(2).to(getattr(torch, d)) for d in dtypes])
        assert str(mine.dtype).split(".")[1] == str(right.dtype).split(".")[1]


@pytest.mark.parametrize("repeats", [[1, 2], [0, 3], [2]])
def test_repeat_interleave_with_numbers_for_each(repeats: list[int]) -> None:
    def f(lib: Any, x: Any) -> Any:
        return lib.repeat_interleave(x, lib.tensor(repeats), dim=1)

    both(f, np.random.default_rng(0).standard_normal((3, 2)))
    assert mg.repeat_interleave(mg.tensor([1, 0, 2])).tolist() == [0, 2, 2]


ERRORS: dict[str, tuple[type[Exception], Function, str]] = {
    "view": (RuntimeError, lambda: mg.ones(3, 4).t().view(12), "view size is not compatible"),
    "narrow": (RuntimeError, lambda: mg.ones(3).narrow(0, 1, 3), "exceed dim 0"),
    "narrow start": (IndexError, lambda: mg.ones(3).narrow(0, 4, 0), "out of range"),
    "select": (IndexError, lambda: mg.ones(3).select(0, 3), "out of range"),
    "diagonal": (RuntimeError, lambda: mg.ones(3, 3).diagonal(0, 1, 1), "must differ"),
    "unfold": (RuntimeError, lambda: mg.ones(3).unfold(0, 4, 1), "size 4"),
    "unfold step": (RuntimeError, lambda: mg.ones(3).unfold(0, 1, 0), "positive"),
    "unflatten": (RuntimeError, lambda: mg.ones(6).unflatten(0, (4, -1)), "multiply"),
    "cat": (RuntimeError, lambda: mg.cat([mg.ones(2, 3), mg.ones(2, 4)]), r"\(2, 3\) and \(2, 4\)"),
    "cat numbers": (RuntimeError, lambda: mg.cat([mg.tensor(1.0)]), "zero-dimensional"),
    "cat nothing": (RuntimeError, lambda: mg.cat([]), "at least one"),
    "cat a tensor": (TypeError, lambda: mg.cat(mg.ones(2)), "tuple or list"),
    "cat dim": (IndexError, lambda: mg.cat([mg.ones(2)], 1), "out of range"),
    "stack": (RuntimeError, lambda: mg.stack([mg.ones(2), mg.ones(3)]), "one size"),
    "split": (RuntimeError, lambda: mg.ones(5).split([2, 2]), "add up"),
    "split negative": (RuntimeError, lambda: mg.ones(5).split(-1), "positive"),
    "chunk": (RuntimeError, lambda: mg.ones(5).chunk(0), "positive"),
    "hsplit": (RuntimeError, lambda: mg.ones(2, 5).hsplit(2), "equal pieces"),
    "repeat": (RuntimeError, lambda: mg.ones(2, 3).repeat(2), "each dimension"),
    "repeat negative": (RuntimeError, lambda: mg.ones(2).repeat(-2), "negative"),
    "output_size": (RuntimeError, lambda: mg.ones(2).repeat_interleave(2, output_size=3), "output_size"),
    "flip": (RuntimeError, lambda: mg.ones(2).flip(0, 0), "twice"),
    "roll": (RuntimeError, lambda: mg.ones(2).roll((1, 2), 0), "equally many"),
    "tril": (RuntimeError, lambda: mg.ones(2).tril(), "two dimensions"),
    "diag": (RuntimeError, lambda: mg.ones(2, 2, 2).diag(), "vector or a matrix"),
    "meshgrid": (RuntimeError, lambda: mg.meshgrid(mg.ones(2), indexing="ab"), "indexing"),
    "mT": (RuntimeError, lambda: mg.ones(2).mT, "two dimensions"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    kind, f, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        f()


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "float64"])
def test_windows_of_every_length_are_copied(dtype: str) -> None:
    array = np.arange(90).reshape(3, 30).astype(dtype)
    x = mg.from_numpy(array)
    for size in range(10):
        for step in (1, 2, 5):
            right = np.lib.stride_tricks.sliding_window_view(array, size, 1)[:, ::step] if size else np.empty((3, 0))
            found = x.unfold(1, size, step).contiguous()
            assert found.numpy().tolist() == right.tolist() if size else found.numel() == 0


@pytest.mark.parametrize("place", [None, 0, 1023, 1024, 5000, 99_999])
@pytest.mark.parametrize("other", [-1.0, float("nan")])
def test_equal_looks_at_every_element(place: int | None, other: float) -> None:
    x = mg.arange(100_000.0)
    y = x.clone()
    if place is not None:
        y[place] = other
    assert mg.equal(x, y) is (place is None)
    assert mg.equal(x.reshape(10, -1).t(), y.reshape(10, -1).t()) is (place is None)
    assert mg.equal(x.double(), y) is (place is None)


@pytest.mark.parametrize("graph", [False, True])
def test_blocks_along_a_diagonal(graph: bool) -> None:
    blocks = [np.arange(float(n * m)).reshape(n, m) + 1 for n, m in [(2, 3), (0, 2), (4, 1), (300, 260)]]
    tensors = [mg.tensor(block, requires_grad=graph) for block in blocks]
    out, expected = mg.block_diag(*tensors), np.zeros((306, 266))
    for block, row, column in zip(blocks, [0, 2, 2, 6], [0, 3, 5, 6], strict=True):
        expected[row : row + block.shape[0], column : column + block.shape[1]] = block
    assert np.array_equal(out.detach().numpy(), expected)
    if graph:
        (out * mg.tensor(expected)).sum().backward()
        assert all(np.array_equal(x.grad.numpy(), block) for x, block in zip(tensors, blocks, strict=True))


@pytest.mark.parametrize("shape", [(70, 3), (3, 70), (9, 9), (4, 30, 2), (1, 5), (0, 3)], ids=str)
@pytest.mark.parametrize("name", ["tril", "triu"])
def test_triangles_of_any_shape(name: str, shape: tuple[int, ...]) -> None:
    x = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    for diagonal in range(-shape[-2] - 2, shape[-1] + 3):
        expected = getattr(np, name)(x, diagonal)
        assert np.array_equal(getattr(mg.tensor(x), name)(diagonal).numpy(), expected)
        assert np.array_equal(getattr(mg.tensor(x).mT.contiguous().mT, name)(diagonal).numpy(), expected)
        y = mg.tensor(x)
        getattr(y, name + "_")(diagonal)
        assert np.array_equal(y.numpy(), expected)


@pytest.mark.parametrize("stacked", [False, True])
def test_the_node_of_what_is_joined(stacked: bool) -> None:
    a, b, c = mg.ones(2, 3, requires_grad=True), mg.ones(2, 3), mg.ones(2, 3, requires_grad=True) * 2
    out = (mg.stack if stacked else mg.cat)([a, b, c], 1)
    node = out.grad_fn
    assert node.name == "CatBackward"
    assert [f is None for f, _ in node.next_functions] == [False, True, False]
    assert node.next_functions[2][0] is c.grad_fn
    assert node.sequence > c.grad_fn.sequence
    assert node.saved == (((2, 3),) * 3, 1, stacked)
    with mg.no_grad():
        assert mg.cat([a, c]).grad_fn is None
