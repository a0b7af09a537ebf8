"""Batches out of samples."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ... import _dtype
from ...ops.data import as_tensor, tensor
from ...ops.joining import stack
from ...tensor import Tensor

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Any) -> Any:
    """Turn samples into a batch: what is numbers in them becomes a tensor with one more dimension, the first.

    Parameters
    ----------
    batch : sequence
        The samples, all alike: tensors, NumPy arrays, numbers, strings; mappings, sequences and named tuples of those.

    Returns
    -------
    Any
        Tensors of tensors, arrays and numbers (Python's floats become float64), lists of strings as they are, and
        mappings, sequences and named tuples of such; a tuple becomes a list.

    Raises
    ------
    RuntimeError
        If the samples differ in length or shape.
    TypeError
        If they consist of anything else.

    Examples
    --------
    >>> from minigrad.utils.data import default_collate
    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "OSU":
            raise TypeError(_unknown(first.dtype))
        return stack([as_tensor(array) for array in batch])
    if isinstance(first, np.number | np.bool_):
        return tensor(np.array(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=_dtype.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _like_mapping(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        return _collate_sequences(first, batch)
    raise TypeError(_unknown(type(first)))


def _collate_sequences(first: Sequence[Any], batch: Sequence[Sequence[Any]]) -> Any:
    if any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("default_collate: each element in list of batch should be of equal size")
    return _like_sequence(first, [default_collate(part) for part in zip(*batch, strict=True)])


def _unknown(kind: Any) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}"


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays in a sample into tensors; leave the rest.

    Parameters
    ----------
    data : Any
        A tensor, array, mapping, sequence or anything else.

    Returns
    -------
    Any
        The same with tensors in place of arrays and NumPy's numbers; a tuple becomes a list.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.utils.data import default_convert
    >>> default_convert({"x": np.arange(2), "name": "a"})
    {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.number | np.bool_):
        return data if data.dtype.kind in "OSU" else as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence):
        return _like_sequence(data, [default_convert(part) for part in data])
    return data


# ----------------------------------------------------------------------------------------------------------------------
# Containers of the kind that the samples are. A subclass may have attributes besides, so that it is copied and filled
# where that is possible; one that can neither be filled nor made gives a plain one.


def _like_mapping(model: Mapping[Any, Any], parts: dict[Any, Any]) -> Any:
    if not isinstance(model, MutableMapping):
        return _made(type(model), parts)
    with contextlib.suppress(TypeError):
        filled = copy.copy(model)
        filled.update(parts)
        return filled
    return parts


def _like_sequence(model: Sequence[Any], parts: list[Any]) -> Any:
    if isinstance(model, tuple):
        return type(model)(*parts) if hasattr(model, "_make") else parts
    if not isinstance(model, MutableSequence):
        return _made(type(model), parts)
    with contextlib.suppress(TypeError):
        filled = copy.copy(model)
        for i, part in enumerate(parts):
            filled[i] = part
        return filled
    return parts


def _made(kind: Callable[[Iterable[Any]], Any], parts: Any) -> Any:
    try:
        return kind(parts)
    except TypeError:
        return parts
