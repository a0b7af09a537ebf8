"""Comparisons by their long names, logic, bits, and what kind of number an element is: no gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._methods import kernel_call, method, operator
from ..batching import is_batched
from ..tensor import Tensor, array_of, wrap
from . import elementwise
from .elementwise import abs, add, eq, ge, gt, le, lt, mul, ne, sub
from .promotion import to_dtype
from .records import binary, document, unary

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "equal",
    "greater",
    "greater_equal",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
]

greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
for _name in ("greater", "greater_equal", "less", "less_equal", "not_equal"):
    method(globals()[_name], _name, in_place=True)


_NOT_COMPARED: Any = NotImplemented  # Python then compares identities: a tensor is not None


def _operator(compare: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(self: Tensor, other: Any) -> Tensor:
        try:
            return compare(self, other)
        except TypeError:
            if isinstance(other, Tensor):
                raise
            return _NOT_COMPARED

    return call


method(_operator(eq), "__eq__")
method(_operator(ne), "__ne__")

# ----------------------------------------------------------------------------------------------------------------------
# Bits of integers and of booleans.

bitwise_not = unary("bitwise_not", "x with every bit the other one", None, promotion=None)
bitwise_and = binary("bitwise_and", "the bits that x and y have", None, None)
bitwise_or = binary("bitwise_or", "the bits that x or y has", None, None)
bitwise_xor = binary("bitwise_xor", "the bits that x or y has, but not both", None, None)
bitwise_left_shift = binary("bitwise_left_shift", "x 2^y", None, None)
bitwise_right_shift = binary("bitwise_right_shift", "x / 2^y rounded down", None, None)

for _function, _sign in {
    bitwise_and: "and",
    bitwise_or: "or",
    bitwise_xor: "xor",
    bitwise_left_shift: "lshift",
    bitwise_right_shift: "rshift",
}.items():
    method(_function, in_place=True)
    operator(_sign, _function, f"{_function.__name__}_")
method(bitwise_not, "__invert__")

document(
    {
        bitwise_not: (
            "Return each integer with every bit the other one, each boolean negated.",
            "minigrad.bitwise_not(minigrad.tensor([0, 5]))",
            "tensor([-1, -6])",
        ),
        bitwise_and: (
            "Return the bits that both integers have; of booleans, whether both are true.",
            "minigrad.bitwise_and(minigrad.tensor([6, 5]), 3)",
            "tensor([2, 1])",
        ),
        bitwise_or: (
            "Return the bits that either integer has; of booleans, whether either is true.",
            "minigrad.bitwise_or(minigrad.tensor([6, 5]), 3)",
            "tensor([7, 7])",
        ),
        bitwise_xor: (
            "Return the bits that one integer has and the other has not; of booleans, whether they differ.",
            "minigrad.bitwise_xor(minigrad.tensor([6, 5]), 3)",
            "tensor([5, 6])",
        ),
        bitwise_left_shift: (
            "Return each integer with its bits moved up; 0 where all are moved out.",
            "minigrad.bitwise_left_shift(minigrad.tensor([1, 3]), 2)",
            "tensor([ 4, 12])",
        ),
        bitwise_right_shift: (
            "Return each integer with its bits moved down and its sign kept.",
            "minigrad.bitwise_right_shift(minigrad.tensor([12, -8]), 2)",
            "tensor([ 3, -2])",
        ),
    }
)

# ----------------------------------------------------------------------------------------------------------------------
# What follows computes on arrays, so that no graph is built.


def _tensor(array: Any) -> Tensor:
    return wrap(array)


# ----------------------------------------------------------------------------------------------------------------------
# Logic: any number but 0 is true.


_and = binary("logical_and", "x ≠ 0 and y ≠ 0", None, None)
_or = binary("logical_or", "x ≠ 0 or y ≠ 0", None, None)
_xor = binary("logical_xor", "x ≠ 0 or y ≠ 0, but not both", None, None)


def _of_tensors(function: Callable[..., Tensor], name: str, input: Any, other: Any) -> Tensor:
    array_of(name, input), array_of(name, other, "other")  # numbers are refused
    return function(input, other)


@method(in_place=(kernel_call("logical_and", 0, 1, other="tensor"),))
def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Return whether both elements are true: anything but 0 is.

    Parameters
    ----------
    input, other : Tensor
        Of any dtypes and of shapes that broadcast.

    Returns
    -------
    Tensor
        Of bool.

    Raises
    ------
    TypeError
        If one of them is no tensor.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.logical_and(minigrad.tensor([0.0, 2.0]), minigrad.tensor([1, 1]))
    tensor([False,  True])
    """
    return _of_tensors(_and, "logical_and", input, other)


@method(in_place=(kernel_call("logical_or", 0, 1, other="tensor"),))
def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Return whether either element is true; see :func:`logical_and`."""
    return _of_tensors(_or, "logical_or", input, other)


@method(in_place=(kernel_call("logical_xor", 0, 1, other="tensor"),))
def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Return whether one element is true and the other is not; see :func:`logical_and`."""
    return _of_tensors(_xor, "logical_xor", input, other)


