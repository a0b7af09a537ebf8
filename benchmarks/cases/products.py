"""Matrix products: what layers multiply, from one row to thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .tools import Array, Run, library

SIZES = [
    (32, 64, 64),
    (100, 16, 16),
    (64, 784, 10),
    (1, 1024, 1024),
    (128, 784, 256),
    (512, 784, 1024),
    (512, 1024, 1024),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (1024, 4096, 1000),
]
# Shapes of both operands: vectors, batches, batches that are broadcast.
SHAPES = [
    ((1024,), (1024,)),
    ((1024, 1024), (1024,)),
    ((1024,), (1024, 1024)),
    ((64, 32, 64), (64, 64, 32)),
    ((8, 128, 256), (8, 256, 128)),
    ((64, 32, 64), (64, 32)),
    ((8, 1, 64, 64), (1, 8, 64, 64)),
]
LAYERS = [(32, 64, 64), (1, 1024, 1024), (128, 784, 256), (512, 1024, 1024)]


def _operands(*shapes: tuple[int, ...]) -> list[Array]:
    draw = np.random.default_rng(0)
    return [draw.standard_normal(shape, np.float32) for shape in shapes]


def _product(*shapes: tuple[int, ...], backward: bool = False) -> Callable[[str], Run]:
    def make(peer: str) -> Run:
        if peer == "jax" and not backward:
            return _jax(shapes)
        if peer == "numpy" and not backward:
            x, y = _operands(*shapes)
            return lambda: x @ y
        lib = library(peer)
        a, b = (lib.tensor(array, requires_grad=backward) for array in _operands(*shapes))
        if not backward:
            return lambda: a @ b
        out = a @ b
        g = lib.ones_like(out)
        return lambda: lib.autograd.grad(out, (a, b), g, retain_graph=True)

    return make


def _jax(shapes: tuple[tuple[int, ...], ...]) -> Run:
    import jax

    a, b = map(jax.numpy.asarray, _operands(*shapes))
    product = jax.jit(jax.numpy.matmul)
    return lambda: product(a, b).block_until_ready()


def _linear(m: int, k: int, n: int) -> Callable[[str], Run]:
    """Return the maker of a layer with bias and relu, on weights that lie as PyTorch's do."""

    def make(peer: str) -> Run:
        lib = library(peer)
        x, w, b = map(lib.tensor, _operands((m, k), (n, k), (n,)))
        functional: Any = lib.nn.functional
        return lambda: functional.relu(functional.linear(x, w, b))

    return make


def _text(*sizes: int) -> str:
    return "×".join(map(str, sizes))


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases of the group matmul by name."""
    plain = {f"matmul: {_text(m, k, n)}": _product((m, k), (k, n)) for m, k, n in SIZES}
    back = {f"matmul: {_text(m, k, n)} backward": _product((m, k), (k, n), backward=True) for m, k, n in SIZES}
    shaped = {f"matmul: {_text(*a)} @ {_text(*b)}": _product(a, b) for a, b in SHAPES}
    layers = {f"matmul: relu of linear {_text(*sizes)}": _linear(*sizes) for sizes in LAYERS}
    return {**plain, **back, **shaped, **layers}
