"""A module's state: its parameters and persistent buffers by name, taken out and put in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

import numpy as np

from ..grad_mode import no_grad
from ..graph import Array
from ..handles import Hook, Hooks, RemovableHandle
from ..tensor import Tensor, wrap
from ._parts import Parts
from .parameter import Parameter

_EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """The names that a module and a state have not in common.

    Attributes
    ----------
    missing_keys : list of str
        What the module has and the state has not.
    unexpected_keys : list of str
        What the state has and the module has not.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class StateHooks:
    """What runs when a module's state is taken out (`save`) and put in (`load`), before and behind."""

    __slots__ = ("after_load", "after_save", "before_load", "before_save")

    def __init__(self) -> None:
        self.before_save, self.after_save, self.before_load, self.after_load = Hooks(), Hooks(), Hooks(), Hooks()


class State(Parts):
    """A module as something with a state."""

    #: The number that a state notes as its module's version, for those that load older ones.
    _version: int = 1
    _state_hooks: StateHooks | None = None

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """Return all parameters and persistent buffers by their names.

        Parameters
        ----------
        destination : mutable mapping, optional
            Where to put them, rather than into a new mapping.
        prefix : str, optional
            Put before all names.
        keep_vars : bool, default False
            Whether to return the tensors themselves rather than tensors without gradients that share their memory.

        Returns
        -------
        OrderedDict
            From names such as ``"layers.0.weight"`` to tensors.

        Examples
        --------
        >>> import minigrad
        >>> list(minigrad.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        hooks = self._state_hooks
        for hook in hooks.before_save.all() if hooks else ():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, part in self._own_modules():
            part.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in hooks.after_save.all() if hooks else ():
            if hook(self, destination, prefix, metadata) is not None:
                raise RuntimeError("state_dict: a post-hook must return None, and change the mapping instead")
        return destination

    def _save_to_state_dict(self, destination: MutableMapping[str, Any], prefix: str, keep_vars: bool) -> None:
        """Put what is the module's own, not its parts', into a state; a subclass may put more."""
        for name, value in self._own_state():
            destination[prefix + name] = value if keep_vars else value.detach()
        if self._has_extra("get_extra_state"):
            destination[prefix + _EXTRA] = self.get_extra_state()

    def _own_state(self) -> list[tuple[str, Tensor]]:
        if not self._buffer_names:
            return [*self._own_parameters()]
        kept = [(name, buffer) for name, buffer in self._own_buffers() if self._buffer_names[name]]
        return [*self._own_parameters(), *kept]

    def get_extra_state(self) -> Any:
        """Return what else belongs to the state; a subclass that has such things defines it, and `set_extra_state`."""
        raise NotImplementedError(f"get_extra_state: {type(self).__name__} does not define it")

    def set_extra_state(self, state: Any) -> None:
        """Take what `get_extra_state` returned."""
        raise NotImplementedError(f"set_extra_state: {type(self).__name__} does not define it")

    def _has_extra(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(State, method)

    def _complete_state(self, state: dict[str, Any], prefix: str, metadata: Mapping[str, Any]) -> None:
        """Add to a state that is about to be loaded what older versions of the module did not have."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the elements of a state into the parameters and buffers of the same names.

        Nothing is copied unless everything fits.

        Parameters
        ----------
        state_dict : mapping
            From names to tensors or arrays, those of other libraries too.
        strict : bool, default True
            Whether the names must be exactly those of :meth:`state_dict`.
        assign : bool, default False
            Whether the state's tensors take the place of the module's, with their dtype and memory, rather than being
            copied into them. A parameter stays one that wants a gradient, or not.

        Returns
        -------
        IncompatibleKeys
            The missing and the unexpected names.

        Raises
        ------
        TypeError
            If it is no mapping.
        RuntimeError
            If with `strict` names are missing or unexpected, or if a shape differs; all of them are named.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected a mapping from names to tensors, got {type(state_dict).__name__}"
            )
        loading = _Loading(self, state_dict, strict, assign)
        loading.visit(self, "")
        loading.finish()
        return loading.keys

    # ------------------------------------------------------------------------------------------------------------------
    # Hooks.

    def _own_state_hooks(self) -> StateHooks:
        if self._state_hooks is None:
            self._state_hooks = StateHooks()
        return self._state_hooks

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(module, prefix, keep_vars)`` before the module's state is taken."""
        return self._own_state_hooks().before_save.add(hook)

    def register_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` once the module's state is taken; it may change it."""
        return self._own_state_hooks().after_save.add(hook)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Run a hook before a state is loaded into the module.

        Parameters
        ----------
        hook : callable
            Takes ``(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``:
            a copy of the mapping, and lists; it may change them all.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook away.
        """
        return self._own_state_hooks().before_load.add(hook)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(module, incompatible_keys)`` once a state is loaded into the module; it may change the lists."""
        return self._own_state_hooks().after_load.add(hook)


class _Loading:
    """One load: what the modules want is compared with what the state has, and only then written."""

    def __init__(self, root: State, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.root, self.strict, self.assign = root, strict, assign
        self.state = dict(state_dict)
        self.metadata: Mapping[str, Any] = getattr(state_dict, "_metadata", None) or {}
        self.keys = IncompatibleKeys([], [])
        self.problems: list[str] = []
        self.known: set[str] = set()
        self.writes: list[tuple[State, str, Tensor, Tensor]] = []
        self.extras: list[tuple[State, Any]] = []
        self.visited: list[State] = []

    def visit(self, module: State, prefix: str) -> None:
        """Compare the state with a module and its parts."""
        metadata = self.metadata.get(prefix[:-1], {})
        hooks = module._state_hooks
        for hook in hooks.before_load.all() if hooks else ():
            hook(module, self.state, prefix, metadata, self.strict, *self.keys, self.problems)
        module._complete_state(self.state, prefix, metadata)
        for name, own in module._own_state():
            if self._given(prefix + name):
                self._compare(module, name, own, prefix + name)
        if module._has_extra("set_extra_state") and self._given(prefix + _EXTRA):
            self.extras.append((module, self.state[prefix + _EXTRA]))
        for name, part in module._own_modules():
            self.visit(part, f"{prefix}{name}.")
        self.visited.append(module)

    def _given(self, key: str) -> bool:
        self.known.add(key)
        if key not in self.state:
            self.keys.missing_keys.append(key)
        return key in self.state

    def _compare(self, module: State, name: str, own: Tensor, key: str) -> None:
        value = self.state[key]
        array = value._array if isinstance(value, Tensor) else value
        if not isinstance(value, Tensor) and hasattr(value, "__array__"):  # another library's tensor
            array = np.asarray(value.detach() if hasattr(value, "detach") else value)
        problem = _misfit(key, own, array, self.assign)
        if problem is None:
            self.writes.append((module, name, own, value if isinstance(value, Tensor) else wrap(array)))
        else:
            self.problems.append(problem)

    def finish(self) -> None:
        """Write, if everything fits; a RuntimeError that names all that does not."""
        self.keys.unexpected_keys.extend(key for key in self.state if key not in self.known)
        hooked = any(module._state_hooks is not None and module._state_hooks.after_load for module in self.visited)
        if not hooked:  # hooks may let names be missing, but see what was loaded
            self._raise_unless_right()
        elif self.problems:
            self._raise()
        for module, name, own, value in self.writes:
            if self.assign:
                setattr(module, name, _in_place_of(own, value))
            else:
                overwrite(own, value._array, "load_state_dict")
        for module, extra in self.extras:
            module.set_extra_state(extra)
        for module in self.visited:
            for hook in module._state_hooks.after_load.all() if module._state_hooks else ():
                if hook(module, self.keys) is not None:
                    raise RuntimeError("load_state_dict: a post-hook must return None, and change the lists instead")
        self._raise_unless_right()

    def _raise_unless_right(self) -> None:
        if self.problems or (self.strict and any(self.keys)):
            self._raise()

    def _raise(self) -> None:
        lists = zip(("missing keys", "unexpected keys"), self.keys, strict=True) if self.strict else ()
        problems = [f"{what}: {', '.join(map(repr, names))}" for what, names in lists if names]
        raise RuntimeError(
            f"load_state_dict: the state does not fit {type(self.root).__name__}: "
            + "; ".join(problems + self.problems)
        )


def _misfit(key: str, own: Tensor, array: Any, assign: bool) -> str | None:
    """Return what keeps the array from being put into the place of `own`, None if nothing does."""
    if not isinstance(array, np.ndarray):
        return f"{key} must be a tensor or an array, got {type(array).__name__}"
    if array.shape != own._array.shape:
        return f"{key} has shape {own._array.shape}, but {array.shape} in the state"
    if not np.can_cast(array.dtype, own._array.dtype, "same_kind") and not (assign and own._edge is None):
        return f"{key} has dtype {own.dtype}, but {array.dtype} in the state"
    return None


def _in_place_of(own: Tensor, value: Tensor) -> Tensor:
    """Return a state's tensor as what takes the place of `own`."""
    if not isinstance(own, Parameter):
        return value
    if isinstance(value, Parameter):
        value.requires_grad_(own.requires_grad)
        return value
    return Parameter(value, own.requires_grad)


def overwrite(t: Tensor, array: Array, name: str) -> None:
    """Write `array` into the memory of `t`, unseen by the graph."""
    with no_grad():
        t._write(wrap(array), name)
