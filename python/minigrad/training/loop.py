"""The loop over epochs and batches that estimators and command line share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..nn.module import Module
from ..optim import LBFGS, Optimizer
from ..optim.lr_scheduler import ReduceLROnPlateau
from ..tensor import Tensor
from .callbacks import Callback
from .history import History, Record

Batch = tuple[Any, ...]
Batches = Callable[[], Iterable[Batch]]
Loss = Callable[..., Tensor]
Measure = Callable[[Tensor, Tensor], float]


class Run:
    """A model in training: it goes over batches, keeps a history and tells its callbacks.

    Parameters
    ----------
    model : Module
        What is trained.
    optimizer : Optimizer
        What changes its parameters.
    loss : callable
        Of the model's output and the rest of a batch; returns the batch's mean as a tensor of shape ().
    schedule : LRScheduler, optional
        Goes on after each epoch. One that looks at a metric, as ReduceLROnPlateau does, is given the loss of the held-back
        part, or of training where none is held back.
    callbacks : iterable of Callback, optional
        What is told of each epoch.
    validate : callable, optional
        Returns metrics of the held-back part after an epoch, as a dictionary with names such as ``"val_loss"``.
    measures : mapping from str to callable, optional
        Metrics of a batch, of output and target; the history has their means over each epoch, as it went.

    Attributes
    ----------
    epoch : int
        How many epochs are done.
    history : History
        Their records.
    stopped : str or None
        Why the run ended early.
    interrupted : bool
        Whether the user ended it (Ctrl-C); the epoch that was going on is in no record.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad import nn, optim
    >>> from minigrad.training import Run
    >>> x = minigrad.linspace(-1, 1, 8).reshape(8, 1)
    >>> model = nn.Linear(1, 1)
    >>> run = Run(model, optim.SGD(model.parameters(), lr=0.5), nn.functional.mse_loss)
    >>> run.train(lambda: [(x, 3 * x)], epochs=50).history[-1]["loss"] < 1e-3
    True
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Loss,
        *,
        schedule: Any = None,
        callbacks: Iterable[Callback] = (),
        validate: Callable[[], Mapping[str, float]] | None = None,
        measures: Mapping[str, Measure] | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.schedule = schedule
        self.callbacks = list(callbacks)
        self.validate = validate
        self.measures = dict(measures or {})
        self.history = History()
        self.epoch = 0
        self.epochs = 0
        self.stopped: str | None = None
        self.interrupted = False

    def stop(self, reason: str) -> None:
        """End the run after this epoch."""
        self.stopped = reason

    def train(self, batches: Batches, epochs: int) -> Run:
        """Train until `epochs` epochs are done, a callback stops the run, or the user interrupts it.

        Parameters
        ----------
        batches : callable
            Called for each epoch; returns tuples: input, target, and what else the loss takes.
        epochs : int
            How many epochs there are to be in all, with those that are done.

        Returns
        -------
        Run
            The run itself.
        """
        self.epochs = epochs
        self.stopped = None
        self._tell("on_train_begin")
        try:
            while self.epoch < epochs and self.stopped is None:
                self._train_epoch(batches())
        except KeyboardInterrupt:
            self.interrupted = True
            self.stopped = "interrupted"
        finally:
            self.model.eval()
        self._tell("on_train_end")
        return self

    def _train_epoch(self, batches: Iterable[Batch]) -> None:
        start = time.perf_counter()
        self.model.train()
        self._tell("on_epoch_begin")
        record: Record = {"epoch": self.epoch + 1, **self._train_batches(batches)}
        record["lr"] = self.optimizer.param_groups[0]["lr"]
        self.model.eval()
        if self.validate is not None:
            record |= self.validate()
        record["seconds"] = time.perf_counter() - start
        self.epoch += 1
        self.history.append(record)
        self._advance(record)
        self._tell("on_epoch_end")

    def _train_batches(self, batches: Iterable[Batch]) -> Record:
        """Go over the batches once; return the means of loss and measures."""
        samples, total = 0, 0.0
        sums = dict.fromkeys(self.measures, 0.0)
        told = [callback for callback in self.callbacks if callback.wants_batches()]
        for batch in batches:
            n = len(batch[1])
            output, loss = self.step(*batch)
            samples += n
            total += loss * n
            for name, measure in self.measures.items():
                sums[name] += measure(output, batch[1]) * n
            for callback in told:
                callback.on_batch_end(self)
        if samples == 0:
            raise ValueError("Run: there are no batches to train on")
        return {"loss": total / samples} | {name: value / samples for name, value in sums.items()}

    def step(self, x: Any, *rest: Any) -> tuple[Tensor, float]:
        """Change the parameters once; return the model's output and the loss before."""
        if isinstance(self.optimizer, LBFGS):
            return self._step_of_several(x, *rest)
        output = self.model(x)
        loss = self.loss(output, *rest)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return output, loss.item()

    def _step_of_several(self, x: Any, *rest: Any) -> tuple[Tensor, float]:
        """Let an optimiser that computes the loss several times make its step."""
        outputs: list[Tensor] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            outputs.append(self.model(x))
            loss = self.loss(outputs[-1], *rest)
            loss.backward()
            return loss

        loss = self.optimizer.step(closure)
        return outputs[0].detach(), float(loss.item())

    def _advance(self, record: Record) -> None:
        """Let the schedule go on to the next epoch."""
        if self.schedule is None:
            return
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(record.get("val_loss", record["loss"]))
        else:
            self.schedule.step()

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)

    # ------------------------------------------------------------------------------------------------------------------
    # Going on from where a run was.

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run between two epochs consists of, but for the random numbers."""
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "epoch": self.epoch,
            "history": self.history.records,
            "callbacks": [callback.state_dict() for callback in self.callbacks],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, in a run with the same parts."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.epoch = int(state["epoch"])
        self.history = History(state["history"])
        for callback, kept in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(kept)
