"""Division with whole quotients, divisors and multiples, and rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core
from .._methods import kernel_call, method, operator
from ..batching import hands_on
from ..primitive import ELEMENTWISE, ONE_TO_ONE, Primitive, kernel_primitive
from ..tensor import Tensor, array_of
from . import elementwise
from .elementwise import safe_mul, safe_product
from .records import DEFINITION, binary, document, unary

__all__ = [
    "ceil",
    "div",
    "divide",
    "fix",
    "floor",
    "floor_divide",
    "fmod",
    "frac",
    "gcd",
    "lcm",
    "remainder",
    "round",
    "true_divide",
    "trunc",
]


def _zero(g: Any) -> Any:
    """Return the cotangent of what is constant wherever it has a derivative."""
    return safe_mul(g, 0.0)


# ----------------------------------------------------------------------------------------------------------------------
# Division.

floor_divide = binary("floor_divide", "x / y rounded down", None, None)
_div_floor = binary("div_floor", "x / y rounded down", lambda g: _zero(g), lambda g: _zero(g), kernel="floor_divide")
_div_trunc = binary(
    "div_trunc", "x / y rounded towards 0", lambda g: _zero(g), lambda g: _zero(g), kernel="trunc_divide"
)
remainder = binary(
    "remainder",
    "x - y floor(x / y)",
    lambda g: g,
    lambda g, x, y: safe_product(g, floor_divide(x, y), -1.0),
)
fmod = binary(
    "fmod",
    "x - y trunc(x / y)",
    lambda g: g,
    lambda g, x, y: safe_product(g, _div_trunc(x, y), -1.0),
)

gcd = binary("gcd", "the greatest number that divides x and y", None, None)
lcm = binary("lcm", "the least multiple of x and y", None, None)

_QUOTIENTS: dict[str | None, Callable[..., Any]] = {None: elementwise.div, "floor": _div_floor, "trunc": _div_trunc}


_DIV_CALLS = (kernel_call("div", 0, 1, other="any"),)


@method(in_place=_DIV_CALLS)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Return the quotient of each pair of elements.

    Parameters
    ----------
    input, other : Tensor or number
        Of any shapes that broadcast.
    rounding_mode : {None, "trunc", "floor"}
        None divides as floats; integers become floats of the default dtype. "trunc" rounds the quotient towards 0,
        "floor" rounds it down; both keep integers.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast, or for another rounding mode.
    ZeroDivisionError
        If integers are divided by 0 with rounding.

    Notes
    -----
    out = x / y; dx = g / y, dy = -g x / y²; 0 with rounding.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.div(minigrad.tensor([1, 2]), 4)
    tensor([0.2500, 0.5000])
    >>> minigrad.div(minigrad.tensor([-7, 7]), 2, rounding_mode="floor")
    tensor([-4,  3])
    """
    if rounding_mode not in _QUOTIENTS:
        raise RuntimeError(f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    return _QUOTIENTS[rounding_mode](input, other)


def true_divide(input: Any, other: Any) -> Tensor:
    """Return the quotient of each pair of elements, as a float: :func:`div` without rounding."""
    return elementwise.div(input, other)


divide = div
method(div, "divide", in_place=True)
method(true_divide, in_place=_DIV_CALLS)

# ----------------------------------------------------------------------------------------------------------------------
# Rounding. Integers are whole already.

floor = unary("floor", "x rounded down", lambda g: _zero(g), promotion=None)
ceil = unary("ceil", "x rounded up", lambda g: _zero(g), promotion=None)
trunc = unary("trunc", "x rounded towards 0", lambda g: _zero(g), promotion=None)
frac = unary("frac", "x - trunc(x)", lambda g: g, promotion=None)
fix = trunc
method(trunc, "fix", in_place=True)

_round = kernel_primitive(
    "round",
    equation="out = the integer next to x, the even one of two",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g: _zero(g)},
    promotion=None,
)


