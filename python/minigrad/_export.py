"""Leaving the world of tensors: for Python's numbers, NumPy's arrays and functions, and DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _core, _dtype, sharing
from ._facts import TensorFacts
from ._observers import observers
from .batching import is_batched, levels
from .graph import Array


def _as_tensor(value: Any) -> Any:
    """Return what a function of NumPy's computed as a tensor, where there are tensors of its dtype."""
    known = isinstance(value, np.ndarray | np.generic) and _dtype.is_known(value.dtype)
    return _core.wrap(np.asarray(value)) if known else value


#: NumPy's functions that are operators: the methods for a tensor on the left, and on the right.
_OPERATORS = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.true_divide: ("__truediv__", "__rtruediv__"),
    np.floor_divide: ("__floordiv__", "__rfloordiv__"),
    np.remainder: ("__mod__", "__rmod__"),
    np.power: ("__pow__", "__rpow__"),
    np.matmul: ("__matmul__", "__rmatmul__"),
    np.bitwise_and: ("__and__", "__rand__"),
    np.bitwise_or: ("__or__", "__ror__"),
    np.bitwise_xor: ("__xor__", "__rxor__"),
    np.left_shift: ("__lshift__", "__rlshift__"),
    np.right_shift: ("__rshift__", "__rrshift__"),
    np.equal: ("__eq__", "__eq__"),
    np.not_equal: ("__ne__", "__ne__"),
    np.less: ("__lt__", "__gt__"),
    np.less_equal: ("__le__", "__ge__"),
    np.greater: ("__gt__", "__lt__"),
    np.greater_equal: ("__ge__", "__le__"),
}


class TensorExport(TensorFacts):
    """What tensors give to others."""

    __slots__ = ()

    def item(self) -> float | int | bool:
        """Return the only element as a Python number; RuntimeError where there is not exactly one."""
        if self._array.size != 1:
            raise RuntimeError(f"item: only a tensor with one element is a number, got shape {self._array.shape}")
        value: float | int | bool = self._array.item()
        return value

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self._array.tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """Return the elements as an array that shares this tensor's memory.

        Parameters
        ----------
        force : bool, default False
            Leave the graph where there is one, as ``detach().numpy()`` does.

        Raises
        ------
        RuntimeError
            If the tensor requires a gradient, which the array could not know of, and gradients are recorded: call
            ``detach()`` first.
        """
        if not force and (levels or self._edge is not None):
            self._refuse_export("numpy")
        return sharing.lend(self) if observers else _core.lend(self, None)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        same = dtype is None or np.dtype(dtype) == self._array.dtype
        if copy or (copy is None and not same):  # nothing is given out
            self._refuse_export("__array__")
            return np.array(self._array, dtype=dtype)
        if not same:
            raise ValueError(f"__array__: elements of {self.dtype} cannot become {np.dtype(dtype)} without a copy")
        return self.numpy()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute a function of NumPy's: an operator as a tensor's, others by NumPy, which knows of no gradient."""
        if method == "__call__" and not options and ufunc in _OPERATORS:
            a, b = inputs
            name, reflected = _OPERATORS[ufunc]
            return getattr(a, name)(b) if isinstance(a, TensorExport) else getattr(b, reflected)(a)
        if any(isinstance(x, TensorExport) for x in options.get("out", ())):
            return NotImplemented  # which NumPy makes a TypeError of
        arrays = [x._elements(ufunc.__name__) if isinstance(x, TensorExport) else x for x in inputs]
        result = getattr(ufunc, method)(*arrays, **options)
        if "out" in options:
            return result
        return tuple(map(_as_tensor, result)) if isinstance(result, tuple) else _as_tensor(result)

    def _elements(self, name: str) -> Array:
        """Return the array, to be read only."""
        self._refuse_export(name)
        return self._array

    def __dlpack__(self, **request: Any) -> Any:
        if request.get("copy"):
            self._refuse_export("__dlpack__")
            return self._array.copy().__dlpack__(**request)
        return self.numpy().__dlpack__(**request)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the CPU, as DLPack counts

    def _refuse_export(self, name: str) -> None:
        if self._edge is not None and _core.grad_enabled():
            raise RuntimeError(f"{name}: this tensor requires a gradient; call detach().numpy() to leave the graph")
        if levels and is_batched(self):
            self._array.refuse(name)  # type: ignore[attr-defined]

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise RuntimeError(f"bool: the truth of a tensor of shape {self._array.shape} is ambiguous")
        return bool(self._array)

    def __float__(self) -> float:
        return float(self._only("float"))

    def __int__(self) -> int:
        return int(self._only("int"))

    def __complex__(self) -> complex:
        return complex(self._only("complex"))

    def _only(self, name: str) -> Any:
        if self._array.size != 1:
            raise ValueError(f"{name}: only a tensor with one element is a number, got shape {self._array.shape}")
        return self._array.item()

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            given = f"{self.dtype} of shape {self._array.shape}"
            raise TypeError(f"index: only one integer in a tensor can be an index, got {given}")
        return int(self._array.item())
