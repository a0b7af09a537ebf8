"""Adamax."""

from __future__ import annotations

from typing import Any

from .. import _core
from .adam import MOMENT_REQUIREMENTS, moment_settings
from .optimizer import Number, Params, settings_of
from .rule import RuleOptimizer


class Adamax(RuleOptimizer):
    """Adam with the gradient's greatest size, which fades, in place of the mean of squares.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.002
        The learning rate.
    betas : pair of float, default (0.9, 0.999)
        How much of the gradient's mean and of its greatest size is kept in a step.
    eps : float, default 1e-8
        Added to the gradient's size.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    foreach, capturable : optional
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
    g = ∇ + weight_decay p; m = β₁ m + (1 - β₁) g; u = max(β₂ u, |g| + eps); p = p - lr m / (1 - β₁ᵗ) / u. Kingma and
    Ba, "Adam: A Method for Stochastic Optimization", algorithm 2.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> adamax = minigrad.optim.Adamax([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> adamax.step()
    >>> w.detach()
    tensor([ 0.5000, -1.5000])
    """

    _kernel = _core.kernels["adamax"]
    _lists = ("exp_avg", "exp_inf", "step")
    _required = MOMENT_REQUIREMENTS

    def __init__(
        self,
        params: Params,
        lr: Number = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return *moment_settings(group), group["maximize"]
