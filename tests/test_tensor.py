"""Tensors as objects: how they are made, printed, read, copied, and combined with numbers and arrays."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

# ---- Making them -----------------------------------------------------------------------------------------------------


def test_tensor_copies() -> None:
    array = np.arange(3.0)
    x = mg.tensor(array)
    array[0] = 9
    assert x.tolist() == [0, 1, 2]
    y = mg.tensor(x)
    x[1] = 7
    assert y.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (5, ()),
        ([], (0,)),
        ([[]], (1, 0)),
        ([1, 2], (2,)),
        ([[1, 2], [3, 4]], (2, 2)),
        (((1,), (2,)), (2, 1)),
        (True, ()),
    ],
)
def test_tensor_of_python_data(data: Any, shape: tuple[int, ...]) -> None:
    x = mg.tensor(data)
    assert x.shape == shape
    assert x.tolist() == (data if not isinstance(data, tuple) else [list(row) for row in data])
    assert not x.requires_grad


def test_tensor_of_tensors() -> None:
    assert mg.tensor([mg.tensor(1.0), mg.tensor(2.0)]).tolist() == [1, 2]


@pytest.mark.parametrize("order", ["C", "F", "reversed", "big-endian"])
def test_tensor_of_any_layout(order: str) -> None:
    array = np.arange(6.0).reshape(2, 3)
    laid_out = {
        "C": array,
        "F": np.asfortranarray(array),
        "reversed": array[::-1, ::-1],
        "big-endian": array.astype(">f8"),
    }[order]
    x = mg.tensor(laid_out)
    assert x.tolist() == laid_out.tolist()
    assert x.is_contiguous()
    assert x.numpy().dtype.isnative
    assert mg.tensor([laid_out]).dtype is mg.float64


def test_filled_tensors() -> None:
    assert mg.zeros(2, 3).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert mg.ones((2,)).tolist() == [1, 1]
    assert mg.ones([2]).tolist() == [1, 1]
    assert mg.zeros(()).tolist() == 0
    assert mg.zeros(0, 3).shape == (0, 3)
    assert mg.zeros(mg.Size([2, 2])).shape == (2, 2)
    assert mg.full((2,), 7).tolist() == [7, 7]
    assert mg.full((2,), 2**53 + 1).tolist() == [2**53 + 1] * 2
    assert mg.ones(2, dtype=mg.int32).tolist() == [1, 1]
    assert mg.empty(2, 2).shape == (2, 2)
    x = mg.ones(2, dtype=mg.float64, requires_grad=True)
    assert x.requires_grad
    for like in (mg.zeros_like(x), mg.ones_like(x), mg.full_like(x, 3)):
        assert like.dtype is mg.float64
        assert like.shape == (2,)
        assert not like.requires_grad


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((3,), [0, 1, 2]),
        ((1, 3), [1, 2]),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75]),
        ((3, 0, -1), [3, 2, 1]),
        ((2, 2), []),
        ((2.5,), [0, 1, 2]),
    ],
)
def test_arange(arguments: tuple[Any, ...], expected: list[float]) -> None:
    assert mg.arange(*arguments).tolist() == expected


def test_eye() -> None:
    assert mg.eye(2).tolist() == [[1, 0], [0, 1]]
    assert mg.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_from_numpy_shares() -> None:
    array = np.arange(3.0)
    x = mg.from_numpy(array)
    assert np.shares_memory(x.numpy(), array)
    assert mg.as_tensor(x) is x
    assert np.shares_memory(mg.as_tensor(array).numpy(), array)
    assert not np.shares_memory(mg.as_tensor(array, mg.float32).numpy(), array)


# ---- Reading them ----------------------------------------------------------------------------------------------------


def test_shape_and_size() -> None:
    x = mg.zeros(2, 3, 4)
    assert x.shape == (2, 3, 4)
    assert isinstance(x.shape, mg.Size)
    assert repr(x.shape) == "minigrad.Size([2, 3, 4])"
    assert x.shape.numel() == x.numel() == 24
    assert x.size() == (2, 3, 4)
    assert x.size(1) == x.size(-2) == 3
    assert x.ndim == x.dim() == 3
    assert x.stride() == (12, 4, 1)
    assert x.stride(0) == 12
    assert x.is_contiguous()
    assert not x.transpose(0, 1).is_contiguous()
    with pytest.raises(IndexError, match=r"^size: dim 3 .*\(2, 3, 4\)"):
        x.size(3)


@pytest.mark.parametrize(
    ("x", "value", "kind"),
    [(mg.tensor(1.5), 1.5, float), (mg.tensor([[3]]), 3, int), (mg.tensor([True]), True, bool)],
)
def test_item(x: Tensor, value: Any, kind: type) -> None:
    assert x.item() == value
    assert type(x.item()) is kind


def test_item_of_several_elements() -> None:
    for shape in ((2,), (0,)):
        with pytest.raises(RuntimeError, match=r"^item: .*shape"):
            mg.zeros(shape).item()


def test_tolist() -> None:
    assert mg.tensor([[1.0, 2.0], [3.0, 4.0]]).t().tolist() == [[1, 3], [2, 4]]
    assert mg.tensor(3).tolist() == 3
    assert type(mg.tensor([True]).tolist()[0]) is bool
    assert mg.zeros(2, 0).tolist() == [[], []]


def test_numpy() -> None:
    x = mg.tensor([1.0, 2.0])
    assert np.shares_memory(x.numpy(), x.numpy())
    x.requires_grad_()
    with pytest.raises(RuntimeError, match=r"^numpy: .*detach\(\)"):
        x.numpy()
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        np.asarray(x)
    assert x.detach().numpy().tolist() == [1, 2]


def test_array_protocol() -> None:
    x = mg.tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.mean(x.numpy()) == 1.5
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype=np.int64, copy=False)


def test_conversions_to_numbers() -> None:
    assert float(mg.tensor(1.5)) == 1.5
    assert int(mg.tensor([2.7])) == 2
    assert [10, 20, 30][mg.tensor(1)] == 20
    assert bool(mg.tensor(0.0)) is False
    assert bool(mg.tensor([[3]])) is True
    assert f"{mg.tensor(1.25):.1f}" == "1.2"
    assert f"{mg.tensor([1.0])}" == "tensor([1.])"
    with pytest.raises(TypeError, match=r"^index: .*float32"):
        [1, 2][mg.tensor(1.0)]
    for shape in ((2,), (0,)):
        with pytest.raises(RuntimeError, match=r"^bool: .*ambiguous"):
            bool(mg.zeros(shape))


def test_len_iteration_contains() -> None:
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    _a, b = x
    assert b.tolist() == [3, 4]
    assert 3.0 in x
    assert 5 not in x
    for broken in (len, iter):
        with pytest.raises(TypeError, match=r"tensor without dimensions"):
            broken(mg.tensor(1.0))
    y = mg.tensor([1.0, 2.0], requires_grad=True)
    sum(row * row for row in y).backward()
    assert y.grad is not None
    assert y.grad.tolist() == [2, 4]


def test_hash_is_identity() -> None:
    x, y = mg.tensor([1.0]), mg.tensor([1.0])
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1


# ---- Indexing --------------------------------------------------------------------------------------------------------

KEYS: list[Any] = [
    0,
    -1,
    (1, 2),
    (0, -1, 1),
    slice(None),
    slice(1, None),
    slice(None, None, 2),
    slice(-1, None),
    slice(5, 9),
    (slice(None), 1),
    (slice(None), slice(0, 3, 2), slice(1, 3)),
    ...,
    (..., 0),
    (0, ..., 0),
    (0, 1, 2, ...),
    None,
    (None, 0),
    (slice(None), None, 1),
    (..., None),
    np.int64(1),
    (),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_basic_indices_are_those_of_numpy(key: Any) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    x = mg.tensor(array)
    out = x[key]
    assert isinstance(out, Tensor)
    np.testing.assert_array_equal(out.numpy(), array[key])
    assert out.shape == array[key].shape
    changed = x.clone()
    changed[key] = -1.0
    array[key] = -1
    np.testing.assert_array_equal(changed.numpy(), array)


def test_index_by_a_tensor() -> None:
    x = mg.tensor([[1, 2], [3, 4], [5, 6]])
    assert x[mg.tensor([2, 0])].tolist() == [[5, 6], [1, 2]]
    assert x[[2, 0]].tolist() == [[5, 6], [1, 2]]
    assert x[np.array([2, 0])].tolist() == [[5, 6], [1, 2]]
    assert x[mg.tensor(1)].tolist() == [3, 4]
    assert x[mg.tensor([-1])].tolist() == [[5, 6]]
    assert x[[]].shape == (0, 2)


# ---- Copies ----------------------------------------------------------------------------------------------------------

SAMPLES = [
    mg.tensor([[1.0, 2.0], [3.0, 4.0]]),
    mg.tensor(5),
    mg.tensor([True, False]),
    mg.zeros(0, 3, dtype=mg.float64),
    mg.tensor([[1.0, 2.0], [3.0, 4.0]]).t(),
]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("x", SAMPLES, ids=repr)
def test_pickle(x: Tensor, protocol: int) -> None:
    y = pickle.loads(pickle.dumps(x, protocol))
    assert type(y) is Tensor
    assert y.dtype is x.dtype
    assert y.shape == x.shape
    assert y.tolist() == x.tolist()
    assert not y.requires_grad


def test_pickle_of_a_leaf() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = pickle.loads(pickle.dumps(x))
    assert y.requires_grad
    assert y.is_leaf
    (y * 2).sum().backward()
    assert y.grad.tolist() == [2, 2]
    assert x.grad is None
    with pytest.raises(RuntimeError, match=r"^pickle: .*detach\(\)"):
        pickle.dumps(x * 2)
    assert pickle.loads(pickle.dumps(mg.float64)) is mg.float64


@pytest.mark.parametrize("x", SAMPLES, ids=repr)
def test_deepcopy(x: Tensor) -> None:
    y = copy.deepcopy(x)
    assert y.dtype is x.dtype
    assert y.tolist() == x.tolist()
    assert not np.shares_memory(y.numpy(), x.numpy())


def test_deepcopy_of_a_leaf() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * 3).sum().backward()
    first, second = copy.deepcopy([x, x])
    assert first is second
    assert first.requires_grad
    assert first.is_leaf
    assert first.grad is not None
    assert first.grad.tolist() == [3, 3]
    first.grad.zero_()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match=r"^deepcopy: .*clone\(\) or detach\(\)"):
        copy.deepcopy(x * 2)


def test_clone_is_in_the_graph() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x.clone() * 3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3, 3]


# ---- Operators -------------------------------------------------------------------------------------------------------

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
B = np.array([2.0, 2.0, 0.5])


@pytest.mark.parametrize("sign", OPERATORS)
def test_operators_with_arrays_and_numbers_on_both_sides(sign: str) -> None:
    """An array on the left must not take a tensor apart: the result is one tensor, with its graph."""
    apply = OPERATORS[sign]
    x, y = mg.tensor(A), mg.tensor(B)
    for out in (apply(x, y), apply(x, B), apply(A, y)):
        assert isinstance(out, Tensor)
        np.testing.assert_allclose(out.numpy(), apply(A, B), rtol=1e-15)
    for number in (2, 2.0, np.float64(2), np.float32(2), np.int64(2)):
        for out, expected in ((apply(x, number), apply(A, number)), (apply(number, x), apply(number, A))):
            assert isinstance(out, Tensor)
            np.testing.assert_allclose(out.numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "**"])
def test_gradients_through_operators_with_arrays(sign: str) -> None:
    apply = OPERATORS[sign]
    x = mg.tensor(A, requires_grad=True)
    for function in (lambda x: apply(x, B), lambda x: apply(B, x), lambda x: apply(2.0, x), lambda x: apply(x, 2.0)):
        assert mg.autograd.gradcheck(function, x)


def test_unary_operators() -> None:
    x = mg.tensor([-1.0, 2.0])
    assert (-x).tolist() == [1, -2]
    assert (+x).tolist() == [-1, 2]
    assert abs(x).tolist() == [1, 2]


def test_matmul_operator_with_arrays() -> None:
    x = mg.tensor(A)
    assert isinstance(x @ A.T, Tensor)
    assert isinstance(A.T @ x, Tensor)
    np.testing.assert_allclose((A.T @ x).numpy(), A.T @ A, rtol=1e-15)


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize(
    "other", ["text", None, [1.0], object(), {}, 1j], ids=["text", "none", "list", "object", "dict", "complex"]
)
def test_operators_refuse_what_is_no_number(sign: str, other: Any) -> None:
    x = mg.tensor([1.0])
    if sign in ("==", "!="):
        return  # compared by identity or refused: either is an answer
    for pair in ((x, other), (other, x)):
        with pytest.raises(TypeError):
            OPERATORS[sign](*pair)


IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "**=": operator.ipow,
}


@pytest.mark.parametrize("sign", IN_PLACE)
def test_in_place_operators(sign: str) -> None:
    apply = IN_PLACE[sign]
    for other in (mg.tensor(B), B, 2.0):
        x = mg.tensor(A)
        memory, view = x.numpy(), x[0]
        y = apply(x, other)
        assert y is x
        assert np.shares_memory(y.numpy(), memory)
        expected = apply(A.copy(), B if not isinstance(other, float) else other)
        np.testing.assert_allclose(x.numpy(), expected, rtol=1e-15)
        np.testing.assert_allclose(view.numpy(), expected[0], rtol=1e-15)
        assert x._version == 1


# ---- Printing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (mg.tensor([1.0, 2.0, 3.0]), "tensor([1., 2., 3.])"),
        (mg.tensor([0.5, -1.25]), "tensor([ 0.5000, -1.2500])"),
        (mg.tensor([1, 20, 300]), "tensor([  1,  20, 300])"),
        (mg.tensor([True, False]), "tensor([ True, False])"),
        (mg.tensor(3.14159), "tensor(3.1416)"),
        (mg.tensor([]), "tensor([])"),
        (mg.zeros(0, 3), "tensor([], size=(0, 3))"),
        (mg.tensor([1.0], dtype=mg.float64), "tensor([1.], dtype=minigrad.float64)"),
        (mg.tensor([1], dtype=mg.int32), "tensor([1], dtype=minigrad.int32)"),
        (mg.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (mg.tensor([1.0], requires_grad=True) * 2, "tensor([2.], grad_fn=<MulBackward>)"),
        (mg.tensor([float("nan"), float("inf"), 1.0]), "tensor([nan, inf, 1.])"),
    ],
)
def test_repr(x: Tensor, text: str) -> None:
    assert repr(x) == text
    assert str(x) == text


def printed_arrays() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return {
        "vector": rng.standard_normal(7).astype(np.float32),
        "matrix": rng.standard_normal((3, 4)).astype(np.float32),
        "three dimensions": rng.standard_normal((2, 3, 4)).astype(np.float32),
        "four dimensions": rng.standard_normal((2, 1, 2, 2)).astype(np.float32),
        "whole numbers": np.arange(-5, 5, dtype=np.float32),
        "large whole numbers": np.array([1.0, 1e5, 123456], dtype=np.float32),
        "very large": np.array([1.0, 1e9], dtype=np.float32),
        "very small": np.array([1e-6, 2.0], dtype=np.float32),
        "only small": np.array([1.5e-5, 2.5e-5], dtype=np.float32),
        "wide range": np.array([0.01, 1234.5], dtype=np.float32),
        "range of a thousand": np.array([1.5, 999.25], dtype=np.float32),
        "zeros": np.zeros((2, 2), np.float32),
        "special values": np.array([np.nan, np.inf, -np.inf, 0.5], dtype=np.float32),
        "special values and whole numbers": np.array([np.nan, -np.inf, 2], dtype=np.float32),
        "only nan": np.array([np.nan], dtype=np.float32),
        "negative zero": np.array([-0.0, 1.0], dtype=np.float32),
        "long vector": np.arange(30, dtype=np.float32),
        "long vector of fractions": rng.standard_normal(30).astype(np.float32),
        "summarised vector": np.arange(2000, dtype=np.float32),
        "summarised fractions": rng.standard_normal(2000).astype(np.float32),
        "summarised matrix": rng.standard_normal((50, 50)).astype(np.float32),
        "a thousand": np.arange(1000, dtype=np.float32),
        "integers": np.array([[1, -200], [30000, 4]]),
        "summarised integers": np.arange(5000),
        "booleans": np.array([[True, False], [True, True]]),
        "only true": np.array([True, True]),
        "one boolean": np.array(True),
        "number": np.array(2.5, dtype=np.float32),
        "negative number": np.array(-2.0, dtype=np.float32),
        "small number": np.array(1e-7, dtype=np.float32),
        "integer": np.array(-3),
        "float64": np.array([0.1, 0.25]),
        "int8": np.array([1, -2], dtype=np.int8),
        "no rows": np.zeros((0, 3), np.float32),
        "no elements of int64": np.zeros(0, np.int64),
        "row": rng.standard_normal((1, 5)).astype(np.float32),
    }


@pytest.mark.parametrize("name", printed_arrays())
def test_repr_against_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    array = printed_arrays()[name]
    expected = repr(torch.tensor(array)).replace("torch.", "minigrad.")
    assert repr(mg.tensor(array)) == expected
