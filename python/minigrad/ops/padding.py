"""Borders around tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..batching import levels
from ..batching_rules import made_like
from ..graph import Array
from ..tensor import Tensor, array_of
from .creation import filled
from .shape import unindex

__all__ = ["pad"]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Put a border of equal elements around a tensor.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype.
    pad : sequence of int
        How many to put before and behind: first two numbers for the last dimension, then two for the one before it, and
        so on. Negative numbers cut off as many.
    mode : str, default "constant"
        Nothing else is there yet.
    value : float, default 0
        What the border consists of.

    Returns
    -------
    Tensor
        A new tensor of the input's dtype.

    Raises
    ------
    RuntimeError
        If there are too many numbers or an odd number of them, or if more is cut off than there is.
    NotImplementedError
        For other modes.

    Notes
    -----
    The gradient is that of the elements kept: the border is a constant.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.pad(minigrad.tensor([[1.0, 2.0]]), (1, 2))
    tensor([[0., 1., 2., 0., 0.]])
    """
    shape = array_of("pad", input).shape
    if mode != "constant":
        raise NotImplementedError(f"pad: mode {mode!r} is not there, only 'constant'")
    if len(pad) % 2 or len(pad) > 2 * len(shape):
        raise RuntimeError(f"pad: needs an even number of sizes, at most {2 * len(shape)} for shape {shape}, got {pad}")
    unpadded = len(shape) - len(pad) // 2
    before = [0] * unpadded + list(pad[-2::-2])
    after = [0] * unpadded + list(pad[::-2])
    sizes = tuple([n + a + b for n, a, b in zip(shape, before, after, strict=True)])
    cuts = len(pad) > 0 and min(pad) < 0
    if cuts and any(n + min(a, 0) + min(b, 0) < 0 for n, a, b in zip(shape, before, after, strict=True)):
        raise RuntimeError(f"pad: {pad} cuts off more than shape {shape} has")
    kept = input[_within([-n for n in before], [-n for n in after])] if cuts else input
    if value and levels:
        out = made_like(filled(sizes, value, input.dtype), input)
        out[_within(before, after)] = kept
        return out
    out = unindex(kept, _within(before, after), sizes)
    if value:  # of which no gradient knows
        _fill_border(out._array, before, after, value)
    return out  # type: ignore[no-any-return]


def _fill_border(array: Array, before: Sequence[int], after: Sequence[int], value: float) -> None:
    for dim, (a, b) in enumerate(zip(before, after, strict=True)):
        along = np.moveaxis(array, dim, 0)
        along[: max(a, 0)] = value
        along[len(along) - max(b, 0) :] = value


def _within(before: Sequence[int], after: Sequence[int]) -> tuple[slice, ...]:
    """Return the key of what lies inside of a border; negative sizes are no border."""
    return tuple([slice(max(a, 0), -b if b > 0 else None) for a, b in zip(before, after, strict=True)])
