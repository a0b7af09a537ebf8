"""What the tests of the kernels share."""

from __future__ import annotations

import itertools
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from minigrad import _core

Array = np.ndarray[Any, Any]
PATIENCE = 30.0  # seconds for one forked child, which needs some milliseconds


def promised_isas() -> list[str]:
    """Name the instruction sets that this machine runs and whose bits are promised: those with a fused multiply-add."""
    return [isa for isa in _core.build_info["isa_supported"] if isa != "x86-64-v2"]


def same_bits(a: Array, b: Array) -> bool:
    """Tell whether two arrays have the same dtype, shape and bits; NaN counts as one value."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind == "f":
        nan = np.isnan(a)
        if not np.array_equal(nan, np.isnan(b)):
            return False
        a, b = np.where(nan, 0, a), np.where(nan, 0, b)
    return a.tobytes() == b.tobytes()


@contextmanager
def with_threads(threads: int) -> Iterator[None]:
    """Run the block with this many threads, which share work however small it is."""
    before, threshold = _core.get_num_threads(), _core.get_parallel_threshold()
    _core.set_num_threads(threads)
    _core.set_parallel_threshold(0)
    try:
        yield
    finally:
        _core.set_num_threads(before)
        _core.set_parallel_threshold(threshold)


def layouts(x: Array) -> Iterator[Array]:
    """Yield arrays equal to x: contiguous, off vector boundaries, column-major, with gaps, and with negative strides."""
    yield np.array(x, order="C")
    buffer = np.empty(x.size + 1, x.dtype)
    shifted = buffer[1:].reshape(x.shape)
    shifted[...] = x
    yield shifted
    if x.ndim == 0:
        return
    yield np.array(x, order="F")
    for step in (2, -1):
        parts = tuple(slice(None, None, step) for _ in x.shape)
        spread = np.zeros([abs(step) * n for n in x.shape], x.dtype)[parts]
        spread[...] = x
        yield spread


class Surroundings:
    """Memory with a mask of what nobody may write to."""

    def __init__(self, memory: Array, mask: Array) -> None:
        self.memory, self.mask = memory, mask
        self.before = memory[mask]

    def is_intact(self) -> bool:
        return bool(np.array_equal(self.memory[self.mask], self.before))


def output_layouts(like: Array) -> Iterator[tuple[Array, Surroundings]]:
    """Yield arrays of like's shape and dtype to write into, each with the memory around it.

    Row-major, column-major, with gaps, and with negative strides. The memory on both sides holds sevens; there is enough
    of it to take what a kernel writes that takes no notice of the strides.
    """
    for order, step in itertools.product(("C", "F"), (1, 2, -1, -2)):
        shape = like.shape if order == "C" else like.shape[::-1]
        spread = [abs(step) * n for n in shape]
        size = math.prod(spread)
        room = size + 64
        parts = (*[slice(None, None, step) for _ in spread], ...)
        memory, mask = np.full(2 * room + size, 7, like.dtype), np.ones(2 * room + size, np.bool_)
        out, own = (x[room : room + size].reshape(spread)[parts] for x in (memory, mask))
        own[...] = False
        yield out if order == "C" else out.T, Surroundings(memory, mask)


def in_forked_child(function: Callable[[], bool]) -> bool:
    """Return whether `function` is true in a forked child; kill one that hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if function() else 1
        finally:
            os._exit(code)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail(f"a forked child did not finish within {PATIENCE} seconds")
