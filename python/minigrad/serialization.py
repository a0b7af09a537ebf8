"""Checkpoints: nested values in one safetensors file, read without executing anything."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from typing import IO, Any

from . import _extras
from ._device import require_cpu
from ._files import replace_file
from ._structure import joined, taken_apart, tensor_of
from .graph import Array

__all__ = ["CheckpointError", "load", "save"]

_KEY = "minigrad"  # the entry of the file's metadata that holds the structure; a second one would be in any order
_FORMAT = 1

# A file's description, its header, becomes Python objects of up to this many bytes for each of these characters.
_COSTS = {b"[": 100, b"{": 240, b",": 32}
_MAX_HEADER = 16 << 20
_MAX_EXCESS = 32 << 20  # how many bytes more than twice its size a file may take
# NumPy's names of dtypes by those of files, in which arrays come in the opposite order.
_NAMES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "uint16": "U16",
    "float16": "F16",
    "int32": "I32",
    "uint32": "U32",
    "float32": "F32",
    "float64": "F64",
    "int64": "I64",
    "uint64": "U64",
}
_DTYPES = {*_NAMES.values(), "C64"}  # NumPy has these


class CheckpointError(RuntimeError):
    """A file is no checkpoint, or is damaged."""


def save(mapping: Any, path: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write nested values to a file, in the place of what was there.

    The file is a safetensors file, which PyTorch and others can read: an array is called by the way to it, such as
    ``"model.0.weight"``, and the structure is in the metadata as JSON. Being killed at any moment leaves the old file
    or the new one.

    Parameters
    ----------
    mapping : mapping
        As a rule a dictionary, such as a ``state_dict()`` or a dictionary of several. It may hold, nested, mappings,
        lists, tuples, tensors, NumPy arrays, dtypes, numbers, strings and None. Mappings come back as dictionaries,
        parameters as tensors.
    path : str, path or binary file
        Where to write; into an open file, such as ``io.BytesIO``, it is written as it is.

    Raises
    ------
    TypeError
        If something in it cannot be saved; the text says where it is.
    ValueError
        If it is nested deeper than 100 levels, or consists of very many small values, which belong into a tensor.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import minigrad
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> minigrad.save({"epoch": 3, "model": minigrad.nn.Linear(2, 1).state_dict()}, path)
    >>> state = minigrad.load(path)
    >>> state["epoch"], list(state["model"])
    (3, ['weight', 'bias'])
    """
    if not isinstance(path, str | os.PathLike) and not hasattr(path, "write"):
        raise TypeError(f"save: path must be a string, a path or a binary file, got {type(path).__name__}")
    structure, arrays = taken_apart(mapping)
    text = json.dumps({"format": _FORMAT, "value": structure}, separators=(",", ":"))
    arrays = dict(sorted(arrays.items(), key=lambda item: (-_rank(item[1]), item[0])))
    header = _header(arrays, text)
    problem = _heaviness(header, 8 + len(header) + sum(array.nbytes for array in arrays.values()))
    if problem:
        raise ValueError(f"save: {problem}; put many small values into one tensor")
    elements = [array.astype(array.dtype.newbyteorder("<"), copy=False) for array in arrays.values()]
    parts: list[Any] = [len(header).to_bytes(8, "little"), header, *elements]
    if isinstance(path, str | os.PathLike):
        replace_file(path, parts)
    else:
        path.write(b"".join(parts))


def _rank(array: Array) -> int:
    """Return where an array's dtype stands among those of a safetensors file."""
    return list(_NAMES).index(array.dtype.name)


def _header(arrays: dict[str, Array], text: str) -> bytes:
    """Return what a safetensors file says of its arrays, with spaces behind it so that their elements are aligned."""
    header: dict[str, Any] = {"__metadata__": {_KEY: text}}
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.nbytes
        entry = {"dtype": _NAMES[array.dtype.name], "shape": array.shape, "data_offsets": (start, end)}
        header[name] = entry
    data = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return data + b" " * (-len(data) % 8)


def load(
    path: str | os.PathLike[str] | IO[bytes],
    map_location: Any = None,
    *,
    weights_only: bool | None = None,  # noqa: ARG001
) -> Any:
    """Return what :func:`save` wrote to a file, or the tensors of any other safetensors file by their names.

    Nothing in the file is executed, and it takes at most about twice its size in memory. Needs the extra ``train``.

    Parameters
    ----------
    path : str, path or binary file
        The file; one that is open, such as ``io.BytesIO``, is read to its end.
    map_location : device, str, dict or callable, optional
        Where the tensors are to be, which must be the CPU: a dictionary says so for each device, and what a callable would
        say is not asked, as a file has no devices.
    weights_only : bool, optional
        Accepted for PyTorch's sake: there is nothing else that a file could hold.

    Returns
    -------
    Any
        The nested values; the tensors want no gradient.

    Raises
    ------
    CheckpointError
        If the file is no safetensors file, or is damaged.
    OSError
        If it cannot be opened.
    ImportError
        If safetensors is not installed.

    Examples
    --------
    >>> import minigrad
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.safetensors")
    ...     minigrad.save({"x": minigrad.ones(2)}, path)
    ...     minigrad.load(path)
    {'x': tensor([1., 1.])}
    """
    safetensors = _extras.require("safetensors", "train", "load")
    for place in map_location.values() if isinstance(map_location, Mapping) else [map_location]:
        if not callable(place):
            require_cpu("load", place)
    try:
        metadata, arrays = _in_memory(path.read()) if hasattr(path, "read") else _in_file(os.fspath(path))
        _check_elements(arrays)
        if _KEY not in metadata:
            return {key: tensor_of(key, array) for key, array in arrays.items()}
        return _value(metadata[_KEY], arrays)
    except (safetensors.SafetensorError, ValueError, TypeError, LookupError, RecursionError) as error:
        name = getattr(path, "name", type(path).__name__) if hasattr(path, "read") else os.fspath(path)
        raise CheckpointError(f"load: {name} is damaged or no checkpoint: {_text(error)}") from error


