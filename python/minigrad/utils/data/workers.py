"""Processes that make batches.

Each worker has two pipes, one for requests and one for batches, so that the batches come in the order of the requests
when the workers are asked in turn. A thread of the worker reads its requests at once: the loader never waits for a
worker that waits for the loader, and the worker notices when the loader's process is gone, and ends.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import queue
import random
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np

from ..._config import set_num_threads
from ...random import default_generator
from . import worker_info
from .fetch import END, Failure, Fetch, Job
from .worker_info import WorkerInfo

__all__ = ["Pool"]

_COUNTERS_A_BATCH = 1 << 32  # no batch draws more random numbers than that


# ----------------------------------------------------------------------------------------------------------------------
# In the loader's process.


class _Worker:
    """A process and the loader's ends of its pipes."""

    def __init__(self, context: Any, number: int, count: int, job: Job, init_fn: Callable[[int], Any] | None) -> None:
        their_requests, self.requests = context.Pipe(duplex=False)
        self.batches, their_batches = context.Pipe(duplex=False)
        arguments = (number, count, job, init_fn, their_requests, their_batches)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        # Later workers must not inherit these: a pipe ends when the last process that could write to it closes it.
        their_requests.close()
        their_batches.close()

    def describe_end(self) -> str:
        self.process.join(5)
        code = self.process.exitcode
        if code is None:
            return f"DataLoader worker (pid(s) {self.process.pid}) closed its pipe"
        how = f"killed by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return f"DataLoader worker (pid(s) {self.process.pid}) exited unexpectedly: {how}"


class Pool:
    """The workers of a loader.

    Parameters
    ----------
    context : multiprocessing context
        How processes are started.
    count : int
        How many workers.
    job : Job
        What they do.
    init_fn : callable, optional
        Called first in each worker, with its number.
    """

    def __init__(self, context: BaseContext, count: int, job: Job, init_fn: Callable[[int], Any] | None) -> None:
        self._run = 0
        self._workers: list[_Worker] = []
        self._process = os.getpid()
        try:
            for number in range(count):
                self._workers.append(_Worker(context, number, count, job, init_fn))
        except BaseException:
            self.stop()
            raise

    def run(self, seed: int, requests: Iterator[Any], first: int, prefetch: int, timeout: float) -> Iterator[Any]:
        """Yield the batches of one epoch, in place of one that failed a :class:`Failure`.

        Parameters
        ----------
        seed : int
            What the workers seed themselves with.
        requests : iterator
            The numbers of each batch's samples.
        first : int
            The number of the first batch.
        prefetch : int
            For how many batches each worker is asked beforehand.
        timeout : float
            How many seconds to wait for a batch, for ever if 0.
        """
        self._run += 1
        for worker in self._workers:
            self._send(worker, ("begin", self._run, seed))
        numbered = enumerate(requests, first)
        turns: deque[_Worker] = deque()

        def ask(worker: _Worker) -> None:
            for number, numbers in itertools.islice(numbered, 1):
                self._send(worker, ("batch", number, numbers))
                turns.append(worker)

        start = first % len(self._workers)
        for worker in (self._workers[start:] + self._workers[:start]) * prefetch:
            ask(worker)
        mine = self._run
        while turns:
            if mine != self._run:
                raise RuntimeError("DataLoader: its persistent workers have begun another epoch")
            worker = turns.popleft()
            batch = self._receive(worker, timeout)
            if batch is not END:
                ask(worker)
                yield batch

    def _send(self, worker: _Worker, message: Any) -> None:
        try:
            worker.requests.send(message)
        except BrokenPipeError:
            raise RuntimeError(worker.describe_end()) from None

    def _receive(self, worker: _Worker, timeout: float) -> Any:
        while True:
            ready = connection.wait([worker.batches, worker.process.sentinel], timeout or None)
            if not ready:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
            try:
                if worker.batches not in ready:
                    raise EOFError
                run, kind, value = _receive_value(worker.batches)
            except (EOFError, OSError):
                raise RuntimeError(worker.describe_end()) from None
            if run == self._run:  # not one that an earlier epoch left behind
                break
        return END if kind == "end" else value

    def stop(self, gently: bool = False) -> None:
        """End the workers: at once, or with what ends a process ordinarily. A fork's copy of the pool lets them be."""
        if os.getpid() != self._process:
            return
        for worker in self._workers:
            if gently:
                with contextlib.suppress(BrokenPipeError):
                    worker.requests.send(None)
            else:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(5 if gently else 1)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.requests.close()
            worker.batches.close()
        self._workers = []

    def __del__(self) -> None:
        self.stop()


