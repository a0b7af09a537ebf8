"""A forked child computes with threads of its own, after the parent has used its threads."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import PATIENCE, in_forked_child, with_threads

import minigrad as mg

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")

FORKS = 50


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    """Four threads, which share work however small it is."""
    with with_threads(4):
        yield


def compute() -> bytes:
    """Return the bits of a training step that runs in several parallel regions."""
    rng = np.random.default_rng(0)
    x = mg.tensor(rng.standard_normal((64, 96)))
    w = mg.tensor(rng.standard_normal((96, 80)), requires_grad=True)
    loss = (x @ w).tanh().softmax(1).log().mean() + w.exp().sum() + w.cumsum(0).sum()
    loss.backward()
    assert w.grad is not None
    return loss.detach().numpy().tobytes() + w.grad.numpy().tobytes()


def test_fifty_forks() -> None:
    expected = compute()
    for _ in range(FORKS):
        assert in_forked_child(lambda: compute() == expected)
        assert compute() == expected  # the parent's threads go on


def test_child_of_a_child() -> None:
    expected = compute()
    assert in_forked_child(lambda: compute() == expected and in_forked_child(lambda: compute() == expected))


def test_child_can_choose_its_threads() -> None:
    expected = compute()

    def alone() -> bool:
        mg.set_num_threads(2)
        return mg.get_num_threads() == 2 and compute() == expected

    assert in_forked_child(alone)
    assert mg.get_num_threads() == 4


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the platform does not tell")
def test_a_child_starts_threads_of_its_own() -> None:
    expected = compute()

    def threads_beside_this_one() -> bool:
        return compute() == expected and len(os.listdir("/proc/self/task")) == 4

    assert in_forked_child(threads_beside_this_one)


def test_a_failing_child_is_noticed() -> None:
    assert not in_forked_child(lambda: False)


def _send(queue: Any) -> None:
    queue.put(compute())


@pytest.mark.skipif(sys.platform == "darwin", reason="forked processes are not safe there")
def test_multiprocessing_with_fork() -> None:
    context = multiprocessing.get_context("fork")
    expected = compute()
    for _ in range(5):
        queue = context.SimpleQueue()
        children = [context.Process(target=_send, args=(queue,), daemon=True) for _ in range(3)]
        for child in children:
            child.start()
        deadline = time.monotonic() + PATIENCE
        received = []
        while len(received) < 3 and time.monotonic() < deadline:
            if queue.empty():
                time.sleep(0.001)
            else:
                received.append(queue.get())
        for child in children:
            child.join(PATIENCE)
        assert [child.exitcode for child in children] == [0, 0, 0]
        assert received == [expected] * 3


def test_pool_with_fork() -> None:
    context = multiprocessing.get_context("fork")
    expected = compute()
    with context.Pool(2) as pool:
        results = [pool.apply_async(compute) for _ in range(8)]
        assert [result.get(PATIENCE) for result in results] == [expected] * 8
