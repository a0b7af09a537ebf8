"""What a module consists of: parameters, buffers and other modules, found among its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .. import _core
from ..tensor import Tensor
from .parameter import Buffer, Parameter

if TYPE_CHECKING:
    from .module import Module

T = TypeVar("T")

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Parts:
    """A module as a whole of parts: giving it some, and naming them."""

    # The buffers' names, each with whether a state holds it. Every module that has one has a mapping of its own.
    _buffer_names: Mapping[str, bool] = _NOTHING
    # The names of parameters and modules that are None now, each with what it is the name of.
    _absent: Mapping[str, str] = _NOTHING

    if TYPE_CHECKING:  # the attributes that instances have are not declared

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; TypeError where a parameter, module or buffer would be replaced by something else."""
        role = self._role(name)
        if isinstance(value, Buffer) and role is None:
            self._note_buffer(name, value.persistent)
        elif role is not None:
            check_kind(name, value, role)
            if role == "buffer" and isinstance(value, Parameter | Parts):
                self._forget(name)
            elif role != "buffer":
                self._note_absence(name, role if value is None else None)
        if _role_of(value) not in (None, role):
            self.__dict__.pop(name, None)  # so that it comes last among those of its new role
        object.__setattr__(self, name, value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Here so that copying finds it in the class: a module's __getattr__ may need what is not there yet.
        self.__dict__.update(state)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._forget(name)

    def _role(self, name: str) -> str | None:
        """Return what an attribute is of the module, None for any other one."""
        if name in self._buffer_names:
            return "buffer"
        return _role_of(self.__dict__.get(name)) or self._absent.get(name)

    def _note_buffer(self, name: str, persistent: bool) -> None:
        self.__dict__["_buffer_names"] = {**self._buffer_names, name: persistent}

    def _note_absence(self, name: str, role: str | None) -> None:
        if role is not None:
            self.__dict__["_absent"] = {**self._absent, name: role}
        elif name in self._absent:
            self.__dict__["_absent"] = {n: r for n, r in self._absent.items() if n != name}

    def _forget(self, name: str) -> None:
        """Let a name mean nothing in particular any more."""
        self._note_absence(name, None)
        if name in self._buffer_names:
            self.__dict__["_buffer_names"] = {n: p for n, p in self._buffer_names.items() if n != name}

    # ------------------------------------------------------------------------------------------------------------------
    # Giving it parameters, buffers and modules.

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make `param` the attribute `name`; None says that the module goes without.

        Raises
        ------
        TypeError
            If `name` is not a string or `param` not a parameter.
        KeyError
            If the name is empty, contains a dot or is taken.
        """
        self._check_name("register_parameter", name, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"register_parameter: {name} must be a Parameter or None, got {type(param).__name__}")
        self._register(name, param, "parameter")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` the attribute `name`, as a buffer: part of the module's state, but not learned.

        Parameters
        ----------
        name : str
            The attribute's name.
        tensor : Tensor or None
            Of any shape.
        persistent : bool, default True
            Whether :meth:`state_dict` contains it.

        Raises
        ------
        TypeError
            If `name` is not a string or `tensor` not a tensor.
        KeyError
            If the name is empty, contains a dot or is taken.
        """
        self._check_name("register_buffer", name, "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name} must be a Tensor or None, got {type(tensor).__name__}")
        self._note_buffer(name, persistent)
        object.__setattr__(self, name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """Make `module` the attribute `name`; None says that there is none.

        Raises
        ------
        TypeError
            If `name` is not a string or `module` not a module.
        KeyError
            If the name is empty, contains a dot or is taken.
        """
        if module is not None and not isinstance(module, Parts):
            raise TypeError(f"add_module: {name} must be a Module or None, got {type(module).__name__}")
        self._check_name("add_module", name, "child module")
        self._register(name, module, "child module")

    def register_module(self, name: str, module: Module | None) -> None:
        """Make `module` the attribute `name`; the same as :meth:`add_module`."""
        self.add_module(name, module)

    def _check_name(self, function: str, name: str, role: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{function}: the name must be a string, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{function}: the name must not be empty and must not contain a dot, got {name!r}")
        if (name in self.__dict__ or hasattr(type(self), name)) and self._role(name) != role:
            raise KeyError(f"{function}: {type(self).__name__} already has an attribute {name!r}")

    def _register(self, name: str, value: Any, role: str) -> None:
        setattr(self, name, value)
        if value is None:
            self._note_absence(name, role)

    # ------------------------------------------------------------------------------------------------------------------
    # Naming them.

    @property
    def _parameters(self) -> Members:
        """The module's own parameters by name, as PyTorch's private dictionary of them."""
        return Members(self, "parameter")

    @property
    def _modules(self) -> Members:
        """The module's immediate parts by name."""
        return Members(self, "child module")

    @property
    def _buffers(self) -> Members:
        """The module's own buffers by name."""
        return Members(self, "buffer")

    def _own_modules(self) -> list[tuple[str, Module]]:
        return _core.members(self.__dict__, _PARTS)

    def _own_parameters(self) -> list[tuple[str, Parameter]]:
        named: list[tuple[str, Parameter]] = _core.members(vars(self), (Parameter,))
        buffers = self._buffer_names
        return [pair for pair in named if pair[0] not in buffers] if buffers else named

    def _own_buffers(self) -> list[tuple[str, Tensor]]:
        return [(name, value) for name in self._buffer_names if (value := vars(self).get(name)) is not None]

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield the module itself and all its parts, each with its name; what is there twice only once."""
        memo = set() if memo is None else memo
        waiting = [(prefix, cast("Module", self))]
        while waiting:
            name, module = waiting.pop()
            if module in memo:
                continue
            if remove_duplicate:
                memo.add(module)
            yield name, module
            start = f"{name}." if name else ""
            waiting += [(start + own, part) for own, part in reversed(module._own_modules())]

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Yield the module itself and all its parts; what is there twice only once, unless asked otherwise."""
        seen: set[Module] = set()
        waiting = [cast("Module", self)]
        while waiting:  # what named_modules does, without the names
            module = waiting.pop()
            if module in seen:
                continue
            if remove_duplicate:
                seen.add(module)
            yield module
            if own := _core.members(module.__dict__, _PARTS):
                waiting += [part for _, part in reversed(own)]

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the immediate parts, each with its name."""
        names: dict[Module, str] = {}
        for name, module in self._own_modules():
            names.setdefault(module, name)
        return iter([(name, module) for module, name in names.items()])

    def children(self) -> Iterator[Module]:
        """Yield the immediate parts."""
        return iter(dict.fromkeys([module for _, module in self._own_modules()]))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters, each with its name, such as ``"layers.0.weight"``.

        Parameters
        ----------
        prefix : str, optional
            Put before all names.
        recurse : bool, default True
            Whether to yield the parts' parameters as well.
        remove_duplicate : bool, default True
            Whether to yield a parameter that is there twice only once.
        """
        seen: set[Any] = set()
        waiting: list[tuple[str, Parts]] = [(prefix, self)]
        while waiting:
            path, module = waiting.pop()
            if module in seen:
                continue
            if remove_duplicate:
                seen.add(module)
            start = f"{path}." if path else ""
            parts: list[tuple[str, Parts]] = []
            for name, value in _core.members(module.__dict__, _MEMBERS):
                if isinstance(value, Parts):
                    parts.append((start + name, value))
                elif value not in seen and name not in module._buffer_names:
                    if remove_duplicate:
                        seen.add(value)
                    yield start + name, value
            waiting += reversed(parts) if recurse else ()

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, the module's own and with `recurse` those of its parts."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers, each with its name; the arguments are those of :meth:`named_parameters`."""
        alone: Iterator[tuple[str, Parts]] = iter([(prefix, self)])
        seen: set[int] = set()
        for path, module in self.named_modules(None, prefix, remove_duplicate) if recurse else alone:
            start = f"{path}." if path else ""
            for name, value in module._own_buffers():
                if id(value) not in seen:
                    if remove_duplicate:
                        seen.add(id(value))
                    yield start + name, value

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, the module's own and with `recurse` those of its parts."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    # ------------------------------------------------------------------------------------------------------------------
    # Finding them by name.

    def get_submodule(self, target: str) -> Module:
        """Return the module of a name such as ``"layers.0"``, the module itself for ``""``.

        Raises
        ------
        AttributeError
            If there is no such attribute, or it is no module.
        """
        found: Any = self
        for name in target.split(".") if target else ():
            found = getattr(found, name, None)
            if not isinstance(found, Parts):
                raise AttributeError(f"get_submodule: {type(self).__name__} has no module {target!r}: {name!r} is none")  # noqa: TRY004  (PyTorch's)
        return cast("Module", found)

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module where ``target``, a name such as ``"layers.0"``, says; with `strict` one must be there.

        Raises
        ------
        ValueError
            If the name is empty or `module` is no module.
        AttributeError
            If there is nothing of that name to put it into, or with `strict` to replace.
        """
        if not target or not isinstance(module, Parts):
            what = type(module).__name__
            raise ValueError(f"set_submodule: needs a name and a module, got {target!r} and {what}")
        parent, name = self._parent(target)
        if (strict or hasattr(parent, name)) and not isinstance(getattr(parent, name, None), Parts):
            raise AttributeError(f"set_submodule: there is no module {target!r} to replace")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter of a name such as ``"layers.0.weight"``; AttributeError where there is none."""
        module, name = self._parent(target)
        found = vars(module).get(name)
        if not isinstance(found, Parameter):
            raise AttributeError(f"get_parameter: {type(self).__name__} has no parameter {target!r}")  # noqa: TRY004
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer of a name such as ``"layers.0.running_mean"``; AttributeError where there is none."""
        module, name = self._parent(target)
        if name not in module._buffer_names:
            raise AttributeError(f"get_buffer: {type(self).__name__} has no buffer {target!r}")
        return cast("Tensor", vars(module).get(name))

    def _parent(self, target: str) -> tuple[Module, str]:
        """Return the module that a name such as ``"layers.0.weight"`` leads to, and the attribute's own name."""
        prefix, _, name = target.rpartition(".")
        return self.get_submodule(prefix), name

    def __dir__(self) -> list[str]:
        # Names such as "0" are no attributes that one could write.
        return sorted(name for name in object.__dir__(self) if not name[0].isdigit())


_MEMBERS, _PARTS = (Parameter, Parts), (Parts,)

_KINDS: dict[str, tuple[Any, str]] = {
    "parameter": (Parameter, "Parameter"),
    "child module": (Parts | Parameter, "Module"),
    "buffer": (Tensor | Parts, "Tensor"),
}


class Members(MutableMapping[str, Any]):
    """The parameters, parts or buffers of a module as a dictionary: what is put in becomes an attribute."""

    def __init__(self, module: Parts, role: str) -> None:
        self._module, self._role = module, role

    def __getitem__(self, name: str) -> Any:
        if self._module._role(name) != self._role:
            raise KeyError(name)
        return vars(self._module)[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if self._role == "buffer":
            self._module.register_buffer(name, value, self._module._buffer_names.get(name, True))
        else:
            check_kind(name, value, self._role)
            self._module._check_name(type(self._module).__name__, name, self._role)
            self._module._register(name, value, self._role)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        delattr(self._module, name)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in vars(self._module) if self._module._role(name) == self._role])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr(dict(self))


def _role_of(value: Any) -> str | None:
    return "parameter" if isinstance(value, Parameter) else "child module" if isinstance(value, Parts) else None


def check_kind(name: str, value: Any, role: str) -> None:
    kind, expected = _KINDS[role]
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"cannot assign {type(value).__name__} as {role} {name!r} ({expected} or None expected)")
