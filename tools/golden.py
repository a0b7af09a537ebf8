"""Digests of results that no machine, instruction set with FMA, compiler or number of threads may change.

``python tools/golden.py`` compares the installed package with ``tests/golden.json`` and prints what differs, for the
instruction set of ``MINIGRAD_ISA`` and the number of threads of ``OMP_NUM_THREADS``. ``--matrix`` does so for every
instruction set with FMA that the machine runs, with 1, 2, 3, 4 and 8 threads (``--matrix 1 3``: with these). ``--write``
writes the file after a deliberate change of the numerics.

Functions of one argument have a digest of about a million float32 and float64 numbers, and one of all 2³² float32 numbers,
which ``--all-floats`` computes: a quarter of a minute for each on one core. ``--write`` does so where the sample changed.

A digest is the SHA-256 of the results' bytes, every NaN being one and the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import golden_calls as calls
import minigrad
from golden_calls import FUNCTIONS, OTHERS, SEVERAL, Array, Kernels
from minigrad import _core, nn, optim
from minigrad.datasets import load_digits
from minigrad.utils.data import DataLoader, TensorDataset

FILE = Path(__file__).resolve().parent.parent / "tests" / "golden.json"
SAMPLE_STEP = 4099  # a prime: the sample has numbers of every exponent and sign
BLOCK = 1 << 20
THREADS = (1, 2, 3, 4, 8)


class Digest:
    """SHA-256 of arrays, every NaN being one and the same."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def take(self, array: Array) -> None:
        """Take the elements of an array in, row by row."""
        array = np.ascontiguousarray(array)
        if array.dtype.kind == "f" and (nan := np.isnan(array)).any():
            array = np.where(nan, np.array(np.nan, array.dtype), array)
        self._hash.update(array)

    def text(self) -> str:
        """Return the digest of all that was taken in."""
        return self._hash.hexdigest()


def of_function(kernels: Kernels, name: str) -> str:
    """Return the digest of a function of every so many-th float32, and of drawn float64 numbers."""
    digest = Digest()
    bits = np.arange(0, 1 << 32, SAMPLE_STEP, np.uint64).astype(np.uint32)
    for x in (bits.view(np.float32), calls.of_any_size(np.float64, 1)):
        digest.take(FUNCTIONS[name](kernels, x))
    return digest.text()


def of_all_floats(kernels: Kernels, name: str) -> str:
    """Return the digest of a function of all 2³² float32 numbers, in the order of their bit patterns."""
    digest = Digest()
    first = np.arange(BLOCK, dtype=np.uint32)
    bits = np.empty_like(first)
    for start in range(0, 1 << 32, BLOCK):
        np.add(first, np.uint32(start), out=bits)
        digest.take(FUNCTIONS[name](kernels, bits.view(np.float32)))
    return digest.text()


def of_kernel(kernels: Kernels, name: str) -> str:
    """Return the digest of a kernel's results for all its calls."""
    digest = Digest()
    for call in calls.of_several(name) if name in SEVERAL else calls.arguments(name):
        out = _stepped(kernels[name], call) if calls.is_optimiser(kernels[name]) else kernels[name](*call)
        for array in out if isinstance(out, tuple) else (out,):
            digest.take(array)
    return digest.text()


def _stepped(kernel: Any, call: tuple[Any, ...]) -> tuple[Array, ...]:
    """Return the parameters after some steps, which an optimiser writes in place."""
    for _ in range(calls.STEPS):
        kernel(*call)
    return tuple(call[0])


def _digits(dtype: Any) -> tuple[minigrad.Tensor, minigrad.Tensor]:
    digits = load_digits()
    x = digits.x_train.reshape(len(digits.x_train), -1).astype(dtype) / 16
    return minigrad.from_numpy(x), minigrad.from_numpy(digits.y_train.astype(np.int64))


def _of_weights(model: nn.Module) -> str:
    digest = Digest()
    for p in model.parameters():
        digest.take(p.detach().numpy())
    return digest.text()


