"""Schedules that go up and down, the momentum against the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..optimizer import Optimizer
from .schedule import LRScheduler


def between(start: float, end: float, part: float, *, linear: bool) -> float:
    """Return what lies at `part` of the way from start to end, on a line or along half a cosine wave."""
    return start + (end - start) * part if linear else end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def is_linear(name: str, strategy: str) -> bool:
    """Return whether a strategy is the linear one; ValueError for one that does not exist."""
    if strategy not in {"cos", "linear"}:
        raise ValueError(f"{name}: anneal_strategy must be 'cos' or 'linear', got {strategy!r}")
    return strategy == "linear"


class _MomentumCycle(LRScheduler):
    """What sets the momentum, or the first of Adam's betas, along with the rate."""

    cycle_momentum: bool

    def _check_momentum(self) -> None:
        if self.cycle_momentum and not {"momentum", "betas"} & set(self.optimizer.defaults):
            raise ValueError(f"{type(self).__name__}: the optimiser has no momentum; pass cycle_momentum=False")

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class OneCycleLR(_MomentumCycle):
    """A rate that rises to `max_lr` and then falls far below where it began, while the momentum does the opposite.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    max_lr : float or sequence of float
        The highest rate, for all groups or for each.
    total_steps : int, optional
        The steps of the cycle; otherwise `epochs` times `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
        Where `total_steps` is not given.
    pct_start : float, default 0.3
        The part of the steps in which the rate rises.
    anneal_strategy : {"cos", "linear"}
        Along what the rate goes.
    cycle_momentum : bool, default True
        Whether the momentum changes.
    base_momentum, max_momentum : float or sequence of float, default 0.85 and 0.95
        Its bounds.
    div_factor : float, default 25
        `max_lr` over the rate to begin with.
    final_div_factor : float, default 1e4
        The rate to begin with over the last one.
    three_phase : bool, default False
        Whether the rate falls as fast as it rose and then goes on to the last one.
    last_epoch : int, default -1
        The step to go on from.

    Raises
    ------
    ValueError
        If an argument makes no sense, or there is a step beyond the last one.

    Notes
    -----
    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates".

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> schedule = minigrad.optim.lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=10)
    >>> round(schedule.get_last_lr()[0], 6)
    0.04
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1], got {pct_start}")
        self.optimizer = optimizer
        self.total_steps = _one_cycle_steps(total_steps, epochs, steps_per_epoch)
        self.linear = is_linear("OneCycleLR", anneal_strategy)
        self.cycle_momentum = cycle_momentum
        self._check_momentum()
        self._phases = _one_cycle_phases(self.total_steps, pct_start, three_phase=three_phase)
        if last_epoch == -1:
            highest = for_groups(optimizer, "max_lr", max_lr)
            low = for_groups(optimizer, "base_momentum", base_momentum)
            high = for_groups(optimizer, "max_momentum", max_momentum)
            for group, lr, least, most in zip(optimizer.param_groups, highest, low, high, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    group["base_momentum"], group["max_momentum"] = least, most
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set the momentum."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"OneCycleLR: step {step}, but the cycle has {self.total_steps} steps")
        i = next((i for i, phase in enumerate(self._phases[:-1]) if step <= phase[0]), len(self._phases) - 1)
        start = self._phases[i - 1][0] if i > 0 else 0.0
        end, *names = self._phases[i]
        part = (step - start) / (end - start) if end != start else 1.0
        for group in self.optimizer.param_groups if self.cycle_momentum else []:
            bounds = group[names[2]], group[names[3]]
            self._set_momentum(group, between(*bounds, part, linear=self.linear))
        groups = self.optimizer.param_groups
        return [between(group[names[0]], group[names[1]], part, linear=self.linear) for group in groups]


Phase = tuple[float, str, str, str, str]


def _one_cycle_steps(total: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("OneCycleLR: needs total_steps, or both epochs and steps_per_epoch")
        total = epochs * steps_per_epoch
    if total <= 0:
        raise ValueError(f"OneCycleLR: the number of steps must be positive, got {total}")
    return total


def _one_cycle_phases(steps: int, rise: float, *, three_phase: bool) -> list[Phase]:
    """Return each phase's last step, its rates at both ends, and its momenta."""
    up = (rise * steps - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three_phase:
        return [up, (steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    down = (2 * rise * steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
    return [up, down, (steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]


def for_groups(optimizer: Optimizer, name: str, value: float | Sequence[float]) -> list[float]:
    """Return a number for each group."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, Sequence) else [value] * groups
    if len(values) != groups:
        raise ValueError(f"{name}: needs one number or {groups}, got {len(values)}")
    return values


class CyclicLR(_MomentumCycle):
    """A rate that goes up and down between two bounds, while the momentum does the opposite.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    base_lr, max_lr : float or sequence of float
        The bounds, for all groups or for each.
    step_size_up : int, default 2000
        How many steps up.
    step_size_down : int, optional
        How many down; as many if it is not given.
    mode : {"triangular", "triangular2", "exp_range"}
        Whether the height stays, is halved every cycle, or is multiplied by `gamma` every step.
    gamma : float, default 1
        See `mode`.
    scale_fn : callable, optional
        The factor of the height instead of `mode`'s.
    scale_mode : {"cycle", "iterations"}
        Whether `scale_fn` is given the number of the cycle, from 1, or of the step, from 0.
    cycle_momentum : bool, default True
        Whether the momentum changes.
    base_momentum, max_momentum : float or sequence of float, default 0.8 and 0.9
        Its bounds.
    last_epoch : int, default -1
        The step to go on from.

    Raises
    ------
    ValueError
        If the mode is not known, or the optimiser has no momentum to change.

    Notes
    -----
    Smith, "Cyclical Learning Rates for Training Neural Networks".

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> schedule = minigrad.optim.lr_scheduler.CyclicLR(sgd, base_lr=0.5, max_lr=1.0, step_size_up=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[int], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if scale_fn is None and mode not in {"triangular", "triangular2", "exp_range"}:
            raise ValueError(f"CyclicLR: mode must be 'triangular', 'triangular2' or 'exp_range', got {mode!r}")
        self.optimizer = optimizer
        self.total_size = step_size_up + (step_size_up if step_size_down is None else step_size_down)
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        self._check_momentum()
        self.max_lrs = for_groups(optimizer, "max_lr", max_lr)
        self.base_momentums = for_groups(optimizer, "base_momentum", base_momentum)
        self.max_momentums = for_groups(optimizer, "max_momentum", max_momentum)
        lowest = for_groups(optimizer, "base_lr", base_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, lowest, strict=True):
                group["lr"] = group["initial_lr"] = lr
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lowest

    def _scale(self, cycle: int) -> float:
        if self.scale_fn is not None:
            return self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.mode == "exp_range":
            return float(self.gamma**self.last_epoch)
        return 1.0 if self.mode == "triangular" else 0.5 ** (cycle - 1)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, and set the momentum."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        height *= self._scale(cycle)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                self._set_momentum(group, high - (high - low) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser and the function."""
        return {name: value for name, value in super().state_dict().items() if name != "scale_fn"}
