"""RAdam."""

from __future__ import annotations

from typing import Any

from .. import _core
from .adam import MOMENT_REQUIREMENTS, moment_settings
from .optimizer import Number, Params, settings_of
from .rule import RuleOptimizer


class RAdam(RuleOptimizer):
    """Adam that takes plain steps along the gradient's mean until it knows the mean of squares well enough.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.001
        The learning rate.
    betas : pair of float, default (0.9, 0.999)
        How much of the running means of the gradient and of its square is kept in a step.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    decoupled_weight_decay : bool, default False
        Whether the decay is that of :class:`AdamW`.
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
    m, v as in :class:`Adam`; ρ = 2 / (1 - β₂) - 1, ρₜ = ρ - 2 t β₂ᵗ / (1 - β₂ᵗ); p = p - lr m / (1 - β₁ᵗ) r, where
    r = √((ρₜ - 4) (ρₜ - 2) ρ / ((ρ - 4) (ρ - 2) ρₜ)) √(1 - β₂ᵗ) / (√v + eps) if ρₜ > 5, else 1. Liu and others, "On
    the Variance of the Adaptive Learning Rate and Beyond".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> radam = minigrad.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> radam.step()
    >>> w.detach()
    tensor([ 0.8000, -1.6000])
    """

    _kernel = _core.kernels["radam"]
    _lists = ("exp_avg", "exp_avg_sq", "step")
    _required = MOMENT_REQUIREMENTS

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return *moment_settings(group), group["maximize"], group["decoupled_weight_decay"]
