"""Optimisers whose step depends on more than an element: composed of operations, and stored all at once."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from .._dtype import finfo
from ..grad_mode import no_grad
from ..sharing import wrote
from ..tensor import Tensor
from .optimizer import Number, Params, settings_of
from .rule import AT_LEAST_0, Calls, Memories, Requirement, Requirements, RuleOptimizer, counter, number

_AT_MOST_0: Requirement = ("not be positive", lambda x: number(x) <= 0)
_AT_LEAST_1: Requirement = ("be at least 1", lambda x: number(x) >= 1)


class _Composed(RuleOptimizer):
    """An optimiser whose subclass says what a parameter, and what is remembered of it, become."""

    def _next(self, p: Tensor, g: Tensor, kept: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
        """Return the parameter, by the name "param", and what is remembered of it, as a step leaves them."""
        raise NotImplementedError

    @no_grad()
    def _prepare(self, group: dict[str, Any], params: list[Tensor], calls: Calls, begun: Memories) -> None:
        for p in params:
            if p.grad is None:
                continue
            if p._array.dtype.char not in "fd":
                raise TypeError(f"{self._name}: only parameters of float32 and float64 can be optimised, got {p.dtype}")
            p._refuse_write(self._name)
            kept = self._complete(self._names(p), p, group, begun)
            places = {"param": p, **kept}
            for name, value in self._next(p, -p.grad if group.get("maximize") else p.grad, kept, group).items():
                calls.append((np.copyto, places[name]._array, value._array))
            wrote(p._cell)

    def _names(self, p: Tensor) -> tuple[str, ...]:
        return self._lists


class Muon(_Composed):
    """Momentum whose matrices are made nearly orthogonal: for the weights of hidden layers.

    Biases, embeddings and the last layer are for another optimiser, such as `AdamW`.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, matrices, or groups of them.
    lr : float or Tensor, default 1e-3
        The learning rate.
    weight_decay : float, default 0.1
        The share of the parameters, times `lr`, that each step takes away.
    momentum : float, default 0.95
        The share of the past in the average of gradients.
    nesterov : bool, default True
        Step along the average of the gradient and the average, not along the latter.
    ns_coefficients : tuple of float, default (3.4445, -4.775, 2.0315)
        What the odd polynomial of the iteration consists of.
    eps : float, default 1e-7
        The least norm that is divided by.
    ns_steps : int, default 5
        How often the iteration runs.
    adjust_lr_fn : {"original", "match_rms_adamw"}, optional
        How the learning rate follows the shape (m, n): times √max(1, m / n), or times 0.2 √max(m, n), with which a
        step is as large as one of AdamW.

    Raises
    ------
    ValueError
        If a setting makes no sense, a parameter is no matrix, or there are none.

    Notes
    -----
    b = μ b + (1 - μ) ∇; u = μ b + (1 - μ) ∇ with `nesterov`, else b. X = u / |u|, and `ns_steps` times
    X = a X + (b A + c A²) X with A = X Xᵀ, which brings the singular values near 1. Jordan, "Muon: An optimizer for
    hidden layers in neural networks". PyTorch iterates in bfloat16, this in the parameter's dtype.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([[3.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> muon = minigrad.optim.Muon([w], lr=1.0, weight_decay=0.0, ns_coefficients=(1.5, -0.5, 0.0), ns_steps=20)
    >>> (w * w).sum().backward()
    >>> muon.step()
    >>> w.detach()
    tensor([[2., 0.],
            [0., 0.]])
    """

    _lists = ("momentum_buffer",)
    _required: ClassVar[Requirements] = {
        "lr": AT_LEAST_0,
        "weight_decay": AT_LEAST_0,
        "momentum": AT_LEAST_0,
        "eps": AT_LEAST_0,
        "ns_steps": ("be an integer from 0 to 99", lambda n: n in range(100)),
        "ns_coefficients": ("be three numbers", lambda c: len(c) == 3),
        "adjust_lr_fn": (
            "be 'original', 'match_rms_adamw' or None",
            lambda name: name in (None, "original", "match_rms_adamw"),
        ),
    }

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _check_settings(self, group: dict[str, Any]) -> None:
        super()._check_settings(group)
        for p in group["params"]:
            if p._array.ndim != 2:
                raise ValueError(f"Muon: only matrices can be optimised, got a parameter of shape {p._array.shape}")

    def _next(self, p: Tensor, g: Tensor, kept: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
        lr, momentum = number(group["lr"]), group["momentum"]
        buffer = kept["momentum_buffer"].lerp(g, 1 - momentum)
        update = _orthogonal(g.lerp(buffer, momentum) if group["nesterov"] else buffer, group)
        m, n = p._array.shape
        matched = group["adjust_lr_fn"] == "match_rms_adamw"
        rate = lr * (0.2 * math.sqrt(max(m, n)) if matched else math.sqrt(max(1, m / max(n, 1))))
        return {"param": p * (1 - lr * group["weight_decay"]) - rate * update, "momentum_buffer": buffer}


def _orthogonal(update: Tensor, group: dict[str, Any]) -> Tensor:
    """Return a matrix with its singular values brought near 1, by Newton and Schulz's iteration."""
    a, b, c = group["ns_coefficients"]
    tall = update._array.shape[0] > update._array.shape[1]
    x = update.T if tall else update
    x = x / x.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x


