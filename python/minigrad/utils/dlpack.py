"""Sharing memory with other libraries by DLPack."""

from __future__ import annotations

from typing import Any

from ..ops.data import from_dlpack
from ..tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """Return a DLPack capsule of a tensor's memory, which one other library may take over.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.utils.dlpack.from_dlpack(minigrad.utils.dlpack.to_dlpack(minigrad.ones(2)))
    tensor([1., 1.])
    """
    return tensor.__dlpack__()
