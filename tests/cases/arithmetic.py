"""Rows of lerp, addcmul, addcdiv and copysign."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import (
    INF,
    LARGE,
    NAN,
    PAIRS,
    PRIVATE,
    Array,
    Case,
    Draw,
    Drawn,
    Shape,
    between,
    binary,
    given,
    nonzero,
    normal,
)


def three(x: Drawn, y: Drawn, z: Drawn, *more: Any) -> Iterator[tuple[str, Callable[[Draw], tuple[Any, ...]]]]:
    """Name and make three operands of many shapes."""
    for variant, (a, b) in PAIRS.items():
        yield variant, lambda draw, a=a, b=b: (x(draw, a), y(draw, b), z(draw, b), *more)
    yield "three shapes", lambda draw: (x(draw, (2, 1, 3)), y(draw, (4, 1)), z(draw, (3,)), *more)


def interpolations() -> Iterator[Case]:
    for variant, make in three(normal, normal, between(-1, 2)):
        yield Case("lerp", variant, make, large="large" in variant)
    for weight in (0.25, 0.75, 1, 0):
        yield Case("lerp", f"weight {weight}", lambda draw, w=weight: (normal(draw, (3, 5)), normal(draw, (3, 5)), w))
    yield Case("lerp", "large, number", lambda draw: (normal(draw, LARGE), normal(draw, LARGE), 0.3), large=True)
    yield given("lerp", "special", [1.0, 2.0, NAN, 0.0], [3.0, 2.0, 1.0, NAN], [0.5, 1.0, 0.0, 0.25])


def fused(name: str) -> Callable[..., Any]:
    return lambda lib, x, y, z, value: getattr(lib, name)(x, y, z, value=value)


def sums() -> Iterator[Case]:
    for name, z in (("addcmul", normal), ("addcdiv", nonzero)):
        for value in (1, 0.5):
            for variant, make in three(normal, normal, z, value):
                yield Case(name, f"{variant}, value {value}", make, large="large" in variant, public=fused(name))
        yield given(
            name, "zeros", [1.0, 2.0, 0.0], [0.0, 3.0, -2.0], [2.0, 1.0, 4.0], 2.0, smooth=True, public=fused(name)
        )
    zero = ([1.0, 1.0, 1.0], [2.0, 1.0, -1.0], [0.0, -0.0, INF], 1.0)
    yield given("addcdiv", "by zero", *zero, public=fused("addcdiv"))


def signs() -> Iterator[Case]:
    def signed(draw: Draw, shape: Shape) -> Array:
        # Powers of 2: PyTorch's second derivative is a difference of quotients, which are exact then.
        return np.asarray(draw.choice([0.5, 1.0, 2.0], shape) * draw.choice([-1.0, 1.0], shape))

    yield from binary("copysign", signed, signed)
    yield given("copysign", "zeros", [0.0, -0.0, 1.0, -2.0, 3.0], [-1.0, 1.0, -0.0, 0.0, -INF])
    # PyTorch divides the result by x, which is NaN for an infinite one.
    yield given("copysign", "not finite", [INF, -INF, 1.0], [-1.0, 1.0, -INF], public=PRIVATE)


FAMILIES = (interpolations, sums, signs)
