"""Elementary functions of each element: circular, hyperbolic, exponential, logarithmic."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from .. import _core, _dtype
from .. import _return_types as return_types
from .._methods import method
from ..primitive import ELEMENTWISE, ONE_TO_MANY, ONE_TO_ONE, Primitive
from ..tensor import Tensor, array_of
from .elementwise import (
    _add,
    _addcmul,
    _sub,
    _where,
    cos,
    div,
    eq,
    exp,
    le,
    log,
    lt,
    mul,
    neg,
    safe_div,
    safe_mul,
    safe_product,
    safe_quotient,
    sigmoid,
    sin,
    sqrt,
)
from .powers import pow, pow_number
from .promotion import _cast_kernel, number_tensor, to_dtype
from .records import DEFINITION, binary, document, unary
from .rounding import floor, trunc

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cosh",
    "deg2rad",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expm1",
    "float_power",
    "frexp",
    "hypot",
    "ldexp",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logit",
    "rad2deg",
    "rsqrt",
    "sinc",
    "sinh",
    "tan",
    "xlogy",
]


def _one_plus_square(x: Any) -> Any:
    return _addcmul(1.0, x, x, 1.0)


def _one_minus_square(x: Any) -> Any:
    """Return 1 - x² as a product, in which nothing cancels near 1 and -1."""
    return mul(_sub(1.0, x), _add(x, 1.0))


# ----------------------------------------------------------------------------------------------------------------------
# Exponentials and logarithms.

rsqrt: Callable[..., Tensor] = unary("rsqrt", "1 / sqrt(x)", lambda g, out: safe_product(g, pow_number(out, 3.0), -0.5))
exp2 = unary("exp2", "2^x", lambda g, out: safe_product(g, out, math.log(2)))
expm1 = unary("expm1", "e^x - 1", lambda g, out: safe_mul(g, _add(out, 1.0)))
log1p = unary("log1p", "ln(1 + x)", lambda g, x: safe_div(g, _add(x, 1.0)))
log2 = unary("log2", "ln x / ln 2", lambda g, x: safe_quotient(g, x, math.log(2)))
log10 = unary("log10", "ln x / ln 10", lambda g, x: safe_quotient(g, x, math.log(10)))
erf = unary(
    "erf",
    "2/sqrt(pi) times the integral of exp(-t²) from 0 to x",
    lambda g, x: safe_product(g, exp(neg(mul(x, x))), 2 / math.sqrt(math.pi)),
)
erfc = unary("erfc", "1 - erf x", lambda g, x: safe_product(g, exp(neg(mul(x, x))), -2 / math.sqrt(math.pi)))
erfinv = unary(
    "erfinv", "the y with erf y = x", lambda g, out: safe_product(g, exp(mul(out, out)), math.sqrt(math.pi) / 2)
)

# ----------------------------------------------------------------------------------------------------------------------
# Circular and hyperbolic functions and their inverses.

tan = unary("tan", "tan x", lambda g, out: safe_mul(g, _one_plus_square(out)))
asin = unary("asin", "arcsin x", lambda g, x: safe_mul(g, rsqrt(_one_minus_square(x))))
acos = unary("acos", "arccos x", lambda g, x: safe_product(g, rsqrt(_one_minus_square(x)), -1.0))
atan = unary("atan", "arctan x", lambda g, x: safe_div(g, _one_plus_square(x)))
sinh: Callable[..., Tensor] = unary("sinh", "(e^x - e^-x) / 2", lambda g, x: safe_mul(g, cosh(x)))
cosh: Callable[..., Tensor] = unary("cosh", "(e^x + e^-x) / 2", lambda g, x: safe_mul(g, sinh(x)))
asinh = unary("asinh", "ln(x + sqrt(x² + 1))", lambda g, x: safe_mul(g, rsqrt(_one_plus_square(x))))
acosh = unary("acosh", "ln(x + sqrt(x² - 1))", lambda g, x: safe_mul(g, rsqrt(mul(_sub(x, 1.0), _add(x, 1.0)))))
atanh = unary("atanh", "ln((1 + x) / (1 - x)) / 2", lambda g, x: safe_div(g, _one_minus_square(x)))

arcsin, arccos, arctan = asin, acos, atan
arcsinh, arccosh, arctanh = asinh, acosh, atanh
for _function in (asin, acos, atan, asinh, acosh, atanh):
    method(_function, f"arc{_function.__name__[1:]}", in_place=True)

# ----------------------------------------------------------------------------------------------------------------------
# Functions of two tensors.


def _radius(out: Any) -> Any:
    """Return a distance to divide by: infinity in place of 0, so that every derivative at the origin is 0."""
    return _where(eq(out, 0.0), math.inf, out)


_over_radius: Callable[..., Any] = binary(
    "over_radius",
    "x / y, 0 where x is 0; so are its derivatives where y is 0",
    lambda g, y: safe_div(g, _radius(y)),
    lambda g, x, y: neg(safe_div(safe_mul(g, safe_div(x, _radius(y))), _radius(y))),
    kernel="safe_div",
)
hypot: Callable[..., Tensor] = binary(
    "hypot",
    "sqrt(x² + y²)",
    lambda g, x, out: safe_mul(g, _over_radius(x, out)),
    lambda g, y, out: safe_mul(g, _over_radius(y, out)),
    promotion="float",
)


def _turned(g: Any, across: Any, x: Any, y: Any) -> Any:
    """Return g times the derivative of the angle of (y, x), `across` being the other coordinate."""
    radius = _radius(hypot(x, y))
    return safe_mul(g, safe_div(safe_div(across, radius), radius))


atan2 = binary(
    "atan2",
    "the angle of the point (y, x), between -pi and pi",
    lambda g, x, y: _turned(g, y, x, y),
    lambda g, x, y: neg(_turned(g, x, x, y)),
    promotion="float",
)
arctan2 = atan2

difference: Callable[..., Tensor] = binary(
    "difference",
    "x - y, 0 where both are equal",
    lambda g: g,
    lambda g: neg(g),
    "the difference in which infinity less infinity is 0",
)
logaddexp = binary(
    "logaddexp",
    "ln(e^x + e^y)",
    lambda g, x, y: safe_mul(g, sigmoid(difference(x, y))),
    lambda g, x, y: safe_mul(g, sigmoid(difference(y, x))),
    promotion="float",
)


_xlogy_by_x: Callable[..., Any] = Primitive(
    "xlogy_by_x",
    run=lambda g, x, y: _where(mul(eq(x, 0.0), le(y, 0.0)), 0.0, safe_mul(g, log(y))),
    inputs=("g", "x", "y"),
    equation="out = g ln y, 0 where x = 0 hides that y is no positive number",
    source="derivative of x ln y by x",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, y: _xlogy_by_x(h, x, y),
        "y": lambda h, g, x, y: _where(mul(eq(x, 0.0), lt(y, 0.0)), 0.0, safe_div(mul(h, g), y)),
    },
).eager
_xlogy = binary(
    "xlogy",
    "x ln y, 0 where x is 0",
    lambda g, x, y: _xlogy_by_x(g, x, y),
    lambda g, x, y: safe_div(safe_mul(g, x), y),
    promotion="float",
)


@method(in_place=True)
def xlogy(input: Any, other: Any) -> Tensor:
    """Return each first element times the logarithm of the second, 0 where the first is 0.

    Parameters
    ----------
    input, other : Tensor or number
        At least one of them a tensor; their shapes broadcast. Integers become floats of the default dtype.

    Returns
    -------
    Tensor
        Of the broadcast shape; NaN where `other` is NaN or negative, but for elements of `input` that are 0.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast.

    Notes
    -----
    out = x ln y; dx = g ln y, 0 where x = 0 and y ≤ 0; dy = g x / y, 0 where x = 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.xlogy(minigrad.tensor([0.0, 2.0]), minigrad.tensor([0.0, 2.0]))
    tensor([0.0000, 1.3863])
    """
    return _xlogy(*numbers_as_tensors(input, other))


xlog1py: Callable[..., Any] = Primitive(
    "xlog1py",
    run=lambda x, y: _where(eq(x, 0.0), difference(y, y), mul(x, log1p(y))),
    inputs=("x", "y"),
    equation="out = x ln(1 + y), 0 where x is 0 unless y is NaN",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "x": lambda g, x, y: _where(mul(eq(x, 0.0), le(y, -1.0)), 0.0, safe_mul(g, log1p(y))),
        "y": lambda g, x, y: safe_div(safe_mul(g, x), _add(y, 1.0)),
    },
    promotion="float",
).eager


def numbers_as_tensors(input: Any, other: Any) -> tuple[Any, Any]:
    """Return two operands, of which one may be a number, which becomes a tensor of floats: no integer that wraps."""
    numbers = [x for x in (input, other) if isinstance(x, (int, float))]
    if len(numbers) == 1:
        target = _dtype.result_type(input, other)
        target = target if target.is_floating_point else _dtype.get_default_dtype()
        input, other = (number_tensor(x, target) if x is numbers[0] else x for x in (input, other))
    return input, other


entropy: Callable[..., Any] = Primitive(
    "entropy",
    run=lambda x: _where(lt(x, 0.0), -math.inf, _sub(0.0, _xlogy(x, x))),
    inputs=("x",),
    equation="out = -x ln x, 0 where x is 0, -inf where it is negative",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g, x: neg(safe_mul(g, _add(log(x), 1.0)))},
    promotion="float",
).eager


@cache
def _bessel_series(order: int, digits: int) -> tuple[float, ...]:
    """Return the coefficients of j_n(x) / x^n by x² that count up to x = n + 1: (-1/2)^k / (k! (2n + 2k + 1)!!)."""
    series = [1 / math.prod(range(1, 2 * order + 2, 2))]
    while abs(series[-1]) * (order + 1) ** (2 * len(series) - 2) > series[0] * 2.0**-digits:
        k = len(series)
        series.append(series[-1] * -0.5 / (k * (2 * order + 2 * k + 1)))
    return tuple(series)


def _bessel_values(x: Any, order: int) -> Any:
    """Return them up to x = n + 1 by the series, further out by the recurrence over the order, which loses little there."""
    if order == 0:
        return _where(eq(x, 0.0), 1.0, div(sin(x), x))
    square = mul(x, x)
    near = le(square, float((order + 1) ** 2))
    within = _where(near, square, 0.0)
    series: Any = 0.0
    for coefficient in reversed(_bessel_series(order, 55 if x.dtype.itemsize == 8 else 26)):
        series = _addcmul(coefficient, within, series, 1.0)
    before, value = cos(x), div(sin(x), x)
    for n in range(order):
        before, value = value, div(_sub(mul(value, 2.0 * n + 1), before), square)
    return _where(near, series, value)


_bessel: Callable[..., Any] = Primitive(
    "bessel",
    run=_bessel_values,
    inputs=("x",),
    attributes=("order",),
    equation="out = j_n(x) / x^n, j_n the spherical Bessel function of order n; j_0(x) = sin x / x",
    source="Abramowitz and Stegun, Handbook of Mathematical Functions, 10.1",
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g, x, order: neg(safe_product(g, x, _bessel(x, order + 1)))},
    promotion="float",
).eager


_logit_grad: Callable[..., Any] = binary(
    "logit_grad",
    "x / (y (1 - y)), 0 where x is 0",
    lambda g, y: _logit_grad(g, y),
    lambda g, x, y: safe_product(_logit_grad(g, y), _logit_grad(x, y), _sub(mul(y, 2.0), 1.0)),
    "derivative of ln(y / (1 - y))",
)
_logit: Callable[..., Any] = Primitive(
    "logit",
    run=lambda x: _sub(log(x), log1p(neg(x))),
    inputs=("x",),
    equation="out = ln(x / (1 - x))",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g, x: _logit_grad(g, x)},
    promotion="float",
).eager


_least_of = _core.kernels["min"]


def _normal_quantile(p: Any) -> Any:
    """Return the quantiles in double: by erfinv, and where 2 p - 1 has lost digits that count by Newton's steps.

    Their start is off by at most 4.5e-4 (Hastings, "Approximations for Digital Computers", 1955); its square, thrice, is
    no more than rounding.
    """
    bound = 0.1 if p.dtype.itemsize == 8 else 2.0**-24
    double = _cast_kernel(p, _dtype.float64.code)
    out = mul(erfinv(_addcmul(-1.0, double, 2.0, 1.0)), math.sqrt(2))
    if p.size == 0 or float(_least_of(p, (), False)) >= bound:
        return out
    low = (p > 0) & (p < bound)
    q = double[low]
    t = sqrt(mul(log(q), -2.0))
    over = _add(mul(_add(mul(t, 0.010328), 0.802853), t), 2.515517)
    under = _add(mul(_add(mul(_add(mul(t, 0.001308), 0.189269), t), 1.432788), t), 1.0)
    x = _sub(div(over, under), t)
    for _ in range(3):
        found = mul(erfc(mul(x, -math.sqrt(0.5))), 0.5)
        density = mul(exp(mul(mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
        x = _sub(x, mul(log(div(found, q)), div(found, density)))
    out[low] = x
    out[p < 0] = math.nan  # of the least of these, 2 p - 1 is -1
    return out


normal_quantile: Callable[..., Any] = Primitive(
    "normal_quantile",
    run=lambda p: _cast_kernel(_normal_quantile(p), _dtype.from_numpy_dtype(p.dtype).code),
    inputs=("p",),
    equation="out = the x with erfc(-x / sqrt(2)) / 2 = p",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"p": lambda g, out: safe_product(g, exp(mul(mul(out, out), 0.5)), math.sqrt(2 * math.pi))},
    promotion="float",
).eager

method(logaddexp)
method(hypot, in_place=True)
method(atan2, "atan2", "arctan2", in_place=True)


@method(in_place=True)
def deg2rad(input: Tensor) -> Tensor:
    """Return angles given in degrees in radians.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.deg2rad(minigrad.tensor([180.0]))
    tensor([3.1416])
    """
    return mul(as_floats("deg2rad", input), math.pi / 180)


@method(in_place=True)
def rad2deg(input: Tensor) -> Tensor:
    """Return angles given in radians in degrees.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.rad2deg(minigrad.tensor([3.1415927]))
    tensor([180.])
    """
    return mul(as_floats("rad2deg", input), 180 / math.pi)


@method(in_place=True)
def sinc(input: Tensor) -> Tensor:
    """Return ``sin(pi x) / (pi x)``, 1 where x is 0.

    Parameters
    ----------
    input : Tensor
        Of any shape; integers become floats of the default dtype.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    Near 0 its derivatives are sums of powers, which are right at 0, too.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.sinc(minigrad.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    x = as_floats("sinc", input)
    if x.dtype is _dtype.float16:  # which holds too few digits of pi x
        return to_dtype(sinc(to_dtype(x, _dtype.float32)), _dtype.float16)
    return _bessel(mul(x, math.pi), 0)


@method(in_place=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """Return ``log(x / (1 - x))``, the inverse of `sigmoid`.

    Parameters
    ----------
    input : Tensor
        Probabilities; NaN comes of what is none.
    eps : float, optional
        How close they may come to 0 and 1: closer ones are moved there. Their gradient is 0.

    Returns
    -------
    Tensor
        Of the same shape.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.logit(minigrad.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    x = as_floats("logit", input)
    if eps is not None:
        from .selection import clamp

        x = clamp(x, eps, 1 - eps)
    return _logit(x)


@method(in_place=True)
def float_power(input: Any, exponent: Any) -> Tensor:
    """Return ``input ** exponent`` in float64.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.float_power(minigrad.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=minigrad.float64)
    """
    if not isinstance(input, Tensor):
        _dtype.expect_number("float_power", input)
        input = number_tensor(input, _dtype.float64)
    if isinstance(exponent, Tensor):
        exponent = to_dtype(exponent, _dtype.float64)
    return pow(to_dtype(input, _dtype.float64), exponent)


@method(in_place=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """Return ``input * 2**other``, exact wherever the result is a normal number, also where the power alone is none.

    Parameters
    ----------
    input, other : Tensor
        Mantissas and exponents, of shapes that broadcast.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.ldexp(minigrad.tensor([1.0, 1.5]), minigrad.tensor([3, -1]))
    tensor([8.0000, 0.7500])
    """
    x = as_floats("ldexp", input)
    power = other if array_of("ldexp", other, "other").dtype.kind == "f" else to_dtype(other, x.dtype)
    half = trunc(mul(power, 0.5))
    return mul(mul(x, exp2(half)), exp2(_sub(power, half)))


@method
def frexp(input: Tensor) -> return_types.frexp:
    """Return numbers of magnitudes from 0.5 up to but less than 1, and the powers of 2 that they are to be multiplied by.

    Parameters
    ----------
    input : Tensor
        Of floats. What is 0, infinite or NaN is its own mantissa, with the exponent 0.

    Returns
    -------
    return_types.frexp
        ``mantissa``, through which gradients go, and ``exponent``, of int32: :func:`ldexp` puts them together again.

    Raises
    ------
    RuntimeError
        If the elements are no floats.

    Examples
    --------
    >>> import minigrad
    >>> mantissa, exponent = minigrad.frexp(minigrad.tensor([6.0, -0.25, 0.0]))
    >>> mantissa, exponent
    (tensor([ 0.7500, -0.5000,  0.0000]), tensor([ 3, -1,  0], dtype=minigrad.int32))
    """
    if array_of("frexp", input).dtype.kind != "f":
        raise RuntimeError(f"frexp: needs floating-point elements, got {input.dtype}")
    size = input.detach().abs()
    regular = size.gt(0).logical_and(size.lt(math.inf))
    power = floor(size.log2()).add(1).where(regular, 0.0)  # one too many or too few where log2 was rounded
    size = ldexp(size, neg(power))
    power = power.add(1).where(size.ge(1), power.sub(1).where(size.lt(0.5), power)).where(regular, 0.0)
    return return_types.frexp((ldexp(input, neg(power)), to_dtype(power, _dtype.int32)))


def as_floats(name: str, x: Tensor) -> Any:
    """Return a tensor of floating-point numbers as it is, others in the default dtype."""
    return x if array_of(name, x).dtype.kind == "f" else to_dtype(x, _dtype.get_default_dtype())


document(
    {
        rsqrt: (
            "Return one over the square root of each element: inf of 0, NaN of negative ones.",
            "minigrad.rsqrt(minigrad.tensor([1.0, 4.0]))",
            "tensor([1.0000, 0.5000])",
        ),
        exp2: (
            "Return 2 to the power of each element.",
            "minigrad.exp2(minigrad.tensor([0.0, 3.0]))",
            "tensor([1., 8.])",
        ),
        expm1: (
            "Return the exponential of each element less 1, exact for small elements too.",
            "minigrad.expm1(minigrad.tensor([0.0, 1e-5]))",
            "tensor([0.0000e+00, 1.0000e-05])",
        ),
        log1p: (
            "Return the natural logarithm of 1 plus each element, exact for small elements too.",
            "minigrad.log1p(minigrad.tensor([0.0, 1.0]))",
            "tensor([0.0000, 0.6931])",
        ),
        log2: (
            "Return the logarithm to the base 2 of each element: NaN of negative ones, -inf of 0.",
            "minigrad.log2(minigrad.tensor([1.0, 8.0]))",
            "tensor([0., 3.])",
        ),
        log10: (
            "Return the logarithm to the base 10 of each element: NaN of negative ones, -inf of 0.",
            "minigrad.log10(minigrad.tensor([1.0, 1000.0]))",
            "tensor([0., 3.])",
        ),
        erf: (
            "Return the error function of each element.",
            "minigrad.erf(minigrad.tensor([0.0, 1.0]))",
            "tensor([0.0000, 0.8427])",
        ),
        erfc: (
            "Return 1 less the error function of each element, exact for large elements too.",
            "minigrad.erfc(minigrad.tensor([0.0, 3.0]))",
            "tensor([1.0000e+00, 2.2090e-05])",
        ),
        erfinv: (
            "Return the inverse of the error function of each element: infinite of -1 and 1, NaN further out.",
            "minigrad.erfinv(minigrad.tensor([0.0, 0.5]))",
            "tensor([0.0000, 0.4769])",
        ),
        tan: (
            "Return the tangent of each element, in radians.",
            "minigrad.tan(minigrad.tensor([0.0, 1.0]))",
            "tensor([0.0000, 1.5574])",
        ),
        asin: (
            "Return the angle in radians whose sine each element is: NaN outside of [-1, 1].",
            "minigrad.asin(minigrad.tensor([0.0, 1.0]))",
            "tensor([0.0000, 1.5708])",
        ),
        acos: (
            "Return the angle in radians whose cosine each element is: NaN outside of [-1, 1].",
            "minigrad.acos(minigrad.tensor([0.0, 1.0]))",
            "tensor([1.5708, 0.0000])",
        ),
        atan: (
            "Return the angle in radians whose tangent each element is.",
            "minigrad.atan(minigrad.tensor([0.0, 1.0]))",
            "tensor([0.0000, 0.7854])",
        ),
        sinh: (
            "Return the hyperbolic sine of each element.",
            "minigrad.sinh(minigrad.tensor([0.0, 1.0]))",
            "tensor([0.0000, 1.1752])",
        ),
        cosh: (
            "Return the hyperbolic cosine of each element.",
            "minigrad.cosh(minigrad.tensor([0.0, 1.0]))",
            "tensor([1.0000, 1.5431])",
        ),
        asinh: (
            "Return the inverse hyperbolic sine of each element.",
            "minigrad.asinh(minigrad.tensor([0.0, 1.0]))",
            "tensor([0.0000, 0.8814])",
        ),
        acosh: (
            "Return the inverse hyperbolic cosine of each element: NaN below 1.",
            "minigrad.acosh(minigrad.tensor([1.0, 2.0]))",
            "tensor([0.0000, 1.3170])",
        ),
        atanh: (
            "Return the inverse hyperbolic tangent of each element: NaN outside of [-1, 1].",
            "minigrad.atanh(minigrad.tensor([0.0, 0.5]))",
            "tensor([0.0000, 0.5493])",
        ),
        hypot: (
            "Return the length of the hypotenuse over each pair of elements.",
            "minigrad.hypot(minigrad.tensor([3.0, 0.0]), minigrad.tensor([4.0, 2.0]))",
            "tensor([5., 2.])",
        ),
        atan2: (
            "Return the angle in radians of each point whose ordinate is in `input` and whose abscissa is in `other`.",
            "minigrad.atan2(minigrad.tensor([1.0, 0.0]), minigrad.tensor([1.0, -1.0]))",
            "tensor([0.7854, 3.1416])",
        ),
        logaddexp: (
            "Return the logarithm of the sum of the exponentials of each pair of elements, which cannot overflow.",
            "minigrad.logaddexp(minigrad.tensor([0.0, 1000.0]), minigrad.tensor([0.0, 1000.0]))",
            "tensor([6.9315e-01, 1.0007e+03])",
        ),
    }
)
