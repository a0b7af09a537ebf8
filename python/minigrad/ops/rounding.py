"""Division with whole quotients, and rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._methods import method, operator
from ..tensor import Tensor
from . import elementwise
from .elementwise import _binary, document, neg, safe_mul

__all__ = ["div", "divide", "floor_divide", "fmod", "remainder", "true_divide"]


def _zero(g: Any) -> Any:
    """Return the cotangent of what is constant wherever it has a derivative."""
    return safe_mul(g, 0.0)


# ----------------------------------------------------------------------------------------------------------------------
# Division.

floor_divide = _binary("floor_divide", "x / y rounded down", None, None)
_div_floor = _binary("div_floor", "x / y rounded down", lambda g: _zero(g), lambda g: _zero(g), kernel="floor_divide")
_div_trunc = _binary(
    "div_trunc", "x / y rounded towards 0", lambda g: _zero(g), lambda g: _zero(g), kernel="trunc_divide"
)
remainder = _binary(
    "remainder",
    "x - y floor(x / y)",
    lambda g: g,
    lambda g, x, y: neg(safe_mul(g, floor_divide(x, y))),
)
fmod = _binary(
    "fmod",
    "x - y trunc(x / y)",
    lambda g: g,
    lambda g, x, y: neg(safe_mul(g, _div_trunc(x, y))),
)

_QUOTIENTS: dict[str | None, Callable[..., Any]] = {None: elementwise.div, "floor": _div_floor, "trunc": _div_trunc}


@method(in_place=True)
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
    return _QUOTIENTS[rounding_mode](input, other)  # type: ignore[no-any-return]


def true_divide(input: Any, other: Any) -> Tensor:
    """Return the quotient of each pair of elements, as a float: :func:`div` without rounding."""
    return elementwise.div(input, other)


divide = div
method(div, "divide", in_place=True)
method(true_divide, in_place=True)

document(
    {
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
    }
)

for _function in (floor_divide, remainder, fmod):
    method(_function, in_place=True)

operator("floordiv", floor_divide, "floor_divide_")
operator("mod", remainder, "remainder_")
operator("truediv", elementwise.div, "true_divide_")
