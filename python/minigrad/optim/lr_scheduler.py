"""Learning rates that change as training goes on."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .optimizer import Optimizer


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


class LambdaLR(LRScheduler):
    """The initial rate times a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    lr_lambda : callable or sequence of callables
        From the epoch to the factor, for all groups or one for each.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If the number of functions is not that of the groups.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.4)
    >>> schedule = minigrad.optim.lr_scheduler.LambdaLR(sgd, lambda epoch: 0.5**epoch)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.2]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"LambdaLR: needs one function or {groups}, got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the initial rates times what the functions say of the epoch."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * function(self.last_epoch) for base, function in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser and the functions."""
        return {name: value for name, value in super().state_dict().items() if name != "lr_lambdas"}


class StepLR(LRScheduler):
    """A rate that is multiplied by `gamma` every `step_size` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    step_size : int
        How many epochs apart.
    gamma : float, default 0.1
        The factor.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If `step_size` is not positive.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.5)
    >>> schedule = minigrad.optim.lr_scheduler.StepLR(sgd, step_size=1, gamma=0.5)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size <= 0:
            raise ValueError(f"StepLR: step_size must be positive, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates, multiplied if this epoch is one of those."""
        due = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return [lr * self.gamma if due else lr for lr in self._rates()]


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

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:  # noqa: N803
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


class MultiplicativeLR(LambdaLR):
    """The rate of the epoch before times a function of the epoch.

    The arguments are those of :class:`LambdaLR`.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.4)
    >>> schedule = minigrad.optim.lr_scheduler.MultiplicativeLR(sgd, lambda epoch: 0.5)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.2]
    """

    def get_lr(self) -> list[float]:
        """Return the rates times what the functions say of the epoch."""
        return self._rates() if self.last_epoch == 0 else self._multiplied()

    def _multiplied(self) -> list[float]:
        return [lr * function(self.last_epoch) for lr, function in zip(self._rates(), self.lr_lambdas, strict=True)]

    def _restart(self) -> None:
        # From the rate that is there, as PyTorch does: there is no initial one to go back to.
        self.last_epoch = 0
        self._set(self._multiplied())


class MultiStepLR(LRScheduler):
    """A rate that is multiplied by `gamma` at each of the `milestones`.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    milestones : iterable of int
        The epochs; one that is there twice counts twice.
    gamma : float, default 0.1
        The factor.
    last_epoch : int, default -1
        The epoch to go on from.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.5)
    >>> schedule = minigrad.optim.lr_scheduler.MultiStepLR(sgd, [1, 3], gamma=0.5)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates, multiplied if this epoch is one of those."""
        return [lr * self.gamma ** self.milestones.get(self.last_epoch, 0) for lr in self._rates()]


class ConstantLR(LRScheduler):
    """The initial rate times `factor` in the first `total_iters` epochs, and the initial rate behind them.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    factor : float, default 1/3
        The factor, between 0 and 1.
    total_iters : int, default 5
        How many epochs.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If `factor` is not in [0, 1].

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.5)
    >>> minigrad.optim.lr_scheduler.ConstantLR(sgd, factor=0.5).get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor must be in [0, 1], got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates, changed in the first epoch and in that behind the last one."""
        if self.last_epoch == 0:
            return [lr * self.factor for lr in self._rates()]
        return [lr / self.factor if self.last_epoch == self.total_iters else lr for lr in self._rates()]


class LinearLR(LRScheduler):
    """The initial rate times a factor that goes evenly from `start_factor` to `end_factor` in `total_iters` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    start_factor, end_factor : float, default 1/3 and 1
        The factors.
    total_iters : int, default 5
        How many epochs.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If `start_factor` is not in (0, 1] or `end_factor` not in [0, 1].

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = minigrad.optim.lr_scheduler.LinearLR(sgd, start_factor=0.5, total_iters=2)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor must be in (0, 1], got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor must be in [0, 1], got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates times this epoch's factor over that of the epoch before."""
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in self._rates()]
        if self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        ratio = 1 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)
        return [lr * ratio for lr in self._rates()]


class ExponentialLR(LRScheduler):
    """A rate that is multiplied by `gamma` every epoch.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    gamma : float
        The factor.
    last_epoch : int, default -1
        The epoch to go on from.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.5)
    >>> schedule = minigrad.optim.lr_scheduler.ExponentialLR(sgd, gamma=0.5)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates, multiplied after the first epoch."""
        return [lr * self.gamma if self.last_epoch > 0 else lr for lr in self._rates()]


class PolynomialLR(LRScheduler):
    """A rate that falls to 0 in `total_iters` epochs: the initial rate times (1 - epoch / total_iters) ** power.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    total_iters : int, default 5
        In how many epochs.
    power : float, default 1
        The exponent.
    last_epoch : int, default -1
        The epoch to go on from.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = minigrad.optim.lr_scheduler.PolynomialLR(sgd, total_iters=4)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.75]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates times this epoch's factor over that of the epoch before."""
        epoch, total = self.last_epoch, self.total_iters
        if epoch == 0 or epoch > total:
            return self._rates()
        ratio = ((1 - epoch / total) / (1 - (epoch - 1) / total)) ** self.power
        return [lr * ratio for lr in self._rates()]


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
        T_0: int,  # noqa: N803
        T_mult: int = 1,  # noqa: N803
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


