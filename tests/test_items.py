"""Elements read and written straight from and to memory where no graph has to know; see also test_indexing.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import same_bits

import minigrad as mg
from minigrad import _core

DTYPES = ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda a: a,
    "transposed": lambda a: a.transpose(2, 0, 1),
    "backwards": lambda a: a[::-1, :, ::-1],
    "every other": lambda a: a[:, 1::2],
}
PARTS = [0, 1, -1, slice(None), slice(1, 3), slice(0, None, 2), slice(-2, 9), slice(2, 1), ...]


def draw_key(draw: np.random.Generator) -> Any:
    key = tuple(PARTS[i] for i in draw.integers(0, len(PARTS), draw.integers(0, 4)))
    if key.count(...) > 1:
        key = key[: key.index(...) + 1] + tuple(k for k in key[key.index(...) + 1 :] if k is not ...)
    return key[0] if len(key) == 1 else key


def draw_picks(draw: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Return a key with vectors of indices and masks that pick as many places each, in PyTorch's and NumPy's sense."""
    count = int(draw.integers(1, 4))
    kept = draw.permutation(len(shape))[: draw.integers(0, len(shape))]
    key: list[Any] = []
    for d, n in enumerate(shape):
        at = draw.integers(-n, n, count)
        mask = np.zeros(n, bool)
        mask[draw.permutation(n)[: min(n, count)]] = True
        forms = [mg.tensor(at), at, at.tolist(), list(at), mg.tensor(np.repeat(at, 2))[::2]]
        forms += [at.astype(np.int8), at.astype(np.int16)[::-1][::-1], mg.tensor(at, dtype=mg.int32)]
        forms += [mask, mg.tensor(mask), mask.tolist(), range(count)] if count <= n else []
        key.append(slice(None, None, 1 + d % 2) if d in kept else forms[draw.integers(0, len(forms))])
    if draw.random() < 0.3:
        key.insert(0, None)
    return tuple(key)


def as_numpy(k: Any) -> Any:
    return k.numpy() if isinstance(k, mg.Tensor) else list(k) if isinstance(k, range) else k


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("picks", [False, True], ids=["parts", "vectors and masks"])
def test_writes_what_numpy_writes(picks: bool, layout: str, dtype: str) -> None:
    draw = np.random.default_rng(5 + picks)
    for _ in range(60):
        start = draw.integers(0, 2, (3, 4, 3)).astype(dtype)
        ours, expected = start.copy(), start.copy()
        x, y = mg.from_numpy(LAYOUTS[layout](ours)), LAYOUTS[layout](expected)
        key = draw_picks(draw, y.shape) if picks else draw_key(draw)
        plain = tuple(map(as_numpy, key)) if picks else key
        sizes = [n if draw.random() < 0.7 else 1 for n in np.shape(y[plain])]
        value = np.asarray(draw.integers(0, 2, sizes[draw.integers(0, 2) :])).astype(dtype)
        y[plain] = value
        assert _core.set_items(x, key, mg.tensor(value)), key
        assert same_bits(ours, expected), key
        y[plain] = 1
        assert _core.set_items(x, key, 1), key
        assert same_bits(ours, expected), key


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_reads_where_vectors_and_masks_pick_what_numpy_reads(layout: str, dtype: str) -> None:
    draw = np.random.default_rng(7)
    for _ in range(60):
        y = LAYOUTS[layout](draw.integers(0, 2, (3, 4, 3)).astype(dtype))
        x, key = mg.from_numpy(y), draw_picks(draw, y.shape)
        expected = y[tuple(map(as_numpy, key))]
        out = _core.get_items(x, key)
        assert isinstance(out, mg.Tensor), key
        assert out.is_contiguous()
        assert same_bits(out.numpy(), np.ascontiguousarray(expected)), key
        assert same_bits(x[key].numpy(), np.ascontiguousarray(expected)), key


