"""Rows of bounds, replacements and steps."""

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
    SINGLE,
    Array,
    Case,
    Draw,
    Shape,
    apart,
    binary,
    given,
    nonzero,
    normal,
)

X = [-2.0, -1.0, 0.5, 1.0, 3.0, NAN, INF, -INF]
LOWER, UPPER = [-1.0] * 8, [1.0] * 8
CROSSED = ([0.0, 2.0, 5.0, 1.0, 3.0], [3.0, 3.0, 3.0, 3.0, 3.0], [1.0, 1.0, 1.0, 1.0, 3.0])
NOT_A_NUMBER = ([1.0, NAN, 1.0, 2.0], [NAN, 0.0, 0.0, NAN], [3.0, 1.0, NAN, NAN])


def separate(*shapes: Shape) -> Callable[[Draw], tuple[Array, ...]]:
    """Draw x, lower and upper that are nowhere close to each other: bounds about -1 and 1, x about -2, 0 and 2."""

    def make(draw: Draw) -> tuple[Array, ...]:
        centres = (draw.choice([-2.0, 0.0, 2.0], shapes[0]), -np.ones(shapes[1]), np.ones(shapes[2]))
        return tuple(np.asarray(c + draw.uniform(-0.3, 0.3, s)) for c, s in zip(centres, shapes, strict=True))

    return make


def bounds() -> Iterator[Case]:
    for variant, (a, b) in PAIRS.items():
        yield Case("clamp", variant, separate(a, b, b), large="large" in variant)
    yield Case("clamp", "numbers", lambda draw: (*separate((3, 5), (), ())(draw)[:1], -1, 1.0))
    yield Case("clamp", "one number", lambda draw: (*separate((3, 5), (5,), ())(draw)[:2], 1.0), public=PRIVATE)
    yield Case("clamp", "large, numbers", lambda draw: (*separate(LARGE, (), ())(draw)[:1], -1, 1.0), large=True)
    # PyTorch's gradient fails where bounds are wider than x.
    yield Case("clamp", "three shapes", separate((2, 1, 3), (4, 1), (3,)), public=PRIVATE)
    yield given("clamp", "at the bounds", X, LOWER, UPPER)
    yield given("clamp", "crossed bounds", *CROSSED)
    yield given("clamp", "not a number", *NOT_A_NUMBER)
    yield given("clamp", "no upper bound", X, -1.0, INF, public=lambda lib, x, lower, _: lib.clamp(x, lower))
    yield given("clamp", "no lower bound", X, -INF, 1.0, public=lambda lib, x, _, upper: lib.clamp(x, max=upper))
    for argument in range(3):
        for variant, (a, b) in PAIRS.items():
            g_shape = np.broadcast_shapes(a, b)
            yield Case(
                "clamp_grad",
                f"{variant}, {argument}",
                lambda draw, g=g_shape, a=a, b=b: (normal(draw, g), *separate(a, b, b)(draw)),
                (argument,),
                large="large" in variant,
            )
        g = [1.0, INF, NAN, 2.0, 1.0, 1.0, 1.0, 1.0]
        yield given("clamp_grad", f"at the bounds, {argument}", g, X, LOWER, UPPER, attributes=(argument,))
        yield given("clamp_grad", f"crossed, {argument}", g[:5], *CROSSED, attributes=(argument,))


def larger_and_smaller() -> Iterator[Case]:
    for name in ("fmax", "fmin"):
        yield from binary(name, apart, nonzero, number=False)
        yield given(name, "ties", [0.0, 1.0, 2.0, -1.0], [-0.0, 1.0, -2.0, 3.0])
        yield given(name, "not a number", [NAN, 1.0, NAN, INF, -INF], [1.0, NAN, NAN, NAN, 0.0])


def replacements() -> Iterator[Case]:
    def public(lib: Any, x: Any, nan: float, above: float, below: float) -> Any:
        return lib.nan_to_num(x, nan, above, below)

    for variant, shape in SINGLE.items():
        yield Case(
            "nan_to_num",
            variant,
            lambda draw, s=shape: (normal(draw, s), 0.0, 9.0, -9.0),
            large=variant == "large",
            public=public,
        )
    yield given("nan_to_num", "not finite", [NAN, INF, -INF, 1.0], 0.5, 9.0, -9.0, public=public)


def steps() -> Iterator[Case]:
    def whole(draw: Draw, shape: Shape) -> Array:
        return np.asarray(draw.integers(-1, 2, shape).astype(float))

    yield from binary("heaviside", whole, normal, number=False, smooth=False)
    yield given("heaviside", "special", [0.0, -0.0, NAN, INF, -INF, 0.0], [0.5, 0.25, 1.0, 0.0, 0.0, NAN])


FAMILIES = (bounds, larger_and_smaller, replacements, steps)