# ----------------------------------------------------------------------------------------------------------------------
# On the way: arrays go as they are, beside what is pickled of the rest.


def _packed(value: Any) -> tuple[bytes, list[memoryview]]:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return data, [buffer.raw() for buffer in buffers]


def _send_packed(pipe: Connection, data: bytes, views: list[memoryview]) -> None:
    pipe.send([view.nbytes for view in views])
    pipe.send_bytes(data)
    for view in views:
        if view.nbytes:
            pipe.send_bytes(view)


def _receive_value(pipe: Connection) -> Any:
    sizes = pipe.recv()
    data = pipe.recv_bytes()
    buffers = [np.empty(size, np.uint8) for size in sizes]
    for buffer in buffers:
        if buffer.size:
            pipe.recv_bytes_into(buffer)
    return pickle.loads(data, buffers=buffers)


# ----------------------------------------------------------------------------------------------------------------------
# In the worker.


def _work(
    number: int, count: int, job: Job, init_fn: Callable[[int], Any] | None, requests: Connection, batches: Connection
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the loader's, which then ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    set_num_threads(1)
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, messages), daemon=True).start()
    run = 0
    fetch: Fetch = _never
    info = worker_info.current = WorkerInfo(number, count, 0, job.dataset)
    for kind, *values in iter(messages.get, None):
        if kind == "begin":
            first, (run, seed) = run == 0, values
            fetch = _begin(info, seed + number, job, init_fn if first else None, first)
            continue
        try:
            _send_packed(batches, *_answer(fetch, run, number, *values))
        except BrokenPipeError:
            return


def _listen(requests: Connection, messages: queue.SimpleQueue[Any]) -> None:
    """Hand on what is asked for; end the process when the one that asks is gone."""
    parent = os.getppid()
    listening = True
    while True:
        if not listening:
            time.sleep(0.05)
        elif requests.poll(1.0):
            try:
                messages.put(requests.recv())
            except (EOFError, OSError):
                listening = False
                messages.put(None)
        if os.getppid() != parent:
            os._exit(1)


def _never(_: Any) -> Any:
    raise RuntimeError("DataLoader worker: asked for a batch before an epoch began")


def _begin(info: WorkerInfo, seed: int, job: Job, init_fn: Callable[[int], Any] | None, first: bool) -> Fetch:
    """Seed this worker for an epoch; return what makes its batches, or raises what went wrong here."""
    info.seed = seed
    default_generator.manual_seed(seed % 2**64)
    try:
        if first:
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002  (for data sets that draw from it)
        if init_fn is not None:
            init_fn(info.id)
        return job.fetch()
    except Exception as error:  # noqa: BLE001  (the loader raises it)
        return _raising(error)


def _raising(error: Exception) -> Fetch:
    def fetch(_: Any) -> Any:
        raise error

    return fetch


def _answer(fetch: Fetch, run: int, number: int, batch: int, numbers: Any) -> tuple[bytes, list[memoryview]]:
    # A batch begins at a place of its own among the random numbers: who resumes there draws the same.
    default_generator._place(default_generator.initial_seed(), (batch + 1) * _COUNTERS_A_BATCH)
    try:
        value = fetch(numbers)
        return _packed((run, "end", None) if value is END else (run, "batch", value))
    except Exception as error:  # noqa: BLE001  (the loader raises it)
        return _packed((run, "batch", Failure(error, number)))
