"""The primitives of losses of single elements against targets, and what becomes of such losses: their mean or sum.

《深度学习与梯度》, section 5. The public functions are those of regression_loss.py, probability_loss.py and margin_loss.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype
from ..batching_rules import spread
from ..primitive import MANY_TO_ONE, ONE_TO_MANY, Rule, kernel_primitive
from ..tensor import Tensor
from .elementwise import _sub, _where, abs, div, ge, lt, mul, neg, safe_mul, sigmoid, sigmoid_grad
from .reduce import _mean, _sum
from .shape import _reshape, broadcast

#: The least denominator in the derivative of binary cross-entropy: 1e-12 as a float.
_LEAST = float(np.float32(1e-12))

GRADIENTS = "《深度学习与梯度》"
REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}

# ----------------------------------------------------------------------------------------------------------------------
# Reductions.


def reduction_code(name: str, reduction: object, size_average: bool | None = None, reduce: bool | None = None) -> int:
    """Return the number of a reduction; ValueError where there is none of this name.

    `size_average` and `reduce` are what PyTorch had before `reduction`; where either is given it decides.
    """
    if size_average is not None or reduce is not None:
        for argument, value in (("size_average", size_average), ("reduce", reduce)):
            if value is not None:
                _dtype.expect_flag(name, argument, value)
        return 0 if reduce is False else 2 if size_average is False else 1
    code = REDUCTIONS.get(reduction) if isinstance(reduction, str) else None
    if code is None:
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    return code


def reduced(losses: Any, code: int) -> Any:
    """Return losses as they are, their mean or their sum."""
    return losses if code == 0 else _mean(losses, (), False) if code == 1 else _sum(losses, (), False)


def wide(array: Any) -> Any:
    """Return an array as kernels that compute take it: float16 as float32."""
    return _core.kernels["cast"](array, _dtype.float32.code) if array.dtype == np.float16 else array


def _share(g: Any, code: int, x_shape: tuple[int, ...]) -> Any:
    """Return what of a loss's cotangent goes to each element."""
    return div(g, float(math.prod(x_shape))) if code == 1 and g.shape == () else g


def _one(like: Any) -> Any:
    return np.ones((), dtype=like._array.dtype if isinstance(like, Tensor) else like.dtype)


# ----------------------------------------------------------------------------------------------------------------------
# Primitives: a loss of input x and target y, and its derivative by x times the cotangent, both with the reduction.
#
# The rules of such a pair follow from three functions: the derivative by y, and what multiplies h in the derivative of
# the derivative by x and by y. Behind the reduction some take beta, where the loss changes from a parabola to a line.


def _losses(
    name: str,
    equation: str,
    slope: str,
    source: str,
    *,
    bend: Callable[..., Any],
    bend_target: Callable[..., Any],
    to_target: Callable[..., Any] | None = None,
) -> Callable[..., Any]:
    """Make the records of a loss and of its gradient; return the loss.

    ``bend(h, x, y, *beta)`` and ``bend_target`` are h times the derivatives of the slope by x and by y, and
    ``to_target(g, x, y, reduction)`` is the rule for y. Without it the loss is one of the difference x - y: what goes to y
    is what goes to x with the other sign.
    """

    def by_x(g: Any, x: Any, y: Any, *settings: Any) -> Any:
        return grad(g, x, y, *settings)

    def by_minus_x(g: Any, x: Any, y: Any, *settings: Any) -> Any:
        return grad(neg(g), x, y, *settings)

    def by_both(g: Any, wanted: int, x: Any, y: Any, *settings: Any) -> Any:
        if wanted == 2:
            return NotImplemented
        by = grad(g, x, y, *settings)
        return by, neg(by) if wanted == 3 else None

    def times(rule: Callable[..., Any]) -> Rule:
        """Return what adds up t times the derivatives of the elements; 0 without elements."""
        return lambda t, x, y, reduction, *beta: _total(mul(t, rule(_one(x), x, y, 0, *beta)), reduction)

    def bent(how: Callable[..., Any]) -> Rule:
        return lambda h, g, x, y, reduction, *beta: how(safe_mul(h, _share(g, reduction, x.shape)), x, y, *beta)

    def batched_loss(level: Any, values: Any, batched: Any, code: int, *beta: float) -> Any:
        x, y = (spread(level, v, b) for v, b in zip(values, batched, strict=True))
        losses = loss(x, y, 0, *beta)
        if code == 0:
            return losses
        flat = _reshape(losses, (level.size, math.prod(x.shape[1:])))
        return (_mean if code == 1 else _sum)(flat, (1,), False)

    by_y = to_target or by_minus_x
    bends = {"x": bent(bend), "y": bent(bend_target)}
    grad: Callable[..., Any] = kernel_primitive(
        f"{name}_grad",
        equation=f"out = g {slope}, divided by the number of elements for a mean",
        source=source,
        relation=ONE_TO_MANY,
        vjp={"g": times(by_x), **bends},
        jvp={"g": by_x, **bends},
        batch=lambda *call: _batched_grad(grad, *call),
    )
    loss = kernel_primitive(
        name,
        equation=f"out = {equation}, or their mean or sum",
        source=source,
        relation=MANY_TO_ONE,
        vjp={"x": grad, "y": by_y},
        vjp_at_once=None if to_target else by_both,
        jvp={"x": times(by_x), "y": times(by_y)},
        batch=batched_loss,
    )
    return loss


def _total(each: Any, code: int) -> Any:
    """Return what becomes of the elements' tangents; 0 without elements."""
    return reduced(each, code if math.prod(each.shape) else 2 * (code > 0))


