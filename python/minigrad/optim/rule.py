"""Optimisers whose step is a kernel: how arrays get there, and how a step is all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import starmap
from operator import call
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._observers import observers
from ..sharing import note_write
from ..tensor import Tensor, wrap
from .optimizer import Optimizer, array_in, call_with_grad, is_array

_gather = _core.gather
_full = _core.kernels["full"]
_FLOAT64 = 7

Calls = list[tuple[Any, ...]]
Memories = dict[Tensor, dict[str, Any]]

#: What a setting must be: the words for it, and the test.
Requirement = tuple[str, Callable[[Any], bool]]
Requirements = Mapping[str, Requirement]

AT_LEAST_0: Requirement = ("not be negative", lambda x: number(x) >= 0)
TWO_PARTS: Requirement = (
    "be two numbers in [0, 1)",
    lambda pair: len(pair) == 2 and all(0 <= number(x) < 1 for x in pair),
)


def number(value: Any) -> float:
    """Return a setting, a number or a tensor with one element, as a number."""
    return float(value.item()) if isinstance(value, Tensor) else value


class RuleOptimizer(Optimizer):
    """An optimiser with a rule for an element, which a kernel applies to all parameters of a group at once.

    A subclass names its kernel, what is remembered of a parameter, and the settings.
    """

    #: The kernel: lists of arrays (parameters, gradients, what is remembered), then settings and flags.
    _kernel: Any
    #: What is remembered, in the order of the kernel's lists.
    _lists: tuple[str, ...] = ()
    #: What settings must be.
    _required: ClassVar[Requirements] = {}
    #: Of what is remembered, the numbers: float64 whatever the parameter is, so that no count is ever lost.
    _counters: tuple[str, ...] = ("step",)

    def _remembered(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        """Name what is remembered of a group's parameters; None for a list that is left out."""
        return self._lists

    def _settings(self, group: dict[str, Any]) -> tuple[Any, ...]:
        """Return what the kernel takes behind the lists."""
        raise NotImplementedError

    def _begin(self, name: str, p: Tensor, group: dict[str, Any]) -> Tensor:
        """Return what is remembered under a name before the first step."""
        return counter(0.0) if name in self._counters else beside(p)

    def _check_settings(self, group: dict[str, Any]) -> None:
        for setting, (requirement, holds) in self._required.items():
            value = group[setting]
            for x in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(x, Tensor) and x._array.size != 1:
                    raise ValueError(f"{self._name}: {setting} must have one element, got shape {x._array.shape}")
            if not holds(value):
                raise ValueError(f"{self._name}: {setting} must {requirement}, got {value}")
        if group.get("differentiable"):
            raise NotImplementedError(f"{self._name}: a step cannot be differentiated; write it with tensor operations")
        if group.get("fused") and group.get("foreach"):
            raise RuntimeError(f"{self._name}: fused and foreach cannot both be set")

    # ------------------------------------------------------------------------------------------------------------------
    # The step.

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        A step is all or nothing: an interrupt (Ctrl-C) comes before it or after it.

        Parameters
        ----------
        closure : callable, optional
            Called first: it computes the loss and the gradients.

        Returns
        -------
        Any
            What the closure returned, None without one.
        """
        loss = None if closure is None else call_with_grad(closure)
        calls: Calls = []
        begun: Memories = {}
        for group in self.param_groups:
            self._prepare(group, group["params"], calls, begun)
        if begun:
            calls.append((self.state.update, begun))
        # Python looks for signals between its own instructions, and there are none while this runs.
        results = list(starmap(call, calls))
        if results.count(None) != len(results):  # a kernel returned NotImplemented
            raise TypeError(f"{self._name}: what is remembered of a parameter must have its dtype")
        return loss

    def _prepare(self, group: dict[str, Any], params: list[Tensor], calls: Calls, begun: Memories) -> None:
        """Add to `calls` the kernel's calls for a group, and to `begun` what is remembered for the first time."""
        names, settings = self._remembered(group), self._settings(group)
        ready = _gather(self._kernel, params, self.state, names, settings)
        if observers:
            for p in params:  # kernels write without telling them
                note_write(p._cell)
        if isinstance(ready, tuple):
            calls.append(ready)
            return
        dtypes = {p._array.dtype for p in ready}
        if bad := [dtype for dtype in dtypes if dtype.char not in "fd"]:
            raise TypeError(f"{self._name}: only parameters of float32 and float64 can be optimised, got {bad[0]}")
        if len(dtypes) > 1:
            for dtype in dtypes:
                self._prepare(group, [p for p in ready if p._array.dtype == dtype], calls, begun)
        elif ready:
            state = {p: self._complete(names, p, group, begun) for p in ready}
            calls.append(tuple(_gather(self._kernel, ready, state, names, settings)))

    def _complete(
        self, names: tuple[str | None, ...], p: Tensor, group: dict[str, Any], begun: Memories
    ) -> dict[str, Any]:
        """Return what is remembered of a parameter, with what is missing begun."""
        kept = self.state.get(p, {})
        missing = [name for name in (*self._counters, *names) if name in names and name and name not in kept]
        if not missing:
            return kept
        begun[p] = {**{name: self._begin(name, p, group) for name in missing}, **kept}
        return begun[p]

    # ------------------------------------------------------------------------------------------------------------------
    # Its state.

    def _restore(self, p: Tensor, kept: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._restored(name, value, p) for name, value in kept.items() if value is not None}

    def _restored(self, name: str, value: Any, p: Tensor) -> Any:
        if name in self._counters:
            return counter(float(array_in(value).item()))
        if not is_array(value):
            return value
        array = array_in(value)
        if array.shape != p._array.shape:
            raise ValueError(f"load_state_dict: {name} has shape {array.shape}, but its parameter {p._array.shape}")
        restored = beside(p)
        np.copyto(restored._array, array, casting="same_kind")
        return restored


def counter(value: float) -> Tensor:
    """Return a number that a kernel can count in."""
    return wrap(_full(value, (), _FLOAT64))


def beside(p: Tensor, value: float = 0.0) -> Tensor:
    """Return a tensor of the shape, dtype and memory order of a parameter, full of a value.

    It comes from the pool, whose arrays begin at a cache line: NumPy's, which seldom do, cost a step twice its time.
    """
    shape, strides = p._array.shape, p._array.strides
    order = sorted(range(len(shape)), key=lambda d: -abs(strides[d]))
    full = _full(value, tuple([shape[d] for d in order]), p.dtype.code)
    return wrap(full.transpose(sorted(order, key=order.__getitem__)))
