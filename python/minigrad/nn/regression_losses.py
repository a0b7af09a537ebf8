"""Losses of numbers against numbers, element by element, as modules."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional as F
from ._loss import Loss, PlainLoss, ReducedLoss

__all__ = [
    "GaussianNLLLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
]


class MSELoss(PlainLoss, function=F.mse_loss):
    """The squared error, (input - target)².

    Parameters
    ----------
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MSELoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.1562)
    """


class L1Loss(PlainLoss, function=F.l1_loss):
    """The absolute error, |input - target|.

    Parameters
    ----------
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.L1Loss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.3750)
    """


class SmoothL1Loss(Loss, function=F.smooth_l1_loss):
    """The absolute error, a parabola near 0.

    Parameters
    ----------
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.
    beta : float, default 1.0
        Up to which error it is a parabola.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.SmoothL1Loss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.0781)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction, beta=beta)


class HuberLoss(Loss, function=F.huber_loss):
    """The squared error, a line from a certain size on.

    Parameters
    ----------
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.
    delta : float, default 1.0
        Up to which error it is a parabola.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.HuberLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.0781)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, float | int):
            raise TypeError(f"HuberLoss: delta must be a number, got {type(delta).__name__}")
        super().__init__(reduction=reduction, delta=delta)


class PoissonNLLLoss(ReducedLoss, function=F.poisson_nll_loss):
    """The negative log likelihood of counts, given their rate.

    Parameters
    ----------
    log_input : bool, default True
        Whether the input is the logarithm of the rate.
    full : bool, default False
        Whether Stirling's term is added.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    eps : float, default 1e-8
        Added to a rate before its logarithm.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.PoissonNLLLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(1.2164)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            log_input=log_input, full=full, size_average=size_average, eps=eps, reduce=reduce, reduction=reduction
        )

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of rates, or their logarithms, against counts."""
        return self._compute(log_input, target)


class GaussianNLLLoss(ReducedLoss, function=F.gaussian_nll_loss):
    """The negative log likelihood of normal distributions with the given means and variances.

    Parameters
    ----------
    full : bool, default False
        Whether the constant term is added.
    eps : float, default 1e-6
        The least variance.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.GaussianNLLLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]), minigrad.ones(2))
    tensor(0.0781)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(full=full, eps=eps, reduction=reduction)

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Return the loss."""
        return self._compute(input, target, var)


class SoftMarginLoss(PlainLoss, function=F.soft_margin_loss):
    """The logistic loss of targets 1 and -1.

    Parameters
    ----------
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.SoftMarginLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, -1.0]))
    tensor(0.6500)
    """