@hands_on
def _run_round_to(x: Any, decimals: int) -> Any:
    there, back = [_core.kernels[name] for name in (("mul", "div") if decimals > 0 else ("div", "mul"))]
    moved = there(x, 10.0 ** abs(decimals))
    return moved if moved is NotImplemented else back(_core.kernels["round"](moved), 10.0 ** abs(decimals))


_round_to = Primitive(
    "round_to",
    run=_run_round_to,
    inputs=("x",),
    attributes=("decimals",),
    equation="out = round(x 10^decimals) / 10^decimals",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g: _zero(g)},
    promotion=None,
).eager


@method(in_place=(kernel_call("round", 0),))
def round(input: Tensor, *, decimals: int = 0) -> Tensor:  # noqa: A001
    """Return each element rounded to the nearest integer, or to a number of decimals; of two, to the even one.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    decimals : int, default 0
        How many digits to keep behind the point; if negative, how many before it become 0.

    Returns
    -------
    Tensor
        Of the same shape and dtype.

    Raises
    ------
    TypeError
        If `input` is not a tensor of numbers, or one of integers while `decimals` is not 0.

    Notes
    -----
    out = round(x 10^decimals) / 10^decimals; the gradient is 0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.round(minigrad.tensor([2.5, -0.25]))
    tensor([2., -0.])
    >>> minigrad.round(minigrad.tensor([123.456]), decimals=1)
    tensor([123.5000])
    """
    if decimals == 0:
        return _round(input)
    if array_of("round", input).dtype.kind != "f":
        raise TypeError(f"round: integers have no decimals to round to, got decimals={decimals} for {input.dtype}")
    return _round_to(input, decimals)


document(
    {
        floor: (
            "Return each element rounded down.",
            "minigrad.floor(minigrad.tensor([1.5, -1.5]))",
            "tensor([ 1., -2.])",
        ),
        ceil: ("Return each element rounded up.", "minigrad.ceil(minigrad.tensor([1.5, -1.5]))", "tensor([ 2., -1.])"),
        trunc: (
            "Return each element without its fraction.",
            "minigrad.trunc(minigrad.tensor([1.5, -1.5]))",
            "tensor([ 1., -1.])",
        ),
        frac: (
            "Return the fraction of each element, with its sign.",
            "minigrad.frac(minigrad.tensor([1.5, -1.5]))",
            "tensor([ 0.5000, -0.5000])",
        ),
        floor_divide: (
            "Return the quotient of each pair of elements, rounded down; it has no gradient.",
            "minigrad.floor_divide(minigrad.tensor([-7, 7]), 2)",
            "tensor([-4,  3])",
        ),
        remainder: (
            "Return what division leaves when the quotient is rounded down: it has the divisor's sign.",
            "minigrad.remainder(minigrad.tensor([-7, 7]), 4)",
            "tensor([1, 3])",
        ),
        fmod: (
            "Return what division leaves when the quotient is rounded towards 0: it has the dividend's sign.",
            "minigrad.fmod(minigrad.tensor([-7, 7]), 4)",
            "tensor([-3,  3])",
        ),
        gcd: (
            "Return the greatest common divisor of integers, whatever their signs; of 0 and another, that one's size.",
            "minigrad.gcd(minigrad.tensor([12, -18, 0]), 8)",
            "tensor([4, 2, 8])",
        ),
        lcm: (
            "Return the least common multiple of integers, whatever their signs; 0 where one is 0.",
            "minigrad.lcm(minigrad.tensor([4, -6, 0]), 10)",
            "tensor([20, 30,  0])",
        ),
    }
)

for _function in (floor_divide, remainder, fmod, gcd, lcm):
    method(_function, in_place=True)

operator("floordiv", floor_divide, "floor_divide_")
operator("mod", remainder, "remainder_")
operator("truediv", elementwise.div, "true_divide_")
method(lambda self, other: elementwise.div(other, self), "__rdiv__")  # as PyTorch calls it too
