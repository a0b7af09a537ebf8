"""How tensors are printed: as PyTorch prints them, four decimals, summarised beyond a thousand elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _dtype

if TYPE_CHECKING:
    from .tensor import Tensor

_PRECISION = 4


def tensor_text(t: Tensor) -> str:
    """Return ``tensor([...], dtype=..., grad_fn=...)``."""
    array = t._array
    text = "[]" if array.size == 0 else _array_text(array)
    suffix = ""
    if array.size == 0 and array.ndim != 1:
        suffix += f", size={tuple(array.shape)}"
    if t.dtype not in (_dtype.get_default_dtype(), _dtype.int64, _dtype.bool_):
        suffix += f", dtype={t.dtype!r}"
    if t.grad_fn is not None:
        suffix += f", grad_fn=<{t.grad_fn.name}>"
    elif t.requires_grad:
        suffix += ", requires_grad=True"
    return f"tensor({text}{suffix})"


def _array_text(array: np.ndarray[Any, Any]) -> str:
    return np.array2string(
        array,
        separator=", ",
        prefix="tensor(",
        max_line_width=80,
        threshold=1000,
        formatter=_formatter(array),  # type: ignore[arg-type]
    )


def _formatter(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return how elements become text: aligned, in one style for the whole array."""
    if array.dtype.kind == "b":
        width = 1 if array.ndim == 0 else len("False") if not array.all() else len("True")
        return {"bool": lambda x: str(bool(x)).rjust(width)}
    if array.dtype.kind != "f":
        width = max(len(str(x)) for x in (array.min(), array.max()))
        return {"int": lambda x: str(x).rjust(0 if array.ndim == 0 else width)}
    one = _float_style(array)
    sample = array if array.size <= 1000 else np.concatenate([array.reshape(-1)[:500], array.reshape(-1)[-500:]])
    width = 0 if array.ndim == 0 else max(len(one(x)) for x in sample.reshape(-1))
    return {"float": lambda x: one(x).rjust(width)}


def _float_style(array: np.ndarray[Any, Any]) -> Any:
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    nonzero = finite[finite > 0]
    integral = bool((finite == np.floor(finite)).all())
    if nonzero.size and ((nonzero.max() / nonzero.min() > 1e3 and not integral) or nonzero.max() >= 1e8):
        return _scientific
    if nonzero.size and nonzero.min() < 1e-4 and not integral:
        return _scientific
    return _integral if integral else _fixed


def _scientific(x: Any) -> str:
    return f"{x:.{_PRECISION}e}" if np.isfinite(x) else str(x)


def _integral(x: Any) -> str:
    return f"{x:.0f}." if np.isfinite(x) else str(x)


def _fixed(x: Any) -> str:
    return f"{x:.{_PRECISION}f}" if np.isfinite(x) else str(x)
