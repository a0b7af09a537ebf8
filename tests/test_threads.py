"""Several Python threads at once, each on graphs of its own."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import PATIENCE, in_forked_child, in_threads, run_python, with_threads

import minigrad as mg
from minigrad import Tensor, _core
from minigrad._contexts import Entries, innermost, running

WORKERS = 6


def run_together(function: Callable[[int], Any]) -> list[Any]:
    """Return what `function` returns for each number, in threads."""
    return in_threads(*(partial(function, n) for n in range(WORKERS)))


def step(n: int, size: int = 24) -> bytes:
    """Return the bits of a loss and a gradient that depend on n."""
    rng = np.random.default_rng(n)
    x = mg.tensor(rng.standard_normal((size, size)))
    w = mg.tensor(rng.standard_normal((size, size)), requires_grad=True)
    y = (x @ w).tanh().clone()
    y[0] = 0.0
    loss = y.softmax(1)[:, 0].log().mean() + (w * w).sum() + w.cumsum(0).mean() + w.max(1).values.sum()
    loss.backward()
    assert w.grad is not None
    return loss.detach().numpy().tobytes() + w.grad.numpy().tobytes()


@pytest.mark.parametrize("kernel_threads", [1, 3])
@pytest.mark.parametrize("size", [4, 24, 130])
def test_forward_and_backward_in_several_threads(size: int, kernel_threads: int) -> None:
    before, threshold = _core.get_num_threads(), _core.get_parallel_threshold()
    expected = [step(n, size) for n in range(WORKERS)]
    assert len(set(expected)) == WORKERS
    _core.set_num_threads(kernel_threads)
    _core.set_parallel_threshold(0)
    try:
        rounds = run_together(lambda n: [step(n, size) for _ in range(20)])
    finally:
        _core.set_num_threads(before)
        _core.set_parallel_threshold(threshold)
    for n, results in enumerate(rounds):
        assert results == [expected[n]] * 20


def test_threads_share_a_constant() -> None:
    shared = mg.tensor(np.random.default_rng(0).standard_normal((32, 32)))

    def work(n: int) -> list[float]:
        w = mg.full((32, 32), float(n + 1), dtype=mg.float64, requires_grad=True)
        for _ in range(20):
            w.grad = None
            (shared * w).sum().backward()
        assert w.grad is not None
        return w.grad.tolist()

    assert run_together(work) == [shared.tolist()] * WORKERS


def test_threads_read_one_leaf_by_grad() -> None:
    """autograd.grad accumulates nowhere, so that graphs of several threads may begin at one leaf."""
    x = mg.tensor([1.0, 2.0, 3.0], dtype=mg.float64, requires_grad=True)

    def work(n: int) -> list[float]:
        found: Tensor
        for _ in range(50):
            (found,) = mg.autograd.grad((x * x * (n + 1)).sum(), x)
        return found.tolist()

    assert run_together(work) == [[2.0 * (n + 1), 4.0 * (n + 1), 6.0 * (n + 1)] for n in range(WORKERS)]
    assert x.grad is None


def test_grad_mode_of_each_thread() -> None:
    x = mg.tensor(1.0, requires_grad=True)

    def work(n: int) -> bool:
        for _ in range(200):
            with mg.set_grad_enabled(n % 2 == 0):
                if (x * 2).requires_grad != (n % 2 == 0):
                    return False
        return mg.is_grad_enabled()

    assert run_together(work) == [True] * WORKERS


def test_errors_stay_in_their_thread() -> None:
    def work(n: int) -> str:
        for _ in range(50):
            if n % 2:
                with pytest.raises(RuntimeError, match=r"^add: "):
                    mg.ones(2, 3) + mg.ones(n + 3)
            else:
                step(n, 4)
        return "done"

    assert run_together(work) == ["done"] * WORKERS


def test_graph_made_in_one_thread_goes_back_in_another() -> None:
    x = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    loss = (x**3).sum()
    in_threads(loss.backward)
    assert x.grad is not None
    assert x.grad.tolist() == [3, 12]


def test_deep_chain_in_a_thread_with_a_small_stack() -> None:
    """A thread's stack is a fraction of the main one's: taking a long graph apart must not recurse in C either."""

    def work() -> float:
        x = mg.tensor(1.0, requires_grad=True)
        y = x
        for _ in range(200_000):
            y = -y
        y.backward()
        del y
        z = x
        for _ in range(200_000):
            z = z.sin()
        del z
        assert x.grad is not None
        return x.grad.item()

    before = threading.stack_size(256 * 1024)
    try:
        assert in_threads(work) == [1.0]
    finally:
        threading.stack_size(before)


DAEMONS = """
import threading
import minigrad as mg

