"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import _core, graph
from .._observers import observers
from ..grad_mode import no_grad
from ..ops.joining import cat
from ..sharing import note_write
from ..tensor import Tensor, wrap
from ._wolfe import Point, strong_wolfe
from .optimizer import Number, Optimizer, Params, call_with_grad
from .rule import number

_matmul = _core.kernels["matmul"]
_sgd = _core.kernels["sgd"]


class LBFGS(Optimizer):
    """Limited-memory BFGS: steps that take the curvature from how the gradient changed in the last steps.

    It is for losses of all data, not of batches. :meth:`step` calls the closure several times.

    Parameters
    ----------
    params : iterable of Tensor or of (str, Tensor)
        The parameters; there can be one group only.
    lr : float or Tensor, default 1
        The length of a step, or the first one that a line search tries.
    max_iter : int, default 20
        How many iterations a step makes at most.
    max_eval : int, optional
        How often it calls the closure at most, ``max_iter * 5 // 4`` by default.
    tolerance_grad : float, default 1e-7
        It ends where no element of the gradient is greater.
    tolerance_change : float, default 1e-9
        It ends where neither the loss nor an element of the parameters changes more.
    history_size : int, default 100
        From how many steps the curvature is taken.
    line_search_fn : {None, "strong_wolfe"}
        How the length of a step is found.

    Raises
    ------
    ValueError
        If a setting makes no sense, or there are no parameters or several groups.

    Notes
    -----
    Nocedal and Wright, "Numerical Optimization", algorithms 7.4 and 7.5. If the closure raises, or at Ctrl-C, the
    parameters and the memory are those before the step.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([1.0, -2.0], requires_grad=True)
    >>> lbfgs = minigrad.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     lbfgs.zero_grad()
    ...     loss = ((w - 3) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> first_loss = lbfgs.step(closure)
    >>> [round(x, 1) for x in w.tolist()]
    [3.0, 3.0]
    """

    def __init__(
        self,
        params: Params,
        lr: Number = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add the one group of parameters; ValueError where there is one already."""
        if self.param_groups:
            raise ValueError("LBFGS: there can be one group of parameters only")
        super().add_param_group(param_group)

    def _check_settings(self, group: dict[str, Any]) -> None:
        lr = group["lr"]
        if isinstance(lr, Tensor) and lr._array.size != 1:
            raise ValueError(f"LBFGS: lr must have one element, got shape {lr._array.shape}")
        if not number(lr) >= 0:
            raise ValueError(f"LBFGS: lr must not be negative, got {lr}")
        if group["line_search_fn"] not in {None, "strong_wolfe"}:
            raise ValueError(f"LBFGS: line_search_fn must be None or 'strong_wolfe', got {group['line_search_fn']!r}")

    def _restore(self, p: Tensor, kept: Mapping[str, Any]) -> dict[str, Any]:
        # Vectors are all parameters, one behind the other, in the dtype that holds them all.
        return super()._restore(max(self._parameters(), key=lambda p: p._array.itemsize, default=p), kept)

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Take up to `max_iter` steps.

        Parameters
        ----------
        closure : callable
            Forgets the gradients, computes the loss and the gradients, and returns the loss.

        Returns
        -------
        Any
            What the closure returned first.
        """
        group = self.param_groups[0]
        params: list[Tensor] = group["params"]
        before = [p._array.copy() for p in params]
        kept = self.state.get(params[0])
        search = _Minimisation(group, closure, dict(kept or {}))
        try:
            with no_grad():
                loss = search.run()
            self.state[params[0]] = search.state
        except BaseException:
            if self.state.get(params[0]) is not search.state:
                search.place(before)
            raise
        return loss


class _Minimisation:
    """One call of :meth:`LBFGS.step`: vectors are all parameters, one behind the other."""

    def __init__(self, group: dict[str, Any], closure: Callable[[], Any], state: dict[str, Any]) -> None:
        self.group = group
        self.params: list[Tensor] = group["params"]
        self.closure = closure
        self.state = state
        for name in ("func_evals", "n_iter"):
            state.setdefault(name, 0)
        # Changed in place below, so that what was saved before is not.
        for name in ("old_dirs", "old_stps", "ro"):
            state[name] = list(state.get(name) or ())
        self.evaluated = 0

    def run(self) -> Any:
        """Iterate until something says that it is enough; return the first loss."""
        group, state = self.group, self.state
        first = self.evaluate()
        loss, grad = float(first), self.gradient()
        if _greatest(grad) <= group["tolerance_grad"]:
            return first
        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            state["n_iter"] += 1
            d = self.direction(grad)
            state.update(d=d, prev_flat_grad=grad, prev_loss=loss)
            t = number(group["lr"])
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(grad.abs().sum()))
            state["t"] = t
            slope = _dot(grad, d)
            if slope > -group["tolerance_change"]:
                break
            before = loss
            t, loss, grad = self.advance(Point(0.0, loss, grad, slope), d, t, last=iteration == group["max_iter"])
            state["t"] = t
            if self.is_enough(grad, loss - before, d, t):
                break
        return first

    def is_enough(self, grad: Tensor, change: float, d: Tensor, t: float) -> bool:
        """Tell whether to stop iterating."""
        most: int = self.group["max_eval"]
        flat: float = self.group["tolerance_grad"]
        small: float = self.group["tolerance_change"]
        return self.evaluated >= most or _greatest(grad) <= flat or _greatest(d * t) <= small or abs(change) < small

    def direction(self, grad: Tensor) -> Tensor:
        """Return the direction: the gradient, turned round, times the inverse Hessian as the memory knows it."""
        state = self.state
        steps, changes, ro = state["old_stps"], state["old_dirs"], state["ro"]
        if state["n_iter"] == 1:
            for kept in (steps, changes, ro):
                kept.clear()
            state["H_diag"] = 1.0
            return -grad
        self.remember(grad - state["prev_flat_grad"], state["d"] * float(state["t"]))
        r = -grad
        factors = []
        for s, y, rho in zip(reversed(steps), reversed(changes), reversed(ro), strict=True):
            factors.append(_dot(s, r) * float(rho))
            _add(r, y, -factors[-1])
        r.mul_(float(state["H_diag"]))
        for s, y, rho, factor in zip(steps, changes, ro, reversed(factors), strict=True):
            _add(r, s, factor - _dot(y, r) * float(rho))
        return r

    def remember(self, y: Tensor, s: Tensor) -> None:
        """Take a step `s` and the change `y` of the gradient into the memory, if the loss curves upwards along it."""
        state = self.state
        ys = _dot(y, s)
        if not ys > 1e-10:
            return
        pairs = ((state["old_dirs"], y), (state["old_stps"], s), (state["ro"], 1.0 / ys))
        for kept, value in pairs:
            if len(kept) == self.group["history_size"]:
                kept.pop(0)
            kept.append(value)
        state["H_diag"] = ys / _dot(y, y)

    def advance(self, start: Point, d: Tensor, t: float, *, last: bool) -> tuple[float, float, Tensor]:
        """Move along `d`; return how far, and the loss and the gradient there, which the last iteration leaves."""
        group = self.group
        if group["line_search_fn"] is None:
            self.move(d, t)
            return (t, start.loss, start.grad) if last else (t, float(self.evaluate()), self.gradient())
        origin = [p._array.copy() for p in self.params]

        def evaluate(at: float) -> Point:
            self.move(d, at)
            loss, grad = float(self.evaluate()), self.gradient()
            self.place(origin)
            return Point(at, loss, grad, _dot(grad, d))

        most = group["max_eval"] - self.evaluated
        point, _ = strong_wolfe(evaluate, start, t, _greatest(d), 1e-9, most)
        self.move(d, point.t)
        return point.t, point.loss, point.grad

    # ------------------------------------------------------------------------------------------------------------------
    # Parameters as vectors.

    def evaluate(self) -> Any:
        """Call the closure."""
        self.evaluated += 1
        self.state["func_evals"] += 1
        return call_with_grad(self.closure)

    def gradient(self) -> Tensor:
        """Return the gradient, zeros where a parameter has none."""
        parts = [wrap(np.zeros_like(p._array)) if p.grad is None else p.grad.detach() for p in self.params]
        return cat([part.reshape(-1) for part in parts])

    def move(self, d: Tensor, t: float) -> None:
        """Add `t` times a vector."""
        arrays = [p._array for p in self.params]
        parts = []
        begin = 0
        for x in arrays:
            parts.append(d._array[begin : begin + x.size].reshape(x.shape).astype(x.dtype, copy=False))
            begin += x.size
        for dtype in dict.fromkeys(x.dtype for x in arrays):
            chosen = [i for i, x in enumerate(arrays) if x.dtype == dtype]
            _sgd([arrays[i] for i in chosen], [parts[i] for i in chosen], (), -t, 0.0, 0.0, 0.0, False, False)
        self.note_writes()

    def place(self, arrays: list[graph.Array]) -> None:
        """Give the parameters the values of arrays."""
        for p, x in zip(self.params, arrays, strict=True):
            np.copyto(p._array, x)
        self.note_writes()

    def note_writes(self) -> None:
        for p in self.params:
            p._cell.version += 1
            if observers:
                note_write(p._cell)


def _dot(x: Tensor, y: Tensor) -> float:
    return float(_matmul(x._array.reshape(1, -1), y._array.reshape(-1, 1)).item())


def _add(x: Tensor, y: Tensor, factor: float) -> None:
    """Add `factor` times a vector, in one pass over memory."""
    _sgd([x._array], [y._array], (), -factor, 0.0, 0.0, 0.0, False, False)


def _greatest(x: Tensor) -> float:
    return float(x.abs().max())
