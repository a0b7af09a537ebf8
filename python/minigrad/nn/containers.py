"""Modules that hold others, and parameters, in lists and dictionaries."""

from __future__ import annotations

import operator
import textwrap
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import groupby
from typing import Any, Self

from ..tensor import Tensor
from .module import Module
from .parameter import Parameter


class ModuleSequence(Module):
    """Modules in order: what Sequential and ModuleList have in common."""

    _layers: list[Module]  # the modules in order, what is there twice twice

    def __setattr__(self, name: str, value: Any) -> None:
        changes = isinstance(value, Module) or isinstance(self.__dict__.get(name), Module)
        super().__setattr__(name, value)
        if changes:
            self._collect()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._collect()

    def _collect(self) -> None:
        self.__dict__["_layers"] = [module for _, module in self._own_modules()]

    def _part(self, named: list[tuple[str, Module]]) -> Self:
        """Return a sequence of these."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._part(list(self._own_modules())[index])
        return self._layers[self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        name = [name for name, _ in self._own_modules()][self._position(index)]
        self.add_module(name, module)

    def __delitem__(self, index: int | slice) -> None:
        names = [name for name, _ in self._own_modules()]
        gone = names[index] if isinstance(index, slice) else [names[self._position(index)]]
        left = [module for name, module in self._own_modules() if name not in gone]
        if all(name.isdecimal() for name in names):
            self._replace(left)
        else:
            for name in gone:
                delattr(self, name)

    def _position(self, index: int) -> int:
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"{self._get_name()}: index {position} out of range for {len(self)} modules")
        return position % len(self)

    def _replace(self, modules: Iterable[Module]) -> None:
        """Make these the modules, named by their numbers."""
        for name in [name for name, _ in self._own_modules()]:
            del self.__dict__[name]
        for i, module in enumerate(modules):
            self.__dict__[str(i)] = module
        self._collect()

    def append(self, module: Module) -> Self:
        """Put a module behind the others; return the whole."""
        return self.insert(len(self), module)

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one with this index; return the whole.

        Raises
        ------
        TypeError
            If it is not a module.
        IndexError
            If there is no such place.
        """
        if not isinstance(module, Module):
            raise TypeError(f"{self._get_name()}: only modules can be inserted, got {type(module).__name__}")
        n = len(self)
        if not -n <= index <= n:
            raise IndexError(f"{self._get_name()}: index {index} out of range for {n} modules")
        index += n if index < 0 else 0
        if index == n and str(n) not in self.__dict__:
            self.add_module(str(n), module)
        else:
            self._replace([*self._layers[:index], module, *self._layers[index:]])
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put several modules behind the others; return the whole."""
        for module in list(modules):
            self.append(module)
        return self


class Sequential(ModuleSequence):
    """Calls modules one after the other, each with what the one before it returned.

    Parameters
    ----------
    *args : Module, or one OrderedDict of modules
        The modules, called "0", "1", ..., or by their names in the dictionary.

    Examples
    --------
    >>> import minigrad.nn as nn
    >>> model = nn.Sequential(nn.Linear(64, 10), nn.ReLU())
    >>> model
    Sequential(
      (0): Linear(in_features=64, out_features=10, bias=True)
      (1): ReLU()
    )
    >>> len(model), model[-1]
    (2, ReLU())
    """

    _plain: bool  # calling each of them does nothing but call its forward, so that this can be called at once

    def __init__(self, *args: Module | OrderedDict[str, Module]) -> None:
        super().__init__()
        self._collect()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            named: Iterable[tuple[str, Any]] = args[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(args))
        for name, module in named:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: {name!r} must be a Module, got {type(module).__name__}")
            self.add_module(name, module)

    def _collect(self) -> None:
        super()._collect()
        self.__dict__["_plain"] = all(type(layer).__call__ is Module.__call__ for layer in self._layers)

    def _part(self, named: list[tuple[str, Module]]) -> Self:
        return type(self)(OrderedDict(named))

    def forward(self, input: Any) -> Any:
        """Return what the last module makes of what the others made of the input."""
        out = input
        if self._plain:
            for layer in self._layers:
                out = layer.forward(out) if layer._call_hooks is None else layer(out)
        else:
            for layer in self._layers:
                out = layer(out)
        return out


class ModuleList(ModuleSequence):
    """A list of modules, which are parts of the module that has it; it computes nothing itself.

    Parameters
    ----------
    modules : iterable of Module, optional
        What is in it.

    Examples
    --------
    >>> import minigrad.nn as nn
    >>> layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
    >>> layers.append(nn.ReLU())
    ModuleList(
      (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
      (3): ReLU()
    )
    >>> len(layers), layers[-1]
    (4, ReLU())
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self._collect()
        self.extend(() if modules is None else modules)

    def _part(self, named: list[tuple[str, Module]]) -> Self:
        return type(self)(module for _, module in named)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def pop(self, key: int | slice) -> Any:
        """Take a module out; return it."""
        module = self[key]
        del self[key]
        return module

    def __repr__(self) -> str:
        lines, start = [], 0
        for text, same in groupby(map(repr, self)):
            count = len(list(same))
            lines.append(f"({start}): {text}" if count == 1 else f"({start}-{start + count - 1}): {count} x {text}")
            start += count
        inside = textwrap.indent("\n".join(lines), "  ")
        return f"{self._get_name()}(\n{inside}\n)" if lines else f"{self._get_name()}()"


class ModuleDict(Module):
    """A dictionary of modules, which are parts of the module that has it; it computes nothing itself.

    Parameters
    ----------
    modules : mapping from str to Module, or iterable of pairs, optional
        What is in it, in this order.

    Examples
    --------
    >>> import minigrad.nn as nn
    >>> choices = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
    >>> choices["tanh"]
    Tanh()
    >>> list(choices)
    ['relu', 'tanh']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update({} if modules is None else modules)

    def _named(self) -> dict[str, Module]:
        return dict(self._own_modules())

    def __getitem__(self, key: str) -> Module:
        return self._named()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __len__(self) -> int:
        return len(self._named())

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())

    def __contains__(self, key: str) -> bool:
        return key in self._named()

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._named().keys()

    def values(self) -> ValuesView[Module]:
        """Return the modules."""
        return self._named().values()

    def items(self) -> ItemsView[str, Module]:
        """Return the pairs of names and modules."""
        return self._named().items()

    def pop(self, key: str) -> Module:
        """Take a module out; return it."""
        module = self[key]
        delattr(self, key)
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for key in self:
            delattr(self, key)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Put modules in, in their order, in place of those with the same names."""
        for key, module in dict(modules).items():
            self[key] = module


class ParameterList(Module):
    """A list of parameters, which belong to the module that has it.

    Parameters
    ----------
    values : iterable, optional
        What is in it. Tensors become parameters; anything else is kept as it is.

    Examples
    --------
    >>> import minigrad
    >>> factors = minigrad.nn.ParameterList([minigrad.ones(2), minigrad.ones(2, 3)])
    >>> factors
    ParameterList(
        (0): Parameter containing: [minigrad.float32 of size 2]
        (1): Parameter containing: [minigrad.float32 of size 2x3]
    )
    >>> [name for name, _ in factors.named_parameters()]
    ['0', '1']
    """

    _size: int

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(() if values is None else values)

    def _position(self, index: int) -> int:
        position = operator.index(index)
        if not -self._size <= position < self._size:
            raise IndexError(f"ParameterList: index {position} out of range for {self._size} entries")
        return position % self._size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self.__dict__[str(self._position(index))]

    def __setitem__(self, index: int, value: Any) -> None:
        name = str(self._position(index))
        setattr(self, name, Parameter(value) if type(value) is Tensor else value)

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Put a parameter behind the others; return the whole."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Put several parameters behind the others; return the whole."""
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """Return one line for each entry."""
        return "\n".join(f"  ({i}): {_described(value)}" for i, value in enumerate(self))


def _described(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"{kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"
