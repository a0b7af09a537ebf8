"""Nested values as JSON and arrays, and back.

None, truth values, numbers, strings, lists, and dictionaries whose keys are strings are themselves in JSON. All else is a
dictionary with one key that begins with a dollar:

    {"$tensor": name}, {"$array": name}   the array of that name, as a tensor or as an array
    {"$tuple": [...]}                     a tuple
    {"$dict": [[key, value], ...]}        a dictionary with other keys, or with a key that begins with a dollar
    {"$dtype": name}                      a dtype
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import _dtype
from .graph import Array
from .tensor import Tensor, wrap

__all__ = ["MAX_DEPTH", "joined", "taken_apart"]

MAX_DEPTH = 100
# What a subclass, such as an enumeration, is without its name.
_PLAIN: dict[type, Callable[[Any], Any]] = {int: int.__int__, float: float.__float__, str: str.__str__}
_DTYPES = {d.name: d for d in _dtype.ALL}
_RESERVED = "__metadata__"  # the one name that a safetensors file cannot give to an array


def taken_apart(value: Any) -> tuple[Any, dict[str, Array]]:
    """Return what can be written as JSON of a nested value, and its arrays by name.

    An array is called by the way to it: ``"model.0.weight"``.

    Raises
    ------
    TypeError
        If something cannot be saved; the text says where it is.
    ValueError
        If it is nested deeper than `MAX_DEPTH`, as what contains itself is.
    """
    arrays: dict[str, Array] = {}
    return _apart(value, (), arrays), arrays


def _apart(value: Any, way: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    if len(way) > MAX_DEPTH:
        raise ValueError(f"save: nested deeper than {MAX_DEPTH} levels; does something contain itself?")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            return plain(value)
    if isinstance(value, Tensor):
        return {"$tensor": _add(arrays, way, value._array)}
    if isinstance(value, np.ndarray):
        return {"$array": _add(arrays, way, value)}
    if isinstance(value, list | tuple):
        parts = [_apart(part, (*way, i), arrays) for i, part in enumerate(value)]
        return parts if isinstance(value, list) else {"$tuple": parts}
    if isinstance(value, Mapping):
        return _mapping_apart(value, way, arrays)
    if isinstance(value, _dtype.dtype):
        return {"$dtype": value.name}
    raise TypeError(f"save: {_place(way)} is of type {type(value).__name__}, which cannot be saved{_hint(value)}")


def _mapping_apart(value: Mapping[Any, Any], way: tuple[Any, ...], arrays: dict[str, Array]) -> Any:
    pairs = [[key, _apart(part, (*way, key), arrays)] for key, part in value.items()]
    if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
        return {str(key): part for key, part in pairs}
    return {"$dict": [[_apart(key, (*way, "a key"), {}), part] for key, part in pairs]}


def _add(arrays: dict[str, Array], way: tuple[Any, ...], array: Array) -> str:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"save: {_place(way)} is an array of dtype {array.dtype}, which cannot be saved")
    name = ".".join(map(str, way)).encode(errors="backslashreplace").decode() or "tensor"
    while name in arrays or name == _RESERVED:
        name += "_"
    arrays[name] = np.require(array, requirements="C")  # ascontiguousarray gives an array without dims one
    return name


def _place(way: tuple[Any, ...]) -> str:
    return "the value at " + "".join(f"[{key!r}]" for key in way) if way else "the value"


def _hint(value: Any) -> str:
    return "; save its state_dict()" if hasattr(value, "state_dict") else ""


# ----------------------------------------------------------------------------------------------------------------------
# Back.


def joined(node: Any, arrays: dict[str, Array]) -> Any:
    """Return the nested value that `taken_apart` made `node` and the arrays of; takes the arrays out of `arrays`.

    Raises
    ------
    ValueError, TypeError, LookupError
        If they are not what it makes.
    """
    value = _joined(node, arrays, 0)
    if arrays:
        raise ValueError(f"it tells nothing of the array {next(iter(arrays))!r}")
    return value


def _joined(node: Any, arrays: dict[str, Array], depth: int) -> Any:
    if depth > MAX_DEPTH + 1:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, list):
        return [_joined(part, arrays, depth + 1) for part in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        (key,) = node
        if key.startswith("$"):
            return _READERS[key](node[key], arrays, depth)
    return {key: _joined(part, arrays, depth + 1) for key, part in node.items()}


def _tensor(name: Any, arrays: dict[str, Array], _depth: int) -> Tensor:
    return tensor_of(name, arrays.pop(name))


def tensor_of(name: str, array: Array) -> Tensor:
    """Return an array as a tensor; ValueError where tensors have no such dtype."""
    if array.dtype not in [d.numpy for d in _dtype.ALL]:
        raise ValueError(f"{name} has dtype {array.dtype}, which tensors do not have")
    return wrap(array)


def _dict(pairs: Any, arrays: dict[str, Array], depth: int) -> dict[Any, Any]:
    made = {_joined(key, {}, depth + 1): _joined(part, arrays, depth + 1) for key, part in pairs}
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made


_READERS: dict[str, Callable[[Any, dict[str, Array], int], Any]] = {
    "$tensor": _tensor,
    "$array": lambda name, arrays, _depth: arrays.pop(name),
    "$tuple": lambda parts, arrays, depth: tuple([_joined(part, arrays, depth + 1) for part in parts]),
    "$dict": _dict,
    "$dtype": lambda name, _arrays, _depth: _DTYPES[name],
}
