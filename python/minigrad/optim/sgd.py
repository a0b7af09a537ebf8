"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from ..tensor import Tensor
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Calls, Memories, Requirements, RuleOptimizer, number


class SGD(RuleOptimizer):
    """Stochastic gradient descent, plain or with momentum.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.001
        The learning rate.
    momentum : float, default 0
        How much of the previous direction is kept.
    dampening : float, default 0
        How much less than all of the gradient goes into the direction.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    nesterov : bool, default False
        Whether to look ahead along the direction, which needs momentum and no dampening.
    maximize : bool, default False
        Climb instead of descending.
    foreach, fused : optional
        Accepted for PyTorch's sake: one kernel always updates all parameters of a group.
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
    g = ∇ + weight_decay p; b = momentum b + (1 - dampening) g, in the first step b = g; p = p - lr b, for Nesterov's
    p = p - lr (g + momentum b). Sutskever and others, "On the Importance of Initialization and Momentum in Deep
    Learning".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> sgd = minigrad.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> sgd.step()
    >>> w.detach()
    tensor([0., 0.])
    """

    _kernel = _core.kernels["sgd"]
    _required: ClassVar[Requirements] = {"lr": AT_LEAST_0, "momentum": AT_LEAST_0, "weight_decay": AT_LEAST_0}
    _counters = ()

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Number = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _check_settings(self, group: dict[str, Any]) -> None:
        super()._check_settings(group)
        if group["nesterov"] and not group["momentum"] > 0:
            raise ValueError(f"SGD: momentum must be positive for Nesterov's, got {group['momentum']}")
        if group["nesterov"] and group["dampening"] != 0:
            raise ValueError(f"SGD: dampening must be 0 for Nesterov's momentum, got {group['dampening']}")

    def _remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else (None,)

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        lr, decay = number(group["lr"]), number(group["weight_decay"])
        return lr, group["momentum"], group["dampening"], decay, group["maximize"], group["nesterov"]

    def _prepare(self, group: dict[str, Any], params: list[Tensor], calls: Calls, begun: Memories) -> None:
        if group["momentum"] != 0 and group["dampening"] != 0:
            # What is not yet remembered is the whole gradient: the first step knows no dampening.
            first = [p for p in params if "momentum_buffer" not in self.state.get(p, ())]
            super()._prepare({**group, "dampening": 0}, first, calls, begun)
            params = [p for p in params if "momentum_buffer" in self.state.get(p, ())]
        super()._prepare(group, params, calls, begun)
