"""Schedules made of others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .schedule import LRScheduler


class _Combined(LRScheduler):
    """Schedules of one optimiser."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ValueError(f"{type(self).__name__}: needs at least one schedule")
        self.optimizer = self._schedulers[0].optimizer if optimizer is None else optimizer
        for i, schedule in enumerate(self._schedulers):
            if schedule.optimizer is not self.optimizer:
                raise ValueError(f"{type(self).__name__}: schedule {i} belongs to another optimiser")

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser, and the states of the schedules."""
        return super().state_dict() | {"_schedulers": [part.state_dict() for part in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for part, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            part.load_state_dict(state)


class ChainedScheduler(_Combined):
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
        super().__init__(schedulers, optimizer)
        self._last_lr = self._rates()

    def step(self) -> None:
        """Go on to the next epoch."""
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = self._rates()


class SequentialLR(_Combined):
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
        super().__init__(schedulers, optimizer)
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
