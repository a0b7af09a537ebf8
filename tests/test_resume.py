"""A run that is killed and resumed ends with the same bits as one that was not."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import PATIENCE, fork, wait_for_child

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn.functional import cross_entropy
from minigrad.optim import lr_scheduler
from minigrad.utils.data import DataLoader, TensorDataset

pytest.importorskip("safetensors")

EPOCHS = 3
STEPS = 3 * EPOCHS


class Training:
    """Everything that a run consists of."""

    def __init__(self, workers: int) -> None:
        mg.manual_seed(11)
        rows = TensorDataset(mg.randn(20, 6), mg.randint(0, 3, (20,)))
        self.model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
        self.optimizer = optim.AdamW(self.model.parameters(), lr=0.01)
        self.schedule = lr_scheduler.OneCycleLR(self.optimizer, 0.1, total_steps=STEPS)
        context = {"num_workers": workers, "multiprocessing_context": "fork"} if workers else {}
        self.loader = DataLoader(rows, batch_size=7, shuffle=True, **context)

    def parts(self) -> dict[str, Any]:
        return {name: part for name, part in vars(self).items() if hasattr(part, "state_dict")}

    def save(self, path: Path) -> None:
        state = {name: part.state_dict() for name, part in self.parts().items()}
        mg.save({**state, "generator": mg.get_rng_state()}, path)

    def resume(self, path: Path) -> None:
        state = mg.load(path)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        mg.set_rng_state(state["generator"])


def train(path: Path, workers: int, after_step: Callable[[int], Any]) -> None:
    """Train to the end, from the checkpoint if there is one; write a checkpoint after each step."""
    run = Training(workers)
    if path.exists():
        run.resume(path)
    for _ in range(run.loader.epoch, EPOCHS):
        for x, y in run.loader:
            run.optimizer.zero_grad()
            cross_entropy(run.model(x), y).backward()
            run.optimizer.step()
            run.schedule.step()
            run.save(path)
            after_step(run.schedule.last_epoch)


def in_child(path: Path, workers: int, after_step: Callable[[int], Any]) -> int:
    return fork(lambda: train(path, workers, after_step))


def ended(child: int) -> bool:
    """Wait for a child; return whether it ended by itself."""
    code = wait_for_child(child)
    assert code in (0, -signal.SIGKILL)
    return code == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the last checkpoint of a run that nobody killed."""
    path = tmp_path_factory.mktemp("whole") / "state"
    train(path, 0, lambda _: None)
    return path.read_bytes()


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_every_step(workers: int, whole: bytes, tmp_path: Path) -> None:
    def killed_at(step: int) -> Callable[[int], Any]:
        return lambda n: os.kill(os.getpid(), signal.SIGKILL) if n == step else None

    path = tmp_path / "state"
    for step in range(1, STEPS + 1):
        assert not ended(in_child(path, workers, killed_at(step)))
        assert mg.load(path)["schedule"]["last_epoch"] == step
    assert ended(in_child(path, workers, lambda _: None))
    assert path.read_bytes() == whole


def test_killed_at_any_moment(whole: bytes, tmp_path: Path) -> None:
    """Nobody ends before it is killed: after the last step a run waits for it."""
    rng = random.Random(2)
    path = tmp_path / "state"
    for _ in range(12):
        child = in_child(path, 0, lambda step: time.sleep(0.01 if step < STEPS else PATIENCE))
        time.sleep(rng.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        if ended(child):  # the one before did all steps
            break
    assert ended(in_child(path, 0, lambda _: None))
    assert path.read_bytes() == whole


# ---- Every optimiser, every schedule ---------------------------------------------------------------------------------

OPTIMISERS = [name for name in optim.__all__ if isinstance(getattr(optim, name), type) and name != "Optimizer"]
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda n: 0.9**n),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda n: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 2, 4]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, total_iters=4),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 9),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 9),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 3),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=20),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.5)], [3]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.5)], o
    ),
}


def test_every_schedule_is_there() -> None:
    found = {
        name
        for name, kind in vars(lr_scheduler).items()
        if isinstance(kind, type)
        and kind.__module__ == lr_scheduler.__name__
        and hasattr(kind, "step")
        and not name.startswith("_")
        and name not in {"LRScheduler", "Combined"}
    }
    assert found <= set(SCHEDULES)


def steps(optimizer: Any, schedule: Any, p: mg.Tensor, count: int) -> None:
    def closure() -> mg.Tensor:
        optimizer.zero_grad()
        loss = ((p - mg.arange(3.0)) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(count):
        loss = optimizer.step(closure)
        if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
            schedule.step(loss.item())
        elif schedule is not None:
            schedule.step()


def made(name: str, schedule: str | None) -> tuple[Any, Any, mg.Tensor]:
    p = mg.tensor([[3.0, -1.0, 0.5]], requires_grad=True)
    settings = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(optim, name)([p], lr=0.05, **settings)
    return optimizer, None if schedule is None else SCHEDULES[schedule](optimizer), p


@pytest.mark.parametrize(
    ("name", "schedule"), [*((name, None) for name in OPTIMISERS), *(("SGD", name) for name in SCHEDULES)]
)
def test_states_go_through_a_file(name: str, schedule: str | None, tmp_path: Path) -> None:
    first = made(name, schedule)
    steps(*first, 3)
    mg.save({"states": [part and part.state_dict() for part in first[:2]], "p": first[2]}, tmp_path / "state")
    steps(*first, 6)
    second = made(name, schedule)
    steps(*second, 1)
    state = mg.load(tmp_path / "state")
    second[2].detach().copy_(state["p"])
    for part, saved in zip(second[:2], state["states"], strict=True):
        if part is not None:
            part.load_state_dict(saved)
    steps(*second, 6)
    assert second[2].tolist() == first[2].tolist()
    assert second[0].param_groups[0]["lr"] == first[0].param_groups[0]["lr"]


def test_the_loop_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs, and goes on where it was."""
    page = Path(__file__).resolve().parent.parent / "docs" / "data.md"
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    monkeypatch.chdir(tmp_path)

    def weights(epochs: int) -> list[float]:
        mg.manual_seed(0)
        names: dict[str, Any] = {}
        exec(code.replace("range(loader.epoch, 10)", f"range(loader.epoch, {epochs})"), names)  # noqa: S102
        return list(names["model"][0].weight.reshape(-1).tolist())

    whole = weights(10)
    Path("run.safetensors").unlink()
    weights(4)
    assert mg.load("run.safetensors")["loader"]["epoch"] == 3
    assert weights(10) == whole
