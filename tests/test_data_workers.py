"""The loader with workers: what they yield, how they fail, how they end."""

from __future__ import annotations

import gc
import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import PATIENCE

import minigrad as mg
from minigrad import Generator
from minigrad.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

CONTEXTS = ["fork", "spawn", "forkserver"]


class Told(Dataset[Any]):
    """Sample i is i, what a function makes of it, and the worker's number."""

    def __init__(self, n: int, made: Any = None) -> None:
        self.n, self.made = n, made

    def __getitem__(self, index: int) -> Any:
        info = get_worker_info()
        return index, 0 if self.made is None else self.made(index), -1 if info is None else info.id

    def __len__(self) -> int:
        return self.n


class Parts(IterableDataset[int]):
    """Worker k's part of 0, ..., n - 1: every number that is k modulo the number of workers, k times fewer."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        return iter(range(self.n) if info is None else range(info.id, self.n // (info.id + 1), info.num_workers))


def lists(batches: Any) -> list[Any]:
    return [[part.tolist() for part in b] if isinstance(b, list) else b.tolist() for b in batches]


def alive() -> list[int]:
    """Return the children of this process that it forked and that are there, a zombie or not.

    They have its command line; the server of "forkserver" and the tracker of resources, which stay, do not.
    """
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    own = Path("/proc/self/cmdline").read_bytes()
    return [int(pid) for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes() in (own, b"")]


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    gc.collect()  # an exception and the frame that caught it refer to each other
    assert alive() == []


# ---- Batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_batches_are_those_of_one_process(context: str) -> None:
    x, y = mg.arange(50.0).reshape(25, 2), mg.arange(25)
    for dataset in (TensorDataset(x, y), Told(25)):
        kept = {"batch_size": 4, "shuffle": True}
        alone = DataLoader(dataset, **kept, generator=Generator().manual_seed(1))
        shared = DataLoader(
            dataset, **kept, generator=Generator().manual_seed(1), num_workers=2, multiprocessing_context=context
        )
        for _ in range(2):
            assert [b[:2] for b in lists(shared)] == [b[:2] for b in lists(alone)]
        if context != "fork":
            break


@pytest.mark.parametrize(("n", "workers", "prefetch"), [(0, 2, 2), (1, 3, 1), (7, 1, 3), (7, 3, 1), (7, 3, 2)])
def test_turns(n: int, workers: int, prefetch: int) -> None:
    loader = DataLoader(Told(n), num_workers=workers, prefetch_factor=prefetch, multiprocessing_context="fork")
    assert lists(loader) == [[[i], [0], [i % workers]] for i in range(n)]


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # PyTorch's, of more workers than cores
def test_streams_in_parts() -> None:
    torch = pytest.importorskip("torch")

    class PeerParts(torch.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[int]:
            info = torch.utils.data.get_worker_info()
            return iter(range(info.id, 24 // (info.id + 1), info.num_workers))

    for settings in ({"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}):
        own = DataLoader(Parts(24), num_workers=3, multiprocessing_context="fork", **settings)
        peer = torch.utils.data.DataLoader(PeerParts(), num_workers=3, multiprocessing_context="fork", **settings)
        expected = [b.tolist() if settings["batch_size"] else b for b in peer]
        assert (lists(own) if settings["batch_size"] else list(own)) == expected


def test_large_requests_and_batches_do_not_wait_for_each_other() -> None:
    loader = DataLoader(
        TensorDataset(mg.arange(200_000.0).reshape(100_000, 2)),
        50_000,
        num_workers=1,
        prefetch_factor=3,
        multiprocessing_context="fork",
    )
    assert mg.equal(mg.cat([b for (b,) in loader]), mg.arange(200_000.0).reshape(100_000, 2))


def odd_sample(_: int) -> Any:
    return {
        "empty": np.zeros((0, 3)),
        "text": "a",
        "scalar": mg.tensor(2.0),
        "transposed": mg.arange(6).reshape(2, 3).t(),
    }


def test_all_kinds_of_batches_come_through() -> None:
    loader = DataLoader(
        Told(2, odd_sample), None, num_workers=1, multiprocessing_context="fork", collate_fn=lambda x: x
    )
    for _, sample, _ in loader:
        assert sample["empty"].shape == (0, 3)
        assert sample["text"] == "a"
        assert sample["scalar"].item() == 2.0
        assert sample["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]]
        sample["transposed"].fill_(0)  # its memory is its own


# ---- What workers know -----------------------------------------------------------------------------------------------


def noise(_: int) -> Any:
    return mg.rand(2)


def facts(index: int) -> Any:
    info = get_worker_info()
    assert info is not None
    assert info.dataset.n == 4
    return [info.id, info.num_workers, info.seed, mg.random.initial_seed(), mg.get_num_threads(), TOLD.get("init", -1)]


TOLD: dict[str, int] = {}


def init(number: int) -> None:
    TOLD["init"] = number + 10


def test_worker_info() -> None:
    assert get_worker_info() is None
    loader = DataLoader(Told(4, facts), 2, num_workers=2, worker_init_fn=init, multiprocessing_context="fork")
    rows = [[part.tolist() for part in made] for _, made, _ in loader]
    for k, (ids, counts, seeds, initial, threads, told) in enumerate(rows):
        assert ids == [k, k]
        assert counts == [2, 2]
        assert seeds == initial
        assert threads == [1, 1]
        assert told == [10 + k] * 2
    assert rows[0][2][0] + 1 == rows[1][2][0]


def test_workers_draw_anew_in_each_epoch_and_the_same_for_a_seed() -> None:
    def epochs(persistent: bool) -> list[Any]:
        loader = DataLoader(
            Told(6, noise),
            2,
            num_workers=2,
            generator=Generator().manual_seed(4),
            multiprocessing_context="fork",
            persistent_workers=persistent,
        )
        return [lists(made for _, made, _ in loader) for _ in range(2)]

    first = epochs(False)
    assert first == epochs(False) == epochs(True)
    flat = [x for epoch in first for batch in epoch for row in batch for x in row]
    assert len(set(flat)) == len(flat)


@pytest.mark.parametrize("position", [0, 3, 4])
@pytest.mark.parametrize("kind", ["numbers", "stream"])
def test_what_remains_of_an_epoch_with_workers(kind: str, position: int) -> None:
    def make(seed: int) -> DataLoader:
        dataset = Told(8, noise) if kind == "numbers" else Parts(16)
        settings: dict[str, Any] = {"shuffle": True} if kind == "numbers" else {}
        return DataLoader(
            dataset,
            2,
            num_workers=2,
            generator=Generator().manual_seed(seed),
            multiprocessing_context="fork",
            **settings,
        )

    first = make(1)
    batches = iter(first)
    list(itertools.islice(batches, position))
    state = first.state_dict()
    rest = [lists(batches), lists(first)]
    second = make(2)
    second.load_state_dict(state)
    assert [lists(second), lists(second)] == rest


def test_persistent_workers() -> None:
    loader = DataLoader(Told(4, pid), 2, num_workers=2, persistent_workers=True, multiprocessing_context="fork")
    first = lists(loader)
    next(iter(loader))  # left in the middle
    assert lists(loader) == first
    assert len(alive()) >= 2
    del loader


def test_persistent_workers_serve_one_epoch_at_a_time() -> None:
    loader = DataLoader(range(9), num_workers=2, persistent_workers=True, multiprocessing_context="fork")
    first = iter(loader)
    next(first)
    second = iter(loader)
    assert next(second).item() == 0
    with pytest.raises(RuntimeError, match="have begun another epoch"):
        next(first)


def test_what_cannot_be_sent_to_a_worker() -> None:
    loader = DataLoader(Told(3, lambda i: i), num_workers=2, multiprocessing_context="spawn")
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        list(loader)


def pid(_: int) -> int:
    return os.getpid()


# ---- Failures --------------------------------------------------------------------------------------------------------


class OddError(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__(a, b)


def failing(index: int) -> int:
    if index == 3:
        return {}["missing key"]
    if index == 5:
        raise OddError(1, 2)
    if index == 7:
        return lambda: 0
    if index == 9:
        raise StopIteration
    return index


@pytest.mark.parametrize(
    ("index", "error", "name"),
    [
        (3, KeyError, "KeyError"),
        (5, RuntimeError, "OddError"),
        (7, Exception, "Error"),
        (9, RuntimeError, "RuntimeError"),
    ],
)
def test_exceptions_come_with_their_traceback(index: int, error: type[Exception], name: str) -> None:
    loader = DataLoader(
        Told(10, failing), None, sampler=[0, index], num_workers=1, multiprocessing_context="fork", collate_fn=same
    )
    batches = iter(loader)
    assert next(batches)[1] == 0
    with pytest.raises((error, RuntimeError)) as raised:
        next(batches)
    text = str(raised.value.__cause__ or raised.value)
    assert text.startswith("Caught ")
    assert f"{name} in DataLoader worker process 0.\nOriginal Traceback" in text
    if index != 7:
        assert "in failing" in text


def same(sample: Any) -> Any:
    return sample


def bad_init(_: int) -> None:
    raise ValueError("no init")


def test_exception_in_the_first_call() -> None:
    with pytest.raises(ValueError, match=r"(?s)Caught ValueError in DataLoader worker process 0.*in bad_init.*no init"):
        list(DataLoader(Told(3), num_workers=2, worker_init_fn=bad_init, multiprocessing_context="fork"))


def dying(index: int) -> int:
    if index == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if index == 5:
        os._exit(3)
    return index


@pytest.mark.parametrize(("index", "how"), [(2, "killed by signal SIGKILL"), (5, "with exit code 3")])
def test_a_killed_worker_raises(index: int, how: str) -> None:
    loader = DataLoader(
        Told(9, dying), sampler=[0, 1, index, 3], num_workers=2, multiprocessing_context="fork", timeout=PATIENCE
    )
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: {how}"):
        list(loader)


def test_a_worker_killed_from_outside_raises() -> None:
    loader = DataLoader(Told(1000, slow), num_workers=2, multiprocessing_context="fork", timeout=PATIENCE)
    batches = iter(loader)
    next(batches)
    os.kill(alive()[-1], signal.SIGKILL)
    with pytest.raises(RuntimeError, match="exited unexpectedly: killed by signal SIGKILL"):
        list(batches)


def slow(index: int) -> int:
    time.sleep(0.01)
    return index


def very_slow(index: int) -> int:
    time.sleep(PATIENCE)
    return index


def test_timeout() -> None:
    batches = iter(DataLoader(Told(3, very_slow), num_workers=1, timeout=0.2, multiprocessing_context="fork"))
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.2 seconds"):
        next(batches)


def test_leaving_the_loop_ends_the_workers() -> None:
    for _ in DataLoader(Told(1000, slow), num_workers=3, multiprocessing_context="fork"):
        assert len(alive()) >= 3
        break
    assert alive() == []


SCRIPT = """
import os, signal, sys, time
import minigrad as mg
from minigrad.utils.data import DataLoader, Dataset

