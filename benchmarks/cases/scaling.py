"""Time against size: one kernel of each family, from a thousand numbers to sixteen million."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .tools import Array, Run, library

SIZES = tuple(4**n for n in range(5, 13))  # 1024 to 16 million

FAMILIES: dict[str, Callable[..., object]] = {
    "copy": lambda lib, x, y: x.clone(),
    "add": lambda lib, x, y: x + y,
    "add a row": lambda lib, x, y: x + y[0],
    "relu": lambda lib, x, y: lib.relu(x),
    "expand": lambda lib, x, y: y[0].expand(x.shape).clone(),
    "sum": lambda lib, x, y: x.sum(),
    "sum(0)": lambda lib, x, y: x.sum(0),
    "argmax": lambda lib, x, y: x.argmax(1),
    "argmax(0)": lambda lib, x, y: x.argmax(0),
    "exp": lambda lib, x, y: lib.exp(x),
    "gelu": lambda lib, x, y: lib.nn.functional.gelu(x),
    "softmax": lambda lib, x, y: lib.softmax(x, 1),
    "layer_norm": lambda lib, x, y: lib.nn.functional.layer_norm(x, x.shape[1:]),
    "mse": lambda lib, x, y: lib.nn.functional.mse_loss(x, y),
    "cumsum": lambda lib, x, y: lib.cumsum(x, 1),
    "sort": lambda lib, x, y: lib.sort(x, 1),
    "index rows": lambda lib, x, y: lib.index_select(x, 0, lib.arange(x.shape[0] - 1, -1, -1)),
    "copy of the transpose": lambda lib, x, y: x.t().contiguous(),
    "matmul": lambda lib, x, y: x @ y,
    "rand": lambda lib, x, y: lib.rand(x.shape),
}

#: How many arrays of the case's size the kernels that wait for memory read and write.
STREAMED = {
    **dict.fromkeys(("copy", "add a row", "relu", "cumsum", "index rows", "copy of the transpose"), 2),
    **dict.fromkeys(("expand", "sum", "sum(0)", "argmax", "argmax(0)"), 1),
    "add": 3,
}
LARGE = 1 << 22  # numbers: 16 MB, more than caches hold of three arrays


def _square(size: int, seed: int) -> Array:
    side = round(size**0.5)
    return np.random.default_rng(seed).standard_normal((side, side), np.float32)


def _case(call: Callable[..., object], size: int) -> Callable[[str], Run]:
    def make(peer: str) -> Run:
        lib = library(peer)
        x, y = lib.tensor(_square(size, 0)), lib.tensor(_square(size, 1))
        return lambda: call(lib, x, y)

    return make


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group scaling by name."""
    return {f"scaling: {name} {size}": _case(call, size) for name, call in FAMILIES.items() for size in SIZES}


def bandwidths(seconds: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Return the GB/s of the large streaming cases, and how many times those of a copy of that size they are."""
    rates = {
        (name, size): arrays * 4 * size / seconds[f"scaling: {name} {size}"] * 1e-9
        for size in SIZES
        if size >= LARGE
        for name, arrays in STREAMED.items()
        if f"scaling: {name} {size}" in seconds
    }
    return {
        f"scaling: {name} {size}": (rate, rate / rates["copy", size])
        for (name, size), rate in rates.items()
        if ("copy", size) in rates
    }
