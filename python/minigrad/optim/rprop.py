"""Rprop."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import _core
from ..tensor import Tensor
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Requirements, RuleOptimizer, beside, number


class Rprop(RuleOptimizer):
    """Resilient propagation: each element has a step of its own, and the gradient tells its sign alone.

    It is for gradients of all data, not of batches.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.01
        The first step.
    etas : pair of float, default (0.5, 1.2)
        What a step is multiplied by where the gradient's sign turns, and where it stays.
    step_sizes : pair of float, default (1e-6, 50)
        The least and the greatest step.
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
    Where the signs of g and of the previous gradient differ, the step shrinks, p stays, and the next step counts as the
    first; else p = p - step sign(g). The signs are compared, where PyTorch multiplies the gradients: so none is lost
    to underflow. Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP
    Algorithm".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> rprop = minigrad.optim.Rprop([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> rprop.step()
    >>> w.detach()
    tensor([ 0.5000, -1.5000])
    """

    _kernel = _core.kernels["rprop"]
    _lists = ("prev", "step_size", "step")
    _required: ClassVar[Requirements] = {
        "lr": AT_LEAST_0,
        "etas": ("be two numbers below and above 1", lambda etas: len(etas) == 2 and 0 < etas[0] < 1 < etas[1]),
    }

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return *group["etas"], *group["step_sizes"], group["maximize"]

    def _begin(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        return beside(p, number(group["lr"])) if name == "step_size" else super()._begin(name, p, group)
