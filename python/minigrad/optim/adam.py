"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..graph import Array
from .optimizer import Optimizer, Params, gradients, run, zeros_beside

_adam = _core.kernels["adam"]


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or groups of them.
    lr : float, default 0.001
        The learning rate.
    betas : pair of float, default (0.9, 0.999)
        How much of the two running means is kept in a step.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
        The factor of the squared parameters' half in what is minimised.
    amsgrad : bool, default False
        Not supported.
    maximize : bool, default False
        Climb instead of descending.
    foreach, fused : optional
        Accepted for PyTorch's sake: one kernel always updates all parameters of a group.

    Raises
    ------
    ValueError
        If a setting makes no sense or there are no parameters.
    NotImplementedError
        If `amsgrad` is asked for.

    Notes
    -----
    g = ∇ + weight_decay p; m = β₁ m + (1 - β₁) g; v = β₂ v + (1 - β₂) g²;
    p = p - lr m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps) in step t. Kingma and Ba, "Adam: A Method for Stochastic
    Optimization", algorithm 1.

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

    _decoupled = False

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,  # noqa: ARG002
        fused: bool | None = None,  # noqa: ARG002
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check_settings(self, group: dict[str, Any]) -> None:
        if group["amsgrad"]:
            raise NotImplementedError(f"{self._name}: amsgrad is not supported")
        for setting in ("lr", "eps", "weight_decay"):
            self._require(group[setting] >= 0, setting, "not be negative", group[setting])
        betas = group["betas"]
        self._require(len(betas) == 2 and all(0 <= b < 1 for b in betas), "betas", "be two numbers in [0, 1)", betas)

    def _update(self, group: dict[str, Any]) -> None:
        # One loop: with a few small parameters, each further pass over them costs as much as a kernel.
        state = self.state
        arrays: tuple[list[Array], ...] = ([], [], [], [])
        params, grads, averages, squares = arrays
        steps: set[int] = set()
        for p in group["params"]:
            edge = p._edge
            if edge is None or (grad := edge[0].grad) is None:
                continue
            memory = state.get(p)
            if memory is None:
                memory = state[p] = {"step": 0, "exp_avg": zeros_beside(p), "exp_avg_sq": zeros_beside(p)}
            memory["step"] = step = memory["step"] + 1
            steps.add(step)
            params.append(p._array)
            grads.append(grad._array)
            averages.append(memory["exp_avg"]._array)
            squares.append(memory["exp_avg_sq"]._array)
            p._cell[0] += 1
        if len(steps) == 1:
            self._run(group, arrays, steps.pop())
        elif steps:
            self._run_by_step(group, arrays)

    def _run(self, group: dict[str, Any], arrays: tuple[list[Array], ...], step: int) -> None:
        beta1, beta2 = group["betas"]
        decay = group["weight_decay"]
        run(_adam, arrays, group["lr"], beta1, beta2, group["eps"], decay, step, self._decoupled, group["maximize"])

    def _run_by_step(self, group: dict[str, Any], arrays: tuple[list[Array], ...]) -> None:
        """Update parameters that have not been updated equally often, together those that have."""
        steps = [self.state[p]["step"] for p in gradients(group["params"])[0]]
        for step in sorted(set(steps)):
            chosen = [i for i, s in enumerate(steps) if s == step]
            self._run(group, tuple([many[i] for i in chosen] for many in arrays), step)


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

    _decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, foreach=foreach, fused=fused)
