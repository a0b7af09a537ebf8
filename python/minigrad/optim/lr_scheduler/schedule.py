"""The base of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer


class LRScheduler:
    """Base class of schedules: :meth:`step`, once an epoch, sets the learning rate of each of the optimiser's groups.

    A subclass defines :meth:`get_lr`. Where it computes a rate from the previous one, several schedules can be used
    together.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    last_epoch : int, default -1
        The epoch to go on from; the groups then have an ``"initial_lr"``.

    Attributes
    ----------
    last_epoch : int
        The epoch, which begins with 0.
    base_lrs : list of float
        The rates to begin with.

    Raises
    ------
    TypeError
        If it is not given an optimiser.
    KeyError
        If it is to go on from an epoch, but a group has no ``"initial_lr"``.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: needs an Optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.last_epoch = last_epoch
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(f"{type(self).__name__}: group {i} has no 'initial_lr' to go on from")
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self._last_lr: list[float] = []
        self.step()

    def get_lr(self) -> Sequence[float]:
        """Return each group's rate for the epoch `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__}: a schedule must define get_lr")

    def get_last_lr(self) -> list[float]:
        """Return each group's rate as it was last set."""
        return self._last_lr

    def step(self) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        self._set(self.get_lr())

    def _set(self, rates: Sequence[float]) -> None:
        self._last_lr = list(rates)
        for group, lr in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = lr

    def _restart(self) -> None:
        """Begin anew with epoch 0."""
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr
        self.last_epoch = -1
        self.step()

    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.__dict__.update(state_dict)
