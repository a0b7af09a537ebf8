"""Choosing and replacing elements: bounds, masks, steps, what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtype
from .._methods import add_method, kernel_call, method, public
from ..primitive import ELEMENTWISE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of
from .elementwise import _where, abs, clone, ge, le, lt, maximum, minimum, ne, where
from .logic import bitwise_or
from .promotion import to_dtype
from .records import DEFINITION, binary

__all__ = [
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "fmax",
    "fmin",
    "heaviside",
    "masked_fill",
    "nan_to_num",
]

# ----------------------------------------------------------------------------------------------------------------------
# Bounds.

clamp_grad: Any = kernel_primitive(
    "clamp_grad",
    equation="out = g where clamp returns its argument x (0), lower (1) or upper (2), else 0",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={"g": lambda h, x, lower, upper, argument: clamp_grad(h, x, lower, upper, argument)},
)
_clamp: Any = kernel_primitive(
    "clamp",
    equation="out = min(max(x, lower), upper)",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "x": lambda g, x, lower, upper: clamp_grad(g, x, lower, upper, 0),
        "lower": lambda g, x, lower, upper: clamp_grad(g, x, lower, upper, 1),
        "upper": lambda g, x, lower, upper: clamp_grad(g, x, lower, upper, 2),
    },
)


@method(
    in_place=(
        kernel_call("clamp", 0, 1, 2, min="bound", max="bound"),
        kernel_call("maximum", 1, 0, min="bound"),
        kernel_call("minimum", 1, 0, max="bound"),
    )
)
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Return each element brought into the interval between `min` and `max`.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    min, max : Tensor or number, optional
        The bounds, at least one of them; shapes broadcast. Where `min` is above `max`, the result is `max`.

    Returns
    -------
    Tensor
        Of the broadcast shape and the promoted dtype; NaN where an element or a bound is NaN.

    Raises
    ------
    RuntimeError
        If there is no bound, or the shapes do not broadcast.

    Notes
    -----
    out = min(max(x, lower), upper). The cotangent goes to what is returned; to x where it equals a bound.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.clamp(minigrad.tensor([-2.0, 0.5, 3.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    >>> minigrad.tensor([1, 5]).clamp(max=3)
    tensor([1, 3])
    """
    array = array_of("clamp", input)
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of min and max must be given")
    if array.dtype.kind in "iu" and (min is None or min.__class__ is int) and (max is None or max.__class__ is int):
        least, most = _dtype.integer_range(array.dtype)
        if min is None or not least <= min <= most:
            min = least if min is None else _dtype.held("clamp", min, array.dtype)  # noqa: A001
        if max is None or not least <= max <= most:
            max = most if max is None else _dtype.held("clamp", max, array.dtype)  # noqa: A001
    elif min is None or max is None:
        lowest, highest = (-np.inf, np.inf) if array.dtype.kind == "f" else _limits(input, max if min is None else min)
        min, max = (lowest, max) if min is None else (min, highest)  # noqa: A001
    return _clamp(input, min, max)


def _limits(x: Tensor, bound: Any) -> tuple[float, float]:
    """Return the bounds that bound nothing, in the dtype that integers and their one bound are computed in."""
    target = _dtype.result_type(x, bound)
    if target.is_floating_point:
        return -np.inf, np.inf
    return (False, True) if target is _dtype.bool_ else _dtype.integer_range(target.numpy)


@method(in_place=(kernel_call("maximum", 1, 0, min="bound"),))
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Return each element, at least `min`: :func:`clamp` with one bound."""
    return clamp(input, min)


@method(in_place=(kernel_call("minimum", 1, 0, max="bound"),))
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Return each element, at most `max`: :func:`clamp` with one bound."""
    return clamp(input, None, max)


clip = clamp
method(clamp, "clip", in_place=True)


# ----------------------------------------------------------------------------------------------------------------------
# The larger and the smaller one, where NaN loses.

_fmax = binary(
    "fmax",
    "max(x, y), NaN only where both are",
    lambda g, x, y: _where(bitwise_or(ge(x, y), ne(y, y)), g, 0.0),
    lambda g, x, y: _where(bitwise_or(ge(x, y), ne(y, y)), 0.0, g),
)
_fmin = binary(
    "fmin",
    "min(x, y), NaN only where both are",
    lambda g, x, y: _where(bitwise_or(le(x, y), ne(y, y)), g, 0.0),
    lambda g, x, y: _where(bitwise_or(le(x, y), ne(y, y)), 0.0, g),
)


