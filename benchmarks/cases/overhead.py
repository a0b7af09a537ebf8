"""What a call costs where the arithmetic costs nothing: operands of 8×8 numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tools import Function, Run, both, draw, library

SHAPE = (8, 8)
CHAIN = 60  # operations of the chain

FUNCTIONS = [
    Function("add", lambda lib, x, y: x + y, ("x", "y")),
    Function("mul", lambda lib, x, y: x * y, ("x", "y")),
    Function("relu", lambda lib, x: lib.relu(x)),
    Function("sum", lambda lib, x: x.sum()),
    Function("matmul", lambda lib, x, y: x @ y, ("x", "y")),
    Function("linear", lambda lib, x, w, b: lib.nn.functional.linear(x, w, b), ("x", "y", "features")),
    Function("softmax", lambda lib, x: lib.softmax(x, 1)),
    Function("getitem", lambda lib, x: x[2:6]),
    Function("reshape", lambda lib, x: x.reshape(4, 16)),
]


def _chain(peer: str) -> Run:
    lib = library(peer)
    x, y = (lib.tensor(draw(kind, SHAPE), requires_grad=True) for kind in ("x", "unit"))

    def run() -> None:
        h: Any = x
        for _ in range(CHAIN // 3):
            h = lib.relu(h * y + x)
        h.sum().backward()
        x.grad = y.grad = None

    return run


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of this group by name."""
    return {**dict(both("overhead", FUNCTIONS, SHAPE)), f"overhead: chain of {CHAIN} with backward": _chain}