class Adafactor(_Composed):
    """Adam without momentum, which remembers of a matrix's squared gradients only the means of rows and columns.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, or groups of them.
    lr : float or Tensor, default 0.01
        The largest relative step.
    beta2_decay : float, default -0.8
        The power of the step's number that the newest squares count with.
    eps : tuple of float, default (None, 1e-3)
        The least root of a mean square, by default the dtype's precision, and the least size of a parameter that the
        relative step refers to.
    d : float, default 1
        The root mean square above which an update is made smaller.
    weight_decay : float, default 0
        The share of the parameters, times `lr`, that each step takes away.
    foreach : optional
        Accepted for PyTorch's sake.
    maximize : bool, default False
        Climb instead of descending.

    Raises
    ------
    ValueError
        If a setting makes no sense or there are no parameters.

    Notes
    -----
    Of step t, with ρ = min(lr, 1 / √t), β = t^beta2_decay and rms(x) = |x| / √n: r and c move by β towards the means of
    ∇² along the last and the last but one dimension; v = r c / mean(r), of vectors β towards ∇²; u = ∇ / √v;
    p = p - max(eps₂, rms(p)) ρ u / max(1, rms(u) / d). Shazeer and Stern, "Adafactor: Adaptive learning rates with
    sublinear memory cost".

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -1.0], requires_grad=True)
    >>> adafactor = minigrad.optim.Adafactor([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> adafactor.step()
    >>> w.detach()
    tensor([ 0.5000, -0.5000])
    """

    _required: ClassVar[Requirements] = {
        "lr": AT_LEAST_0,
        "beta2_decay": _AT_MOST_0,
        "eps": (
            "be two numbers that are not negative, or None and one",
            lambda pair: len(pair) == 2 and (pair[0] is None or number(pair[0]) >= 0) and number(pair[1]) >= 0,
        ),
        "d": _AT_LEAST_1,
        "weight_decay": AT_LEAST_0,
    }

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, settings_of(locals()))

    def _names(self, p: Tensor) -> tuple[str, ...]:
        return ("step", "row_var", "col_var") if p._array.ndim > 1 else ("step", "variance")

    def _shape(self, name: str, p: Tensor) -> tuple[int, ...]:
        shape = p._array.shape
        return (*shape[:-1], 1) if name == "row_var" else (*shape[:-2], 1, *shape[-1:]) if name == "col_var" else shape

    def _begin(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        return counter(0.0) if name in self._counters else p.new_zeros(self._shape(name, p))

    def _restored(self, name: str, value: Any, p: Tensor) -> Any:
        if name in self._counters:
            return super()._restored(name, value, p)
        return super()._restored(name, value, p.new_empty(self._shape(name, p)))

    def _next(self, p: Tensor, g: Tensor, kept: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
        step = kept["step"] + 1
        t, lr, (eps1, eps2) = step.item(), number(group["lr"]), group["eps"]
        eps1 = finfo(p.dtype).eps if eps1 is None else number(eps1)
        squares, newest = g * g, t ** group["beta2_decay"]
        if "variance" in kept:
            after = {"variance": kept["variance"].lerp(squares, newest)}
            variance = after["variance"]
        else:
            means = {"row_var": squares.mean(-1, keepdim=True), "col_var": squares.mean(-2, keepdim=True)}
            after = {name: kept[name].lerp(mean, newest) for name, mean in means.items()}
            rows, columns = after.values()
            variance = rows @ columns / rows.mean(-2, keepdim=True).clamp(min=eps1)
        update = g * variance.clamp(min=eps1 * eps1).rsqrt()
        rate = max(number(eps2), _rms(p)) * min(lr, 1 / math.sqrt(t)) / max(1.0, _rms(update) / group["d"])
        return {"param": p * (1 - lr * group["weight_decay"]) - rate * update, "step": step, **after}


def _rms(x: Tensor) -> float:
    return float(x.norm().item()) / math.sqrt(max(x.numel(), 1))