def test_numbers_beside_indices_make_a_view_first() -> None:
    y = np.arange(24).reshape(2, 3, 4)
    x = mg.tensor(y)
    for key, expected in [
        (np.s_[0, :, [1, 3]], y[0][:, [1, 3]]),
        (np.s_[[1, 0], :, -1], y[..., -1][[1, 0]]),
        (np.s_[np.int64(1), [2, 0]], y[1][[2, 0]]),
        (np.s_[[0, 1], 1:, [3, 2]], y[:, 1:][[0, 1], :, [3, 2]]),
        (np.s_[..., None, [0]], y[..., None, [0]]),
    ]:
        out = _core.get_items(x, key)
        assert out is not None, key
        assert same_bits(out.numpy(), expected), key


def test_what_is_read_has_memory_of_its_own() -> None:
    x = mg.zeros(3, 4)
    x[[0, 1]].fill_(7)
    x[:, np.array([True, False, True, False])].fill_(7)
    assert not x.any()
    with mg.inference_mode():
        assert x[[0]].is_inference()


def test_reads_of_nothing_have_a_shape() -> None:
    x = mg.ones(3, 4, 0)
    assert x[[0, 1]].shape == (2, 4, 0)
    assert x[:, np.zeros(0, np.int64)].shape == (3, 0, 0)
    assert mg.ones(3, 4)[[False] * 3].shape == (0, 4)
    assert mg.ones(3, 4)[:, mg.zeros(4, dtype=mg.bool)].shape == (3, 0)


@pytest.mark.parametrize("dims", [1, 4, 16])
def test_as_many_dims_as_there_may_be(dims: int) -> None:
    for added in range(18):
        x = mg.zeros((2,) + (1,) * (dims - 1))
        key = (None,) * added + (mg.tensor([1]), Ellipsis)
        assert _core.set_items(x, key, 3) == (dims + added <= 16)
        assert x.sum().item() == (3 if dims + added <= 16 else 0)


@pytest.mark.parametrize("count", [127, 300, 1024])
def test_many_places(count: int) -> None:
    draw = np.random.default_rng(count)
    start = draw.standard_normal((50, 4))
    i, j = draw.integers(-50, 50, count), draw.integers(-4, 4, count)
    mask = np.zeros(1024, bool)
    mask[draw.permutation(1024)[:count]] = True
    line, values = draw.standard_normal(1024), draw.standard_normal((count, 4))
    for key, memory, value in [
        (i, start, values),
        (i, start, values[0, 0]),
        ((i, j), start, values[:, 0]),
        ((i, slice(1, 3)), start, values[:, :2]),
        (mask, line, values[:, 1]),
        (mask, line, 3.0),
    ]:
        expected = memory.copy()
        expected[key] = value
        ours = mg.tensor(memory)
        parts = key if isinstance(key, tuple) else (key,)
        at = tuple([mg.tensor(part) if isinstance(part, np.ndarray) else part for part in parts])
        assert same_bits(ours[at].numpy(), memory[key])
        ours[at if len(at) > 1 else at[0]] = mg.tensor(value)
        assert same_bits(ours.numpy(), expected)


def test_the_last_of_several_values_for_one_place_stays() -> None:
    x = mg.zeros(3, 2)
    assert _core.set_items(x, ([1, 1, -2], 0), mg.tensor([1.0, 2.0, 3.0]))
    assert x.tolist() == [[0, 0], [3, 0], [0, 0]]


@pytest.mark.parametrize(
    "key",
    [
        mg.tensor([0, 3]),
        [0, -4],
        [0, 2**70],
        range(4),
        [True, False],
        [True, 0, 1],
        [0, True],
        [1.0],
        np.array([0, 1], np.uint16),
        mg.tensor([1, 0, 1], dtype=mg.uint8),
        np.array([[0, 1]]),
        mg.tensor(True),
        mg.tensor([True, False]),
        ([0, 1], [0]),
        mg.zeros(0, dtype=mg.int64).reshape(0, 1),
        [],
        mg.zeros(2000, dtype=mg.int64),
    ],
)
def test_keys_that_are_wrong_or_rare_are_left_to_python(key: Any) -> None:
    x = mg.zeros(3, 4)
    assert _core.get_items(x, key) is None
    assert not _core.set_items(x, key, 1.0)
    assert x._version == 0
    assert not x.any()


def test_a_mask_that_is_false_everywhere_picks_nothing() -> None:
    x = mg.ones(3, 4)
    assert _core.set_items(x, mg.zeros(3, dtype=mg.bool), mg.tensor(5.0))
    assert _core.set_items(x, (slice(None), np.zeros(4, bool)), 5)
    assert x._version == 2
    assert (x == 1).all()


