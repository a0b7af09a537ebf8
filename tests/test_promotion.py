"""Which dtype comes out: PyTorch's promotion rules, written down here and compared with PyTorch where it is installed."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]

# The dtype of a tensor of the row's dtype plus one of the column's. b: bool, then the sizes in bits.
TABLE = """
         bool    uint8   int8    int16   int32   int64   float32 float64
bool     bool    uint8   int8    int16   int32   int64   float32 float64
uint8    uint8   uint8   int16   int16   int32   int64   float32 float64
int8     int8    int16   int8    int16   int32   int64   float32 float64
int16    int16   int16   int16   int16   int32   int64   float32 float64
int32    int32   int32   int32   int32   int32   int64   float32 float64
int64    int64   int64   int64   int64   int64   int64   float32 float64
float32  float32 float32 float32 float32 float32 float32 float32 float64
float64  float64 float64 float64 float64 float64 float64 float64 float64
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
SAME_RANK = {(row[0], column): row[1 + k] for row in ROWS[1:] for k, column in enumerate(ROWS[0])}

# The dtype of a tensor combined with a Python number, or of a tensor with dimensions with one without of that category.
WITH_NUMBER = {
    "bool": {**{n: n for n in NAMES}},
    "int": {**{n: n for n in NAMES}, "bool": "int64"},
    "float": {**dict.fromkeys(NAMES, "float32"), "float64": "float64"},
}
NUMBERS: dict[str, Any] = {"bool": True, "int": 2, "float": 1.5}


class Level(enum.IntEnum):
    HIGH = 3


def dtype(name: str) -> mg.dtype:
    return getattr(mg, name)


def ones(name: str, shape: tuple[int, ...] = (2,)) -> Tensor:
    return mg.tensor(np.ones(shape), dtype=dtype(name))


def category(name: str) -> str:
    return "bool" if name == "bool" else "float" if name.startswith("float") else "int"


@pytest.mark.parametrize(("left", "right"), SAME_RANK)
def test_two_tensors(left: str, right: str) -> None:
    expected = dtype(SAME_RANK[left, right])
    x, y = ones(left), ones(right)
    assert mg.result_type(x, y) is expected
    for operation in (mg.add, mg.mul, mg.maximum, mg.minimum):
        out = operation(x, y)
        assert out.dtype is expected
        assert out.numpy().dtype == np.dtype(expected.name)
    assert mg.where(ones("bool"), x, y).dtype is expected
    assert (ones(left, ()) + ones(right, ())).dtype is expected


@pytest.mark.parametrize(("left", "right"), SAME_RANK)
def test_division_makes_floats(left: str, right: str) -> None:
    out = ones(left) / ones(right)
    expected = SAME_RANK[left, right]
    assert out.dtype is dtype(expected if category(expected) == "float" else "float32")
    assert out.tolist() == [1, 1]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", NAMES)
def test_tensor_and_number(name: str, number: str) -> None:
    expected = dtype(WITH_NUMBER[number][name])
    value = NUMBERS[number]
    assert mg.result_type(ones(name), value) is expected
    for shape in ((2,), ()):
        x = ones(name, shape)
        for out in (x + value, value + x, x * value, value * x):
            assert out.dtype is expected
    assert (ones(name) + value).tolist() == [1 + value, 1 + value] or expected.name == "bool"


@pytest.mark.parametrize(("left", "right"), list(itertools.product(NAMES, NAMES)))
def test_tensor_without_dimensions_counts_only_by_its_category(left: str, right: str) -> None:
    """A tensor with dimensions and one without: the latter counts where it is of a higher category."""
    higher = NAMES.index(right) > NAMES.index(left) and category(left) != category(right)
    expected = dtype(right if higher else left)
    for out in (ones(left) + ones(right, ()), ones(right, ()) + ones(left), ones(left) * ones(right, ())):
        assert out.dtype is expected


@pytest.mark.parametrize(("left", "right"), SAME_RANK)
def test_comparisons_are_booleans(left: str, right: str) -> None:
    x, y = ones(left), ones(right)
    assert [(c.dtype, c.tolist()) for c in (x == y, x <= y, x >= y)] == [(mg.bool, [True, True])] * 3
    assert [(c.dtype, c.tolist()) for c in (x != y, x < y, x > y)] == [(mg.bool, [False, False])] * 3
    assert not (x == y).requires_grad


def test_comparison_with_a_number_of_a_higher_category() -> None:
    x = mg.tensor([1, 2, 3])
    assert (x > 1.5).tolist() == [False, True, True]
    assert (x < 1.5).tolist() == [True, False, False]
    assert (mg.tensor([True, False]) == 1).tolist() == [True, False]
    assert (x == 2.5).tolist() == [False, False, False]


