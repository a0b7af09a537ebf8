"""Sums and products of several tensors in one pass, signs, and other names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _dtype
from .._methods import KernelCall, kernel_call, method
from ..primitive import ELEMENTWISE, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of, wrap
from . import elementwise
from .elementwise import (
    _addcmul,
    _sub,
    abs,
    add,
    lt,
    mul,
    ne,
    neg,
    safe_div,
    safe_mul,
    safe_product,
    sign,
    sub,
    times_sign,
)
from .promotion import operand_to
from .records import DEFINITION, binary, document

__all__ = [
    "absolute",
    "addcdiv",
    "addcmul",
    "copysign",
    "lerp",
    "multiply",
    "negative",
    "positive",
    "rsub",
    "sgn",
    "signbit",
    "subtract",
]

absolute, multiply, negative, sgn, subtract = abs, mul, neg, sign, sub
method(sign, "sgn", in_place=True)
method(sub, "subtract", in_place=True)


def _fused(name: str, equation: str, **vjp: Callable[..., Any]) -> Any:
    return kernel_primitive(
        name,
        equation=f"out = {equation}",
        source=DEFINITION,
        relation=ONE_TO_MANY,
        structure=ELEMENTWISE,
        vjp=vjp,
    )


def _rest_of_one(weight: Any) -> Any:
    return 1 - weight if isinstance(weight, (int, float)) else _sub(1.0, weight)


_lerp = _fused(
    "lerp",
    "x + weight (y - x)",
    x=lambda g, weight: safe_mul(g, _rest_of_one(weight)),
    y=lambda g, weight: safe_mul(g, weight),
    weight=lambda g, x, y: safe_mul(g, _sub(y, x)),
)


@method(in_place=(kernel_call("lerp", 0, 1, 2, end="tensor", weight="any"),))
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """Return the point between `input` and `end` that `weight` says: 0 is `input`, 1 is `end`.

    Parameters
    ----------
    input, end : Tensor
        Floats.
    weight : Tensor or number
        How far to go; all shapes broadcast.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Raises
    ------
    TypeError
        If the tensors are no floats.
    RuntimeError
        If the dtypes differ or the shapes do not broadcast.

    Notes
    -----
    out = x + w (y - x), computed from the nearer end; dx = g (1 - w), dy = g w, dw = g (y - x).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.lerp(minigrad.tensor([0.0, 1.0]), minigrad.tensor([10.0, 3.0]), 0.5)
    tensor([5., 2.])
    """
    if array_of("lerp", input).dtype != array_of("lerp", end, "end").dtype:
        raise RuntimeError(f"lerp: both ends must have one dtype, got {input.dtype} and {end.dtype}")
    return _lerp(input, end, weight)


_addcdiv = _fused(
    "addcdiv",
    "x + value y / z",
    x=lambda g: g,
    y=lambda g, z, value: safe_div(g if value == 1 else mul(g, value), z),
    z=lambda g, y, z, value: neg(safe_product(safe_div(g, z), safe_div(y, z), value)),
)


def _fused_calls(kernel: str) -> tuple[KernelCall, ...]:
    return (
        kernel_call(kernel, 0, 1, 2, 1.0, tensor1="tensor", tensor2="tensor"),
        kernel_call(kernel, 0, 1, 2, 3, tensor1="tensor", tensor2="tensor", value="keyword"),
    )


@method(in_place=_fused_calls("addcmul"))
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return `input` plus `value` times the product of the two other tensors.

    Parameters
    ----------
    input, tensor1, tensor2 : Tensor
        Of shapes that broadcast.
    value : number, default 1
        What the product is multiplied by; for integers an integer.

    Returns
    -------
    Tensor
        Of the broadcast shape and the promoted dtype.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast.

    Notes
    -----
    out = x + value y z; dx = g, dy = g value z, dz = g value y.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.addcmul(minigrad.tensor([1.0]), minigrad.tensor([2.0]), minigrad.tensor([3.0]), value=0.5)
    tensor([4.])
    """
    kinds = array_of("addcmul", input).dtype.kind + _kinds("addcmul", tensor1, tensor2)
    if "f" not in kinds:
        return _addcmul_integers(input, tensor1, tensor2, int(value))
    return _addcmul(input, tensor1, tensor2, value)


