"""Memory: what is in use and kept, what is given back, and that a training loop needs no fresh pages."""

from __future__ import annotations

import gc
import itertools
import os
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from helpers import PATIENCE, in_forked_child, in_threads, run_python, with_threads

import minigrad as mg
from minigrad import memory, nn, optim
from minigrad.utils.data import DataLoader, TensorDataset

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


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32"])
def test_totals_of_small_integers_take_no_wider_copy(dtype: str) -> None:
    x = mg.ones(4 * MIB, dtype=getattr(mg, dtype))
    for y, call in itertools.product(
        (x, x.view(2048, 2048).t()),
        (mg.sum, mg.prod, lambda y: mg.sum(y, dtype=mg.int32), lambda y: mg.mean(y, dtype=mg.float32)),
    ):
        memory.reset_peak()
        before = memory.stats()["in_use"]
        out = call(y)
        assert memory.stats()["peak"] < before + MIB
        assert out.item() in {1, 4 * MIB}


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


def test_what_waited_longest_makes_room_first() -> None:
    memory.empty_cache()
    memory.set_cache_limit("4M")
    old, young, last = mg.empty(512, 512), mg.empty(768, 512), mg.empty(1024, 512)
    del old
    del young
    assert memory.stats()["cached"] == 5 * MIB // 2
    del last
    assert memory.stats()["cached"] == 7 * MIB // 2  # without the old one, which is smaller than the young one
    again = mg.empty(768, 512)
    assert memory.stats()["cached"] == 2 * MIB
    del again


@pytest.mark.parametrize("limit", ["", "M", "-1", -1, "many", "1T", 1.5])
def test_bad_limits_are_refused(limit: int | str) -> None:
    with pytest.raises(ValueError, match="set_cache_limit: needs bytes"):
        memory.set_cache_limit(limit)


@pytest.mark.parametrize(("text", "limit"), [("4096", 4096), ("2k", 2048), (" 3G ", 3 << 30)])
def test_the_environment_sets_the_limit(text: str, limit: int) -> None:
    code = "import minigrad; print(minigrad.memory.stats()['limit'])"
    assert int(run_python("-c", code, MINIGRAD_CACHE_LIMIT=text)) == limit


#: The system moves pages of a process as well, when others ask it for large ones.
TRIES = 20


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("sizes", "batch", "optimizer"),
    [
        ((64, 64, 10), 32, optim.Adam),
        ((784, 256, 10), 128, optim.SGD),
        ((784, 256, 10), 128, optim.Adam),
        ((784, 1024, 1024, 10), 512, optim.Adam),
    ],
)
def test_a_steady_training_loop_needs_no_fresh_pages(
    sizes: tuple[int, ...], batch: int, optimizer: Callable[..., optim.Optimizer], threads: int
) -> None:
    steps = 3 if sizes[1] == 1024 else 30
    with with_threads(threads):
        step = training_step(sizes, batch, optimizer)
        step()
        in_use = memory.stats()["in_use"]
        assert finds_its_pages(step, steps)
        assert memory.stats()["in_use"] == in_use


