"""The records of activations.

A function and its derivative, multiplied by a cotangent, are kernels; from the second derivative on the rules are made of
primitives. Forward, a product lets no infinite tangent pass where the derivative is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..primitive import ELEMENTWISE, MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, ONE_TO_ONE, kernel_primitive
from . import elementwise as ew
from .elementwise import _add, _sub, _where, div, exp, gt, lt, mul, safe_mul, sigmoid, tanh
from .joining import join
from .records import DEFINITION
from .shape import _index
from .views import along


def _smooth(
    name: str,
    equation: str,
    curvature: Callable[..., Any],
    source: str,
    slope_equation: str | None = None,
    promotion: str = "common",
) -> Callable[..., Any]:
    """Make a function and the primitive of its derivative; `curvature` is the second one, of x and the function's options."""
    slope: Callable[..., Any] = kernel_primitive(
        f"{name}_grad",
        equation=f"out = {slope_equation or f'g times the derivative of {name} at x'}",
        source=source,
        relation=ONE_TO_MANY,
        structure=ELEMENTWISE,
        vjp={
            "g": lambda h, x, *options: slope(h, x, *options),
            "x": lambda h, g, x, *options: safe_mul(mul(h, g), curvature(x, *options)),
        },
    )
    return kernel_primitive(
        name,
        equation=f"out = {equation}",
        source=source,
        relation=ONE_TO_ONE,
        structure=ELEMENTWISE,
        vjp={"x": slope},
        jvp={"x": lambda t, x, *options: safe_mul(t, slope(1.0, x, *options))},
        promotion=promotion,
    )


def _hardswish_curvature(x: Any) -> Any:
    return mul(ew.sign(ew.relu(_sub(3.0, ew.abs(x)))), 1 / 3)


def _logistic_slope(s: Any) -> Any:
    """Return the derivative of the logistic function from its value."""
    return mul(s, _sub(1.0, s))


def _cube(x: Any) -> Any:
    return mul(mul(x, x), x)


def _silu_curvature(x: Any) -> Any:
    s = sigmoid(x)
    return safe_mul(_logistic_slope(s), _add(mul(x, _sub(1.0, mul(s, 2.0))), 2.0))


def _gelu_curvature(x: Any) -> Any:
    square = mul(x, x)
    return safe_mul(mul(exp(mul(square, -0.5)), 1 / math.sqrt(2 * math.pi)), _sub(2.0, square))


_GATE = 2 * math.sqrt(2 / math.pi)
_CUBIC = 0.044715 * _GATE


def _gelu_tanh_curvature(x: Any) -> Any:
    """Return f'' of f = x s(v), v = a x + b x³: s' (2 v' + x ((1 - 2 s) v'² + v''))."""
    square = mul(x, x)
    s = sigmoid(mul(x, _add(mul(square, _CUBIC), _GATE)))
    rate = _add(mul(square, 3 * _CUBIC), _GATE)
    bend = _add(mul(_sub(1.0, mul(s, 2.0)), mul(rate, rate)), mul(x, 6 * _CUBIC))
    return safe_mul(_logistic_slope(s), _add(mul(rate, 2.0), mul(x, bend)))


def _mish_curvature(x: Any) -> Any:
    """Return f'' of f = x T, T = tanh(softplus(x)), T' = (1 - T²) s: T' (2 + x (1 - s - 2 T s))."""
    s, t = sigmoid(x), tanh(_softplus(x, 1.0, math.inf))
    inner = _sub(_sub(1.0, s), mul(mul(t, s), 2.0))
    return safe_mul(mul(_sub(1.0, mul(t, t)), s), _add(mul(x, inner), 2.0))


_GELU = "Hendrycks and Gimpel, Gaussian Error Linear Units (GELUs)"
_silu = _smooth("silu", "x / (1 + e^-x)", _silu_curvature, _GELU)
_gelu = _smooth("gelu", "x P(x), P the normal distribution function", _gelu_curvature, _GELU)
_gelu_tanh = _smooth("gelu_tanh", "x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x³)", _gelu_tanh_curvature, _GELU)
_mish = _smooth(
    "mish", "x tanh(ln(1 + e^x))", _mish_curvature, "Misra, Mish: A Self Regularized Non-Monotonic Activation Function"
)

_GATED = "Dauphin and others, Language Modeling with Gated Convolutional Networks"
_gate_slope: Callable[..., Any] = kernel_primitive(
    "gate_slope",
    equation="out = g x s (1 - s), s = 1 / (1 + e^-y), 0 where g is 0",
    source=_GATED,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, y: _gate_slope(h, x, y),
        "x": lambda h, g, y: _gate_slope(h, g, y),
        "y": lambda h, g, x, y: safe_mul(_gate_slope(mul(h, g), x, y), _sub(1.0, mul(sigmoid(y), 2.0))),
    },
)