@method(in_place=(kernel_call("eq", 0, False),))
def logical_not(input: Tensor) -> Tensor:
    """Return whether each element is 0; see :func:`logical_and`."""
    return _tensor(eq(array_of("logical_not", input), False))


# ----------------------------------------------------------------------------------------------------------------------
# Kinds of numbers.


@method
def isnan(input: Tensor) -> Tensor:
    """Return whether each element is not a number.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype.

    Returns
    -------
    Tensor
        Of bool and the same shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.isnan(minigrad.tensor([1.0, minigrad.nan]))
    tensor([False,  True])
    """
    array = array_of("isnan", input)
    return _tensor(ne(array, array))


def _compared(name: str, x: Any, compare: Any, *, size: bool, number: float, others: Any) -> Tensor:
    """Return how floats, or their sizes, compare with a number; what is no float is compared as equals."""
    array = array_of(name, x)
    if array.dtype.kind != "f":
        if is_batched(array) or not array.flags.c_contiguous:  # the result lies as the operand does
            return _tensor(others(array, array))
        return _tensor(_full(float(others is eq), array.shape, _dtype.bool_.code))
    return _tensor(compare(abs(array) if size else array, number))


@method
def isinf(input: Tensor) -> Tensor:
    """Return whether each element is infinite; see :func:`isnan`."""
    return _compared("isinf", input, eq, size=True, number=np.inf, others=ne)


@method
def isposinf(input: Tensor) -> Tensor:
    """Return whether each element is inf; see :func:`isnan`."""
    return _compared("isposinf", input, eq, size=False, number=np.inf, others=ne)


@method
def isneginf(input: Tensor) -> Tensor:
    """Return whether each element is -inf; see :func:`isnan`."""
    return _compared("isneginf", input, eq, size=False, number=-np.inf, others=ne)


@method
def isfinite(input: Tensor) -> Tensor:
    """Return whether each element is neither infinite nor NaN; see :func:`isnan`."""
    return _compared("isfinite", input, lt, size=True, number=np.inf, others=eq)


# ----------------------------------------------------------------------------------------------------------------------
# Equality.


@method
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Return whether the elements are equal up to a tolerance.

    Parameters
    ----------
    input, other : Tensor
        Of one dtype and of shapes that broadcast.
    rtol, atol : float
        The tolerances.
    equal_nan : bool, default False
        Whether NaN equals NaN.

    Returns
    -------
    Tensor
        Of bool.

    Raises
    ------
    RuntimeError
        If the dtypes differ, a tolerance is negative, or the shapes do not broadcast.

    Notes
    -----
    |x - y| <= atol + rtol |y|, where that is finite; otherwise x = y.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.isclose(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    x, y = array_of("isclose", input), array_of("isclose", other, "other")
    if x.dtype != y.dtype:
        raise RuntimeError(f"isclose: both tensors must have one dtype, got {input.dtype} and {other.dtype}")
    if not (rtol >= 0 and atol >= 0):
        raise RuntimeError(f"isclose: tolerances must not be negative, got rtol={rtol}, atol={atol}")
    close = eq(x, y)
    if equal_nan and x.dtype.kind == "f":
        close = bitwise_or(close, bitwise_and(ne(x, x), ne(y, y)))
    if rtol == atol == 0:
        return _tensor(close)
    if x.dtype.kind != "f":  # whose differences wrap around
        x, y = (to_dtype(each, _dtype.float64)._array for each in (input, other))
    difference = abs(sub(x, y))
    near = le(difference, add(abs(mul(y, float(rtol))), float(atol)))
    return _tensor(bitwise_or(close, bitwise_and(near, lt(difference, np.inf))))


@method
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Return whether all elements are equal up to a tolerance, as a Python bool; see :func:`isclose`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.allclose(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 2.000001]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


@method
def equal(input: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have the same shape and equal elements, as a Python bool.

    Parameters
    ----------
    input, other : Tensor
        Of any dtypes.

    Returns
    -------
    bool
        False where a NaN is.

    Raises
    ------
    TypeError
        If one of them is no tensor.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.equal(minigrad.tensor([1, 2]), minigrad.tensor([1.0, 2.0]))
    True
    """
    x, y = array_of("equal", input), array_of("equal", other, "other")
    if x.shape != y.shape:
        return False
    if x is y and x.dtype.kind != "f" and not is_batched(x):  # a NaN is not itself
        return True
    if x.size <= _FEW or x.dtype != y.dtype or not (x.flags.c_contiguous and y.flags.c_contiguous):
        same = elementwise.eq(x, y)
        return bool(same.all() if is_batched(same) else _all(same, (), False).item())
    a, b = x.reshape(-1), y.reshape(-1)
    first, last = 0, _FEW
    while first < x.size and eq(a[first:last], b[first:last]).all():
        first, last = last, min(3 * last, last + _MANY)
    return bool(first >= x.size)


_all, _full = _core.kernels["all"], _core.kernels["full"]
_FEW, _MANY = 1 << 13, 1 << 15  # elements that are compared before looking whether all of them are equal