def test_a_graph_hears_of_what_vectors_pick() -> None:
    x, w = mg.zeros(3, 4), mg.ones(2, requires_grad=True)
    assert not _core.set_items(x, ([0, 1], [2, 3]), w)
    x[[0, 1], [2, 3]] = 3 * w
    x[:, [0]] = 7.0
    x.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3, 3]


def test_what_overlaps_is_read_before_it_is_written() -> None:
    x, y = mg.arange(12.0), np.arange(12.0, dtype=np.float32)
    x[1:] = x[:-1]
    y[1:] = y[:-1].copy()
    x[::2] = x[:6]
    y[::2] = y[:6].copy()
    turned = mg.from_numpy(x.numpy()[::-1])
    x[...] = turned
    assert same_bits(x.numpy(), y[::-1])
    x[0], x[-1] = x[3], x[4]
    assert x[0] == y[-4]
    assert x[-1] == y[-5]


def test_versions_views_and_backward() -> None:
    w = mg.ones(4, requires_grad=True)
    x = mg.ones(2, 4)
    out = (w * x[0]).sum()
    before = x._version
    x[1] = 2.0
    assert x._version == before + 1
    assert x[0]._version == before + 1  # views count with their base
    with pytest.raises(RuntimeError, match="changed"):
        out.backward()
    row = x[1]
    row[1:3] = mg.zeros(2)
    assert x.tolist() == [[1, 1, 1, 1], [2, 0, 0, 2]]


@pytest.mark.parametrize("value", [2.0, mg.ones(3)])
def test_the_graph_is_told_of_what_it_has_to_know(value: Any) -> None:
    w = mg.ones(3, requires_grad=True)
    for leaf in (w, w[:2]):
        with pytest.raises(RuntimeError, match="leaf"):
            leaf[...] = value if isinstance(value, float) else value[: len(leaf)]
    x = w * 1
    view = x[:1]
    x[1:] = 5.0
    x.sum().backward()
    assert w.grad.tolist() == [1, 0, 0]
    assert view.requires_grad
    y = mg.zeros(2, 3)
    y[1] = w * 3
    y.sum().backward()
    assert w.grad.tolist() == [4, 3, 3]
    with mg.no_grad():
        w[0] = 7.0
        w[1:] = (w * 2)[1:]
    assert w.tolist() == [7, 2, 2]


def test_memory_that_must_not_be_written_to() -> None:
    memory = np.zeros(3, np.float32)
    memory.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        mg.from_numpy(memory)[0] = 1.0
    expanded = mg.zeros(1, 3).expand(2, 3)
    with pytest.raises(RuntimeError, match="expanded"):
        expanded[:, 0] = 1.0
    expanded[0, 1] = 1.0  # one place alone
    assert expanded.tolist() == [[0, 1, 0]] * 2
    with mg.inference_mode():
        made = mg.zeros(3)
        made[0] = 1.0
    with pytest.raises(RuntimeError, match="inference"):
        made[1] = 1.0
    assert made.tolist() == [1, 0, 0]


def test_gradients_held_in_common_part() -> None:
    a, b = mg.ones(100, 100, requires_grad=True), mg.ones(100, 100, requires_grad=True)
    (a + b).sum().backward()
    a.grad[1, 2:4] = 5.0
    assert (a.grad.sum(), b.grad.sum()) == (10008, 10000)


@pytest.mark.parametrize(
    ("dtype", "value", "held"),
    [
        ("int64", 2.7, 2),
        ("int64", -2.7, -2),
        ("int64", 2**62 + 1, 2**62 + 1),
        ("uint8", -1, 255),
        ("int8", True, 1),
        ("bool", 0.5, True),
        ("bool", 2, True),
        ("float32", 2**53 + 1, 2.0**53),
        ("float32", 16777217, 16777216.0),
        ("float32", -1e9, -1e9),
        ("float32", float("-inf"), float("-inf")),
        ("float16", 1e-8, 0.0),
        ("float64", 1e300, 1e300),
        ("float32", np.float64(0.1), float(np.float32(0.1))),
    ],
)
def test_numbers_as_the_dtype_holds_them(dtype: str, value: Any, held: Any) -> None:
    x = mg.zeros(2, dtype=getattr(mg, dtype))
    x[1] = value
    assert x[1].item() == held
    assert x[0].item() == 0


