"""Schedules made of others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler


class ChainedScheduler(LRScheduler):
    """Several schedules that are stepped together, each from the rates that the one before has set.

    Parameters
    ----------
    schedulers : sequence of LRScheduler
        The schedules, of one optimiser.
    optimizer : Optimizer, optional
        That optimiser.

    Raises
    ------
    ValueError
        If there are none, or they do not belong to one optimiser.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = ChainedScheduler([ConstantLR(sgd, factor=0.5), ExponentialLR(sgd, gamma=0.5)])
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._schedulers = list(schedulers)
        self.optimizer = _common_optimizer("ChainedScheduler", self._schedulers, optimizer)
        self._last_lr = self._rates()

    def step(self) -> None:
        """Go on to the next epoch."""
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = self._rates()

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser, and the states of the schedules."""
        return _state_with_parts(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        _load_with_parts(self, state_dict)


class SequentialLR(LRScheduler):
    """Several schedules, one after another.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    schedulers : sequence of LRScheduler
        The schedules, of this optimiser.
    milestones : sequence of int
        The epochs in which the second schedule, the third and so on begin.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If the numbers do not go together or a schedule belongs to another optimiser.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0)
    >>> parts = [ConstantLR(sgd, factor=0.5, total_iters=9), ExponentialLR(sgd, gamma=0.25)]
    >>> schedule = SequentialLR(sgd, parts, milestones=[1])
    >>> schedule.get_last_lr()
    [0.5]
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        self._schedulers = list(schedulers)
        self.optimizer = _common_optimizer("SequentialLR", self._schedulers, optimizer)
        if any(isinstance(schedule, ReduceLROnPlateau) for schedule in self._schedulers):
            raise ValueError("SequentialLR: ReduceLROnPlateau needs a metric and cannot be one of the schedules")
        if len(milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"SequentialLR: needs {len(self._schedulers) - 1} milestones for {len(self._schedulers)} schedules, "
                f"got {len(milestones)}"
            )
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        # All schedules have taken their first step; only the first one's counts.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        for schedule in self._schedulers:
            schedule.last_epoch -= 1
        self._schedulers[0].step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[i]
        if i > 0 and self._milestones[i - 1] == self.last_epoch:
            schedule._restart()
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser, and the states of the schedules."""
        return _state_with_parts(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        _load_with_parts(self, state_dict)


Combined = ChainedScheduler | SequentialLR


def _common_optimizer(name: str, parts: list[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
    if not parts:
        raise ValueError(f"{name}: needs at least one schedule")
    common = parts[0].optimizer if optimizer is None else optimizer
    for i, schedule in enumerate(parts):
        if schedule.optimizer is not common:
            raise ValueError(f"{name}: schedule {i} belongs to another optimiser")
    return common


def _state_with_parts(schedule: Combined) -> dict[str, Any]:
    state = {name: value for name, value in schedule.__dict__.items() if name != "optimizer"}
    return state | {"_schedulers": [part.state_dict() for part in schedule._schedulers]}


def _load_with_parts(schedule: Combined, state_dict: dict[str, Any]) -> None:
    schedule.__dict__.update({name: value for name, value in state_dict.items() if name != "_schedulers"})
    for part, state in zip(schedule._schedulers, state_dict["_schedulers"], strict=True):
        part.load_state_dict(state)