@method(in_place=_fused_calls("addcdiv"))
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Return `input` plus `value` times the quotient of the two other tensors.

    Parameters
    ----------
    input, tensor1, tensor2 : Tensor
        Of shapes that broadcast.
    value : number, default 1
        What the quotient is multiplied by.

    Returns
    -------
    Tensor
        Of the broadcast shape and the promoted dtype.

    Raises
    ------
    RuntimeError
        If both `tensor1` and `tensor2` are integers, or the shapes do not broadcast.

    Notes
    -----
    out = x + value y / z; dx = g, dy = g value / z, dz = -g value y / z².

    Examples
    --------
    >>> import minigrad
    >>> minigrad.addcdiv(minigrad.tensor([1.0]), minigrad.tensor([6.0]), minigrad.tensor([3.0]), value=0.5)
    tensor([2.])
    """
    array_of("addcdiv", input)
    if "f" not in _kinds("addcdiv", tensor1, tensor2):
        raise RuntimeError(
            f"addcdiv: integers are not divided, got {tensor1.dtype} / {tensor2.dtype}; convert one to a float first"
        )
    return _addcdiv(input, tensor1, tensor2, value)


def _kinds(name: str, tensor1: Tensor, tensor2: Tensor) -> str:
    kinds: str = array_of(name, tensor1, "tensor1").dtype.kind + array_of(name, tensor2, "tensor2").dtype.kind
    return kinds


def _addcmul_integers(x: Tensor, y: Tensor, z: Tensor, value: int) -> Tensor:
    try:
        np.broadcast_shapes(x.shape, y.shape, z.shape)
    except ValueError:
        shapes = f"{tuple(x.shape)}, {tuple(y.shape)} and {tuple(z.shape)}"
        raise RuntimeError(f"addcmul: shapes {shapes} do not broadcast") from None
    target = _dtype.result_type(x, y, z)
    return add(x, mul(mul(operand_to(y, target), operand_to(z, target)), value))


# ----------------------------------------------------------------------------------------------------------------------
# Signs.

copysign = binary(
    "copysign",
    "|x| with the sign of y",
    lambda g, x, out: times_sign(times_sign(g, x), out),
    lambda g: safe_mul(g, 0.0),
    promotion="float",
)
method(copysign, in_place=True)
document(
    {
        copysign: (
            "Return the size of each element of `input` with the sign of `other`.",
            "minigrad.copysign(minigrad.tensor([1.0, -2.0]), -0.0)",
            "tensor([-1., -2.])",
        )
    }
)


@method
def signbit(input: Tensor) -> Tensor:
    """Return whether each element has a minus sign: -0 has one.

    Parameters
    ----------
    input : Tensor
        Of any shape.

    Returns
    -------
    Tensor
        Of bool and the same shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.signbit(minigrad.tensor([1.0, -0.0]))
    tensor([False,  True])
    """
    array = array_of("signbit", input)
    if array.dtype.kind == "f":
        negative: Any = lt(copysign(1.0, array), 0.0)
    else:
        negative = ne(array, array) if array.dtype.kind == "b" else lt(array, 0)
    return wrap(negative)


@method
def positive(input: Tensor) -> Tensor:
    """Return `input` itself; RuntimeError for booleans, which have no sign.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.positive(minigrad.tensor([-1.0, 2.0]))
    tensor([-1.,  2.])
    """
    if array_of("positive", input).dtype.kind == "b":
        raise RuntimeError("positive: booleans have no sign")
    return input


def rsub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    """Return ``other - alpha * input``: :func:`minigrad.sub` with the operands exchanged.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.rsub(minigrad.tensor([1.0, 2.0]), 3.0)
    tensor([2., 1.])
    """
    return elementwise.sub(other, input, alpha=alpha)