@pytest.mark.parametrize(("dtype", "value"), [("int8", 128), ("int8", -129), ("uint8", 256), ("int64", 2**63)])
def test_numbers_that_a_dtype_does_not_hold(dtype: str, value: int) -> None:
    x = mg.zeros(2, dtype=getattr(mg, dtype))
    with pytest.raises(RuntimeError, match="out of range"):
        x[0] = value
    assert x._version == 0


def test_other_dtypes_and_dims_of_size_1_in_front() -> None:
    x = mg.zeros(2, 3)
    x[0] = mg.tensor([1, 2, 3])
    x[1] = mg.tensor([[4.0, 5.0, 6.0]], dtype=mg.float64)
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("key", [2**100, -(2**100), 3, -4, (0, 0, 0), slice(None, None, -1), slice(0, 3, 0), 1.5])
def test_keys_that_are_wrong_change_nothing(key: Any) -> None:
    x = mg.zeros(3, 2)
    with pytest.raises((IndexError, ValueError)):
        x[key] = 1.0
    assert x.sum() == 0
    assert x._version == 0


def test_without_dims() -> None:
    x = mg.tensor(1.0)
    x[...] = 2.0
    x[()] = mg.tensor(3.0)
    assert x.item() == 3
    with pytest.raises(IndexError):
        x[0] = 1.0


def test_filling_and_copying_take_the_same_way() -> None:
    x = mg.zeros(3, 4)
    x[:, 1].fill_(2).zero_().fill_(3)
    x[:, 2].copy_(mg.tensor([1, 2, 3]))
    x[1:].copy_(mg.tensor([5.0, 6.0, 7.0, 8.0]))
    assert x.tolist() == [[0, 3, 1, 0], [5, 6, 7, 8], [5, 6, 7, 8]]
    with pytest.raises(RuntimeError):
        x[0].copy_(mg.ones(1, 4))
    with pytest.raises(RuntimeError, match="range"):
        mg.zeros(2, dtype=mg.int8).fill_(300)


@pytest.mark.parametrize("value", [2, 2.5, float("nan")])
def test_a_number_where_a_mask_is_true(value: float) -> None:
    w = mg.arange(6.0).reshape(2, 3).clone().requires_grad_()
    x = w.detach().clone()
    before = x._version
    x[x > 2] = value
    assert same_bits(x.numpy(), np.where(np.arange(6).reshape(2, 3) > 2, value, w.detach().numpy()).astype("f4"))
    assert x._version == before + 1
    y = w * 1
    y[y > 2] = value
    y.sum().backward()
    assert w.grad.tolist() == [[1, 1, 1], [0, 0, 0]]
    with pytest.raises(RuntimeError, match="leaf"):
        w[w > 2] = value


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_copies_convert_as_to_does(source: str, target: str) -> None:
    src = mg.tensor([[0.5, -2.5, 3.0], [0.0, 1e3, 70.0]]).to(getattr(mg, source))
    x = mg.ones(2, 3, dtype=getattr(mg, target))
    x.copy_(src)
    assert same_bits(x.numpy(), src.to(x.dtype).numpy())
    assert x._version == 1
    x.t().copy_(src.reshape(3, 2))
    assert same_bits(x.numpy(), src.reshape(3, 2).t().to(x.dtype).numpy())


def test_copies_of_another_dtype_and_the_graph() -> None:
    w = mg.ones(3, requires_grad=True, dtype=mg.float64)
    x = mg.zeros(3)
    x.copy_(w * 2)
    x.sum().backward()
    assert w.grad.tolist() == [2, 2, 2]
    memory = np.arange(6, dtype=np.float32)
    whole = mg.from_numpy(memory)
    mg.from_numpy(memory.view(np.int32)).copy_(whole)  # the same memory
    assert memory.view(np.int32).tolist() == list(range(6))


