"""Digests of results that no machine, instruction set with FMA, compiler or number of threads may change.

``python tools/golden.py`` compares the installed package with ``tests/golden.json`` and prints what differs; ``--write``
writes the file after a deliberate change of the numerics; ``--isa x86-64-v3`` computes with another instruction set, and
``--all-floats`` takes all 2³² float32 numbers through the elementwise functions in place of about a million of them, which
takes about half an hour on one thread.

A digest is the SHA-256 of the results' bytes, every NaN being one and the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from minigrad import _core, nn, optim
from minigrad.datasets import load_digits

FILE = Path(__file__).resolve().parent.parent / "tests" / "golden.json"
Array = np.ndarray[Any, Any]

#: Kernels of one argument without options that are defined for every float.
FUNCTIONS = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "copy",
    "cos",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "frac",
    "gelu",
    "gelu_tanh",
    "hardswish",
    "log",
    "log10",
    "log1p",
    "log2",
    "mish",
    "neg",
    "relu",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softsign",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]
SAMPLE_STEP = 4099  # a prime: the sample has numbers of every exponent and sign
BLOCK = 1 << 22
SHAPES = [(1, 1), (7,), (3, 70), (70, 3), (67, 190), (5, 4, 33), (2000, 9), (9, 2000)]
PRODUCTS = [(1, 1, 1), (3, 5, 7), (1, 300, 40), (33, 700, 1), (17, 260, 65), (64, 784, 10), (130, 513, 140)]


class Digest:
    """SHA-256 of arrays, every NaN being one and the same."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def take(self, array: Array) -> None:
        """Take the elements of an array in, row by row."""
        array = np.ascontiguousarray(array)
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
        self._hash.update(array.tobytes())

    def text(self) -> str:
        """Return the digest of all that was taken in."""
        return self._hash.hexdigest()


def of_function(kernel: Any, step: int) -> str:
    """Return the digest of a function of every `step`-th float32, by bit patterns."""
    digest = Digest()
    count = -(-(1 << 32) // step)
    for start in range(0, count, BLOCK):
        places = np.arange(start, min(start + BLOCK, count), dtype=np.uint64) * np.uint64(step)
        digest.take(kernel(places.astype(np.uint32).view(np.float32)))
    return digest.text()


def _drawn(shape: tuple[int, ...], dtype: Any) -> Array:
    return np.random.default_rng(sum(shape)).uniform(-2, 2, shape).astype(dtype)


def of_reduction(kernel: Any) -> str:
    """Return the digest of a reduction over each dimension and over all of them, for several shapes."""
    digest = Digest()
    for dtype in (np.float32, np.float64):
        for shape in SHAPES:
            for dims in [*[(d,) for d in range(len(shape))], tuple(range(len(shape)))]:
                digest.take(kernel(_drawn(shape, dtype), dims, False))
    return digest.text()


def of_scan(kernel: Any) -> str:
    """Return the digest of running sums or products along each dimension, both ways."""
    digest = Digest()
    options = (False,) if kernel.name == "cumprod" else ()  # cumprod may leave out the element itself
    for dtype in (np.float32, np.float64):
        for shape in SHAPES:
            for dim in range(len(shape)):
                for reverse in (False, True):
                    digest.take(kernel(_drawn(shape, dtype), dim, *options, reverse))
    return digest.text()


def of_rows(kernel: Any) -> str:
    """Return the digest of a softmax along each dimension."""
    digest = Digest()
    for dtype in (np.float32, np.float64):
        for shape in SHAPES:
            for dim in range(len(shape)):
                digest.take(kernel(_drawn(shape, dtype), dim))
    return digest.text()


def of_products(kernel: Any) -> str:
    """Return the digest of matrix products, plain and with transposed operands."""
    digest = Digest()
    for dtype in (np.float32, np.float64):
        for m, k, n in PRODUCTS:
            digest.take(kernel(_drawn((m, k), dtype), _drawn((k, n), dtype)))
            digest.take(kernel(_drawn((k, m), dtype).T, _drawn((n, k), dtype).T))
    return digest.text()


def of_training(steps: int = 1000) -> str:
    """Return the digest of the weights that so many steps of Adam give a small network on the handwritten digits."""
    minigrad.manual_seed(0)
    digits = load_digits()
    x = minigrad.from_numpy(digits.x_train.reshape(len(digits.x_train), -1).astype(np.float32) / 16)
    y = minigrad.from_numpy(digits.y_train.astype(np.int64))
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        at = slice(step * 32 % (len(y) - 32), step * 32 % (len(y) - 32) + 32)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[at]), y[at]).backward()
        optimizer.step()
    digest = Digest()
    for p in model.parameters():
        digest.take(p.detach().numpy())
    return digest.text()


def digests(isa: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield the name and the digest of everything that an instruction set's kernels compute."""
    kernels = _core.kernels if isa is None else _core.kernels_for(isa)
    for name in FUNCTIONS:
        yield f"function {name}", of_function(kernels[name], SAMPLE_STEP)
    for name in ("sum", "mean", "prod", "max", "min", "logsumexp", "nansum"):
        yield f"reduction {name}", of_reduction(kernels[name])
    for name in ("cumsum", "cumprod"):
        yield f"scan {name}", of_scan(kernels[name])
    for name in ("softmax", "log_softmax"):
        yield f"rows {name}", of_rows(kernels[name])
    yield "products", of_products(kernels["matmul"])


def main() -> int:
    """Compare or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the file")
    parser.add_argument("--isa", help="the instruction set; by default the one in use")
    parser.add_argument(
        "--all-floats", nargs="*", metavar="FUNCTION", help="all floats, for these functions or for each"
    )
    options = parser.parse_args()
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    if options.all_floats is None:
        found = {**dict(digests(options.isa)), "training": of_training()}
    else:
        kernels = _core.kernels_for(options.isa) if options.isa else _core.kernels
        found = {f"all floats {name}": of_function(kernels[name], 1) for name in options.all_floats or FUNCTIONS}
    if options.write:
        FILE.write_text(json.dumps(dict(sorted({**known, **found}.items())), indent=2) + "\n")
        return 0
    differing = [name for name, text in found.items() if known.get(name) != text]
    print("\n".join(f"differs: {name}" for name in differing) or f"{len(found)} digests are as they should be")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
