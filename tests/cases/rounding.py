"""Rows of division with whole quotients, and of rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import INF, NAN, Array, Case, Draw, Shape, apart, binary, given, unary

SIGNS = ([5.0, -5.0, 5.0, -5.0, 6.0, -6.0, 0.0, -0.0], [3.0, 3.0, -3.0, -3.0, 3.0, 3.0, 3.0, -3.0])
SPECIAL = (
    [1.0, -1.0, 0.0, INF, -INF, 5.0, -5.0, 5.0, NAN, 1.0, 1e30, 0.1],
    [0.0, 0.0, 0.0, 2.0, INF, INF, INF, -INF, 1.0, NAN, 3.0, 1e-9],
)
ROUNDED = {"div_floor": "floor", "div_trunc": "trunc"}


def divisions() -> Iterator[Case]:
    for name in ("floor_divide", "div_floor", "div_trunc"):
        mode = ROUNDED.get(name)
        settings: dict[str, Any] = {"smooth": name != "floor_divide", "public": rounded(mode) if mode else None}
        yield from binary(name, NUMERATOR, DIVISOR, **settings)
        settings["smooth"] = False
        yield given(name, "signs", *SIGNS, **settings)
        yield given(name, "special", *SPECIAL, **settings)
    for name in ("remainder", "fmod"):
        yield from binary(name, NUMERATOR, DIVISOR)
        yield given(name, "multiples", *SIGNS)
        yield given(name, "special", *SPECIAL)


def rounded(mode: str) -> Callable[..., Any]:
    return lambda lib, x, y: lib.div(x, y, rounding_mode=mode)


def signed(low: float, high: float) -> Callable[[Draw, Shape], Array]:
    return lambda draw, shape: np.asarray(draw.uniform(low, high, shape) * draw.choice([-1.0, 1.0], shape))


#: Their quotients lie between 1.2 and 1.8, where nothing jumps.
NUMERATOR, DIVISOR = signed(2.6, 3.4), signed(1.9, 2.1)


def roundings() -> Iterator[Case]:
    halves = [0.5, 1.5, 2.5, -0.5, -1.5, 2.0, -0.0, NAN, INF, -INF, 1e30, 2.0**52 + 1]
    for name in ("floor", "ceil", "trunc", "round", "frac"):
        yield from unary(name, apart)
        yield given(name, "halves", halves)
    for decimals in (1, -1):
        scale = 10.0**-decimals
        for shape in ((), (3, 4)):
            yield Case(
                "round_to",
                f"{decimals} of {shape}",
                lambda draw, shape=shape, scale=scale: ((draw.integers(-9, 9, shape) + 0.3) * scale,),
                (decimals,),
                public=lambda lib, x, decimals: lib.round(x, decimals=decimals),
                expected=np.round,
            )


FAMILIES = (divisions, roundings)
