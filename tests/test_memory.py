"""Memory: what is in use and kept, what is given back, and that a training loop needs no fresh pages."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

import minigrad as mg
from minigrad import memory, nn, optim

MIB = 1 << 20


@pytest.fixture(autouse=True)
def unbounded() -> Iterator[None]:
    gc.collect()
    limit = memory.stats()["limit"]
    yield
    memory.set_cache_limit(limit)


def test_an_array_is_in_use_then_kept_then_given_back() -> None:
    memory.empty_cache()
    before = memory.stats()
    x = mg.ones(512, 512) + 1
    assert memory.stats()["in_use"] == before["in_use"] + MIB
    del x
    after = memory.stats()
    assert after["in_use"] == before["in_use"]
    assert after["cached"] >= MIB
    memory.empty_cache()
    assert memory.stats()["cached"] == 0


def test_the_peak_is_the_most_that_was_in_use() -> None:
    memory.reset_peak()
    before = memory.stats()
    assert before["peak"] == before["in_use"]
    x = mg.ones(512, 512) + 1
    del x
    assert memory.stats()["peak"] >= before["in_use"] + MIB
    assert memory.stats()["in_use"] == before["in_use"]


def test_no_more_is_kept_than_the_limit() -> None:
    memory.set_cache_limit("1M")
    assert memory.stats()["limit"] == MIB
    x = mg.ones(1024, 1024) + 1
    del x
    assert memory.stats()["cached"] <= MIB
    memory.set_cache_limit(0)
    assert memory.stats()["cached"] == 0


def test_a_full_cache_makes_room_for_what_is_freed_now() -> None:
    memory.empty_cache()
    memory.set_cache_limit("4M")
    large, small = mg.ones(1024, 1024) + 1, [mg.ones(256, 256) + 1 for _ in range(3)]
    del large
    assert memory.stats()["cached"] == 4 * MIB
    del small
    assert memory.stats()["cached"] == 3 * MIB // 4
    for rows in (1, 3, 40, 700, 5000):  # buffers of many sizes are counted right as they go
        x = mg.ones(rows, 160) + 1
        del x
    assert memory.stats()["cached"] <= 4 * MIB
    memory.empty_cache()
    assert memory.stats()["cached"] == 0


@pytest.mark.parametrize("limit", ["", "M", "-1", -1, "many", "1T", 1.5])
def test_bad_limits_are_refused(limit: int | str) -> None:
    with pytest.raises(ValueError, match="set_cache_limit: needs bytes"):
        memory.set_cache_limit(limit)


@pytest.mark.parametrize(("text", "limit"), [("4096", 4096), ("2k", 2048), (" 3G ", 3 << 30)])
def test_the_environment_sets_the_limit(text: str, limit: int) -> None:
    code = "import minigrad; print(minigrad.memory.stats()['limit'])"
    run = [sys.executable, "-c", code]
    out = subprocess.run(
        run, capture_output=True, text=True, check=True, env={**os.environ, "MINIGRAD_CACHE_LIMIT": text}
    )
    assert int(out.stdout) == limit


def test_a_steady_training_loop_needs_no_fresh_pages() -> None:
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x, y = mg.randn(128, 784), mg.randint(0, 10, (128,))

    def steps(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    steps(5)
    before = memory.stats()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    steps(40)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults < 40
    assert memory.stats()["in_use"] == before["in_use"]