def test_indices_write_once_and_read_before_they_write() -> None:
    x = mg.arange(6.0).reshape(3, 2)
    i = mg.tensor([2, 0])
    x[i] = x[:2]
    assert x.tolist() == [[2, 3], [2, 3], [0, 1]]
    assert x._version == 1
    x.index_fill_(0, i, 7)
    x.index_add_(1, mg.tensor([1]), mg.ones(3, 1))
    assert x.tolist() == [[7, 8], [2, 4], [7, 8]]
    assert x._version == 3
    with pytest.raises(IndexError):
        x[mg.tensor([0, 3])] = 1.0
    with pytest.raises(RuntimeError):
        x[i] = mg.ones(3, 2)
    assert x.tolist() == [[7, 8], [2, 4], [7, 8]]
    assert x._version == 3
    leaf = mg.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        leaf[i] = 1.0


@pytest.mark.parametrize("dtype", ["float32", "int64", "float16"])
@pytest.mark.parametrize("turned", [False, True])
def test_rows_by_a_vector_of_indices(dtype: str, turned: bool) -> None:
    start = np.arange(12).reshape(3, 4).astype(dtype)
    ours, expected = start.copy(), start.copy()
    x, y = (mg.from_numpy(ours).t(), expected.T) if turned else (mg.from_numpy(ours), expected)
    i, at = mg.tensor([-1, 0]), [-1, 0]
    for value in (
        7,
        2.0,
        start[:2, : y.shape[1]] if not turned else start[:, :2].T,
        np.ones(y.shape[1]),
        np.ones((2, 1)),
    ):
        x[i] = mg.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
        y[at] = value
        assert same_bits(ours, expected)
        x.index_fill_(1, i, 3)
        y[:, at] = 3
        assert same_bits(ours, expected)


def test_rows_by_indices_and_the_graph() -> None:
    w = mg.ones(3, 2, requires_grad=True)
    v = mg.ones(2, 2, requires_grad=True)
    i = mg.tensor([2, 2])
    x = w * 1
    x[i] = v
    x[mg.tensor([0])] = 4.0
    x.sum().backward()
    assert w.grad.tolist() == [[0, 0], [1, 1], [0, 0]]
    assert v.grad.tolist() == [[0, 0], [1, 1]]  # the write that stays
    doubled = mg.func.vmap(lambda a, k: mg.zeros(3).index_fill(0, k, 1.0) * a)(mg.ones(2), mg.tensor([[0], [2]]))
    assert doubled.tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_comparisons_in_place_store_zeros_and_ones(dtype: str) -> None:
    x = mg.tensor([[0, 1, 2], [1, 1, 0]]).to(getattr(mg, dtype))
    for part in (x, x.t(), x[:, 1:]):
        expected = (part.numpy() == 1).astype(dtype)
        before = part._version
        assert same_bits(part.eq_(1).numpy(), expected)
        assert part._version == before + 1
    w = mg.ones(3, requires_grad=True)
    y = w * 2
    y.lt_(3)
    assert y.tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="leaf"):
        w.lt_(3)