@method
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """Return the larger of each pair of elements, the other one where one is NaN.

    Parameters
    ----------
    input, other : Tensor
        Of any shapes that broadcast.

    Returns
    -------
    Tensor
        Of the broadcast shape and the promoted dtype.

    Raises
    ------
    TypeError
        If one of them is no tensor.
    RuntimeError
        If the shapes do not broadcast.

    Notes
    -----
    The cotangent goes to the element returned, to `input` where both are equal.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.fmax(minigrad.tensor([1.0, minigrad.nan]), minigrad.tensor([0.5, 2.0]))
    tensor([1., 2.])
    """
    return (_fmax if _any_float("fmax", input, other) else maximum)(input, other)


@method
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """Return the smaller of each pair of elements, the other one where one is NaN; see :func:`fmax`."""
    return (_fmin if _any_float("fmin", input, other) else minimum)(input, other)


def _any_float(name: str, x: Any, y: Any) -> bool:
    return "f" in (array_of(name, x).dtype.kind, array_of(name, y, "other").dtype.kind)


# ----------------------------------------------------------------------------------------------------------------------
# Replacements.

method(lambda self, condition, other: where(condition, self, other), "where")


@method(in_place=(kernel_call("where", 1, 2, 0, mask="tensor", value="number"),))
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Return `input` with `value` where `mask` is true.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    mask : Tensor
        Booleans; both shapes broadcast.
    value : number or Tensor
        A number, or a tensor without dimensions; it is converted to the dtype of `input`.

    Returns
    -------
    Tensor
        Of the broadcast shape and the dtype of `input`.

    Raises
    ------
    RuntimeError
        If the mask is not of bool, the value has dimensions, or the shapes do not broadcast.

    Notes
    -----
    out = value where mask, else x. The gradient of x is 0 where the mask is true, whatever was there.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0, 3.0])
    >>> x.masked_fill(x > 1, 0)
    tensor([1., 0., 0.])
    """
    kind = array_of("masked_fill", input).dtype.kind
    if array_of("masked_fill", mask, "mask").dtype.kind != "b":
        raise RuntimeError(f"masked_fill: the mask must be of bool, got {mask.dtype}")
    if isinstance(value, Tensor):
        if value.ndim > 0:
            raise RuntimeError(f"masked_fill: the value must have no dimensions, got shape {value._array.shape}")
        value = value if value.dtype is input.dtype else to_dtype(value, input.dtype)
    elif kind != "f":
        value = _dtype.held("masked_fill", value, input.dtype.numpy)
    return _where(mask, value, input)


_nan_to_num: Any = kernel_primitive(
    "nan_to_num",
    equation="out = x; nan, above or below where x is NaN, inf or -inf",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={"x": lambda g, x: _where(lt(abs(x), np.inf), g, 0.0)},
)


@method(in_place=True)
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Return `input` with numbers in place of NaN and infinities.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers are returned as they are.
    nan : float, optional
        What NaN becomes, 0 by default.
    posinf, neginf : float, optional
        What inf and -inf become, by default the largest and the smallest number of the dtype.

    Returns
    -------
    Tensor
        Of the same shape and dtype.

    Raises
    ------
    TypeError
        If `input` is no tensor.

    Notes
    -----
    The gradient is 0 where something was replaced.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nan_to_num(minigrad.tensor([1.0, minigrad.nan, minigrad.inf]), posinf=9)
    tensor([1., 0., 9.])
    """
    if array_of("nan_to_num", input).dtype.kind != "f":
        return clone(input)
    return _nan_to_num(*_with_replacements(input, nan, posinf, neginf))


def _with_replacements(x: Tensor, nan: float | None, above: float | None, below: float | None) -> tuple[Any, ...]:
    largest = float(np.finfo(x._array.dtype).max)
    return x, 0.0 if nan is None else nan, largest if above is None else above, -largest if below is None else below


def _nan_to_num_in_place(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Do as `nan_to_num` does, writing the result into this tensor's memory; return it."""
    if array_of("nan_to_num_", input).dtype.kind == "f":
        operands = _with_replacements(input, nan, posinf, neginf)
        if _core.compute_into(_nan_to_num.primitive.run, input, operands):
            return input
    return input._compute_in_place(nan_to_num, "nan_to_num_", (nan, posinf, neginf), {})


add_method(public(_nan_to_num_in_place, "nan_to_num_", _core.MethodDeflection), "nan_to_num_")


_heaviside = binary("heaviside", "0 where x < 0, y where x = 0, else 1", None, None)


@method(in_place=True)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return the step function of each element: 0 below 0, 1 above, `values` at 0; it has no gradient.

    Parameters
    ----------
    input, values : Tensor
        Of one dtype and of shapes that broadcast.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Raises
    ------
    RuntimeError
        If the dtypes differ or the shapes do not broadcast.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.heaviside(minigrad.tensor([-1.0, 0.0, 2.0]), minigrad.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if array_of("heaviside", input).dtype != array_of("heaviside", values, "values").dtype:
        raise RuntimeError(f"heaviside: both tensors must have one dtype, got {input.dtype} and {values.dtype}")
    return _heaviside(input, values)
