"""The base of all optimisers."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..grad_mode import enable_grad
from ..nn.module import clear_grad
from ..tensor import Tensor, wrap
from .hooks import Hookable, register_optimizer_step_post_hook, register_optimizer_step_pre_hook

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Number = float | Tensor

#: The default of a setting that every group must have.
required: Any = type("Required", (), {"__repr__": lambda _: "<required parameter>"})()


class Optimizer(Hookable):
    """Base class of optimisers: groups of parameters, each with its settings, and what is remembered of each parameter.

    A subclass defines `step`.

    Parameters
    ----------
    params : iterable of Tensor, of (str, Tensor) or of dict
        The parameters, with names or without, or groups of them: dictionaries with the parameters as ``"params"`` and
        settings of their own.
    defaults : dict
        The settings of groups that have none of their own.

    Attributes
    ----------
    param_groups : list of dict
        The groups: ``"params"``, the settings, and ``"param_names"`` where parameters have names.
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
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise TypeError(
                f"{self._name}: params must be an iterable of tensors or dicts, such as model.parameters(), got "
                f"a {type(params).__name__}"
            )
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError(f"{self._name}: got an empty list of parameters")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    # ------------------------------------------------------------------------------------------------------------------
    # Groups.

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
        KeyError
            If the group has no ``"params"``.
        ValueError
            If a parameter was computed by a graph or is there already, if some parameters have names and others have
            not, or if a setting is missing or makes no sense.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"{self._name}: a parameter group must be a dict, got {type(param_group).__name__}")
        if "params" not in param_group:
            raise KeyError(f"{self._name}: a parameter group must have 'params', got {list(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(f"{self._name}: parameters must be ordered, but a set has no order; pass a list")
        names, params = self._names_and_params([given] if isinstance(given, Tensor) else list(given))
        others = {name: value for name, value in self.defaults.items() if name not in param_group}
        group = {**param_group, "params": params, **others}
        if names:
            group["param_names"] = names
        for name, value in group.items():
            if value is required:
                raise ValueError(f"{self._name}: a parameter group must have {name!r}, which has no default")
        if self.param_groups and ("param_names" in group) != ("param_names" in self.param_groups[0]):
            raise ValueError(f"{self._name}: the parameters of all groups must have names, or those of none")
        self._check_settings(group)
        self.param_groups.append(group)

    def _names_and_params(self, given: list[Any]) -> tuple[list[str], list[Tensor]]:
        """Take pairs of names and parameters apart."""
        pairs = [x if isinstance(x, tuple) and len(x) == 2 else (None, x) for x in given]
        names = [name for name, _ in pairs if name is not None]
        if names and len(names) != len(pairs):
            raise ValueError(
                f"{self._name}: all parameters must have names, or none; {len(names)} of {len(pairs)} have"
            )
        known = {id(p) for p in self._parameters()}
        for _, p in pairs:
            self._check_parameter(p, known)
            known.add(id(p))
        return names, [p for _, p in pairs]

    def _check_parameter(self, p: Any, known: set[int]) -> None:
        if not isinstance(p, Tensor):
            raise TypeError(f"{self._name}: only tensors can be optimised, got {type(p).__name__}")
        if not p.is_leaf:
            raise ValueError(f"{self._name}: only leaves can be optimised, got the result of {p.grad_fn!r}")
        if id(p) in known:
            raise ValueError(f"{self._name}: a parameter of shape {p._array.shape} appears twice")

    def _check_settings(self, group: dict[str, Any]) -> None:
        """Raise ValueError where a setting makes no sense."""

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    # ------------------------------------------------------------------------------------------------------------------
    # The step.

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients or, with ``set_to_none=False``, make them zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
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
        raise NotImplementedError(f"{self._name}: an optimiser must define step")

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
        for hook in self._before_saving.all():
            hook(self)
        number = {id(p): i for i, p in enumerate(self._parameters())}
        groups = [
            {**settings_of(group), "params": [number[id(p)] for p in group["params"]]} for group in self.param_groups
        ]
        state = {number[id(p)]: dict(kept) for p, kept in self.state.items() if id(p) in number}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._after_saving.all():
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over settings and memory that :meth:`state_dict` returned, this class's or PyTorch's; arrays are copied.

        Raises
        ------
        ValueError
            If the groups differ in number or size, a setting makes no sense, or what is remembered of a parameter
            differs in shape.
        """
        state_dict = dict(state_dict)
        for hook in self._before_loading.all():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups: list[dict[str, Any]] = list(state_dict["param_groups"])
        sizes = [len(group["params"]) for group in groups], [len(group["params"]) for group in self.param_groups]
        if sizes[0] != sizes[1]:
            raise ValueError(f"load_state_dict: the groups have {sizes[1]} parameters, but {sizes[0]} in the state")
        saved = [n for group in groups for n in group["params"]]
        parameter = dict(zip(saved, self._parameters(), strict=True))
        state = defaultdict(
            dict, {parameter[n]: self._restore(parameter[n], k) for n, k in state_dict["state"].items()}
        )
        settings = [{k: _copy(v) for k, v in group.items() if k != "params"} for group in groups]
        for own, group in zip(self.param_groups, settings, strict=True):
            # Rounding may end a schedule below 0: LinearLR, which adds up, goes from 1e-2 to -1e-18.
            scheduled = {"lr": 0.0} if "initial_lr" in group else {}
            self._check_settings({**own, **group, **scheduled})
        for own, group in zip(self.param_groups, settings, strict=True):
            own.update(group)
        self.state = state
        for hook in self._after_loading.all():
            hook(self)

    def _restore(self, p: Tensor, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of what is remembered of a parameter, fit for being gone on with."""
        return {name: copied(value, p) for name, value in kept.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        groups = []
        for i, group in enumerate(self.param_groups):
            settings = [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
            groups.append("\n".join([f"Parameter Group {i}", *settings]))
        return f"{self._name} (\n" + "\n\n".join(groups) + "\n)"


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of an optimiser's groups: the ``locals()`` of its constructor but for the parameters."""
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "__class__")}


def call_with_grad(closure: Callable[[], Any]) -> Any:
    """Call a closure with gradients recorded, whatever the caller has set."""
    with enable_grad():
        return closure()


def is_array(value: Any) -> bool:
    """Tell whether a value of a state is an array: a tensor, NumPy's or another library's."""
    return isinstance(value, (Tensor, np.ndarray)) or (hasattr(value, "__array__") and hasattr(value, "shape"))


def array_in(value: Any) -> Any:
    """Return what holds the elements of an array of any kind, not to be written to."""
    return value._array if isinstance(value, Tensor) else np.asarray(value)


def copied(value: Any, p: Tensor) -> Any:
    """Return a copy of a value of a state; floating-point arrays in it get the parameter's dtype."""
    if is_array(value):
        array = array_in(value)
        return wrap(array.astype(p._array.dtype if array.dtype.kind == "f" else array.dtype, order="C"))
    if isinstance(value, (list, tuple)):
        return type(value)([copied(v, p) for v in value])
    return _copy(value)


def _copy(value: Any) -> Any:
    return value if value is None or value.__class__ in (bool, int, float, str) else copy.deepcopy(value)
