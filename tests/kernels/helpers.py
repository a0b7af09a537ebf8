"""What the tests of the kernels share."""

from __future__ import annotations

import gc
import itertools
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from minigrad import _core

Array = np.ndarray[Any, Any]
FLOATS = [np.float32, np.float64]
#: The kernels of each instruction set that this machine runs.
ISAS = {isa: _core.kernels_for(isa) for isa in _core.build_info["isa_supported"]}
#: The names of those whose bits are promised, which have a fused multiply-add; and their kernels.
PROMISED_ISAS = [isa for isa in ISAS if isa != "x86-64-v2"]
PROMISED = [ISAS[isa] for isa in PROMISED_ISAS]
#: Seconds for a thread or a process that needs some milliseconds: enough for any busy machine, so that it ends hangs only.
PATIENCE = 120.0


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


def large_pair(dtype: type, columns: int) -> Array:
    """Two matrices of 20 MiB each, which begin within a line of memory."""
    rows = (20 << 20) // np.dtype(dtype).itemsize // columns + 1
    memory = np.random.default_rng(1).standard_normal(2 * rows * columns + 1).astype(dtype)
    return memory[1:].reshape(2, rows, columns)


def check_rows_past_the_caches(
    name: str, operands: Sequence[Any], attributes: Sequence[Any] = (), by_row: int = 0
) -> None:
    """Compare results, of every instruction set, to those of 64 rows at a time, which lie in the caches.

    Operands are matrices, each of whose rows goes with one of the first result; `by_row` of the last ones are vectors with
    an element for each row; any others go with all rows.
    """

    def first(out: Any) -> Array:
        return out[0] if isinstance(out, tuple) else out

    def of_rows(begin: int) -> list[Any]:
        vectors = len(operands) - by_row
        cut = [o.ndim > 1 or i >= vectors for i, o in enumerate(operands)]
        return [o[begin : begin + 64] if c else o for o, c in zip(operands, cut, strict=True)]

    for isa, kernels in ISAS.items():
        parts = [first(kernels[name](*of_rows(i), *attributes)) for i in range(0, len(operands[0]), 64)]
        assert same_bits(first(kernels[name](*operands, *attributes)), np.concatenate(parts)), f"{name} on {isa}"


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


# ---- Threads and processes, each with an end ---------------------------------------------------------------------------


def in_threads(*functions: Callable[[], Any]) -> list[Any]:
    """Return what the functions return, each called in a thread of its own, all begun at the same moment."""
    results: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []
    start = threading.Barrier(len(functions))

    def work(n: int) -> None:
        try:
            start.wait(PATIENCE)
            results[n] = functions[n]()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(len(functions))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if errors:
        raise errors[0]
    if any(thread.is_alive() for thread in threads):
        pytest.fail(f"a thread did not finish within {PATIENCE} seconds")
    return results


def count_calls(function: Callable[[], Any]) -> int:
    """Return how many calls, of Python's functions and of C's, running `function` takes."""
    calls = 0

    def profile(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def run_python(*arguments: str, **settings: str) -> str:
    """Return what Python prints in a process of its own, which succeeds, with these settings in its environment."""
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, env=os.environ | settings, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def interrupt(function: Callable[[], Any], seconds: float) -> None:
    """Call the function, which goes on for ever, and end it by a KeyboardInterrupt after some seconds.

    Python prints and loses what is raised amid a callback, so every thousandth signal of those that come each millisecond
    raises again. The garbage collector's callbacks, which Hypothesis and JAX have, are left out.
    """
    callbacks, signals = gc.callbacks[:], itertools.count()

    def handle(*_: object) -> None:
        if next(signals) % 1000 == 0:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    gc.callbacks.clear()
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.001)
        function()
    except KeyboardInterrupt:
        pass
    else:
        pytest.fail("the function ended before the interrupt came")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.callbacks[:] = callbacks


def fork(function: Callable[[], Any]) -> int:
    """Return the number of a forked child that calls the function; its exit code is 1 where that raises."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return child


def wait_for_child(child: int, meanwhile: Callable[[], Any] = lambda: time.sleep(0.001)) -> int:
    """Return the exit code of a forked child, negative for a signal; kill one that hangs."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status)
        meanwhile()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail(f"a forked child did not finish within {PATIENCE} seconds")


def in_forked_child(function: Callable[[], bool]) -> bool:
    """Return whether `function` is true in a forked child; kill one that hangs."""

    def check() -> None:
        assert function()

    return wait_for_child(fork(check)) == 0
