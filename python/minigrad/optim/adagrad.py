"""Adagrad."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from ..tensor import Tensor
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Requirements, RuleOptimizer, beside, number


class Adagrad(RuleOptimizer):
    """Steps scaled by the root of the sum of all squared gradients so far.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.01
        The learning rate.
    lr_decay : float, default 0
        How fast the learning rate falls.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    initial_accumulator_value : float, default 0
        What the sums begin with.
    eps : float, default 1e-10
        Added to the denominator.
    foreach, fused : optional
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
    g = ∇ + weight_decay p; sum = sum + g²; p = p - lr / (1 + (t - 1) lr_decay) g / (√sum + eps). Duchi, Hazan and
    Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> adagrad = minigrad.optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> adagrad.step()
    >>> w.detach()
    tensor([ 0.5000, -1.5000])
    """

    _kernel = _core.kernels["adagrad"]
    _lists = ("sum", "step")
    _required: ClassVar[Requirements] = {
        "lr": AT_LEAST_0,
        "lr_decay": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
        "initial_accumulator_value": AT_LEAST_0,
        "eps": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, settings_of(locals()))
        for group in self.param_groups:  # its memory is there from the beginning
            for p in group["params"]:
                self.state[p] = {name: self._begin(name, p, group) for name in ("step", "sum")}

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return number(group["lr"]), group["lr_decay"], group["eps"], group["weight_decay"], group["maximize"]

    def _begin(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        if name == "sum":
            return beside(p, group["initial_accumulator_value"])
        return super()._begin(name, p, group)
