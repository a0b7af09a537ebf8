"""Averages of weights along training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..grad_mode import no_grad
from ..nn import Module
from ..nn.channel_norms import _BatchNorm
from ..ops.data import tensor
from ..tensor import Tensor
from .lr_scheduler import LRScheduler
from .lr_scheduler.cycles import between, for_groups, is_linear
from .optimizer import Optimizer

AverageOne = Callable[[Tensor, Tensor, int], Tensor]
AverageAll = Callable[[Sequence[Tensor], Sequence[Tensor], int], None]


def _check_decay(name: str, decay: float) -> None:
    if not 0 <= decay <= 1:
        raise ValueError(f"{name}: decay must be in [0, 1], got {decay}")


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageAll:
    """Return what moves averages towards values: average = decay average + (1 - decay) value."""
    _check_decay("get_ema_multi_avg_fn", decay)

    def update(averages: Sequence[Tensor], values: Sequence[Tensor], _count: int) -> None:
        for average, value in zip(averages, values, strict=True):
            average.copy_(_moved(average, value, 1 - decay))

    return update


def get_swa_multi_avg_fn() -> AverageAll:
    """Return what takes values into averages of `count` earlier ones: average + (value - average) / (count + 1)."""

    def update(averages: Sequence[Tensor], values: Sequence[Tensor], count: int) -> None:
        for average, value in zip(averages, values, strict=True):
            average.copy_(_moved(average, value, 1 / (count + 1)))

    return update


def get_ema_avg_fn(decay: float = 0.999) -> AverageOne:
    """Return the function of :func:`get_ema_multi_avg_fn` for one tensor, which returns the new average."""
    _check_decay("get_ema_avg_fn", decay)
    return lambda average, value, _count: _moved(average, value, 1 - decay)


def get_swa_avg_fn() -> AverageOne:
    """Return the function of :func:`get_swa_multi_avg_fn` for one tensor, which returns the new average."""
    return lambda average, value, count: _moved(average, value, 1 / (count + 1))


def _moved(average: Tensor, value: Tensor, weight: float) -> Tensor:
    return average + (value - average) * weight


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    Parameters
    ----------
    model : Module
        The model.
    device : optional
        Accepted for PyTorch's sake: there is one device.
    avg_fn : callable, optional
        From an average, a value and the number of earlier values to the new average; by default all values weigh alike.
    multi_avg_fn : callable, optional
        The same for lists of averages and values, which changes the averages in place.
    use_buffers : bool, default False
        Whether buffers are averaged too; otherwise they are copied.

    Raises
    ------
    ValueError
        If both functions are given.

    Notes
    -----
    Izmailov and others, "Averaging Weights Leads to Wider Optima and Better Generalization".

    Examples
    --------
    >>> import minigrad
    >>> model = minigrad.nn.Linear(1, 1)
    >>> averaged = minigrad.optim.swa_utils.AveragedModel(model)
    >>> averaged.update_parameters(model)
    >>> averaged.n_averaged.item()
    1
    """

    n_averaged: Tensor
    module: Module

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageOne | None = None,
        multi_avg_fn: AverageAll | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: avg_fn and multi_avg_fn cannot both be given")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take a model's parameters into the averages."""
        with no_grad():
            averages, values = _tensors(self.module, self.use_buffers), _tensors(model, self.use_buffers)
            count = int(self.n_averaged.item())
            if count == 0:
                _copy(averages, values)
            elif self.avg_fn is None:
                (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, values, count)
            else:
                _copy(averages, [self.avg_fn(a, x, count) for a, x in zip(averages, values, strict=True)])
            if not self.use_buffers:
                _copy(list(self.module.buffers()), list(model.buffers()))
            self.n_averaged.copy_(tensor(count + 1))


def _tensors(model: Module, buffers: bool) -> list[Tensor]:
    return [*model.parameters(), *(model.buffers() if buffers else ())]


def _copy(into: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for x, value in zip(into, values, strict=True):
        x.copy_(value)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Make the running statistics of a model's batch norms those of the data, each batch weighing alike.

    Averaged weights have statistics of their own, which no training step has seen.

    Parameters
    ----------
    loader : iterable of Tensor or of sequences of Tensor
        The batches, of which the model gets the first tensor.
    model : Module
        The model. Afterwards it is in the mode, training or not, in which it was.
    device : optional
        Where the batches go to: there is one device.

    Examples
    --------
    >>> import minigrad
    >>> model = minigrad.nn.Sequential(minigrad.nn.BatchNorm1d(1))
    >>> minigrad.optim.swa_utils.update_bn([minigrad.tensor([[1.0], [3.0]]), minigrad.tensor([[5.0], [7.0]])], model)
    >>> model[0].running_mean
    tensor([4.])
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta, training = [norm.momentum for norm in norms], model.training
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # which stands for the mean of all batches
        model.train()
        with no_grad():
            for batch in loader:
                first = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(first if device is None else first.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """A rate that goes to `swa_lr` in `anneal_epochs` epochs and stays there.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    swa_lr : float or sequence of float
        The last rate, for all groups or for each.
    anneal_epochs : int, default 10
        In how many epochs.
    anneal_strategy : {"cos", "linear"}
        Along what the rate goes.
    last_epoch : int, default -1
        The epoch to go on from.

    Raises
    ------
    ValueError
        If an argument makes no sense.

    Examples
    --------
    >>> import minigrad
    >>> sgd = minigrad.optim.SGD([minigrad.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = minigrad.optim.swa_utils.SWALR(sgd, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_epochs != int(anneal_epochs) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs must be an integer of at least 0, got {anneal_epochs}")
        self.linear = is_linear("SWALR", anneal_strategy)
        self.anneal_epochs = anneal_epochs
        for group, lr in zip(optimizer.param_groups, for_groups(optimizer, "swa_lr", swa_lr), strict=True):
            group["swa_lr"] = lr
        super().__init__(optimizer, last_epoch)

    def _part(self, epoch: int) -> float:
        return between(0.0, 1.0, max(0.0, min(1.0, epoch / max(1, self.anneal_epochs))), linear=self.linear)

    def get_lr(self) -> list[float]:
        """Return the rates, as far on their way as this epoch is."""
        epoch = max(1, self.last_epoch) if self.anneal_epochs == 0 else self.last_epoch
        before, now = self._part(epoch - 1), self._part(epoch)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - last * before) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates
