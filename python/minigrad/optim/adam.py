"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import _core
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, TWO_PARTS, Requirements, RuleOptimizer, number

#: What the settings of Adam and its kin must be.
MOMENT_REQUIREMENTS: Requirements = {
    "lr": AT_LEAST_0,
    "eps": AT_LEAST_0,
    "weight_decay": AT_LEAST_0,
    "betas": TWO_PARTS,
}


class Adam(RuleOptimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.001
        The learning rate.
    betas : pair of float, default (0.9, 0.999)
        How much of the two running means is kept in a step.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    amsgrad : bool, default False
        Whether the greatest mean of squares so far takes the place of the mean of squares.
    foreach, fused, capturable : optional
        Accepted for PyTorch's sake: one kernel always updates all parameters of a group.
    maximize : bool, default False
        Climb instead of descending.
    differentiable : bool, default False
        Not supported.
    decoupled_weight_decay : bool, default False
        Whether the decay is that of :class:`AdamW`.

    Raises
    ------
    ValueError
        If a setting makes no sense or there are no parameters.
    NotImplementedError
        If `differentiable` is asked for.

    Notes
    -----
    g = ∇ + weight_decay p; m = β₁ m + (1 - β₁) g; v = β₂ v + (1 - β₂) g²;
    p = p - lr m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps) in step t. Kingma and Ba, "Adam: A Method for Stochastic
    Optimization", algorithm 1; for amsgrad Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> adam = minigrad.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> adam.step()
    >>> w.detach()
    tensor([ 0.5000, -1.5000])
    """

    _kernel = _core.kernels["adam"]
    _required = MOMENT_REQUIREMENTS

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: tuple[Number, Number] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return "exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None, "step"

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return *moment_settings(group), group["maximize"], group["decoupled_weight_decay"]


def moment_settings(group: dict[str, Any]) -> tuple[float, ...]:
    """Return the settings that Adam and its kin share, as their kernels take them."""
    beta1, beta2 = group["betas"]
    return number(group["lr"]), number(beta1), number(beta2), group["eps"], group["weight_decay"]


class AdamW(Adam):
    """Adam with weight decay that does not go through the running means.

    The arguments are those of :class:`Adam`, with a `weight_decay` of 0.01 by default.

    Notes
    -----
    p = (1 - lr weight_decay) p before a step of :class:`Adam` without weight decay. Loshchilov and Hutter, "Decoupled
    Weight Decay Regularization", algorithm 2.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> adam = minigrad.optim.AdamW([w], lr=0.5, weight_decay=0.1)
    >>> (w * w).sum().backward()
    >>> adam.step()
    >>> w.detach()
    tensor([ 0.4500, -1.4000])
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        betas: tuple[Number, Number] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, **settings_of(locals()), decoupled_weight_decay=True)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over settings and memory as :meth:`Optimizer.load_state_dict` does; the decay stays decoupled."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
