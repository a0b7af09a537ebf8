"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .. import _core
from ..tensor import Tensor
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Calls, Memories, Requirements, RuleOptimizer, beside, counter, number


class ASGD(RuleOptimizer):
    """Gradient descent whose rate falls, and which averages the parameters on its way.

    The averages are in the state, ``asgd.state[p]["ax"]``; the parameters are where descent alone has led.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.01
        The learning rate of the first step.
    lambd : float, default 1e-4
        How the parameters decay, and how fast the rate falls.
    alpha : float, default 0.75
        The power with which the rate falls.
    t0 : float, default 1e6
        The step from which on parameters are averaged: up to it, the average is the parameters themselves.
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
    g = ∇ + weight_decay p; p = (1 - lambd η) p - η g; a = a + μ (p - a). The next step has η = lr / (1 + lambd lr t)^alpha
    and μ = 1 / max(1, t - t0); the first has η = lr, μ = 1. As in PyTorch, a learning rate that is changed changes η one
    step later. Polyak and Juditsky, "Acceleration of stochastic approximation by averaging".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> asgd = minigrad.optim.ASGD([w], lr=0.25, lambd=0.0, t0=0)
    >>> for _ in range(2):
    ...     asgd.zero_grad()
    ...     (w * w).sum().backward()
    ...     asgd.step()
    >>> w.detach()
    tensor([ 0.2500, -0.5000])
    """

    _kernel = _core.kernels["sgd"]
    _required: ClassVar[Requirements] = {"lr": AT_LEAST_0, "weight_decay": AT_LEAST_0}
    _counters = ("step", "eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return (None,)

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        return group["eta"], 0.0, 0.0, group["weight_decay"] + group["lambd"], group["maximize"], False

    def _prepare(self, group: dict[str, Any], params: list[Tensor], calls: Calls, begun: Memories) -> None:
        """Add plain descent with the rate and the decay of each step, then the averages and the counters."""
        lr, lambd = number(group["lr"]), group["lambd"]
        alike: dict[tuple[Any, ...], list[Tensor]] = {}
        for p in params:
            if p.grad is not None:
                start = {"step": counter(0.0), "eta": counter(lr), "mu": counter(1.0), "ax": beside(p)}
                kept = self.state.get(p) or begun.setdefault(p, start)
                alike.setdefault((kept["eta"].item(), kept["mu"].item(), p.dtype), []).append(p)
        for (eta, mu, _), ps in alike.items():
            super()._prepare({**group, "eta": eta}, ps, calls, begun)
            kept_of = [begun.get(p) or self.state[p] for p in ps]
            averages, arrays = [kept["ax"]._array for kept in kept_of], [p._array for p in ps]
            if mu == 1:
                calls += [(np.copyto, *pair) for pair in zip(averages, arrays, strict=True)]
            else:  # a - mu (a - p): descent along a - p
                calls.append((self._kernel, averages, arrays, (), mu, 0.0, 0.0, 1.0, True, False))
            for kept in kept_of:
                step = kept["step"].item() + 1
                after = step, lr / (1 + lambd * lr * step) ** group["alpha"], 1 / max(1, step - group["t0"])
                calls += [(kept[name]._array.fill, x) for name, x in zip(self._counters, after, strict=True)]