def _halves(x: Any, dim: int) -> tuple[Any, ...]:
    size = x.shape[dim] // 2
    return _index(x, along(dim, slice(0, size, 1))), _index(x, along(dim, slice(size, 2 * size, 1)))


def _glu_along(t: Any, x: Any, dim: int) -> Any:
    """Return what a change `t` of x makes of the result."""
    (a, b), (ta, tb) = _halves(x, dim), _halves(t, dim)
    return _add(safe_mul(ta, sigmoid(b)), safe_mul(tb, _gate_slope(1.0, a, b)))


def _glu_bend(h: Any, g: Any, x: Any, dim: int) -> Any:
    """Return h times the second derivative of the result times g, which is the same from either side."""
    (a, b), (ha, hb) = _halves(x, dim), _halves(h, dim)
    curved = safe_mul(_gate_slope(mul(hb, g), a, b), _sub(1.0, mul(sigmoid(b), 2.0)))
    return join([_gate_slope(hb, g, b), _add(_gate_slope(ha, g, b), curved)], dim, False)


_glu_grad: Callable[..., Any] = kernel_primitive(
    "glu_grad",
    equation="out = g s, followed along dim by g a s (1 - s), for the halves a, b of x and s = 1 / (1 + e^-b)",
    source=_GATED,
    relation=MANY_TO_MANY,
    vjp={"g": lambda h, x, dim: _glu_along(h, x, dim), "x": lambda h, g, x, dim: _glu_bend(h, g, x, dim)},
    jvp={"g": lambda t, x, dim: _glu_grad(t, x, dim), "x": lambda t, g, x, dim: _glu_bend(t, g, x, dim)},
)
_glu: Callable[..., Any] = kernel_primitive(
    "glu",
    equation="out = a / (1 + e^-b) for the halves a, b of x along dim",
    source=_GATED,
    relation=MANY_TO_ONE,
    vjp={"x": lambda g, x, dim: _glu_grad(g, x, dim)},
    jvp={"x": lambda t, x, dim: _glu_along(t, x, dim)},
)

_softsign = _smooth(
    "softsign",
    "x / (1 + |x|)",
    lambda x: div(mul(ew.sign(x), -2.0), _cube(_add(ew.abs(x), 1.0))),
    DEFINITION,
    promotion="float",
)

_hardswish = _smooth(
    "hardswish",
    "x (min(max(x, -3), 3) + 3) / 6",
    _hardswish_curvature,
    "Howard and others, Searching for MobileNetV3",
)


def _softplus_curvature(x: Any, beta: float, threshold: float) -> Any:
    z = mul(x, beta)
    return _where(gt(z, threshold), 0.0, mul(_logistic_slope(sigmoid(z)), beta))


def _elu_curvature(x: Any, alpha: float, _scale: float, rate: float) -> Any:
    return _where(lt(x, 0.0), mul(exp(mul(x, rate)), alpha * rate * rate), 0.0)


_softplus = _smooth(
    "softplus",
    "ln(1 + e^(beta x)) / beta, x where beta x > threshold",
    _softplus_curvature,
    DEFINITION,
    "g / (1 + e^(-beta x)), g where beta x > threshold",
)

_elu = _smooth(
    "elu",
    "scale x where x > 0, else alpha (e^(rate x) - 1)",
    _elu_curvature,
    "Clevert, Unterthiner and Hochreiter, Fast and Accurate Deep Network Learning by ELUs",
    "g scale where x > 0, else g alpha rate e^(rate x)",
)

_broken_line_grad: Callable[..., Any] = kernel_primitive(
    "broken_line_grad",
    equation="out = g times the slope at x: below, between or above; at low and high the smaller one of both sides",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, *line: _broken_line_grad(h, x, *line),
        "x": lambda h: safe_mul(h, 0.0),
    },
)
_broken_line: Callable[..., Any] = kernel_primitive(
    "broken_line",
    equation="out = between (x + shift) from low to high, led on with the slopes below and above",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": _broken_line_grad},
)

_cut: Callable[..., Any] = kernel_primitive(
    "cut",
    equation="out = g, but value where low <= x <= high",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"g": lambda h, x, low, high: _cut(h, x, low, high, 0.0)},
)
_prelu: Callable[..., Any] = kernel_primitive(
    "prelu",
    equation="out = y where x > 0, else weight y",
    source="He and others, Delving Deep into Rectifiers",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "y": lambda g, x, weight: _prelu(g, x, weight),
        "weight": lambda g, y, x: _where(gt(x, 0.0), 0.0, safe_mul(g, y)),
    },
    jvp={
        "y": lambda t, x, weight: safe_mul(t, _prelu(1.0, x, weight)),
        "weight": lambda t, y, x: _where(gt(x, 0.0), 0.0, safe_mul(t, y)),
    },
)
