"""What is told of a run as it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._extras import require
from ..random import get_rng_state
from ..serialization import save
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..graph import Array
    from .history import Record
    from .loop import Run


class Callback:
    """Base class of callbacks: methods that a run calls with itself; none of them does anything here.

    Examples
    --------
    >>> from minigrad.training import Callback
    >>> class Stop(Callback):
    ...     def on_epoch_end(self, run):
    ...         if run.history[-1]["loss"] < 0.1:
    ...             run.stop("good enough")
    """

    def on_train_begin(self, run: Run) -> None:
        """Be told that training begins or goes on."""

    def on_epoch_begin(self, run: Run) -> None:
        """Be told that an epoch begins; `run.epoch` are done."""

    def on_batch_end(self, run: Run) -> None:
        """Be told that the parameters were changed once."""

    def on_epoch_end(self, run: Run) -> None:
        """Be told that an epoch ended; its record is ``run.history[-1]``."""

    def on_train_end(self, run: Run) -> None:
        """Be told that training ended; `run.stopped` says why, if early."""

    def wants_batches(self) -> bool:
        """Return whether :meth:`on_batch_end` does anything."""
        return type(self).on_batch_end is not Callback.on_batch_end

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the callback."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""


class EarlyStopping(Callback):
    """Ends a run whose metric no longer improves; keeps the best weights.

    Parameters
    ----------
    monitor : str, default "val_loss"
        The metric's name in the history.
    patience : int or float, default 10
        The run ends after so many epochs in a row without an improvement.
    min_delta : float, default 0
        What is less of a change than this, against the best so far, is no improvement.
    mode : {"min", "max"}, default "min"
        Whether less or more is better.
    restore_best : bool, default True
        Whether the model has the weights of its best epoch in the end.

    Attributes
    ----------
    best : float
        The best value so far.
    best_epoch : int
        Its epoch, 0 before there was one.
    waited : int
        For how many epochs there has been no improvement.

    Examples
    --------
    >>> from minigrad.training import EarlyStopping
    >>> EarlyStopping("val_accuracy", patience=5, mode="max").best
    -inf
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: float = 10,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ) -> None:
        if mode not in {"min", "max"}:
            raise ValueError(f'EarlyStopping: mode must be "min" or "max", got {mode!r}')
        self.monitor = monitor
        self.patience = patience
        self.min_delta = min_delta
        self.mode = mode
        self.restore_best = restore_best
        self.best = math.inf if mode == "min" else -math.inf
        self.best_epoch = 0
        self.waited = 0
        self._weights: dict[str, Array] = {}

    def on_epoch_end(self, run: Run) -> None:
        """Compare the metric with the best so far."""
        value = self._value(run.history[-1])
        sign = 1.0 if self.mode == "min" else -1.0
        self.waited = 0 if sign * value <= sign * self.best - self.min_delta else self.waited + 1
        if sign * value < sign * self.best:
            self.best, self.best_epoch = value, run.epoch
            if self.restore_best:
                self._weights = {name: t._array.copy() for name, t in run.model.state_dict().items()}
        if self.waited >= self.patience:
            self.exhausted(run)

    def _value(self, record: Record) -> float:
        if self.monitor not in record:
            known = ", ".join(name for name in record if name not in {"epoch", "lr", "seconds"})
            raise KeyError(f"EarlyStopping: there is no metric {self.monitor!r}, only {known}")
        return record[self.monitor]

    def exhausted(self, run: Run) -> None:
        """End the run."""
        run.stop(f"{self.monitor} has not improved for {self.waited} epochs")

    def on_train_end(self, run: Run) -> None:
        """Put the best weights back."""
        if self._weights:
            run.model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, its epoch and its weights, and for how long there was no better one."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": dict(self._weights),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.best, self.best_epoch = float(state["best"]), int(state["best_epoch"])
        self.waited = int(state["waited"])
        self._weights = {name: getattr(value, "_array", value) for name, value in state["weights"].items()}


class Checkpoint(Callback):
    """Saves the run, and with it the default generator, so that another process can go on from there.

    Parameters
    ----------
    path : str or Path
        The file. It is replaced at once: there is always an old or a new one.
    every : int, default 1
        After how many epochs it is written.
    seconds : float, default 0
        How much later than the last time it is written at least. When a run ends or is interrupted, its last whole
        epoch is written at any rate.
    extra : mapping, optional
        What else it holds.
    """

    def __init__(
        self, path: str | Path, every: int = 1, seconds: float = 0.0, extra: Mapping[str, Any] | None = None
    ) -> None:
        if every < 1:
            raise ValueError(f"Checkpoint: every must be positive, got {every}")
        self.path = Path(path)
        self.every = every
        self.seconds = seconds
        self.extra = dict(extra or {})
        self._written = -math.inf
        self._pending: dict[str, Any] | None = None

    def on_epoch_end(self, run: Run) -> None:
        """Save, if it is time; otherwise keep a copy."""
        if run.epoch % self.every:
            return
        state = {**self.extra, "run": run.state_dict(), "generator": get_rng_state()}
        if time.monotonic() - self._written >= self.seconds:
            self._write(state)
        else:
            self._pending = copied(state)

    def on_train_end(self, run: Run) -> None:
        """Write what is not written yet."""
        if self._pending is not None:
            self._write(self._pending)

    def _write(self, state: dict[str, Any]) -> None:
        save(state, self.path)
        self._written, self._pending = time.monotonic(), None


def copied(value: Any) -> Any:
    """Return nested values with the tensors and arrays in them copied."""
    if isinstance(value, Mapping):
        return {name: copied(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copied(part) for part in value)
    if isinstance(value, Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else value


class ProgressBar(Callback):
    """Shows on stderr how far a run is, with the metrics and the time left.

    Parameters
    ----------
    title : str, optional
        What stands before the bar.
    names : sequence of str, optional
        The metrics that are shown, all unless given.
    percent : set of str, optional
        Those that are shown in %.
    """

    def __init__(self, title: str = "", names: tuple[str, ...] | None = None, percent: frozenset[str] = frozenset()):
        self._tqdm = require("tqdm", "train", "ProgressBar").tqdm
        self.title = title
        self.names = names
        self.percent = percent
        self._bar: Any = None

    def on_train_begin(self, run: Run) -> None:
        """Show the bar."""
        self._bar = self._tqdm(total=run.epochs, initial=run.epoch, desc=self.title or None, unit="epoch")

    def on_epoch_end(self, run: Run) -> None:
        """Move it on."""
        self._bar.set_postfix(**self._shown(run.history[-1]), refresh=False)
        self._bar.update()

    def _shown(self, record: Record) -> dict[str, str]:
        names = self.names or tuple(name for name in record if name not in {"epoch", "lr", "seconds"})
        return {
            name: f"{100 * record[name]:.1f} %" if name in self.percent else f"{record[name]:.4f}"
            for name in names
            if name in record
        }

    def on_train_end(self, run: Run) -> None:
        """Leave it as it is."""
        self._bar.close()
