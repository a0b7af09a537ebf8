"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..tensor import Tensor
from .optimizer import Optimizer, Params, gradients, run, zeros_beside

_sgd = _core.kernels["sgd"]
_sgd_plain = _core.kernels["sgd_plain"]


class SGD(Optimizer):
    """Stochastic gradient descent, plain or with momentum.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or groups of them.
    lr : float, default 0.001
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

    Raises
    ------
    ValueError
        If a setting makes no sense or there are no parameters.

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

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,  # noqa: ARG002
        fused: bool | None = None,  # noqa: ARG002
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_settings(self, group: dict[str, Any]) -> None:
        for setting in ("lr", "momentum", "weight_decay"):
            self._require(group[setting] >= 0, setting, "not be negative", group[setting])
        if group["nesterov"]:
            self._require(group["momentum"] > 0, "momentum", "be positive for Nesterov's", group["momentum"])
            self._require(group["dampening"] == 0, "dampening", "be 0 for Nesterov's momentum", group["dampening"])

    def _update(self, group: dict[str, Any]) -> None:
        params, grads = gradients(group["params"])
        if not params:
            return
        if group["momentum"] == 0:
            arrays = [p._array for p in params], grads
            run(_sgd_plain, arrays, group["lr"], group["weight_decay"], group["maximize"])
        else:
            self._update_with_momentum(group, params, grads)
        for p in params:
            p._cell[0] += 1

    def _update_with_momentum(self, group: dict[str, Any], params: list[Tensor], grads: list[Any]) -> None:
        """Update those that have a direction already, and those for which this is the first step."""
        for first in (False, True):
            chosen = [i for i, p in enumerate(params) if (p not in self.state) is first]
            if not chosen:
                continue
            some = [params[i] for i in chosen]
            if first:
                self.state.update({p: {"momentum_buffer": zeros_beside(p)} for p in some})
            buffers = [self.state[p]["momentum_buffer"]._array for p in some]
            settings = (group["lr"], group["momentum"], group["dampening"], group["weight_decay"], float(first))
            arrays = [p._array for p in some], [grads[i] for i in chosen], buffers
            run(_sgd, arrays, *settings, group["nesterov"], group["maximize"])
