"""NumPy's functions and operators on tensors, and tensors of what NumPy and pandas hold."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

A = np.array([[1.0, 4.0], [9.0, 16.0]])


@pytest.mark.parametrize("name", ["sqrt", "exp", "sin", "log", "abs", "isnan", "negative", "floor"])
def test_functions_give_tensors(name: str) -> None:
    out = getattr(np, name)(mg.tensor(A))
    assert isinstance(out, mg.Tensor)
    np.testing.assert_array_equal(out.numpy(), getattr(np, name)(A))


def test_functions_of_several_results_and_ways() -> None:
    x = mg.tensor(A)
    parts = np.modf(x / 2)
    assert [type(p) for p in parts] == [mg.Tensor, mg.Tensor]
    np.testing.assert_array_equal(np.maximum(x, 5).numpy(), np.maximum(A, 5))
    np.testing.assert_array_equal(np.add.reduce(x).numpy(), A.sum(0))
    assert isinstance(np.hypot(mg.tensor(3.0), 4.0), mg.Tensor)
    assert np.sqrt(mg.tensor(4.0)).shape == ()


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "floor_divide": lambda a, b: a // b,
    "remainder": lambda a, b: a % b,
    "power": lambda a, b: a**b,
    "matmul": lambda a, b: a @ b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
}


@pytest.mark.parametrize("name", BINARY)
def test_an_array_and_a_tensor_make_a_tensor(name: str) -> None:
    b = A.T[::-1] / 2
    right = BINARY[name](A, b)
    pairs: list[tuple[Any, Any]] = [(A, mg.tensor(b)), (mg.tensor(A), b)]
    for x, y in pairs:
        for out in (BINARY[name](x, y), getattr(np, name)(x, y)):
            assert isinstance(out, mg.Tensor)
            np.testing.assert_allclose(out.numpy(), right, rtol=1e-14)


@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"])
def test_bits_of_an_array_and_a_tensor(name: str) -> None:
    a, b = np.array([5, 9]), np.array([3, 1])
    function = getattr(np, name)
    for out in (function(a, mg.tensor(b)), function(mg.tensor(a), b)):
        assert isinstance(out, mg.Tensor)
        np.testing.assert_array_equal(out.numpy(), function(a, b))


def test_operators_are_differentiable_and_other_functions_refuse() -> None:
    x = mg.tensor(A, requires_grad=True)
    (A * x).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), A)
    assert np.add(A, x).requires_grad
    with pytest.raises(RuntimeError, match="exp: this tensor requires a gradient"):
        np.exp(x)
    with pytest.raises(TypeError):
        np.add(A, mg.tensor(A), out=mg.zeros(2, 2))


def test_arrays_take_tensors_in_place() -> None:
    total, x = np.zeros((2, 2)), mg.tensor(A)
    kept = total
    total += x
    total *= 2 * x
    assert total is kept
    np.testing.assert_array_equal(total, 2 * A * A)
    assert isinstance(np.float64(2) * x, mg.Tensor)
    assert (np.float32(2) * mg.ones(1)).dtype is mg.float32


def test_a_table_and_its_columns_become_tensors() -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"a": [1.5, 2.5], "b": [1, 2]}, index=[7, 9])
    assert mg.tensor(table["a"]).dtype is mg.as_tensor(table["a"]).dtype is mg.float64
    assert mg.tensor(table["b"]).tolist() == mg.LongTensor(table["b"]).tolist() == [1, 2]
    assert mg.FloatTensor(table["a"]).dtype is mg.Tensor(table["a"]).dtype is mg.float32
    assert mg.tensor(table).tolist() == [[1.5, 1.0], [2.5, 2.0]]
    with pytest.raises(TypeError, match="cannot become tensors"):
        mg.tensor(pd.Series(["a", "b"]))


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list")
@pytest.mark.parametrize(
    "data",
    [[np.float64(1)], [[np.float64(1), 2.0]], [np.arange(2.0), np.arange(2.0)], (1.0, np.array(2.0)), [1, 2.0], [[1.0]],
     [np.float32(1), 2.0], [np.int64(1), 2.0], [True, 1.5]],
    ids=str,
)  # fmt: skip
def test_dtypes_of_sequences_are_pytorchs(data: Any) -> None:
    torch = pytest.importorskip("torch")
    assert str(mg.tensor(data).dtype).split(".")[1] == str(torch.tensor(data).dtype).split(".")[1]


def test_tensors_in_sequences_keep_their_dtype() -> None:
    assert mg.tensor([mg.tensor(1.0, dtype=mg.float64), 2.0]).dtype is mg.float64
    assert mg.tensor([mg.tensor(1.0), 2.0]).dtype is mg.float32


def test_only_one_element_is_a_number() -> None:
    torch = pytest.importorskip("torch")
    for lib in (mg, torch):
        for x in (lib.ones(2), lib.ones(0)):
            for kind in (float, int, complex):
                with pytest.raises(ValueError, match="one element"):
                    kind(x)
            with pytest.raises(RuntimeError):
                x.item()
            with pytest.raises(TypeError):
                range(x.int())
    assert (float(mg.tensor([2.5])), int(mg.tensor(2.5)), complex(mg.tensor(2.5))) == (2.5, 2, 2.5 + 0j)
    assert list(range(mg.tensor([2]))) == [0, 1]


def test_a_gradient_is_a_tensor() -> None:
    x = mg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="grad: must be a tensor of shape"):
        x.grad = "a"
    with pytest.raises(RuntimeError, match="got one of"):
        x.grad = mg.ones(3)


def test_sums_along_dims_that_numpy_counts() -> None:
    assert mg.tensor(A).sum(np.int64(1)).tolist() == [5.0, 25.0]
    assert mg.tensor(A).mean((np.int64(0), np.int32(1))).item() == 7.5


def test_parameters_bear_marks() -> None:
    p = mg.nn.Parameter(mg.ones(2))
    p._no_weight_decay = True
    assert pickle.loads(pickle.dumps(p))._no_weight_decay
    assert copy.deepcopy(p).tolist() == [1.0, 1.0]
    layer = mg.nn.Linear(2, 2)
    layer.weight.part = "body"
    assert [getattr(q, "part", None) for q in layer.parameters()] == ["body", None]


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradients_between_points_are_numpys(edge_order: int) -> None:
    x = np.random.default_rng(0).standard_normal((4, 5))
    rows, columns = np.array([0.0, 0.5, 2.0, 2.25]), np.array([-1.0, 0.0, 0.25, 3.0, 4.0])
    for dim, ours, theirs in (
        (None, 1, (1, 1)),
        (None, 0.5, (0.5, 0.5)),
        (None, (2.0, 0.5), (2.0, 0.5)),
        (None, (mg.tensor(rows), mg.tensor(columns)), (rows, columns)),
        (-1, mg.tensor(2.0, dtype=mg.float64), (2.0,)),
        ((1, 0), [mg.tensor(columns), 2.0], (columns, 2.0)),
    ):
        axes = (0, 1) if dim is None else (dim,) if isinstance(dim, int) else dim
        wanted = [np.gradient(x, step, axis=a, edge_order=edge_order) for step, a in zip(theirs, axes, strict=True)]
        found = mg.gradient(mg.tensor(x), spacing=ours, dim=dim, edge_order=edge_order)
        assert isinstance(found, tuple)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-13, atol=1e-13)
    assert mg.autograd.gradcheck(lambda y: mg.gradient(y, edge_order=edge_order), mg.tensor(x, requires_grad=True))
    assert mg.gradient(mg.tensor([1, 3, 7]))[0].dtype is mg.float32
    for text, options in (
        ("edge_order must be 1 or 2, got 3", {"edge_order": 3}),
        ("one for each of 2 dims, got 1", {"spacing": (1.0,)}),
        (r"needs 4 coordinates along dim 0, got shape \(3,\)", {"spacing": mg.ones(3), "dim": 0}),
        (r"needs more than 2 points along dim 1, got shape \(3, 2\)", {"edge_order": 2}),
    ):
        with pytest.raises(RuntimeError, match=f"gradient: .*{text}"):
            mg.gradient(mg.ones(*((3, 2) if "3, 2" in text else (4, 5))), **options)
