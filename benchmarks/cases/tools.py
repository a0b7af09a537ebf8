"""What the groups share: operands drawn by kind, and a function timed forward and backward on a PyTorch-like library."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

Run = Callable[[], Any]
Array = np.ndarray[Any, Any]

CONSTANT = (
    "signs",
    "sorted",
    "target",
    "weight",
    "weights",
)  # kinds of operands that want no gradient though they are floats
TORCH_LIKE = ("minigrad", "torch")


def library(peer: str) -> Any:
    """Return the module of a library with PyTorch's names; KeyError for the others."""
    if peer not in TORCH_LIKE:
        raise KeyError(peer)
    importlib.import_module(f"{peer}.nn.functional")
    return importlib.import_module(peer)


def draw(kind: str, shape: tuple[int, ...]) -> Array:
    """Return an array of a kind.

    `x`: normal numbers; `row`, `column`: one of them along the other dimension; `features`: one dimension, the last;
    `positive`, `unit`: above 0, between 0 and 1; `mask`: truth values; `rows`: places along dim 0, as many as the array
    has; `shuffled`: the same, each once; `labels`: a class a row; `bags`: 16 rows for each row; `index`, `places`: places
    along dim 0 and 1, of the array's shape; `near1`: factors about 1; `counts`: small integers; `signs`, `sorted`,
    `target`, `weight`, `weights`: what a loss or a search is given and no gradient is wanted of.
    """
    numbers = np.random.default_rng(len(kind))
    normal = numbers.standard_normal(shape, np.float32)
    makers: dict[str, Callable[[], Array]] = {
        "x": lambda: normal,
        "y": lambda: numbers.standard_normal(shape, np.float32),
        "row": lambda: normal[:1].copy(),
        "column": lambda: normal[:, :1].copy(),
        "features": lambda: normal[0].copy(),
        "positive": lambda: np.abs(normal) + np.float32(0.1),
        "unit": lambda: (numbers.random(shape, np.float32) * 0.98 + 0.01).astype(np.float32),
        "signs": lambda: np.sign(normal),
        "near1": lambda: 1 + normal / 64,
        "mask": lambda: normal > 0,
        "rows": lambda: numbers.integers(0, shape[0], shape[0]),
        "labels": lambda: numbers.integers(0, shape[-1], shape[0]),
        "index": lambda: numbers.integers(0, shape[0], shape),
        "places": lambda: numbers.integers(0, shape[1], shape),
        "sorted": lambda: np.sort(normal[0]),
        "shuffled": lambda: numbers.permutation(shape[0]),
        "counts": lambda: numbers.integers(1, 9, shape),
        "target": lambda: numbers.random(shape, np.float32),
        "weight": lambda: numbers.random(shape[1], np.float32),
        "weights": lambda: numbers.random(shape, np.float32),
        "bags": lambda: numbers.integers(0, shape[0], (shape[0], 16)),
    }
    return makers[kind]()


class Function(NamedTuple):
    """A function to be timed: its text is what is printed, its operands are drawn by kind."""

    name: str
    call: Callable[..., Any]  # given the library, then the operands
    operands: tuple[str, ...] = ("x",)
    backward: bool = True


def _first(out: Any) -> Any:
    return out[0] if isinstance(out, (tuple, list)) else out


def forward(function: Function, shape: tuple[int, ...]) -> Callable[[str], Run]:
    """Return the maker of a case that calls the function on tensors that need no gradient."""

    def make(peer: str) -> Run:
        lib = library(peer)
        call, tensors = function.call, [lib.tensor(draw(kind, shape)) for kind in function.operands]
        return lambda: call(lib, *tensors)

    return make


def backward(function: Function, shape: tuple[int, ...]) -> Callable[[str], Run]:
    """Return the maker of a case that takes the gradients of the function by its operands of floats."""

    def make(peer: str) -> Run:
        lib = library(peer)
        tensors = [lib.tensor(draw(kind, shape)) for kind in function.operands]
        wanted = [
            t.requires_grad_()
            for t, kind in zip(tensors, function.operands, strict=True)
            if t.dtype == lib.float32 and kind not in CONSTANT
        ]
        out = _first(function.call(lib, *tensors))
        g = lib.tensor(np.ones(tuple(out.shape), np.float32), dtype=out.dtype)

        def run() -> None:
            out.backward(g, retain_graph=True)
            for t in wanted:
                t.grad = None

        return run

    return make


def both(group: str, functions: list[Function], shape: tuple[int, ...]) -> Iterator[tuple[str, Callable[[str], Run]]]:
    """Yield the cases of functions on operands of a shape, forward and backward each."""
    size = "×".join(map(str, shape))
    for function in functions:
        yield f"{group}: {function.name} {size}", forward(function, shape)
        if function.backward:
            yield f"{group}: {function.name} {size} backward", backward(function, shape)