def _batched_grad(grad: Callable[..., Any], level: Any, values: Any, batched: Any, code: int, *beta: float) -> Any:
    """Return the batching rule's result for the gradient of a loss."""
    g, *operands = values
    x, y = (spread(level, v, b) for v, b in zip(operands, batched[1:], strict=True))
    shape = x.shape[1:]
    if g.shape[batched[0] :] == ():
        g = div(g, float(math.prod(shape))) if code == 1 else g
        g = _reshape(g, (*g.shape, *(1,) * len(shape))) if batched[0] else g
    return grad(broadcast(g, x.shape), x, y, 0, *beta)


def _of_difference(bend: Callable[..., Any]) -> dict[str, Any]:
    """Return the rules of a loss of d = x - y, of which ``bend(h, d, *beta)`` is h times the second derivative."""
    return {
        "bend": lambda h, x, y, *beta: bend(h, _sub(x, y), *beta),
        "bend_target": lambda h, x, y, *beta: neg(bend(h, _sub(x, y), *beta)),
    }


_mse_loss = _losses(
    "mse_loss",
    "(x - y)²",
    "2 (x - y)",
    f"{GRADIENTS} (5.1), (5.2)",
    **_of_difference(lambda h, d: mul(_like(h, d), 2.0)),
)
_l1_loss = _losses(
    "l1_loss",
    "|x - y|",
    "sign(x - y)",
    f"{GRADIENTS} (5.3), (5.4)",
    **_of_difference(lambda h, d: mul(_like(h, d), 0.0)),
)
_smooth_l1_loss = _losses(
    "smooth_l1_loss",
    "(x - y)² / 2β where |x - y| < β, else |x - y| - β/2",
    "(x - y) / β where |x - y| < β, else sign(x - y)",
    "Girshick, Fast R-CNN",
    **_of_difference(lambda h, d, beta: _where(lt(abs(d), beta), div(h, beta or 1.0), 0.0)),
)
_huber_loss = _losses(
    "huber_loss",
    "(x - y)² / 2 where |x - y| < β, else β (|x - y| - β/2)",
    "the difference x - y, limited to ±β",
    "Huber, Robust Estimation of a Location Parameter",
    **_of_difference(lambda h, d, beta: _where(lt(abs(d), beta), h, 0.0)),
)


def _like(h: Any, d: Any) -> Any:
    """Return h in d's shape."""
    return h if h.shape == d.shape else broadcast(h, d.shape)


def _spread(x: Any) -> Any:
    """Return x (1 - x)."""
    return mul(x, _sub(1.0, x))


def _bend_probability(h: Any, x: Any, y: Any) -> Any:
    """Return h times the derivative of (x - y) / (x (1 - x)) by x, 1e-12 being the least of the denominator."""
    spread = _spread(x)
    free = ge(spread, _LEAST)
    denominator = _where(free, spread, _LEAST)
    bend = mul(div(_sub(x, y), mul(denominator, denominator)), _where(free, _sub(1.0, mul(x, 2.0)), 0.0))
    return safe_mul(h, _sub(div(1.0, denominator), bend))


def _bend_probability_target(h: Any, x: Any, y: Any) -> Any:
    spread = _spread(x)
    return neg(div(_like(h, y), _where(ge(spread, _LEAST), spread, _LEAST)))


def _bend_target(h: Any, g: Any, x: Any, y: Any, reduction: int) -> Any:
    return _bend_probability_target(safe_mul(h, _share(g, reduction, x.shape)), x, y)


binary_cross_entropy_target_grad: Callable[..., Any] = kernel_primitive(
    "binary_cross_entropy_target_grad",
    equation="out = g (ln(1 - x) - ln x), with logarithms of at least -100, divided by the number of elements for a mean",
    source=f"derivative of {GRADIENTS} (5.5) by y",
    relation=ONE_TO_MANY,
    vjp={
        "g": lambda h, x, y, reduction: _total(mul(h, binary_cross_entropy_target_grad(_one(x), x, y, 0)), reduction),
        "x": lambda h, g, x, y, reduction: _bend_target(h, g, x, y, reduction),
    },
    jvp={
        "g": lambda t, x, y, reduction: binary_cross_entropy_target_grad(t, x, y, reduction),
        "x": lambda t, g, x, y, reduction: _bend_target(t, g, x, y, reduction),
    },
    batch=lambda *call: _batched_grad(binary_cross_entropy_target_grad, *call),
)


_binary_cross_entropy = _losses(
    "binary_cross_entropy",
    "-(y ln x + (1 - y) ln(1 - x)), with logarithms of at least -100",
    "(x - y) / (x (1 - x)), the denominator at least 1e-12",
    f"{GRADIENTS} (5.5), (5.6)",
    bend=_bend_probability,
    bend_target=_bend_probability_target,
    to_target=lambda g, x, y, reduction: binary_cross_entropy_target_grad(g, x, y, reduction),
)
_binary_cross_entropy_with_logits = _losses(
    "binary_cross_entropy_with_logits",
    "|x| (y where x < 0, else 1 - y) + ln(1 + e^-|x|)",
    "(σ(x) - y)",
    f"{GRADIENTS} (5.7), (5.9)",
    bend=lambda h, x, _y: sigmoid_grad(_like(h, x), sigmoid(x)),
    bend_target=lambda h, _x, y: neg(_like(h, y)),
    to_target=lambda g, x, y, reduction: safe_mul(neg(_share(g, reduction, x.shape)), x),  # noqa: ARG005
)
