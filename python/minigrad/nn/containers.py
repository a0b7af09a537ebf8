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

    _layers: list[Module]  # the modules in order; one that is there twice stands here twice

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
            return self._part(self._own_modules()[index])
        return self._layers[self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        name = [name for name, _ in self._own_modules()][self._position(index)]
        self.add_module(name, module)

    def __delitem__(self, index: int | slice) -> None:
        names = [name for name, _ in self._own_modules()]
        gone = names[index] if isinstance(index, slice) else [names[self._position(index)]]
        self._replace([module for name, module in self._own_modules() if name not in gone])

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

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def pop(self, key: int | slice) -> Any:
        """Take a module out; return it."""
        module = self[key]
        del self[key]
        return module


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

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise TypeError(f"Sequential: only a Sequential can be added, got {type(other).__name__}")
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*self._repeated(times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        self._replace(self._repeated(times))
        return self

    def _repeated(self, times: int) -> list[Module]:
        """Return the modules several times over, the same ones."""
        if not isinstance(times, int):
            raise TypeError(f"Sequential: can be repeated an integer number of times, got {type(times).__name__}")
        if times <= 0:
            raise ValueError(f"Sequential: can be repeated at least once, got {times}")
        return self._layers * times

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

    def __repr__(self) -> str:
        lines, start = [], 0
        for text, same in groupby(map(repr, self)):
            count = len(list(same))
            lines.append(f"({start}): {text}" if count == 1 else f"({start}-{start + count - 1}): {count} x {text}")
            start += count
        inside = textwrap.indent("\n".join(lines), "  ")
        return f"{self._get_name()}(\n{inside}\n)" if lines else f"{self._get_name()}()"


class _Dictionary(Module):
    """What ModuleDict and ParameterDict have in common: attributes as the values of a dictionary."""

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        self.update({} if values is None else values)

    def _named(self) -> dict[str, Any]:
        """Return names and values in order."""
        raise NotImplementedError

    def __getitem__(self, key: str) -> Any:
        return self._named()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError

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

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._named().values()

    def items(self) -> ItemsView[str, Any]:
        """Return the pairs of names and values."""
        return self._named().items()

    def pop(self, key: str) -> Any:
        """Take a value out; return it."""
        value = self[key]
        delattr(self, key)
        return value

    def clear(self) -> None:
        """Take all values out."""
        for key in self:
            self.pop(key)

    def update(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Put values in, in their order, in place of those with the same names."""
        pairs = values.items() if isinstance(values, Mapping | _Dictionary) else dict(values).items()
        for key, value in list(pairs):
            self[key] = value


class ModuleDict(_Dictionary):
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
        super().__init__(modules)

    def _named(self) -> dict[str, Module]:
        return dict(self._own_modules())

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)


class ParameterDict(_Dictionary):
    """A dictionary of parameters, which belong to the module that has it.

    Parameters
    ----------
    parameters : mapping, or iterable of pairs, optional
        What is in it, in this order. Tensors become parameters; anything else is kept as it is.

    Examples
    --------
    >>> import minigrad
    >>> factors = minigrad.nn.ParameterDict({"left": minigrad.ones(2), "right": minigrad.ones(3, 4)})
    >>> factors
    ParameterDict(
        (left): Parameter containing: [minigrad.float32 of size 2]
        (right): Parameter containing: [minigrad.float32 of size 3x4]
    )
    >>> [name for name, _ in factors.named_parameters()]
    ['left', 'right']
    """

    _keys: dict[str, None]  # the names in the order in which they were set

    def __init__(self, parameters: Any = None) -> None:
        self._keys = {}
        super().__init__(parameters)

    def _named(self) -> dict[str, Any]:
        return {key: vars(self)[key] for key in self._keys}

    def __setitem__(self, key: str, value: Any) -> None:
        name = str(key)
        if name not in self._keys and hasattr(self, name):
            raise KeyError(f"ParameterDict: it already has an attribute {name!r}")
        self._keys[name] = None
        setattr(self, name, Parameter(value) if type(value) is Tensor else value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._keys.pop(name, None)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __or__(self, other: Any) -> ParameterDict:
        both = self.copy()
        both.update(other)
        return both

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def copy(self) -> ParameterDict:
        """Return a dictionary of the same parameters."""
        return ParameterDict(self._named())

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or `default` where there is none of that name."""
        return self._named().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a value, which becomes `default` where there is none of that name."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Take the last value out; return its name and it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """Return a dictionary with these names and one value."""
        return ParameterDict((key, default) for key in keys)

    def extra_repr(self) -> str:
        """Return one line for each entry."""
        return _entries(self.items())


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
        return _entries(enumerate(self))


def _entries(pairs: Iterable[tuple[Any, Any]]) -> str:
    return "\n".join(f"  ({name}): {_described(value)}" for name, value in pairs)


def _described(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"{kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"