@pytest.mark.parametrize("name", NAMES)
def test_reductions(name: str) -> None:
    x = ones(name, (2, 3))
    whole = name if category(name) == "float" else "int64"
    for out in (x.sum(), x.sum(0), x.sum((0, 1)), x.prod(), x.prod(1), x.cumsum(0)):
        assert out.dtype is dtype(whole)
    assert x.sum().item() == 6
    assert x.max().dtype is dtype(name)
    assert x.min(1).values.dtype is dtype(name)
    assert x.max(0).indices.dtype is mg.int64
    if name == "bool":
        with pytest.raises(RuntimeError, match=r"^argmax: not for bool"):
            x.argmax()
    else:
        assert x.argmax().dtype is mg.int64
    assert x.any().dtype is x.all(1).dtype is (mg.uint8 if name == "uint8" else mg.bool)
    if category(name) == "float":
        assert x.mean().dtype is dtype(name)
        assert x.var().dtype is dtype(name)
    else:
        with pytest.raises(RuntimeError, match=rf"^mean: .*{name}"):
            x.mean()


def test_sums_of_small_integers_do_not_wrap() -> None:
    assert mg.tensor([200, 100], dtype=mg.uint8).sum().item() == 300
    assert mg.tensor([100, 100], dtype=mg.int8).prod().item() == 10_000
    assert mg.tensor([True, True, False]).sum().item() == 2
    assert mg.tensor([200, 100], dtype=mg.uint8).cumsum(0).tolist() == [200, 300]
    assert mg.tensor([1, 2], dtype=mg.int8).sum(dtype=mg.float64).dtype is mg.float64


def test_arithmetic_of_small_integers_wraps() -> None:
    x = mg.tensor([200, 100], dtype=mg.uint8)
    assert (x + x).tolist() == [144, 200]
    assert (x * 2).tolist() == [144, 200]
    assert (-mg.tensor([-128], dtype=mg.int8)).tolist() == [-128]


@pytest.mark.parametrize("name", NAMES)
def test_functions_make_floats(name: str) -> None:
    expected = dtype(name if category(name) == "float" else "float32")
    for function in (mg.exp, mg.log, mg.sin, mg.cos, mg.tanh, mg.sigmoid, mg.sqrt):
        assert function(ones(name)).dtype is expected


@pytest.mark.parametrize("name", NAMES[1:])
def test_functions_that_keep_the_dtype(name: str) -> None:
    x = ones(name)
    for out in (mg.abs(x), mg.sign(x), mg.relu(x), -x, x**2, x.clone(), x.reshape(2, 1)):
        assert out.dtype is dtype(name)


def wrapped(number: int, name: str) -> int:
    """Return what is left of a number in the bits of an integer dtype."""
    bits = 8 * np.dtype(name).itemsize
    rest = number % 2**bits
    return rest - 2**bits if not name.startswith("u") and rest >= 2 ** (bits - 1) else rest


def whole_power(x: int, y: int) -> int:
    return x**y if y >= 0 else (x if y % 2 else 1) if x in (1, -1) else 0


INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]


@pytest.mark.parametrize("name", INTEGERS)
def test_powers_of_integers_wrap_around(name: str) -> None:
    least, most = (mg.iinfo(dtype(name)).min, mg.iinfo(dtype(name)).max)
    bases = [0, 1, 2, 3, 7, 100, most, most - 1] + ([-1, -2, -7, least] if least < 0 else [])
    exponents = [0, 1, 2, 3, 5, 31, 64, 127] + ([-1, -2, -128] if least < 0 else [])
    x, y = mg.tensor(bases, dtype=dtype(name)), mg.tensor(exponents, dtype=dtype(name))
    table = [[wrapped(whole_power(b, e), name) for e in exponents] for b in bases]
    assert (x[:, None] ** y).tolist() == table
    assert (x[:, None] ** y).dtype is dtype(name)
    assert (x.reshape(-1, 1).expand(-1, len(y)).T ** y[:, None]).T.tolist() == table
    for e in (0, 1, 2, 3, 4, 5, 6, 7, 127, 128, 1000, 2**70, 3**2000):
        assert (x**e).tolist() == [wrapped(pow(b, e, 2**64), name) for b in bases], e
        assert (x**e).dtype is dtype(name)
    assert (3**y).tolist() == [wrapped(whole_power(3, e), name) for e in exponents]
    assert (x**1)._array is not x._array
    assert (x[:0] ** y[:0]).shape == (0,)
    with pytest.raises(RuntimeError, match=r"^pow: shapes .* do not broadcast"):
        x ** y[:3]


