"""The base of all optimisers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .. import _core
from ..graph import Array, observers
from ..nn.module import clear_grad
from ..sharing import note_write
from ..tensor import Tensor, wrap

Params = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimizer:
    """Base class of optimisers: groups of parameters, each with its settings, and what is remembered of each parameter.

    A subclass defines `_update`, which changes the parameters of one group.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        The parameters, or groups of them: dictionaries with the parameters as ``"params"`` and settings of their own.
    defaults : dict
        The settings of groups that have none of their own.

    Attributes
    ----------
    param_groups : list of dict
        The groups: ``"params"`` and the settings.
    state : dict
        For each parameter that was updated before, what is remembered of it.
    defaults : dict
        As given.

    Raises
    ------
    ValueError
        If there are no parameters, one is there twice, or a setting makes no sense.
    TypeError
        If the parameters are not tensors.
    """

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"{self._name}: params must be an iterable of tensors or dicts, got a Tensor")
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError(f"{self._name}: got an empty list of parameters")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters.

        Parameters
        ----------
        param_group : dict
            The parameters, one or several, as ``"params"``, and settings other than the defaults.

        Raises
        ------
        TypeError
            If the group is not a dict or a parameter is not a tensor.
        ValueError
            If a parameter was computed by a graph or is there already, or if a setting makes no sense.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"{self._name}: a parameter group must be a dict, got {type(param_group).__name__}")
        if isinstance(param_group.get("params", ()), set):
            raise TypeError(f"{self._name}: parameters must be ordered, but a set has no order; pass a list")
        given = param_group.get("params", [])
        params = [given] if isinstance(given, Tensor) else list(given)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            self._check_parameter(p, known)
            known.add(id(p))
        group = {**self.defaults, **param_group, "params": params}
        self._check_settings(group)
        self.param_groups.append(group)

    def _check_parameter(self, p: Any, known: set[int]) -> None:
        if not isinstance(p, Tensor):
            raise TypeError(f"{self._name}: only tensors can be optimised, got {type(p).__name__}")
        if not p.is_leaf:
            raise ValueError(f"{self._name}: only leaves can be optimised, got the result of {p.grad_fn!r}")
        if id(p) in known:
            raise ValueError(f"{self._name}: a parameter of shape {p._array.shape} appears twice")

    def _check_settings(self, group: dict[str, Any]) -> None:
        """Raise ValueError where a setting makes no sense."""

    def _require(self, holds: bool, setting: str, requirement: str, value: Any) -> None:
        if not holds:
            raise ValueError(f"{self._name}: {setting} must {requirement}, got {value}")

    # ------------------------------------------------------------------------------------------------------------------
    # The step.

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients or, with ``set_to_none=False``, make them zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    edge = p._edge
                    if edge is not None:
                        edge[0].grad = None
                else:
                    clear_grad(p, False)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Called first: it computes the loss and the gradients.

        Returns
        -------
        Any
            What the closure returned, None without one.
        """
        loss = None if closure is None else _call_with_grad(closure)
        for group in self.param_groups:
            self._update(group)
        if observers:  # kernels write without telling them
            for group in self.param_groups:
                for p in group["params"]:
                    note_write(p._cell)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        raise NotImplementedError(f"{self._name}: an optimiser must define step or _update")

    # ------------------------------------------------------------------------------------------------------------------
    # Its state.

    def state_dict(self) -> dict[str, Any]:
        """Return the settings and what is remembered, the parameters by their numbers.

        Returns
        -------
        dict
            ``"state"``, from a parameter's number to what is remembered of it, and ``"param_groups"``. Tensors are not
            copied.
        """
        number = {id(p): i for i, p in enumerate(self._parameters())}
        groups = [{**group, "params": [number[id(p)] for p in group["params"]]} for group in self.param_groups]
        state = {number[id(p)]: dict(kept) for p, kept in self.state.items() if id(p) in number}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over settings and memory that :meth:`state_dict` returned; tensors are copied.

        Raises
        ------
        ValueError
            If the groups differ in number or size, or what is remembered of a parameter differs in shape.
        """
        groups: list[dict[str, Any]] = list(state_dict["param_groups"])
        sizes = [len(group["params"]) for group in groups], [len(group["params"]) for group in self.param_groups]
        if sizes[0] != sizes[1]:
            raise ValueError(f"load_state_dict: the groups have {sizes[1]} parameters, but {sizes[0]} in the state")
        saved = [n for group in groups for n in group["params"]]
        parameter = dict(zip(saved, self._parameters(), strict=True))
        state = {parameter[n]: _copied(kept, parameter[n]) for n, kept in state_dict["state"].items()}
        for own, group in zip(self.param_groups, groups, strict=True):
            settings = {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
            self._check_settings({**own, **settings})
            own.update(settings)
        self.state = state

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines = []
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([f"{self._name} (", *lines, ")"])


def _call_with_grad(closure: Callable[[], Any]) -> Any:
    enabled = _core.set_grad_enabled(True)
    try:
        return closure()
    finally:
        _core.set_grad_enabled(enabled)


def _copied(kept: Mapping[str, Any], p: Tensor) -> dict[str, Any]:
    """Return what is remembered of a parameter with tensors copied, in the parameter's dtype."""
    copied: dict[str, Any] = {}
    for name, value in kept.items():
        if not isinstance(value, Tensor):
            copied[name] = copy.deepcopy(value)
            continue
        if value._array.shape != p._array.shape:
            raise ValueError(
                f"load_state_dict: {name} has shape {value._array.shape}, but its parameter {p._array.shape}"
            )
        copied[name] = zeros_beside(p)
        np.copyto(copied[name]._array, value._array, casting="same_kind")
    return copied


def zeros_beside(p: Tensor) -> Tensor:
    """Return zeros in the shape, dtype and memory order of a parameter.

    They come from the pool, whose arrays begin at a cache line: NumPy's, which seldom do, cost a step twice its time.
    """
    order = np.argsort([-abs(stride) for stride in p._array.strides], kind="stable").tolist()
    ordered = tuple([p._array.shape[d] for d in order])
    zeros = _core.kernels["full"](0.0, ordered, p.dtype.code)
    return wrap(zeros.transpose(np.argsort(order).tolist()))


def gradients(params: list[Tensor]) -> tuple[list[Tensor], list[Array]]:
    """Return those of the parameters that have a gradient, and the gradients."""
    found: list[Tensor] = []
    grads: list[Array] = []
    for p in params:
        edge = p._edge
        if edge is not None:
            grad = edge[0].grad  # type: ignore[union-attr]
            if grad is not None:
                found.append(p)
                grads.append(grad._array)
    return found, grads


def run(kernel: Any, arrays: tuple[list[Array], ...], *settings: Any) -> None:
    """Update parameters by a kernel: once, or once for each dtype where they differ."""
    if kernel(*arrays, *settings) is not NotImplemented:
        return
    for dtype in {x.dtype for x in arrays[0]}:
        chosen = [i for i, x in enumerate(arrays[0]) if x.dtype == dtype]
        some = [[many[i] for i in chosen] for many in arrays]
        if kernel(*some, *settings) is NotImplemented:
            raise TypeError(f"{kernel.name}: parameters and gradients of {dtype} cannot be optimised")
