"""RMSprop."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Requirements, RuleOptimizer, number


class RMSprop(RuleOptimizer):
    """Steps scaled by the root of a running mean of the squared gradient.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.01
        The learning rate.
    alpha : float, default 0.99
        How much of the running means is kept in a step.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    momentum : float, default 0
        How much of the previous direction is kept.
    centered : bool, default False
        Whether the gradient's variance takes the place of the mean of its square.
    capturable, foreach : optional
        Accepted for PyTorch's sake: one kernel always updates all parameters of a group.
    maximize : bool, default False
        Climb instead of descending.
    differentiable : bool, default False
        Not supported.

    Raises
    ------
    ValueError
        If a setting makes no sense or there are no parameters.
    NotImplementedError
        If `differentiable` is asked for.

    Notes
    -----
    g = ∇ + weight_decay p; v = α v + (1 - α) g²; if centered a = α a + (1 - α) g and v - a² in place of v;
    b = momentum b + g / (√v + eps); p = p - lr b. Tieleman and Hinton, "Neural Networks for Machine Learning", lecture
    6.5; Graves, "Generating Sequences with Recurrent Neural Networks", eq. 38. Where rounding leaves v - a² below 0 it
    counts as 0, where PyTorch's step is NaN.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> rmsprop = minigrad.optim.RMSprop([w], lr=0.1, alpha=0.75)
    >>> (w * w).sum().backward()
    >>> rmsprop.step()
    >>> w.detach()
    tensor([ 0.8000, -1.8000])
    """

    _kernel = _core.kernels["rmsprop"]
    _required: ClassVar[Requirements] = {
        "lr": AT_LEAST_0,
        "alpha": AT_LEAST_0,
        "eps": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
        "momentum": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        mean = "grad_avg" if group["centered"] else None
        buffer = "momentum_buffer" if group["momentum"] > 0 else None
        return "square_avg", mean, buffer, "step"

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        settings = number(group["lr"]), group["alpha"], group["eps"], group["weight_decay"], group["momentum"]
        return *settings, group["maximize"]
