"""Schedules along a cosine."""

from __future__ import annotations

import math

from ..optimizer import Optimizer
from .schedule import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """A rate that falls to `eta_min` along half a cosine wave, in `T_max` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    T_max : int
        In how many epochs. The wave goes on behind them.
    eta_min : float, default 0
        The least rate.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If `T_max` is not positive.

    Notes
    -----
    lr = eta_min + (initial lr - eta_min) (1 + cos(π epoch / T_max)) / 2, computed from the previous epoch's rate.
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", eq. 5.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = minigrad.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        if T_max <= 0:
            raise ValueError(f"CosineAnnealingLR: T_max must be positive, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates one epoch further along the wave."""
        if self.last_epoch == 0:
            return self._rates()
        before, now = self._height(self.last_epoch - 1), self._height(self.last_epoch)
        if (self.last_epoch - 1) % (2 * self.T_max) == self.T_max:
            # From the bottom, where no ratio leads up again, the rate rises by what the wave does.
            pairs = zip(self._rates(), self.base_lrs, strict=True)
            return [lr + (base - self.eta_min) * now for lr, base in pairs]
        return [self.eta_min + (lr - self.eta_min) * now / before for lr in self._rates()]

    def _height(self, epoch: int) -> float:
        """Return the wave's height in an epoch, between 0 and 1."""
        return (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """A rate that falls along half a cosine wave, again and again from the initial rate.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    T_0 : int
        How many epochs the first fall takes.
    T_mult : int, default 1
        How many times as long the next one takes.
    eta_min : float, default 0
        The least rate.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If `T_0` or `T_mult` is not a positive integer, or the epoch given to `step` is negative.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", eq. 5.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = minigrad.optim.lr_scheduler.CosineAnnealingWarmRestarts(sgd, T_0=2)
    >>> schedule.step(1.0)
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if value != int(value) or value < 1:
                raise ValueError(f"CosineAnnealingWarmRestarts: {name} must be a positive integer, got {value}")
        self.T_0 = self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates at this place of the wave."""
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to the one given, which may be a fraction."""
        if epoch is not None and epoch < 0:
            raise ValueError(f"CosineAnnealingWarmRestarts: epoch must not be negative, got {epoch}")
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = epoch or 0
            self.T_cur, self.T_i = epoch, self.T_0
            while self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _restart(self) -> None:
        self.step(0)