signal.signal(signal.SIGINT, signal.default_int_handler)  # which programs in the background ignore

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

class Slow(Dataset):
    def __len__(self): return 1000
    def __getitem__(self, i):
        say("pid", os.getpid())
        end = time.monotonic() + 300
        while i > 3 and time.monotonic() < end: pass
        return i

def main():
    try:
        for batch in DataLoader(Slow(), num_workers=int(sys.argv[1]), multiprocessing_context=sys.argv[2] or None):
            say("batch")
    except KeyboardInterrupt:
        say("interrupted")

if __name__ == "__main__":
    main()
    say("end")
"""


def start_script(tmp_path: Path, workers: int, context: str) -> tuple[subprocess.Popen[str], set[int]]:
    """Start a process that loads for ever; return it when its workers are busy, and their numbers."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script), str(workers), context],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    found: set[int] = set()
    samples = 0
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    while samples < 4 + max(workers, 1):  # the last of them takes minutes
        word, *rest = process.stdout.readline().split()
        if word == "pid":
            samples += 1
            found.add(int(rest[0]))
    watch.cancel()
    return process, found - {process.pid}


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize(
    ("workers", "context", "group"), [(0, "", True), (2, "fork", False), (2, "fork", True), (2, "spawn", True)]
)
def test_ctrl_c_ends_amid_a_sample(workers: int, context: str, group: bool, tmp_path: Path) -> None:
    """Whether the terminal signals the whole group, as it does, or one signals the process alone."""
    process, found = start_script(tmp_path, workers, context)
    assert len(found) == workers
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert err == ""
    assert all(gone(p) for p in found)
    assert out.splitlines()[-2:] == ["interrupted", "end"]


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_of_a_killed_process_end(context: str, tmp_path: Path) -> None:
    process, found = start_script(tmp_path, 2, context)
    process.kill()
    process.communicate(timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while not all(gone(p) for p in found) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert all(gone(p) for p in found)


def odd_ones_fail(index: int) -> int:
    if index % 2:
        raise NotImplementedError(f"sample {index}")
    return index


def test_a_kept_exception_keeps_no_workers() -> None:
    kept = []
    try:
        for _ in DataLoader(Told(9, odd_ones_fail), num_workers=2, multiprocessing_context="fork"):
            pass
    except NotImplementedError as error:
        kept.append(error)
    assert len(kept) == 1
    assert alive() == []


@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_sample_cannot_end_the_epoch(batch_size: int | None) -> None:
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        list(DataLoader(Told(10, failing), batch_size, sampler=[0, 1, 9, 2]))


@pytest.mark.parametrize("workers", [0, 2])
def test_what_fails_does_not_end_the_epoch(workers: int) -> None:
    settings = {"num_workers": workers, "multiprocessing_context": "fork"} if workers else {}
    batches = iter(DataLoader(Told(9, odd_ones_fail), None, **settings))
    assert len(batches) == 9
    for index in range(9):
        if index % 2:
            with pytest.raises(NotImplementedError, match=f"sample {index}"):
                next(batches)
        else:
            assert next(batches)[1] == index
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(batches)
