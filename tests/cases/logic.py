"""Rows of operations on bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import PAIRS, SINGLE, Array, Case, Draw, Shape


def integers(draw: Draw, shape: Shape) -> Array:
    return np.asarray(draw.integers(-40, 40, shape))


def shifts(draw: Draw, shape: Shape) -> Array:
    return np.asarray(draw.integers(-3, 70, shape))


def bits() -> Iterator[Case]:
    for variant, shape in SINGLE.items():
        large = variant == "large"
        yield Case("bitwise_not", variant, lambda d, s=shape: (integers(d, s),), smooth=False, large=large)
    for name in ("and", "or", "xor", "left_shift", "right_shift"):
        second = shifts if "shift" in name else integers
        for variant, (a, b) in PAIRS.items():
            yield Case(
                f"bitwise_{name}",
                variant,
                lambda draw, a=a, b=b, y=second: (integers(draw, a), y(draw, b)),
                smooth=False,
                large="large" in variant,
            )
        yield Case(f"bitwise_{name}", "number", lambda draw: (integers(draw, (3, 2)), 3), smooth=False)


FAMILIES = (bits,)