def _between(start: float, end: float, part: float, *, linear: bool) -> float:
    """Return what lies at `part` of the way from start to end, on a line or along half a cosine wave."""
    return start + (end - start) * part if linear else end + (start - end) / 2 * (1 + math.cos(math.pi * part))


def _is_linear(name: str, strategy: str) -> bool:
    if strategy not in {"cos", "linear"}:
        raise ValueError(f"{name}: anneal_strategy must be 'cos' or 'linear', got {strategy!r}")
    return strategy == "linear"


class _MomentumCycle(LRScheduler):
    """What sets the momentum, or the first of Adam's betas, along with the rate."""

    cycle_momentum: bool

    def _check_momentum(self) -> None:
        if self.cycle_momentum and not {"momentum", "betas"} & set(self.optimizer.defaults):
            raise ValueError(f"{type(self).__name__}: the optimiser has no momentum; pass cycle_momentum=False")

    def _momentum(self, group: dict[str, Any]) -> float:
        momentum: float = group["betas"][0] if "betas" in group else group["momentum"]
        return momentum

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
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: needs total_steps, or both epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if total_steps <= 0:
            raise ValueError(f"OneCycleLR: the number of steps must be positive, got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be in [0, 1], got {pct_start}")
        self.optimizer = optimizer
        self.total_steps = total_steps
        self.linear = _is_linear("OneCycleLR", anneal_strategy)
        self.cycle_momentum = cycle_momentum
        self._check_momentum()
        self._phases = _one_cycle_phases(total_steps, pct_start, three_phase=three_phase)
        if last_epoch == -1:
            highest = _for_groups(optimizer, "max_lr", max_lr)
            low = _for_groups(optimizer, "base_momentum", base_momentum)
            high = _for_groups(optimizer, "max_momentum", max_momentum)
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
            self._set_momentum(group, _between(*bounds, part, linear=self.linear))
        groups = self.optimizer.param_groups
        return [_between(group[names[0]], group[names[1]], part, linear=self.linear) for group in groups]


Phase = tuple[float, str, str, str, str]


def _one_cycle_phases(steps: int, rise: float, *, three_phase: bool) -> list[Phase]:
    """Return each phase's last step, its rates at both ends, and its momenta."""
    up = (rise * steps - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three_phase:
        return [up, (steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    down = (2 * rise * steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")
    return [up, down, (steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")]


def _for_groups(optimizer: Optimizer, name: str, value: float | Sequence[float]) -> list[float]:
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
        self.max_lrs = _for_groups(optimizer, "max_lr", max_lr)
        self.base_momentums = _for_groups(optimizer, "base_momentum", base_momentum)
        self.max_momentums = _for_groups(optimizer, "max_momentum", max_momentum)
        lowest = _for_groups(optimizer, "base_lr", base_lr)
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


class ReduceLROnPlateau(LRScheduler):
    """A rate that is multiplied by `factor` when a metric has not become better for more than `patience` epochs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    mode : {"min", "max"}
        Whether less or more is better.
    factor : float, default 0.1
        Less than 1.
    patience : int, default 10
        How many epochs without improvement are borne.
    threshold : float, default 1e-4
        How much is an improvement, ...
    threshold_mode : {"rel", "abs"}
        ... as a part of the best value or by itself.
    cooldown : int, default 0
        For how many epochs after a change none is counted.
    min_lr : float or sequence of float, default 0
        The least rate, for all groups or for each.
    eps : float, default 1e-8
        The least change that is made.

    Raises
    ------
    ValueError
        If an argument makes no sense.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.5)
    >>> schedule = minigrad.optim.lr_scheduler.ReduceLROnPlateau(sgd, factor=0.5, patience=0)
    >>> schedule.step(1.0)
    >>> schedule.step(1.0)
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"ReduceLROnPlateau: needs an Optimizer, got {type(optimizer).__name__}")
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be less than 1, got {factor}")
        if mode not in {"min", "max"}:
            raise ValueError(f"ReduceLROnPlateau: mode must be 'min' or 'max', got {mode!r}")
        if threshold_mode not in {"rel", "abs"}:
            raise ValueError(f"ReduceLROnPlateau: threshold_mode must be 'rel' or 'abs', got {threshold_mode!r}")
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lrs = _for_groups(optimizer, "min_lr", min_lr)
        self.eps = eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0
        self._last_lr = self._rates()

    def is_better(self, a: float, best: float) -> bool:
        """Say whether a is an improvement on the best."""
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "abs":
            return sign * a > sign * best + self.threshold
        return sign * a > sign * best * (1 + sign * self.threshold)

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Go on to the next epoch, with the metric of the last one."""
        current = float(metrics)
        self.last_epoch += 1
        if self.is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._rates()

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, least)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr


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