def test_powers_of_booleans_and_of_several_dtypes() -> None:
    flags = mg.tensor([True, False])
    for exponent in (0, 1, 2, 5, True):
        assert (flags**exponent).tolist() == [1, int(exponent == 0)]
        assert (flags**exponent).dtype is mg.int64
    assert flags.square().tolist() == [1, 0]
    assert (mg.tensor([3, 4], dtype=mg.int16) ** flags).tolist() == [3, 1]
    out = mg.tensor([3, 4], dtype=mg.uint8) ** mg.tensor([2, -1], dtype=mg.int8)
    assert (out.tolist(), out.dtype) == ([9, 0], mg.int16)
    with pytest.raises(TypeError, match=r"^pow: not for operands"):
        flags**flags


def test_powers() -> None:
    x = mg.tensor([1, 2, 3])
    assert (x**3).tolist() == [1, 8, 27]
    assert (x**3).dtype is mg.int64
    assert (x**0).tolist() == [1, 1, 1]
    assert (x**0.5).dtype is mg.float32
    assert (x**-1.0).tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    with pytest.raises(RuntimeError, match=r"^pow: .*negative"):
        x**-1
    assert (2**x).tolist() == [2, 4, 8]
    assert (2.0 ** mg.tensor([1.0, 2.0], dtype=mg.float64)).dtype is mg.float64
    assert (mg.tensor([4.0, 9.0]) ** mg.tensor([2, 1])).tolist() == [16, 9]


def test_python_data() -> None:
    assert mg.tensor([1, 2]).dtype is mg.int64
    assert mg.tensor([1, 2.0]).dtype is mg.float32
    assert mg.tensor(True).dtype is mg.bool
    assert mg.tensor([]).dtype is mg.float32
    assert mg.tensor(np.float64(1)).dtype is mg.float64
    assert mg.tensor(np.ones(2)).dtype is mg.float64
    assert mg.arange(3).dtype is mg.int64
    assert mg.arange(3.0).dtype is mg.float32
    assert mg.full((2,), 1).dtype is mg.int64
    assert mg.full((2,), True).dtype is mg.bool
    assert mg.full((2,), 0.5).dtype is mg.float32


def test_default_dtype() -> None:
    try:
        mg.set_default_dtype(mg.float64)
        assert mg.get_default_dtype() is mg.float64
        assert mg.tensor([1.0]).dtype is mg.float64
        assert mg.zeros(2).dtype is mg.float64
        assert (mg.tensor([1, 2]) / 2).dtype is mg.float64
        assert (mg.tensor([1, 2]) + 0.5).dtype is mg.float64
    finally:
        mg.set_default_dtype(mg.float32)
    with pytest.raises(TypeError, match=r"^set_default_dtype: .*int64"):
        mg.set_default_dtype(mg.int64)


def test_gradient_has_the_dtype_of_its_input() -> None:
    """A cast goes back by a cast: the float32 leaf of a float64 computation gets a float32 gradient."""
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = mg.tensor([3.0, 4.0], dtype=mg.float64, requires_grad=True)
    out = x * y * mg.tensor([1, 2])
    assert out.dtype is mg.float64
    out.sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.dtype, x.grad.tolist()) == (mg.float32, [3, 8])
    assert (y.grad.dtype, y.grad.tolist()) == (mg.float64, [1, 4])


def test_cast_functions() -> None:
    x = mg.tensor([0.0, 1.5, -2.5], dtype=mg.float64)
    expected = {
        "float": mg.float32,
        "double": mg.float64,
        "char": mg.int8,
        "short": mg.int16,
        "int": mg.int32,
        "long": mg.int64,
        "bool": mg.bool,
    }
    for name, target in expected.items():
        assert getattr(x, name)().dtype is target
    assert x.long().tolist() == [0, 1, -2]
    assert x.bool().tolist() == [False, True, True]
    assert x.double() is x
    assert x.to(mg.float32).dtype is mg.float32
    assert mg.tensor([1.0, 300.0]).byte().dtype is mg.uint8


# ---- PyTorch ---------------------------------------------------------------------------------------------------------

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda x, y: x + y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "==": lambda x, y: x == y,
    "<": lambda x, y: x < y,
}


