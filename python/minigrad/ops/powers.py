"""Powers, of floats and of integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype, graph
from .._methods import kernel_call, method, operator
from ..batching import hands_on
from ..primitive import ELEMENTWISE, ONE_TO_MANY, ONE_TO_ONE, Primitive, kernel_primitive
from ..tensor import Tensor, array_of
from .elementwise import _add, _sub, _where, eq, log, mul, safe_mul, safe_product
from .promotion import number_tensor, to_dtype
from .records import ARTICLE, binary

__all__ = ["pow", "square"]

_pow_kernel = _core.kernels["pow"]
#: Powers that are other functions or few products, as they are in PyTorch: the square root of -0 is -0, of -∞ NaN.
_KNOWN_POWERS: dict[float, Callable[[Any], Any]] = {
    1: _core.kernels["copy"],
    2: _core.kernels["square"],
    3: _core.kernels["cube"],
    -2: _core.kernels["inverse_square"],
    0.5: _core.kernels["sqrt"],
    -0.5: _core.kernels["rsqrt"],
    -1: lambda x: _core.kernels["div"](1.0, x),
}

_pow: Callable[..., Tensor] = binary(
    "pow",
    "x ** y",
    lambda g, x, y: _pow_by_base(g, x, y),
    lambda g, x, y, out: _where(_zero_to_zero(x, y), 0.0, safe_mul(g, safe_mul(out, log(x)))),
    f"{ARTICLE} section 3",
)


def _zero_to_zero(x: Any, y: Any) -> Any:
    """Return where both are 0: x^y has no derivatives there, and all are taken as 0."""
    return mul(eq(x, 0.0), eq(y, 0.0))


def _pow_mixed(x: Any, y: Any) -> Any:
    """Return x^(y-1) (1 + y ln x), the mixed second derivative of x^y; in two terms it could be infinity less infinity."""
    product = safe_mul(_pow(x, _sub(y, 1.0)), _add(safe_mul(y, log(x)), 1.0))
    return _where(_zero_to_zero(x, y), 0.0, product)


_pow_by_base: Callable[..., Any] = Primitive(
    "pow_by_base",
    run=lambda g, x, y: safe_mul(g, safe_mul(y, _pow(x, _sub(y, 1.0)))),
    inputs=("g", "x", "y"),
    equation="out = g y x^(y-1)",
    source="derivative of x^y by x",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, y: _pow_by_base(h, x, y),
        "x": lambda h, g, x, y: safe_mul(mul(h, g), safe_mul(mul(y, _sub(y, 1.0)), _pow(x, _sub(y, 2.0)))),
        "y": lambda h, g, x, y: safe_mul(mul(h, g), _pow_mixed(x, y)),
    },
).eager


def _pow_rule(g: Any, x: Any, exponent: float) -> Any:
    if exponent == 0:
        return safe_mul(g, 0.0)
    if exponent == 1:
        return g
    if exponent == 2:
        return safe_product(g, x, 2.0)
    return safe_product(g, pow_number(x, exponent - 1), exponent)


@hands_on
def _run_pow_number(x: Any, exponent: float) -> Any:
    known = _KNOWN_POWERS.get(exponent)
    return _pow_kernel(x, exponent) if known is None or x.dtype.kind != "f" else known(x)


pow_number = Primitive(
    "pow_number",
    run=_run_pow_number,
    inputs=("x",),
    attributes=("exponent",),
    equation="out = x ** exponent",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": _pow_rule},
    promotion=None,
).eager


power_of_base = Primitive(
    "power_of_base",
    run=hands_on(lambda x, base: _pow_kernel(base, x)),
    inputs=("x",),
    attributes=("base",),
    equation="out = base ** x, base > 0",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g, out, base: safe_product(g, out, math.log(base))},
    promotion=None,
).eager


#: The pairs of kinds that make an integer to an integer power: booleans count, but not two of them.
_INTEGER_KINDS = frozenset(a + b for a in "biu" for b in "biu") - {"bb"}


_pow_integers = binary(
    "pow_integers", "x ** y of integers, rounded towards 0; it wraps around", None, None, kernel="pow"
)


@method(in_place=True)
def pow(input: Any, exponent: Any) -> Tensor:  # noqa: A001
    """Return ``input ** exponent``.

    Parameters
    ----------
    input, exponent : Tensor or number
        At least one of them a tensor; their shapes broadcast.

    Returns
    -------
    Tensor
        Of the broadcast shape. Integers to a whole, non-negative power stay integers.

    Notes
    -----
    out = x^y; dx = g y x^(y-1), 0 for y = 0 even at x = 0; dy = g x^y log x, 0 where x^y is 0 and for 0^0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.pow(minigrad.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    input, exponent = _plain_number(input), _plain_number(exponent)
    if isinstance(input, Tensor) and isinstance(exponent, (int, float)):
        return _power_of_number(input, exponent)
    if isinstance(input, (int, float)) and isinstance(exponent, Tensor):
        if exponent.dtype.is_floating_point and 0 < input < math.inf:
            return power_of_base(exponent, float(input))
        input = number_tensor(input, _dtype.result_type(input, exponent))
    kinds = _kind(input) + _kind(exponent)
    return _pow_integers(input, exponent) if kinds in _INTEGER_KINDS else _pow(input, exponent)


def _plain_number(x: Any) -> Any:
    """Return Python's number for one of NumPy's, anything else as it is."""
    return x.item() if isinstance(x, np.generic) else x


def _kind(x: Any) -> str:
    """Return NumPy's letter for the kind of a tensor's or an array's elements, "?" for what is neither."""
    array = getattr(x, "_array", x)
    return array.dtype.kind if graph.is_array(array) else "?"


def _power_of_number(x: Tensor, exponent: Any) -> Tensor:
    if x.dtype.is_floating_point:
        return pow_number(x, exponent)
    if isinstance(exponent, float):
        return pow_number(to_dtype(x, _dtype.get_default_dtype()), exponent)
    if exponent < 0:
        raise RuntimeError("pow: integers cannot be raised to negative integer powers; convert to a float first")
    return integer_power(x, int(exponent))


def integer_power(x: Tensor, exponent: int) -> Tensor:
    """Return an integer tensor to a whole power, by repeated squaring; it wraps around."""
    if exponent < 2 or x._array.dtype.kind == "b":
        return _pow_integers(x, min(exponent, 1))
    if exponent >= 2**63:  # an odd number to the power 2^62 is 1 modulo 2^64, and an even one to any power from 64 on 0
        exponent = exponent % 2**62 + 2**62
    half = x if exponent < 4 else integer_power(x, exponent // 2)
    whole = mul(half, half)
    return mul(whole, x) if exponent % 2 else whole


_square = kernel_primitive(
    "square",
    equation="out = x²",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g, x: safe_product(g, x, 2.0)},
)


@method(in_place=(kernel_call("mul", 0, 0),))
def square(input: Tensor) -> Tensor:
    """Return the square of each element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.square(minigrad.tensor([1.0, -3.0]))
    tensor([1., 9.])
    """
    kind = array_of("square", input).dtype.kind
    return _square(input) if kind == "f" else mul(input, input) if kind != "b" else integer_power(input, 2)


operator("pow", pow)