def _in_file(path: str) -> tuple[dict[str, str], dict[str, Array]]:
    """Return the metadata and the arrays of a file."""
    import safetensors

    _check_header(_read_header(path))
    with safetensors.safe_open(path, framework="np", backend="pread") as file:
        return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no dict)


def _in_memory(data: bytes) -> tuple[dict[str, str], dict[str, Array]]:
    """Return the metadata and the arrays of a file's bytes."""
    from safetensors import numpy as numpy_api

    if not isinstance(data, bytes):
        raise TypeError("it is not open for reading bytes")
    header = data[8 : 8 + _header_length(data[:8], len(data))]
    _refuse_heavy(header, len(data))
    _check_header(header)
    return json.loads(header).get("__metadata__", {}), numpy_api.load(data)


def _read_header(path: str) -> bytes:
    """Return a file's header, which follows its length; ValueError where it cannot be one."""
    # Neither a pipe nor a device may keep the opening waiting.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no regular file")
        length = _header_length(os.read(descriptor, 8), status.st_size)
        header = os.read(descriptor, length)
    finally:
        os.close(descriptor)
    _refuse_heavy(header, status.st_size)
    return header


#: How files begin that torch.save wrote: archives, and before those Python's own format, protocols 2 to 5.
_FOREIGN = (b"PK\x03\x04", *(bytes([0x80, protocol]) for protocol in range(2, 6)))


def _header_length(beginning: bytes, size: int) -> int:
    """Return the length of the header that a file's first 8 bytes tell; ValueError where it cannot be one."""
    length = int.from_bytes(beginning, "little")
    if size < 8 or length > size - 8:
        if beginning.startswith(_FOREIGN):
            raise ValueError(
                "it is what torch.save writes, and reading that would run what it says; "
                "in PyTorch, write the state by safetensors.torch.save_file"
            )
        raise ValueError(f"its header would have {length} bytes, but the file has {size}")
    if length > _MAX_HEADER:
        raise ValueError(f"its header has {length} bytes, more than {_MAX_HEADER}")
    return length


def _refuse_heavy(header: bytes, size: int) -> None:
    problem = _heaviness(header, size)
    if problem:
        raise ValueError(problem)


def _heaviness(header: bytes, size: int) -> str | None:
    """Return what speaks against making Python objects of a header, None if nothing does."""
    cost = sum(header.count(character) * bytes_each for character, bytes_each in _COSTS.items())
    if len(header) <= _MAX_HEADER and cost <= 2 * size + _MAX_EXCESS:
        return None
    return f"its structure of {len(header)} bytes would take about {cost} bytes of memory"


def _check_header(header: bytes) -> None:
    """Raise ValueError for what the library does not refuse: names that are there twice, dtypes that NumPy lacks."""
    entries = json.loads(header, object_pairs_hook=_unique)
    if not isinstance(entries, dict):
        raise ValueError("its header is no JSON object")  # noqa: TRY004
    for name, entry in entries.items():
        dtype = entry.get("dtype") if isinstance(entry, dict) and name != "__metadata__" else None
        if isinstance(dtype, str) and dtype not in _DTYPES:
            raise ValueError(f"{name} has dtype {dtype}, which NumPy does not have")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is there twice")
    return made


def _check_elements(arrays: dict[str, Array]) -> None:
    """Raise ValueError for truth values that are neither 0 nor 1: kernels rely on that."""
    for name, array in arrays.items():
        if array.dtype == bool and array.size and array.view("u1").max() > 1:
            raise ValueError(f"{name} has truth values that are neither 0 nor 1")


def _value(text: str, arrays: dict[str, Array]) -> Any:
    description = json.loads(text, object_pairs_hook=_unique)
    if description["format"] != _FORMAT:
        raise ValueError(f"its format is {description['format']!r}; this version of minigrad reads format {_FORMAT}")
    return joined(description["value"], arrays)


def _text(error: BaseException) -> str:
    return f"{error.args[0]!r} is not there" if isinstance(error, KeyError) else str(error)
