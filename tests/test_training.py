"""The training loop, its history and its callbacks."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.nn import functional as F
from minigrad.training import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    History,
    JSONLinesLogger,
    ProgressBar,
    Run,
    TensorBoardLogger,
)


def make_run(**settings: Any) -> tuple[Run, Any]:
    """Return a run whose batches, network and dropout come from the default generator, and its batches."""
    minigrad.manual_seed(0)
    x = minigrad.randn(60, 3)
    y = (x.sum(1) > 0).long()
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    run = Run(model, optimizer, F.cross_entropy, schedule=schedule, **settings)
    return run, lambda: [(x[rows], y[rows]) for rows in minigrad.randperm(60).split(16)]


def accuracy(output: Any, target: Any) -> float:
    return float((output.argmax(1) == target).float().mean().item())


class Scripted(Callback):
    """Replaces the loss of each epoch by given ones."""

    def __init__(self, losses: list[float]) -> None:
        self.losses = losses

    def on_epoch_end(self, run: Run) -> None:
        run.history[-1]["loss"] = self.losses[run.epoch - 1]


def weights(run: Run) -> list[np.ndarray[Any, Any]]:
    return [p.detach().numpy().copy() for p in run.model.parameters()]


def assert_equal(a: list[Any], b: list[Any]) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


# ---- The loop ---------------------------------------------------------------------------------------------------------


def test_history_of_a_run() -> None:
    run, batches = make_run(measures={"accuracy": accuracy}, validate=lambda: {"val_loss": 0.5})
    run.train(batches, 10)
    assert run.history.names() == ["epoch", "loss", "accuracy", "lr", "val_loss", "seconds"]
    assert run.history["epoch"] == list(range(1, 11))
    assert run.history["loss"][-1] < 0.4 < run.history["loss"][0]
    assert run.history["accuracy"][-1] > 0.9
    assert run.history["lr"][0] == 0.05
    assert run.history["lr"] == sorted(run.history["lr"], reverse=True)
    assert not run.model.training
    with pytest.raises(KeyError, match="no 'auc', only epoch, loss"):
        run.history["auc"]


def test_events_in_their_order() -> None:
    events: list[str] = []

    class Tell(Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                events.append(name)
            return object.__getattribute__(self, name)

        def on_batch_end(self, run: Run) -> None:
            pass

    run, batches = make_run(callbacks=[Tell()])
    run.train(batches, 1)
    assert events == ["on_train_begin", "on_epoch_begin", *["on_batch_end"] * 4, "on_epoch_end", "on_train_end"]


def test_plateau_schedule_sees_the_loss_held_back() -> None:
    run, batches = make_run(validate=lambda: {"val_loss": 1.0})
    run.schedule = optim.lr_scheduler.ReduceLROnPlateau(run.optimizer, factor=0.1, patience=1)
    run.train(batches, 4)
    assert run.history["lr"] == pytest.approx([0.05, 0.05, 0.05, 0.005])


def test_interruption_ends_the_run_between_epochs() -> None:
    class Interrupt(Callback):
        def on_batch_end(self, run: Run) -> None:
            if run.epoch == 2:
                raise KeyboardInterrupt

    run, batches = make_run(callbacks=[Interrupt()])
    run.train(batches, 9)
    assert (run.interrupted, run.stopped, run.epoch, len(run.history)) == (True, "interrupted", 2, 2)


def test_lbfgs_computes_the_loss_several_times() -> None:
    minigrad.manual_seed(0)
    x = minigrad.randn(40, 2, dtype=minigrad.float64)
    y = x @ minigrad.tensor([[2.0], [-1.0]], dtype=minigrad.float64)
    model = nn.Linear(2, 1, dtype=minigrad.float64)
    optimizer = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
    run = Run(model, optimizer, F.mse_loss).train(lambda: [(x, y)], 2)
    assert run.history["loss"][0] > 0.1
    assert run.history["loss"][1] < 1e-12


def test_no_batches() -> None:
    run, _ = make_run()
    with pytest.raises(ValueError, match="no batches"):
        run.train(list, 1)


# ---- Early stopping ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "settings", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1, 0], {}, 6, 6),
        ([5, 4, 4.5, 4.4, 3, 0], {}, 4, 2),
        ([5, 4, 3.99, 3.98, 0, 0], {"min_delta": 0.1}, 4, 4),
        ([5, math.nan, math.nan, 1, 1, 1], {}, 3, 1),
        ([1, 2, 3, 2.5, 2.6, 9], {"mode": "max"}, 5, 3),
        ([5, 6, 7, 4, 5, 6], {"patience": 3}, 6, 4),
    ],
)
def test_early_stopping(losses: list[float], settings: dict[str, Any], epochs: int, best: int) -> None:
    kept: list[Any] = []

    class Keep(Callback):
        def on_epoch_end(self, run: Run) -> None:
            kept.append(weights(run))

    stopping = EarlyStopping("loss", **{"patience": 2, **settings})
    run, batches = make_run(callbacks=[Scripted(losses), Keep(), stopping])
    run.train(batches, 6)
    assert (run.epoch, stopping.best_epoch) == (epochs, best)
    assert stopping.best == losses[best - 1]
    assert (run.stopped is None) == (stopping.waited < stopping.patience)
    assert_equal(weights(run), kept[best - 1])


def test_early_stopping_names_what_there_is() -> None:
    run, batches = make_run(callbacks=[EarlyStopping("val_acc")])
    with pytest.raises(KeyError, match="no metric 'val_acc', only loss"):
        run.train(batches, 2)
    with pytest.raises(ValueError, match="mode"):
        EarlyStopping(mode="least")


# ---- Logging ----------------------------------------------------------------------------------------------------------


def test_files_grow_with_the_run(tmp_path: Path) -> None:
    loggers = [CSVLogger(tmp_path / "log.csv"), JSONLinesLogger(tmp_path / "log.jsonl")]
    run, batches = make_run(callbacks=loggers)
    run.train(batches, 2)
    run.train(batches, 3)  # goes on behind what is there
    records = run.history.records
    with (tmp_path / "log.csv").open(encoding="utf-8", newline="") as file:
        assert [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)] == records
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == records


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    run, batches = make_run(callbacks=[TensorBoardLogger(tmp_path)])
    run.train(batches, 3)
    (path,) = tmp_path.iterdir()
    data, found = path.read_bytes(), []
    while data:
        length = int.from_bytes(data[:8], "little")
        assert int.from_bytes(data[8:12], "little") == masked_crc32c(data[:8])
        event = Event.FromString(data[12 : 12 + length])
        found += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
        data = data[16 + length :]
    losses = [(step, value) for tag, step, value in found if tag == "loss"]
    assert losses == [(r["epoch"], pytest.approx(r["loss"])) for r in run.history]
    assert {tag for tag, _, _ in found} == {"loss", "lr", "seconds"}


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    bar = ProgressBar("here", percent=frozenset({"accuracy"}))
    run, batches = make_run(callbacks=[bar], measures={"accuracy": accuracy})
    run.train(batches, 4)
    shown = capsys.readouterr().err
    assert "here: 100%" in shown
    assert f"accuracy={100 * run.history[-1]['accuracy']:.1f} %" in shown


@pytest.mark.parametrize(
    ("module", "extra", "make"),
    [
        ("tqdm", "train", ProgressBar),
        ("tensorboardX", "tensorboard", lambda: TensorBoardLogger("logs")),
        ("matplotlib.figure", "train", History([{"epoch": 1, "loss": 2.0}]).plot),
    ],
)
def test_missing_library_names_its_extra(module: str, extra: str, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ImportError, match=rf"\.\[{extra}\]"):
        make()


# ---- Checkpoints ------------------------------------------------------------------------------------------------------


def test_a_resumed_run_has_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    path = tmp_path / "run.safetensors"
    whole, batches = make_run(callbacks=[EarlyStopping("loss", patience=99)])
    whole.train(batches, 8)

    first, batches = make_run(callbacks=[EarlyStopping("loss", patience=99), Checkpoint(path, extra={"name": "mine"})])
    first.train(batches, 3)
    minigrad.manual_seed(99)
    state = minigrad.load(path)
    assert state["name"] == "mine"

    second, batches = make_run(callbacks=[EarlyStopping("loss", patience=99), Checkpoint(path)])
    second.load_state_dict(state["run"])
    minigrad.set_rng_state(state["generator"])
    second.train(batches, 8)
    assert_equal(weights(second), weights(whole))
    assert [r["loss"] for r in second.history] == [r["loss"] for r in whole.history]
    assert minigrad.load(path)["run"]["epoch"] == 8