@pytest.mark.parametrize("operation", BINARY)
def test_binary_operations_against_pytorch(operation: str) -> None:
    torch = pytest.importorskip("torch")
    function = BINARY[operation]
    for left, right, first, second in itertools.product(NAMES, NAMES, ((2,), ()), ((2,), ())):
        out = function(ones(left, first), ones(right, second))
        x = torch.ones(first, dtype=getattr(torch, left))
        y = torch.ones(second, dtype=getattr(torch, right))
        assert str(function(x, y).dtype) == f"torch.{out.dtype.name}", (left, first, right, second)


@pytest.mark.parametrize("operation", BINARY)
def test_numbers_against_pytorch(operation: str) -> None:
    torch = pytest.importorskip("torch")
    function = BINARY[operation]
    for name, shape, value in itertools.product(NAMES, ((2,), ()), NUMBERS.values()):
        for swapped in (False, True):
            pair = [ones(name, shape), value]
            torch_pair = [torch.ones(shape, dtype=getattr(torch, name)), value]
            out = function(*(pair[::-1] if swapped else pair))
            expected = function(*(torch_pair[::-1] if swapped else torch_pair))
            assert str(expected.dtype) == f"torch.{out.dtype.name}", (name, shape, value, swapped)
            assert out.tolist() == expected.tolist()


UNARY: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum(),
    "prod": lambda x: x.prod(),
    "sum(0)": lambda x: x.sum(0),
    "cumsum": lambda x: x.cumsum(0),
    "max": lambda x: x.max(),
    "argmax": lambda x: x.argmax(),
    "any": lambda x: x.any(),
    "exp": lambda x: x.exp(),
    "sqrt": lambda x: x.sqrt(),
    "sigmoid": lambda x: x.sigmoid(),
    "pow 2": lambda x: x**2,
    "pow 2.0": lambda x: x**2.0,
    "2 pow": lambda x: 2**x,
    "2.0 pow": lambda x: 2.0**x,
    "reciprocal": lambda x: x.reciprocal(),
    "square": lambda x: x.square(),
}


@pytest.mark.parametrize("operation", UNARY)
@pytest.mark.parametrize("name", NAMES)
def test_unary_operations_against_pytorch(operation: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    x = torch.ones(2, dtype=getattr(torch, name))
    try:
        expected = UNARY[operation](x)
    except (RuntimeError, NotImplementedError):
        pytest.skip("PyTorch has no such operation")
    if (operation, name) == ("any", "uint8"):
        return  # PyTorch gives uint8 there for history's sake; here any() is always a bool
    out = UNARY[operation](ones(name))
    assert f"torch.{out.dtype.name}" == str(expected.dtype)
    assert out.tolist() == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_whole_division_of_all_signs(name: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    numbers = np.array([n for n in (info.min, info.min + 1, -7, -3, -1, 0, 1, 2, 3, 7, info.max) if n >= info.min])
    x, y = (a.ravel() for a in np.meshgrid(numbers.astype(dtype), numbers[numbers != 0].astype(dtype)))
    with np.errstate(over="ignore"):  # the smallest number over -1
        right = getattr(np, name)(x, y)
    assert getattr(mg, name)(mg.tensor(x), mg.tensor(y)).tolist() == right.tolist()
    for divisors in (y[::-1], y.astype(dtype)[::2]):
        found = getattr(mg, name)(mg.tensor(x[: len(divisors)]), mg.from_numpy(divisors))
        with np.errstate(over="ignore"):
            assert found.tolist() == getattr(np, name)(x[: len(divisors)], divisors).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_numpys_numbers_and_subclasses_count_as_pythons_numbers(name: str) -> None:
    class Length(float):
        pass

    for number, like in ((np.True_, True), (np.int8(3), 3), (np.float64(3), 3.0), (Level.HIGH, 3), (Length(3), 3.0)):
        for shape in ((2,), ()):
            assert mg.result_type(ones(name, shape), number) is mg.result_type(ones(name, shape), like)


def test_what_has_no_dtype_of_a_tensor() -> None:
    assert mg.result_type() is mg.float32
    for other in (1j, "1", np.ones(2, np.uint16), np.ones(2, np.complex64)):
        with pytest.raises(TypeError):
            mg.result_type(mg.ones(2), other)


def test_a_number_beside_integers_does_not_wrap_around() -> None:
    for x in (mg.tensor([1, 2], dtype=mg.uint8), mg.tensor(3, dtype=mg.int8), mg.tensor([True])):
        for number in (-1, 300, 2.5):
            out = mg.xlogy(x, number)
            assert out.dtype is mg.float32
            with np.errstate(invalid="ignore"):
                wanted = x.numpy().astype(np.float32) * np.log(np.float32(number))
            np.testing.assert_allclose(out.numpy(), wanted, rtol=1e-6)
