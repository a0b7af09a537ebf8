"""Time against size: one kernel of each family, from a thousand numbers to ten million."""

# Every function is given the library, whether it needs it or not.
# ruff: noqa: ARG005

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .tools import Array, Run, library

SIZES = tuple(4**n for n in range(5, 13))  # 1024 to 16 million

FAMILIES: dict[str, Callable[..., object]] = {
    "add": lambda lib, x: x + x,
    "exp": lambda lib, x: lib.exp(x),
    "sum": lambda lib, x: x.sum(),
    "softmax": lambda lib, x: lib.softmax(x, 1),
    "cumsum": lambda lib, x: lib.cumsum(x, 1),
    "sort": lambda lib, x: lib.sort(x, 1),
    "copy of the transpose": lambda lib, x: x.t().contiguous(),
    "matmul": lambda lib, x: x @ x,
}


def _square(size: int) -> Array:
    side = round(size**0.5)
    return np.random.default_rng(0).standard_normal((side, side), np.float32)


def _case(call: Callable[..., object], size: int) -> Callable[[str], Run]:
    def make(peer: str) -> Run:
        lib = library(peer)
        x = lib.tensor(_square(size))
        return lambda: call(lib, x)

    return make


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group scaling by name."""
    return {f"scaling: {name} {size}": _case(call, size) for name, call in FAMILIES.items() for size in SIZES}