class Tripled(mg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 3

    @staticmethod
    def backward(ctx, g):
        for _ in range(50):
            g = g * 1
        return g * 3

def train(size):
    x = mg.randn(size, size, requires_grad=True)
    for n in range(10**9):
        Tripled.apply(x.tanh() if n % 2 else x @ x).exp().sum().backward()
        x.grad = None
        if n == 2:
            ready.release()

ready = threading.Semaphore(0)
for n in range(4):
    threading.Thread(target=train, args=((20, 400)[n % 2],), daemon=True).start()
for _ in range(4):
    ready.acquire()
"""


def test_the_end_of_the_program_while_threads_compute() -> None:
    """Python ends daemon threads where they next want its lock, amid operations that hold references."""
    for _ in range(3):
        assert run_python("-c", DAEMONS) == ""


# ---- The team of threads that share a kernel's work --------------------------------------------------------------------

has_tasks = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the platform does not tell")


@has_tasks
def test_a_team_keeps_its_threads() -> None:
    """Work for two threads between work for three neither ends a thread nor starts one."""
    code = """
import os, minigrad as mg
others = len(os.listdir("/proc/self/task"))
mg.set_num_threads(3)
mg._core.set_parallel_threshold(0)
w = mg.randn(10, 64, requires_grad=True)
def step():
    mg.nn.functional.cross_entropy(mg.ones(32, 64) @ w.t(), mg.arange(32) % 10).backward()
    return set(os.listdir("/proc/self/task"))
before = step()
print(len(before) - others, {step() == before for _ in range(20)})
"""
    assert run_python("-c", code) == "2 {True}\n"


@has_tasks
def test_the_team_takes_no_signals() -> None:
    """A signal for the process reaches a thread of the program: one that sleeps in its code is woken."""
    code = """
import os, pathlib, minigrad as mg
from minigrad import _core
mg.set_num_threads(3), _core.set_parallel_threshold(0)
before = set(os.listdir("/proc/self/task"))
mg.ones(64, 64).exp()
for task in set(os.listdir("/proc/self/task")) - before:
    status = pathlib.Path("/proc/self/task", task, "status").read_text()
    blocked = int(status.split("SigBlk:")[1].split()[0], 16)
    print(bool(blocked & 1 << 1), end=" ")  # SIGINT is 2
"""
    assert run_python("-c", code) == "True True "


@has_tasks
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform binds no process to a core")
def test_threads_that_are_woken_may_go_where_they_might_before() -> None:
    """They are woken on cores of their own, but not bound to them; and only on cores that they may be on.

    More threads than cores, so that some find no core of their own. Those without work sleep in the end; before that,
    one may still be about to wake another one for a job that is done.
    """
    code = """
import os, pathlib, time, minigrad as mg
from minigrad import _core
cores = sorted(os.sched_getaffinity(0))
mg.set_num_threads(len(cores) + 1), _core.set_parallel_threshold(0)
before = set(os.listdir("/proc/self/task"))
x = mg.linspace(-1, 1, 4096).reshape(64, 64)
expected = x.exp().tolist()
team = [int(task) for task in set(os.listdir("/proc/self/task")) - before]
state = lambda task: pathlib.Path("/proc/self/task", str(task), "stat").read_text().rsplit(")", 1)[1].split()[0]
def await_sleep():
    while any(state(task) != "S" for task in team):
        time.sleep(0.001)
def wake_often(allowed):
    right = set()
    for _ in range(20):
        await_sleep()
        right.add(x.exp().tolist() == expected)
    await_sleep()
    return right, {sorted(os.sched_getaffinity(task)) == allowed for task in team}
print(len(team) == len(cores), *wake_often(cores))
for task in team:
    os.sched_setaffinity(task, cores[:2])
print(*wake_often(cores[:2]))
"""
    assert run_python("-c", code) == "True {True} {True}\n{True} {True}\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform binds no process to a core")
def test_threads_without_cores_hurt_nobody() -> None:
    """Eight threads on one core, as on a machine that is busy: nobody spins for a thread that has no core.

    Whoever did would have the core until the scheduler takes it away, for milliseconds instead of tenths of one. What
    counts is the time on the core, not what others have of it.
    """
    code = """
import os, time, minigrad as mg
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
x = mg.ones(1024, 1024)
def seconds(threads):
    mg.set_num_threads(threads)
    start = time.process_time()
    for _ in range(200):
        x.exp()
    return time.process_time() - start
alone, together = [min(seconds(threads) for _ in range(3)) for threads in (1, 8)]
print(together / alone)
"""
    assert float(run_python("-c", code)) < 3


def test_a_long_kernel_lets_other_threads_run() -> None:
    """In one of some runs: amid one that keeps Python's lock, no other thread has more than a turn at either end."""
    x = mg.rand(1200, 1200, dtype=mg.float64)

    def turns() -> int:
        kernel, count = threading.Thread(target=lambda: x @ x), 0
        kernel.start()
        while kernel.is_alive():
            time.sleep(0.001)
            count += 1
        return count

    with with_threads(1):
        assert any(turns() > 5 for _ in range(50))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_system_that_gives_no_threads() -> None:
    """Where none can be started, the caller does the work of all."""
    code = """
import os, resource, minigrad as mg
from minigrad import _core
x = mg.rand(300, 300)
expected = (x @ x).exp().sum().item()
before = len(os.listdir("/proc/self/task"))
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (4 << 20),) * 2)  # a stack is larger
mg.set_num_threads(4), _core.set_parallel_threshold(0)
print((x @ x).exp().sum().item() == expected, len(os.listdir("/proc/self/task")) - before)
"""
    assert run_python("-c", code, OMP_NUM_THREADS="1") == "True 0\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_forks_amid_another_threads_job() -> None:
    """The child's team is new, whatever job its parent's had when the fork came."""
    x = mg.rand(200, 200)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            x @ x

    with with_threads(3):
        expected = (x @ x).tolist()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            for _ in range(30):
                assert in_forked_child(lambda: (x @ x).tolist() == expected)
        finally:
            done.set()
            thread.join(PATIENCE)


@pytest.mark.parametrize(
    ("value", "threads"), [("3", 3), ("2,4", 2), ("100000", 512), ("0", 0), ("-1", 0), ("x", 0), ("", 0)]
)
def test_threads_by_environment(value: str, threads: int) -> None:
    """A number, or the first of several; whatever is none means one for each core that the process may use."""
    cores = len(os.sched_getaffinity(0))
    expected = threads or min(mg._core.cores_of_quota("") or cores, cores)
    code = "import minigrad; print(minigrad.get_num_threads())"
    assert run_python("-c", code, OMP_NUM_THREADS=value) == f"{expected}\n"


#: What control groups tell: files below /proc and /sys, and the cores that these leave.
QUOTAS: dict[str, tuple[dict[str, str], int]] = {
    "nothing": ({}, 0),
    "none": ({"cgroup": "0::/\n", "cpu.max": "max 100000\n"}, 0),
    "a container's": ({"cgroup": "0::/\n", "cpu.max": "200000 100000\n"}, 2),
    "rounded up": ({"cgroup": "0::/\n", "cpu.max": "150000 100000\n"}, 2),
    "less than one": ({"cgroup": "0::/\n", "cpu.max": "5000 100000\n"}, 1),
    "another period": ({"cgroup": "0::/\n", "cpu.max": "150000 50000\n"}, 3),
    "a group's": ({"cgroup": "0::/a/b.slice\n", "a/b.slice/cpu.max": "300000 100000\n"}, 3),
    "least of all": (
        {
            "cgroup": "0::/a/b\n",
            "a/b/cpu.max": "max 100000\n",
            "a/cpu.max": "200000 100000",
            "cpu.max": "700000 100000",
        },
        2,
    ),
    "another group's": ({"cgroup": "0::/a\n", "b/cpu.max": "200000 100000\n"}, 0),
    "version 1": (
        {
            "cgroup": "4:memory:/x\n1:cpu:/x\n0::/\n",
            "cpu/x/cpu.cfs_quota_us": "250000",
            "cpu/x/cpu.cfs_period_us": "100000",
        },
        3,
    ),
    "version 1, none": (
        {"cgroup": "1:cpu:/x\n", "cpu/x/cpu.cfs_quota_us": "-1\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
        0,
    ),
    "version 1, with another controller": (
        {
            "cgroup": "3:cpu,cpuacct:/docker/f00\n",
            "cpu,cpuacct/cpu.cfs_quota_us": "400000\n",
            "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
        4,
    ),
    "what cannot be read": ({"cgroup": "0::/\nnonsense\n::\n7:cpu", "cpu.max": "much 100000\n"}, 0),
    "no period": ({"cgroup": "0::/\n", "cpu.max": "100000 0\n"}, 0),
}


@pytest.mark.parametrize("name", QUOTAS)
def test_cores_that_control_groups_leave(name: str, tmp_path: Path) -> None:
    files, cores = QUOTAS[name]
    for path, text in files.items():
        file = tmp_path / ("proc/self/cgroup" if path == "cgroup" else f"sys/fs/cgroup/{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert mg._core.cores_of_quota(str(tmp_path)) == cores


def test_a_context_is_found_while_other_threads_end_theirs() -> None:
    entries: Entries = []

    class Elsewhere:
        """Stands for a thread that ends its contexts while this one looks for its own."""

        def __eq__(self, other: object) -> bool:
            del entries[1:]
            return False

        __hash__ = None

    entries += [(running.thread, "mine"), (Elsewhere(), "other"), (Elsewhere(), "other")]
    assert innermost(entries) == "mine"
    assert len(entries) == 1
