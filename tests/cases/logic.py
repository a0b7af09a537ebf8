"""Rows of operations on integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .case import PAIRS, SINGLE, Array, Case, Draw, Shape


def integers(draw: Draw, shape: Shape) -> Array:
    return np.asarray(draw.integers(-40, 40, shape))


def shifts(draw: Draw, shape: Shape) -> Array:
    return np.asarray(draw.integers(-3, 70, shape))


def pairs(primitive: str, second: Callable[[Draw, Shape], Array]) -> Iterator[Case]:
    for variant, (a, b) in PAIRS.items():
        yield Case(
            primitive,
            variant,
            lambda draw, a=a, b=b: (integers(draw, a), second(draw, b)),
            smooth=False,
            large="large" in variant,
        )


def bits() -> Iterator[Case]:
    for variant, shape in SINGLE.items():
        large = variant == "large"
        yield Case("bitwise_not", variant, lambda d, s=shape: (integers(d, s),), smooth=False, large=large)
    for name in ("and", "or", "xor", "left_shift", "right_shift"):
        yield from pairs(f"bitwise_{name}", shifts if "shift" in name else integers)
        yield Case(f"bitwise_{name}", "number", lambda draw: (integers(draw, (3, 2)), 3), smooth=False)


def divisors() -> Iterator[Case]:
    for name in ("gcd", "lcm"):
        yield from pairs(name, integers)


FAMILIES = (bits, divisors)
