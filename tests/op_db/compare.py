"""What minigrad returned against what PyTorch returned."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import minigrad

from .convert import DTYPES, OutOfScope, array, tensors

# Relative and absolute: PyTorch's own for float32, closer ones for float64, two roundings for float16.
TOLERANCE = {"float64": (1e-9, 1e-9), "float32": (1.3e-5, 1e-5), "float16": (2e-3, 1e-3)}


class Mismatch(Exception):  # noqa: N818
    """The two libraries differ; the message says how."""


def _fields(x: Any) -> tuple[str, ...]:
    """Return the names of a named tuple's fields, of Python's kind or PyTorch's."""
    if type(x) is tuple:
        return ()
    if type(x).__module__ == "torch.return_types":
        names = {n: getattr(type(x), n) for n in dir(type(x)) if not n.startswith(("_", "n_"))}
        by_type = {n: v for n, v in names.items() if n not in {"count", "index"}}
        return tuple(sorted(by_type, key=lambda n: repr(by_type[n])))
    return getattr(x, "_fields", ())


def compare(got: Any, expected: Any, values: bool = True, where: str = "result") -> None:
    """Raise Mismatch where what minigrad returned differs from what PyTorch returned."""
    if isinstance(expected, torch.Tensor):
        if not isinstance(got, minigrad.Tensor):
            raise Mismatch(f"{where}: {type(got).__name__} instead of a tensor")
        compare_tensors(got, expected, values, where)
    elif isinstance(expected, tuple | list):
        if not isinstance(got, tuple if isinstance(expected, tuple) else list) or len(got) != len(expected):
            raise Mismatch(f"{where}: expected {type(expected).__name__} of {len(expected)}, got {got!r}"[:300])
        if sorted(_fields(got)) != sorted(_fields(expected)):
            raise Mismatch(f"{where}: expected the fields {_fields(expected)}, got {_fields(got)}")
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            compare(a, b, values, f"{where}[{i}]")
    elif values and not (got == expected or (got != got and expected != expected)):  # noqa: PLR0124
        if not np.isclose(got, expected, rtol=1e-6):
            raise Mismatch(f"{where}: expected {expected!r}, got {got!r}")
    elif type(got) is not type(expected):
        raise Mismatch(f"{where}: expected {type(expected).__name__}, got {type(got).__name__}")


def compare_tensors(got: Any, expected: torch.Tensor, values: bool = True, where: str = "result") -> None:
    """Raise Mismatch where shape, dtype or elements of a tensor differ."""
    if expected.is_complex():
        raise OutOfScope("complex numbers")
    if tuple(got.shape) != tuple(expected.shape):
        raise Mismatch(f"{where}: expected shape {tuple(expected.shape)}, got {tuple(got.shape)}")
    if got.dtype is not DTYPES.get(expected.dtype):
        raise Mismatch(f"{where}: expected {expected.dtype}, got {got.dtype}")
    if values:
        compare_arrays(array(got), array(expected), where)


def compare_arrays(got: Any, expected: Any, where: str) -> None:
    """Raise Mismatch where elements differ by more than the tolerance of their dtype."""
    relative, absolute = TOLERANCE.get(expected.dtype.name, (0.0, 0.0))
    with np.errstate(all="ignore"):
        close = np.isclose(got, expected, relative, absolute, equal_nan=True)
    if close.all():
        return
    worst = np.argwhere(~close)[0]
    at = tuple(int(i) for i in worst)
    raise Mismatch(
        f"{where}: {int((~close).sum())} of {close.size} elements differ, first at {at}: "
        f"expected {expected[at]!r}, got {got[at]!r}"
    )


def compare_bits(got: Any, expected: Any) -> None:
    """Raise Mismatch where two of minigrad's own results differ in a bit; NaN counts as one value."""
    for a, b in zip(tensors(got, minigrad.Tensor), tensors(expected, minigrad.Tensor), strict=True):
        if not np.array_equal(array(a), array(b), equal_nan=array(a).dtype.kind == "f"):
            raise Mismatch(f"reversed memory gives {array(a)!r} instead of {array(b)!r}"[:600])


def compare_gradients(got: list[Any], expected: list[Any], inputs: list[Any], what: str) -> None:
    """Compare gradients; one that is absent is as good as zeros."""
    for i, (a, b, x) in enumerate(zip(got, expected, inputs, strict=True)):
        zeros = np.zeros(tuple(x.shape), dtype=array(x).dtype)
        mine, theirs = (zeros if y is None else array(y) for y in (a, b))
        if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
            raise Mismatch(f"{what} {i}: expected {theirs.shape} {theirs.dtype}, got {mine.shape} {mine.dtype}")
        compare_arrays(mine, theirs, f"{what} {i}")
