"""PyTorch's sample arguments as minigrad's: the same layout in memory, dtype and demand for gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import minigrad


class OutOfScope(Exception):  # noqa: N818
    """A sample needs something that minigrad does not mean to have; the message says what."""


DTYPES = {
    getattr(torch, name): getattr(minigrad, name)
    for name in ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
    if hasattr(minigrad, name)
}


def tree_map(function: Callable[[Any], Any], x: Any) -> Any:
    """Apply a function to what is no container."""
    if isinstance(x, list):
        return [tree_map(function, y) for y in x]
    if isinstance(x, tuple):
        return tuple(tree_map(function, y) for y in x)
    if isinstance(x, dict):
        return {key: tree_map(function, y) for key, y in x.items()}
    if isinstance(x, slice):
        return slice(*(tree_map(function, y) for y in (x.start, x.stop, x.step)))
    return function(x)


def _check_tensor(t: torch.Tensor) -> None:
    if t.layout is not torch.strided or t.is_quantized:
        raise OutOfScope("sparse or quantised tensors")
    if t.device.type != "cpu":
        raise OutOfScope("devices other than the CPU")
    if t.dtype not in DTYPES:
        raise OutOfScope("complex numbers" if t.is_complex() else f"dtype {t.dtype}")
    if t.ndim > 64:
        raise OutOfScope("more than 64 dimensions, NumPy's limit")


def torch_copy(t: torch.Tensor) -> torch.Tensor:
    """Return a leaf with memory of its own, laid out like the tensor's."""
    _check_tensor(t)
    storage = t.detach().untyped_storage().clone()
    copied = torch.empty(0, dtype=t.dtype).set_(storage, t.storage_offset(), t.size(), t.stride())
    return copied.requires_grad_(t.requires_grad)


def _to_minigrad(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        array = torch_copy(x).detach().numpy()
        return minigrad.from_numpy(array).requires_grad_(x.requires_grad)
    if isinstance(x, torch.dtype):
        if x not in DTYPES:
            raise OutOfScope("complex numbers" if x.is_complex else f"dtype {x}")
        return DTYPES[x]
    if isinstance(x, torch.device):
        if x.type != "cpu":
            raise OutOfScope("devices other than the CPU")
        return minigrad.device("cpu") if hasattr(minigrad, "device") else "cpu"
    if isinstance(x, str) and x.startswith(("cuda", "meta")):
        raise OutOfScope("devices other than the CPU")
    if isinstance(x, complex):
        raise OutOfScope("complex numbers")
    if isinstance(x, torch.memory_format):
        raise OutOfScope("memory formats")
    if isinstance(x, torch.layout):
        raise OutOfScope("sparse or quantised tensors")
    if isinstance(x, torch.Generator):
        return minigrad.Generator().manual_seed(x.initial_seed())
    return x


Arguments = tuple[Any, list[Any], dict[str, Any]]


def _check_keywords(keywords: dict[str, Any]) -> dict[str, Any]:
    for word, reason in {"out": "out=", "memory_format": "memory formats", "names": "named tensors"}.items():
        if word in keywords:
            raise OutOfScope(reason)
    if keywords.get("pin_memory"):
        raise OutOfScope("pinned memory")
    return {
        k: v for k, v in keywords.items() if k != "pin_memory" and not (k == "layout" and v in {None, torch.strided})
    }


def torch_arguments(sample: Any) -> Arguments:
    """Return a sample's input, arguments and keywords, with tensors of their own; the same tensor twice stays one."""
    copies: dict[int, torch.Tensor] = {}

    def copy(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        if id(x) not in copies:
            copies[id(x)] = torch_copy(x)
        return copies[id(x)]

    first, args, keywords = (
        tree_map(copy, x) for x in (sample.input, list(sample.args), _check_keywords(sample.kwargs))
    )
    return first, args, keywords


def minigrad_arguments(arguments: Arguments) -> Arguments:
    """Return the arguments of a call of PyTorch as those of one of minigrad."""
    converted: dict[int, Any] = {}

    def convert(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return _to_minigrad(x)
        if id(x) not in converted:
            converted[id(x)] = _to_minigrad(x)
        return converted[id(x)]

    first, args, keywords = (tree_map(convert, x) for x in arguments)
    return first, args, keywords


def tensors(x: Any, kind: type = torch.Tensor) -> list[Any]:
    """Return the tensors in nested containers, each once, in order."""
    found: dict[int, Any] = {}

    def take(y: Any) -> Any:
        if isinstance(y, kind):
            found[id(y)] = y
        return y

    tree_map(take, x)
    return list(found.values())


def array(x: Any) -> np.ndarray[Any, Any]:
    """Return the elements of a tensor of either library."""
    if isinstance(x, torch.Tensor):
        return x.detach().numpy(force=True)
    elements: np.ndarray[Any, Any] = x.detach().numpy()
    return elements


def reversed_in_memory(x: Any) -> Any:
    """Return a tensor of the same elements, the last of which comes first in memory, which only NumPy's can."""
    if not isinstance(x, minigrad.Tensor) or x.ndim == 0:
        return x
    backwards = (slice(None, None, -1),) * x.ndim
    return minigrad.from_numpy(array(x)[backwards].copy()[backwards]).requires_grad_(x.requires_grad)
