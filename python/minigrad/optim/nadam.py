"""NAdam."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from ..tensor import Tensor
from .adam import MOMENT_REQUIREMENTS, moment_settings
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Requirements, RuleOptimizer, counter


class NAdam(RuleOptimizer):
    """Adam with Nesterov's momentum.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.002
        The learning rate.
    betas : pair of float, default (0.9, 0.999)
        How much of the running means of the gradient and of its square is kept in a step.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    momentum_decay : float, default 0.004
        How fast the momentum comes up to β₁.
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
    m, v as in :class:`Adam`; μₜ = β₁ (1 - 0.96^(t momentum_decay) / 2), Πₜ = μ₁ ··· μₜ;
    p = p - lr ((1 - μₜ) g / (1 - Πₜ) + μₜ₊₁ m / (1 - Πₜ₊₁)) / (√(v / (1 - β₂ᵗ)) + eps). Dozat, "Incorporating Nesterov
    Momentum into Adam".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> nadam = minigrad.optim.NAdam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> nadam.step()
    >>> w.detach()
    tensor([ 0.4718, -1.4718])
    """

    _kernel = _core.kernels["nadam"]
    _lists = ("exp_avg", "exp_avg_sq", "step", "mu_product")
    _required: ClassVar[Requirements] = {**MOMENT_REQUIREMENTS, "momentum_decay": AT_LEAST_0}
    _counters = ("step", "mu_product")

    def __init__(
        self,
        params: Params,
        lr: Number = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return *moment_settings(group), group["momentum_decay"], group["maximize"], group["decoupled_weight_decay"]

    def _begin(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        return counter(1.0) if name == "mu_product" else super()._begin(name, p, group)