@pytest.mark.parametrize(
    "key",
    [
        ([0, 1], [2, 3]),
        (mg.tensor([0, 1]), mg.tensor([2, 3])),
        (mg.tensor([0, 1]), slice(None), mg.tensor([1, 0])),
        (0, mg.tensor([0, 1]), mg.tensor([1, 0])),
        (mg.tensor([True, False, True]), [1, 0]),
        (..., mg.tensor([[True, False]] * 4)),
        mg.tensor([[True] * 4, [False] * 4, [True] * 4]),
        mg.tensor([0, 2]),
        (slice(None), mg.tensor([0, 1])),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_tensor_without_a_graph_takes_that_of_what_is_written_by_indices(key: Any, whole: bool) -> None:
    x, g = mg.zeros(3, 4, 2), mg.arange(24.0).reshape(3, 4, 2)
    value = mg.ones(x[key].shape, requires_grad=True)
    (x if whole else x[:])[key] = 3 * value
    assert x.requires_grad
    (x * g).sum().backward()
    assert value.grad is not None
    assert same_bits(value.grad.numpy(), 3 * g[key].numpy())


def test_index_put_in_place_takes_the_graph_of_its_values() -> None:
    x, value = mg.zeros(3, 4), mg.ones(2, requires_grad=True)
    x.index_put_((mg.tensor([0, 2]), mg.tensor([1, 3])), 3 * value)
    x.sum().backward()
    assert value.grad is not None
    assert value.grad.tolist() == [3, 3]


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("count", [3, 2000])
def test_index_put_in_place_against_numpy(count: int, accumulate: bool) -> None:
    draw = np.random.default_rng(count)
    start, mask = draw.standard_normal((40, 5)), draw.random((40, 5)) < 0.4
    i, j = draw.integers(-40, 40, count), draw.integers(-5, 5, count)
    for key, shape in [
        ((i,), (count, 5)),
        ((i,), (1,)),
        ((i, j), (count,)),
        ((mask,), (int(mask.sum()),)),
        ((mask,), (1,)),
        ((mask,), ()),
        ((mask[:, 0],), (1,)),
        ((mask[:, 0],), (5,)),
        ((None, j), (40, count)),
    ]:
        value = draw.standard_normal(shape)
        expected, x = start.copy(), mg.tensor(start)
        own = tuple([slice(None) if k is None else k for k in key])
        if accumulate:
            np.add.at(expected, own, value)
        else:
            expected[own] = value
        indices = tuple([None if k is None else mg.tensor(k) for k in key])
        assert x.index_put_(indices, mg.tensor(value), accumulate) is x
        assert same_bits(x.numpy(), expected), (key, shape)
        assert x._version == 1
        w = mg.tensor(value, requires_grad=True)
        x = mg.tensor(start).index_put_(indices, w, accumulate)
        assert same_bits(x.detach().numpy(), expected), (key, shape)
        (x * mg.tensor(start)).sum().backward()
        assert w.grad is not None
        if accumulate or (key[0] is not None and key[0].dtype == bool):  # else the last one alone gets it
            picked = start[own]
            picked = picked.sum(tuple(range(picked.ndim - len(shape))))
            summed = picked.sum(tuple([d for d, n in enumerate(shape) if n == 1]), keepdims=True)
            np.testing.assert_allclose(w.grad.numpy(), summed, 1e-12)


def test_index_put_in_place_says_its_own_name() -> None:
    x = mg.zeros(3, 4)
    for indices in [(mg.tensor([3]),), (mg.tensor([0]), mg.tensor([-5]))]:
        with pytest.raises(IndexError, match=r"^index_put_: index"):
            x.index_put_(indices, mg.tensor(1.0))
    with pytest.raises(RuntimeError, match=r"^index_put_: .*does not broadcast"):
        x.index_put_((mg.tensor([0, 1]),), mg.ones(3))
    with pytest.raises(RuntimeError, match=r"^index_put_: values must have input's dtype"):
        x.index_put_((mg.tensor([0, 1]),), mg.ones(4, dtype=mg.float64))
    with pytest.raises(IndexError, match=r"^index_put_: at least one"):
        x.index_put_((None,), mg.ones(4))


@pytest.mark.parametrize(
    "key", [[0, 3], [0, -4], np.array([5]), mg.tensor([3], dtype=mg.int32), (0, [4]), ([0, 1], [-5, 0]), np.int64(3)]
)
def test_indices_out_of_range_are_told(key: Any) -> None:
    x = mg.zeros(3, 4)
    with pytest.raises(IndexError, match="out of"):
        x[key]
    with pytest.raises(IndexError, match="out of"):
        x[key] = 1.0


@pytest.mark.parametrize("form", [list, np.array, lambda k: np.array(k, np.int16), mg.tensor])
@pytest.mark.parametrize("index", [-9, 8])
def test_indices_out_of_range_are_told_where_nothing_would_be_read(
    index: int, form: Callable[[list[int]], Any]
) -> None:
    k = form([index])
    for shape, key in [
        ((0, 8), (slice(None), k)),
        ((2, 8, 0), (..., k, slice(None))),
        ((8, 0), k),
        ((0, 8), (None, ..., k)),
    ]:
        x = mg.zeros(shape)
        for wanting in (x, x.clone().requires_grad_()):
            with pytest.raises(IndexError, match=f"index: index {index} is out of bounds .* size 8"):
                wanting[key]
        with pytest.raises(IndexError, match=f"setitem: index {index} is out of bounds .* size 8"):
            x[key] = 1.0
    with pytest.raises(IndexError, match=f"index_select: index {index} is out of bounds for dim 1 with size 8"):
        mg.zeros(0, 8).index_select(1, mg.tensor([index]))
    assert mg.zeros(0, 8)[:, [-8, 7]].shape == mg.zeros(0, 8).index_select(1, mg.tensor([0, 7])).shape == (0, 2)


@pytest.mark.parametrize("key", [[True, False], np.ones(4, bool), mg.ones(3, 3, dtype=mg.bool), ([0, 1], [0, 1, 2])])
def test_keys_of_other_shapes_are_refused(key: Any) -> None:
    with pytest.raises(IndexError, match=r"does not match|do not broadcast"):
        mg.zeros(3, 4)[key]


@pytest.mark.parametrize(
    "key", [[2, 0, 2], np.array([2, 0, 2]), mg.tensor([2, 0, 2], dtype=mg.int32), ([2, 0, 2], np.array([1, 1, 1]))]
)
def test_a_graph_hears_of_what_is_read(key: Any) -> None:
    x = mg.arange(12.0).reshape(3, 4).requires_grad_()
    assert _core.get_items(x, key) is None
    with mg.no_grad():
        assert _core.get_items(x, key).tolist() == x[key].tolist()
        assert not x[key].requires_grad
    x[key].sum().backward()
    expected = np.zeros((3, 4))
    np.add.at(expected, as_numpy(key) if not isinstance(key, tuple) else key, 1)
    assert x.grad is not None
    assert same_bits(x.grad.numpy(), expected.astype(np.float32))


@pytest.mark.parametrize("number", [np.int64, np.int32, np.int8, np.uint8, np.uint64])
def test_integers_of_numpy_make_views(number: Any) -> None:
    x = mg.zeros(3, 4)
    x[number(1)].add_(1)
    x[number(0), number(3)].add_(2)
    x[:, number(2)] = 5
    assert x.tolist() == [[0, 0, 5, 2], [1, 1, 5, 1], [0, 0, 5, 0]]


def test_large_masks_and_many_elements_are_left_to_kernels() -> None:
    y = np.random.default_rng(8).integers(0, 9, (40, 50))
    x, mask = mg.tensor(y), y > 7
    assert _core.get_items(x, mask) is None
    assert _core.get_items(x, range(30)) is None
    assert not _core.set_items(x, mask, 1)
    for key in (mask, range(30), (slice(None), np.arange(-50, 50, 2, np.int16)), np.arange(40)[::-3].astype(np.int32)):
        assert same_bits(x[key].numpy(), np.ascontiguousarray(y[as_numpy(key)])), key
    x[mask] = -1
    assert same_bits(x.numpy(), np.where(mask, -1, y))


@pytest.mark.parametrize("key", [..., np.s_[::2], np.s_[1:, 3:-5:3], np.s_[:, None, 7:]], ids=str)
def test_large_parts_are_written_as_numpy_writes_them(key: Any) -> None:
    start = np.random.default_rng(2).normal(size=(300, 700)).astype("f")
    row = np.random.default_rng(3).normal(size=start[key].shape[-1:]).astype("f")
    for value in (2.5, row, np.full_like(start[key], 3)):
        want = start.copy()
        want[key] = value
        x = mg.tensor(start)
        saved, version = x.detach(), x._version
        x[key] = mg.tensor(value) if isinstance(value, np.ndarray) else value
        assert same_bits(x.numpy(), want)
        assert x._version == saved._version == version + 1


@pytest.mark.parametrize("threads", [1, 4])
def test_the_last_one_written_counts_in_large_windows_that_overlap(threads: int) -> None:
    own = mg.get_num_threads()
    x = mg.zeros(1000)
    windows = x.unfold(0, 300, 1)
    mg.set_num_threads(threads)
    try:
        windows[:, :] = mg.arange(701.0)[:, None].expand(701, 300)
    finally:
        mg.set_num_threads(own)
    assert x.tolist() == [min(i, 700) for i in range(1000)]


@pytest.mark.parametrize("shape", [(8,), (3, 4), (2, 3, 4), (40, 30)], ids=str)
def test_masked_scatter_in_place(shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(4)
    for extra in (0, 3):
        mask = draw.random(shape) < 0.5
        source = draw.normal(size=mask.sum() + extra)
        for given in (source, source[::-1].copy()[::-1], source[None]):
            want = np.arange(float(mask.size)).reshape(shape)
            x = mg.tensor(want)
            want[mask] = source[: mask.sum()]
            assert same_bits(x.masked_scatter(mg.tensor(mask), mg.tensor(given)).numpy(), want)
            assert x.masked_scatter_(mg.tensor(mask), mg.tensor(given)) is x
            assert same_bits(x.numpy(), want)
        turned = mg.tensor(np.arange(float(mask.size)).reshape(shape).T.copy()).T
        assert same_bits(turned.masked_scatter_(mg.tensor(mask), mg.tensor(source)).numpy(), want)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in ("float16", "bool")])
def test_few_elements_are_added_in_their_order(dtype: str) -> None:
    """To places that occur several times, and to the same bits with a graph and without."""
    draw = np.random.default_rng(11)
    for key, shape in (
        (([3, -1, 3, 3, 0],), (5, 4)),
        (([3, -1, 3, 3, 0],), (4,)),
        (([3, -1, 3, 3, 0],), (5, 1)),
        (([3, -1, 3, 3, 0],), ()),
        (([1, 1, -4, 1], [0, -4, 0, 0]), (4,)),
        (([1, 1, -4, 1], [0, -4, 0, 0]), (1,)),
        (([True, False, True, True],), (3, 4)),
        ((np.eye(4, dtype=bool),), (4,)),
        (([],), (0, 4)),
    ):
        places = tuple(np.array(k, np.bool_ if np.array(k).dtype == bool else np.int64) for k in key)
        start, values = (np.round(draw.normal(size=s) * 30, 2).astype(dtype) for s in ((4, 4), shape))
        want = start.copy()
        np.add.at(want, places, values)
        indices = tuple(mg.tensor(k) for k in places)
        for x in (mg.tensor(start), mg.tensor(start.T.copy()).T):
            assert same_bits(x.index_put(indices, mg.tensor(values), True).numpy(), want)
            assert x.index_put_(indices, mg.tensor(values), accumulate=True) is x
            assert x._version == 1
            assert same_bits(x.numpy(), want)
        if dtype.startswith("float"):
            leaf = mg.tensor(start, requires_grad=True)
            assert same_bits(leaf.index_put(indices, mg.tensor(values), True).detach().numpy(), want)


def test_adding_few_elements_refuses_what_does_not_fit() -> None:
    at = mg.tensor([0, 2])
    x = mg.zeros(3)
    with pytest.raises(IndexError, match="index_put_"):
        x.index_put_((mg.tensor([0, 3]),), mg.ones(2), accumulate=True)
    for values in (mg.ones(3), mg.ones(2, dtype=mg.float64)):
        with pytest.raises((RuntimeError, ValueError), match="index_put_"):
            x.index_put_((at,), values, accumulate=True)
    assert x.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="leaf"):
        mg.zeros(3, requires_grad=True).index_put_((at,), mg.ones(2), accumulate=True)
    with pytest.raises(RuntimeError, match="expanded"):
        mg.zeros(1).expand(3).index_put_((at,), mg.ones(2), accumulate=True)
    own = mg.tensor([1.0, 2.0, 3.0])
    assert own.index_put_((at,), own[1:], accumulate=True).tolist() == [3, 2, 6]


def test_masked_scatter_in_place_refuses_what_does_not_fit() -> None:
    mask = mg.tensor([True, False, True])
    x = mg.zeros(3)
    for other, source in ((mask, mg.ones(1)), (mask, mg.ones(3, dtype=mg.float64)), (mask.long(), mg.ones(3))):
        with pytest.raises(RuntimeError, match="masked_scatter"):
            x.masked_scatter_(other, source)
    with pytest.raises(RuntimeError, match="shape"):
        mg.zeros(1).masked_scatter_(mask, mg.ones(3))
    with pytest.raises(RuntimeError, match="leaf"):
        mg.zeros(3, requires_grad=True).masked_scatter_(mask, mg.ones(3))
    assert x.tolist() == [0, 0, 0]
    source = mg.ones(4, requires_grad=True)
    x.masked_scatter_(mask, source).sum().backward()
    assert source.grad is not None
    assert source.grad.tolist() == [1, 1, 0, 0]