def of_training(steps: int = 1000) -> str:
    """Return the digest of the weights that so many steps of Adam give a small network on the handwritten digits."""
    minigrad.manual_seed(0)
    x, y = _digits(np.float32)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        at = slice(step * 32 % (len(y) - 32), step * 32 % (len(y) - 32) + 32)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[at]), y[at]).backward()
        optimizer.step()
    return _of_weights(model)


def of_regularised_training(epochs: int = 3) -> str:
    """Return the digest of the weights after some epochs of shuffled batches, dropout and what else is usual, in float64."""
    minigrad.manual_seed(0)
    layers = [nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU(), nn.Dropout(0.2), nn.Linear(64, 10)]
    model = nn.Sequential(*layers).to(minigrad.float64)
    optimizer = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    for _ in range(epochs):
        for x, y in DataLoader(TensorDataset(*_digits(np.float64)), batch_size=32, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y, label_smoothing=0.1).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return _of_weights(model)


#: Whole training runs; unlike kernels they use what the process uses.
RUNS = {"training": of_training, "training, regularised": of_regularised_training}


def digests(isa: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield the name and the digest of everything that an instruction set's kernels compute."""
    kernels = _core.kernels if isa is None else _core.kernels_for(isa)
    for name in FUNCTIONS:
        yield f"function {name}", of_function(kernels, name)
    for name in (*SEVERAL, *OTHERS):
        yield f"kernel {name}", of_kernel(kernels, name)


def all_floats(names: Iterable[str], kernels: Kernels = _core.kernels) -> dict[str, str]:
    """Return the digests of functions of all floats, as many at a time as there are threads."""
    names, workers = list(names), _core.get_num_threads()
    _core.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            found = pool.map(lambda name: of_all_floats(kernels, name), names)
            return {f"all floats {name}": text for name, text in zip(names, found, strict=True)}
    finally:
        _core.set_num_threads(workers)


def compare(found: dict[str, str]) -> int:
    """Print what differs from the file; return the exit code."""
    known = json.loads(FILE.read_text())
    differing = [name for name, text in found.items() if known.get(name) != text]
    print("\n".join(f"differs: {name}" for name in differing) or f"{len(found)} digests are as they should be")
    return 1 if differing else 0


def write(found: dict[str, str]) -> None:
    """Write the file. Functions whose sample has changed, or that are new, are run on all floats again."""
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    changed = {n for n in FUNCTIONS if known.get(f"function {n}") != found[f"function {n}"]}
    changed |= {n for n in FUNCTIONS if f"all floats {n}" not in known}
    print("on all floats:", ", ".join(sorted(changed)) or "none", flush=True)
    kept = {f"all floats {n}": known[f"all floats {n}"] for n in FUNCTIONS if n not in changed}
    FILE.write_text(json.dumps(dict(sorted({**found, **kept, **all_floats(changed)}.items())), indent=2) + "\n")


def matrix(numbers: Sequence[int]) -> int:
    """Compare in a process of its own for every instruction set and number of threads; return the worst exit code."""
    worst = 0
    print(_core.build_info["compiler"])
    for isa in _core.build_info["isa_supported"]:
        for threads in numbers if isa != "x86-64-v2" else ():
            print(f"{isa}, threads {threads}: ", end="", flush=True)
            environment = os.environ | {"MINIGRAD_ISA": isa, "OMP_NUM_THREADS": str(threads)}
            worst = max(worst, subprocess.run([sys.executable, __file__], env=environment, check=False).returncode)
    return worst


def main() -> int:
    """Compare or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the file")
    parser.add_argument(
        "--matrix", nargs="*", type=int, metavar="THREADS", help="every instruction set, these numbers of threads"
    )
    parser.add_argument(
        "--all-floats", nargs="*", metavar="FUNCTION", help="all floats, for these functions or for each"
    )
    options = parser.parse_args()
    if options.matrix is not None:
        return matrix(options.matrix or THREADS)
    _core.set_parallel_threshold(0)  # threads share work however small it is
    if options.all_floats is not None:
        return compare(all_floats(options.all_floats or FUNCTIONS))
    found = {**dict(digests()), **{name: run() for name, run in RUNS.items()}}
    if options.write:
        write(found)
        return 0
    return compare(found)


if __name__ == "__main__":
    sys.exit(main())