@pytest.mark.parametrize("rows", [64, 256, 3072])
def test_a_training_loop_after_other_work_has_filled_the_cache_needs_no_fresh_pages(rows: int) -> None:
    """Whether those buffers are smaller than the loop's, of one of its sizes, or larger."""
    memory.empty_cache()
    memory.set_cache_limit("128M")
    other_work = [mg.ones(rows, 1024) + 1 for _ in range((128 << 10) // (4 * rows))]
    del other_work
    assert memory.stats()["cached"] > 110 * MIB
    step = training_step((784, 1024, 1024, 10), 512)
    assert finds_its_pages(step, 3)


def finds_its_pages(call: Callable[[], object], count: int) -> bool:
    """Return whether so many calls come without a page fault, in one of some tries.

    Two things of the interpreter's would be counted too. Its frames lie in chunks of 16 KiB; where a chunk ends amid
    the call, each call asks for a new one and gives it back: a thread of our own is at the beginning of its first.
    And the garbage collector gives memory back, for which the next call has to ask anew.
    """

    def tries() -> bool:
        call()
        return any(faults_of(call, count) == 0 for _ in range(TRIES))

    gc.collect()
    gc.disable()
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(tries).result()
    finally:
        gc.enable()


def faults_of(call: Callable[[], object], count: int) -> int:
    """Return the page faults of so many calls, all together."""
    before = page_faults()
    for _ in range(count):
        call()
    return page_faults() - before


def test_an_epoch_of_batches_needs_no_fresh_pages_when_it_comes_again() -> None:
    """Also where the last batch is smaller, and an evaluation without graph comes between."""
    data = TensorDataset(mg.randn(1000, 100), mg.randint(0, 10, (1000,)))
    model = nn.Sequential(nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = optim.Adam(model.parameters())
    loader = DataLoader(data, batch_size=64, shuffle=True)

    def epoch() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        with mg.no_grad():
            model(data.tensors[0]).argmax(1)

    assert finds_its_pages(epoch, 3)


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def training_step(
    sizes: tuple[int, ...], batch: int, make: Callable[..., optim.Optimizer] = optim.Adam
) -> Callable[[], None]:
    layers = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    optimizer = make(model.parameters(), lr=1e-3)
    x, y = mg.randn(batch, sizes[0]), mg.randint(0, sizes[-1], (batch,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the platform does not tell")
def test_what_is_given_back_leaves_the_process() -> None:
    """Also where something lies behind it, and after large buffers have made the allocator keep more."""
    code = """
import minigrad as mg
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
before = resident()
large = [mg.ones(2048, 2048) + 1 for _ in range(2)]
del large
mg.memory.empty_cache()
several = [mg.ones(512, 512) + 1 for _ in range(100)]
behind = mg.ones(512, 512) + 1
del several
assert resident() - before > 100 << 20
mg.memory.empty_cache()
print(resident() - before)
"""
    assert int(run_python("-c", code)) < 10 * MIB


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the platform does not tell")
def test_what_is_kept_is_given_back_before_memory_runs_out() -> None:
    code = """
import resource
import minigrad as mg
several = [mg.ones(2048, 2048) + n for n in range(8)]
del several
with open("/proc/self/statm") as file:
    limit = int(file.read().split()[0]) * 4096 + (8 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
x = mg.full((4096, 4096), 2.0)
assert x.max().item() == 2
mg.memory.reset_peak()
try:
    mg.ones(65536, 4096)
except MemoryError as error:
    print(error)
assert mg.memory.stats()["peak"] < 80 << 20, "what was not to be had is none that was in use"
"""
    assert run_python("-c", code, OMP_NUM_THREADS="1") == "full: no memory for a result of 1073741824 bytes\n"


def test_the_limit_of_the_environment_holds_in_a_training_loop() -> None:
    code = """
import minigrad as mg
from minigrad import nn
model, x, y = nn.Linear(500, 500), mg.randn(500, 500), mg.randint(0, 500, (500,))
most = 0
for _ in range(5):
    nn.functional.cross_entropy(model(x).tanh(), y).backward()
    most = max(most, mg.memory.stats()["cached"])
print(most)
"""
    assert 0 < int(run_python("-c", code, MINIGRAD_CACHE_LIMIT="1500K")) <= 1500 << 10


def test_a_bad_limit_in_the_environment_says_which_variable() -> None:
    out = subprocess.run(
        [sys.executable, "-c", "import minigrad"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, "MINIGRAD_CACHE_LIMIT": "much"},
    )
    assert out.returncode != 0
    assert "MINIGRAD_CACHE_LIMIT: needs bytes, or a number with K, M or G behind it, got 'much'" in out.stderr


# ---- Threads and forks -----------------------------------------------------------------------------------------------


def churn(seed: int, rounds: int = 200) -> None:
    """Make, check and drop arrays of many sizes, several at a time."""
    draw = random.Random(seed)
    alive: list[mg.Tensor] = []
    for n in range(rounds):
        alive.append(mg.full((draw.randint(1, 200), draw.randint(1, 200)), float(seed * rounds + n)))
        if len(alive) > 5:
            x = alive.pop(draw.randrange(5))
            assert x.min().item() == x.max().item()  # nobody else writes to its memory


def test_threads_share_the_memory_that_is_kept() -> None:
    gc.collect()
    memory.set_cache_limit("2M")
    before = memory.stats()["in_use"]

    def work(seed: int) -> None:
        for _ in range(5):
            churn(seed)
            assert memory.stats()["cached"] <= 2 * MIB
            if seed == 0:
                memory.empty_cache()

    in_threads(*(partial(work, seed) for seed in range(6)))
    assert memory.stats()["in_use"] == before


def test_memory_freed_in_another_thread_is_used_again() -> None:
    memory.empty_cache()
    x = [mg.ones(512, 512) + 1]
    in_threads(x.clear)
    assert memory.stats()["cached"] >= MIB
    kept = memory.stats()["cached"]
    x.append(mg.ones(512, 512) + 1)
    assert memory.stats()["cached"] < kept + MIB


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_forked_child_has_a_pool_of_its_own() -> None:
    x = mg.ones(512, 512) + 1
    before = memory.stats()

    def child() -> bool:
        same = memory.stats() == before
        memory.empty_cache()
        y = x + 1
        return same and memory.stats()["in_use"] == before["in_use"] + MIB and y.sum().item() == 3 * 512 * 512

    assert in_forked_child(child)
    assert memory.stats() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_children_forked_while_another_thread_holds_the_pool() -> None:
    """The pool's lock is free in the child, and what is kept is whole, whenever the fork comes."""
    turned = mg.ones(1024, 2048).T  # what a scan copies first, into memory that it gives back without Python's lock

    def fork_meanwhile(thread: threading.Thread) -> None:
        while thread.is_alive():
            assert in_forked_child(lambda: mg.ones(3).sum().item() == 3)

    for _ in range(3):
        memory.set_cache_limit("1G")
        memory.empty_cache()
        small = [mg.ones(1) for _ in range(300_000)]
        del small  # all of which then make room, one by one
        memory.set_cache_limit(memory.stats()["cached"] + MIB)
        sums: list[mg.Tensor] = []
        scan = threading.Thread(target=lambda: sums.append(turned.cumsum(1)))  # noqa: B023
        scan.start()
        with ThreadPoolExecutor(4) as forks:
            list(forks.map(fork_meanwhile, [scan] * 4))
        assert sums[0][:, -1].eq(1024).all()
