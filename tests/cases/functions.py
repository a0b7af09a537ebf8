"""Rows of the elementary functions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np

from .case import INF, NAN, PRIVATE, Case, between, binary, given, nonzero, normal, ternary, unary

#: Where each function of one tensor is smooth, and where it is not.
DOMAINS: dict[str, tuple[float, float, list[float]]] = {
    "tan": (-1.2, 1.2, [0.0, -0.0, INF, -INF, NAN]),
    "asin": (-0.9, 0.9, [0.0, 1.0, -1.0, 1.5, -2.0, INF, NAN]),
    "acos": (-0.9, 0.9, [0.0, 1.0, -1.0, 1.5, -2.0, INF, NAN]),
    "atan": (-2, 2, [0.0, -0.0, INF, -INF, NAN, 1e30]),
    "sinh": (-2, 2, [0.0, -0.0, INF, -INF, NAN, 800.0]),
    "cosh": (-2, 2, [0.0, -0.0, INF, -INF, NAN, -800.0]),
    "asinh": (-2, 2, [0.0, -0.0, INF, -INF, NAN, 1e30]),
    "acosh": (1.2, 3, [1.0, 0.5, INF, NAN, 1e30]),
    "atanh": (-0.8, 0.8, [0.0, 1.0, -1.0, INF, NAN]),
    "exp2": (-2, 2, [0.0, INF, -INF, 2000.0, -2000.0, NAN]),
    "expm1": (-2, 2, [0.0, -0.0, INF, -INF, 800.0, -800.0, NAN]),
    "log1p": (-0.5, 2, [0.0, -1.0, INF, -2.0, NAN]),
    "log2": (0.5, 2, [1.0, 0.0, -0.0, INF, NAN]),
    "log10": (0.5, 2, [1.0, 0.0, -0.0, INF, NAN]),
    "rsqrt": (0.5, 2, [1.0, 0.0, INF, NAN]),
    "erf": (-2, 2, [0.0, -0.0, INF, -INF, NAN, 30.0]),
    "erfc": (-2, 2, [0.0, -0.0, INF, -INF, NAN, 30.0]),
    "erfinv": (-0.9, 0.9, [0.0, -0.0, 1.0, -1.0, 1.5, NAN]),
}


def functions() -> Iterator[Case]:
    for name, (low, high, singular) in DOMAINS.items():
        yield from unary(name, between(low, high))
        yield given(name, "special", singular)


def _xlog1py(x: Any, y: Any) -> Any:
    return np.where(np.isnan(y), y, np.where((x == 0), 0, x * np.log1p(y))).astype(x.dtype)


def _entropy(x: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.where(x > 0, -x * np.log(x), np.where(x == 0, 0, np.where(x < 0, -INF, x))).astype(x.dtype)


def _quantile(p: Any) -> Any:
    ends = np.where(p == 0, -INF, np.where(p == 1, INF, NAN))
    inside = (p > 0) & (p < 1)
    return np.where(inside, np.vectorize(NormalDist().inv_cdf, [float])(np.where(inside, p, 0.5)), ends).astype(p.dtype)


def _bessel(x: Any, order: int) -> Any:
    """Return j_n(x) / x^n as the sum of (-x² / 2)^k / (k! (2n + 2k + 1)!!), in more digits than a double has."""
    with np.errstate(all="ignore"):
        term = np.asarray(x, np.longdouble) * 0 + 1 / np.longdouble(math.prod(range(1, 2 * order + 2, 2)))
        total = term
        for k in range(1, 60):
            term = term * np.asarray(x, np.longdouble) ** 2 / (-2 * k * (2 * order + 2 * k + 1))
            total = total + term
    return total.astype(x.dtype)


def pairs() -> Iterator[Case]:
    yield from binary("hypot", nonzero, number=False)
    yield given("hypot", "special", [0.0, 3.0, -0.0, 1e-15], [2.0, 0.0, 1.0, 1e-15])
    yield from binary("over_radius", nonzero, nonzero, number=False)
    yield given("over_radius", "origin", [0.0, 0.0], [0.0, 2.0])
    yield from binary("atan2", nonzero, nonzero, number=False)
    yield given("atan2", "axes", [0.0, 1.0, -1.0, 0.0], [2.0, 0.0, 0.0, -2.0])
    yield given("atan2", "origin", [0.0, -0.0], [0.0, 0.0])
    yield from binary("logaddexp", number=False)
    yield given("logaddexp", "equal", [0.0, 1000.0, -1000.0], [0.0, 1000.0, -1000.0], smooth=True)
    yield given("logaddexp", "infinite", [INF, -INF, 1.0, NAN, 1.0], [1.0, 1.0, -INF, 1.0, 800.0])
    yield from binary("xlogy", normal, between(0.5, 2), number=False)
    yield given("xlogy", "zeros", [0.0, 0.0, 0.0, 2.0, 2.0], [0.5, -1.0, INF, 1.0, 0.0])
    yield from ternary("xlogy_by_x", normal, normal, between(0.5, 2), expected=lambda g, x, y: g * np.log(y))
    singular = [1.0, 2.0, 0.5, 3.0], [0.0, 0.0, 2.0, 0.0], [0.0, -1.0, 0.5, 2.0]
    yield given(
        "xlogy_by_x",
        "zeros",
        *singular,
        expected=lambda g, *_: np.array([0.0, 0.0, np.log(0.5) / 2, np.log(8)], g.dtype),
    )
    xlog1py = {"expected": _xlog1py, "public": lambda lib, x, y: lib.special.xlog1py(x, y)}
    yield from binary("xlog1py", normal, between(-0.5, 2), number=False, **xlog1py)
    yield given(
        "xlog1py",
        "zeros",
        [0.0, 0.0, 0.0, 0.0, 2.0, 2.0],
        [0.5, -1.0, -2.0, INF, 0.0, -1.0],
        **xlog1py | {"public": PRIVATE},
    )
    yield given("xlog1py", "not a number", [0.0, 2.0, NAN, 2.0], [NAN, NAN, 1.0, -2.0], **xlog1py | {"public": PRIVATE})
    entr = {"expected": _entropy, "public": lambda lib, x: lib.special.entr(x)}
    yield from unary("entropy", between(0.2, 2), **entr)
    yield given("entropy", "special", [1.0, 0.0, -1.0, INF, NAN], **entr)
    ndtri = {"expected": _quantile, "public": lambda lib, p: lib.special.ndtri(p)}
    yield from unary("normal_quantile", between(0.15, 0.85), **ndtri)
    yield given("normal_quantile", "special", [0.0, -0.0, 1.0, -1.0, 1.5, NAN], **ndtri)
    log_odds = {"expected": lambda x: np.log(x) - np.log1p(-x)}
    yield from unary("logit", between(0.15, 0.85), **log_odds)
    yield given("logit", "special", [0.0, 1.0, NAN], **log_odds)
    bessel: dict[str, Any] = {"expected": _bessel, "public": PRIVATE}
    yield from unary("bessel", attributes=(1,), **bessel)
    for order in (0, 1, 2, 5):
        points = [0.0, -0.0, 1e-3, order + 0.5, order + 1.5, -6.0]
        yield given("bessel", f"order {order}", points, attributes=(order,), smooth=True, **bessel)
        yield given("bessel", f"order {order}, special", [INF, -INF, NAN], attributes=(order,), **bessel)
    yield from binary("logit_grad", normal, between(0.15, 0.85), number=False)
    yield given("logit_grad", "special", [0.0, 0.0, 1.0, 2.0], [0.0, NAN, 1.0, 2.0])
    yield from binary("difference")
    yield given("difference", "infinite", [INF, -INF, INF, 1.0], [INF, -INF, 1.0, -INF])


FAMILIES = (functions, pairs)
