"""Adadelta."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Requirements, RuleOptimizer, number


class Adadelta(RuleOptimizer):
    """Steps scaled by running means of the squared gradient and of the squared step.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 1
        The learning rate.
    rho : float, default 0.9
        How much of the running means is kept in a step.
    eps : float, default 1e-6
        Added under the roots.
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
    g = ∇ + weight_decay p; v = ρ v + (1 - ρ) g²; d = √((a + eps) / (v + eps)) g; a = ρ a + (1 - ρ) d²; p = p - lr d.
    Zeiler, "ADADELTA: An Adaptive Learning Rate Method", algorithm 1.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> adadelta = minigrad.optim.Adadelta([w], eps=0.1)
    >>> (w * w).sum().backward()
    >>> adadelta.step()
    >>> w.detach()
    tensor([ 0.1056, -1.0299])
    """

    _kernel = _core.kernels["adadelta"]
    _lists = ("square_avg", "acc_delta", "step")
    _required: ClassVar[Requirements] = {
        "lr": AT_LEAST_0,
        "rho": ("be in [0, 1]", lambda x: 0 <= x <= 1),
        "eps": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Params,
        lr: Number = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return number(group["lr"]), group["rho"], group["eps"], group["weight_decay"], group["maximize"]
