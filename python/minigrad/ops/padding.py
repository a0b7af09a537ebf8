"""Borders around tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import index

import numpy as np

from .. import _core
from ..batching import levels
from ..batching_rules import made_like
from ..graph import Array
from ..tensor import Tensor, array_of, wrap
from .creation import filled
from .index import index_select
from .shape import Shape, unindex

__all__ = ["pad"]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Put a border around a tensor: equal elements, or some of its own.

    Parameters
    ----------
    input : Tensor
        Of any shape and dtype.
    pad : sequence of int
        How many to put before and behind: first two numbers for the last dimension, then two for the one before it, and
        so on. Negative numbers cut off as many.
    mode : {"constant", "reflect", "replicate", "circular"}, default "constant"
        What the border consists of: `value`; the elements before an edge, mirrored; those at the edge; those at the other
        end of what is not cut off. All but the first pad the last one to three of at most two more dimensions.
    value : float, default 0
        What a constant border consists of.

    Returns
    -------
    Tensor
        A new tensor of the input's dtype.

    Raises
    ------
    RuntimeError
        If there are too many numbers or an odd number of them, or if more is cut off than there is.
    NotImplementedError
        For other modes, and where a mode does not pad so many dimensions.

    Notes
    -----
    The gradient is that of the elements kept where the border is a constant; elsewhere the border's is added to it.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.pad(minigrad.tensor([[1.0, 2.0]]), (1, 2))
    tensor([[0., 1., 2., 0., 0.]])
    """
    shape = array_of("pad", input).shape
    try:
        wanted = tuple(map(index, pad))
    except TypeError:
        raise TypeError(f"pad: pad must be a sequence of integers, got {pad!r}") from None
    if mode != "constant":
        return _of_its_own(input, shape, wanted, mode)
    cut, within, sizes, borders = _plan(shape, wanted)
    kept = input if cut is None else input[cut]
    if value and levels:
        out = made_like(filled(sizes, value, input.dtype), input)
        out[within] = kept
        return out
    out = unindex(kept, within, sizes)
    if value:
        alone = wrap(out._array)  # the border is a constant: no graph knows of it
        for border in borders:
            if not _core.set_items(alone, border, value):
                alone._array[border] = value
    return out  # type: ignore[no-any-return]


def _of_its_own(input: Tensor, shape: Shape, pad: tuple[int, ...], mode: str) -> Tensor:
    """Return a tensor with a border of its own elements."""
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"pad: there is no mode {mode!r}")
    if len(pad) % 2:
        raise RuntimeError(f"pad: needs an even number of sizes, got {pad}")
    if len(pad) not in (2, 4, 6) or not len(pad) // 2 < len(shape) <= len(pad) // 2 + 2:
        raise NotImplementedError(
            f"pad: mode {mode!r} pads the last one to three of at most two more dims, got {pad} for shape {shape}"
        )
    out = input
    for place in range(0, len(pad), 2):
        dim = len(shape) - 1 - place // 2
        n, (before, after) = shape[dim], pad[place : place + 2]
        left = n + min(before, 0) + min(after, 0)  # what is not cut off
        most = {"reflect": n - 1, "circular": left}.get(mode)
        if (most is not None and max(before, after) > most) or n + before + after < (mode != "circular") or n < 1:
            raise RuntimeError(f"pad: mode {mode!r} cannot pad dim {dim} of shape {shape} by {(before, after)}")
        if before or after:
            known = n + before + after <= _KNOWN
            out = index_select(out, dim, wrap((_known_places if known else _places)(n, before, after, mode)))
    return out


def _places(n: int, before: int, after: int, mode: str) -> Array:
    """Return which of a dim's `n` elements stand there once it is padded."""
    places = np.arange(-before, n + after)
    if mode == "replicate":
        return places.clip(0, n - 1)
    if mode == "reflect":
        places = np.abs(places)
        return np.where(places < n, places, 2 * (n - 1) - places)
    start, left = max(-before, 0), n + min(before, 0) + min(after, 0)
    return start + (places - start) % left


_KNOWN = 1024  # elements of a dim whose places are kept
_known_places = lru_cache(maxsize=128)(_places)


Key = tuple[slice, ...]


@lru_cache(maxsize=512)
def _plan(shape: Shape, pad: tuple[int, ...]) -> tuple[Key | None, Key, Shape, list[Key]]:
    """Return the key of what is kept of a tensor, None for all, where that lies in the result, whose sizes, and the border.

    The border is a list of keys that together cover it.
    """
    if len(pad) % 2 or len(pad) > 2 * len(shape):
        raise RuntimeError(f"pad: needs an even number of sizes, at most {2 * len(shape)} for shape {shape}, got {pad}")
    unpadded = len(shape) - len(pad) // 2
    before = [0] * unpadded + list(pad[-2::-2])
    after = [0] * unpadded + list(pad[::-2])
    sizes = tuple([n + a + b for n, a, b in zip(shape, before, after, strict=True)])
    cuts = len(pad) > 0 and min(pad) < 0
    if cuts and any(n + min(a, 0) + min(b, 0) < 0 for n, a, b in zip(shape, before, after, strict=True)):
        raise RuntimeError(f"pad: {pad} cuts off more than shape {shape} has")
    borders = []
    for dim, (n, a, b) in enumerate(zip(sizes, before, after, strict=True)):
        parts = [slice(0, a)] * (a > 0) + [slice(n - b, n)] * (b > 0)
        borders += [(*[slice(None)] * dim, part) for part in parts]
    cut = _within([-n for n in before], [-n for n in after]) if cuts else None
    return cut, _within(before, after), sizes, borders


def _within(before: Sequence[int], after: Sequence[int]) -> Key:
    """Return the key of what lies inside of a border; negative sizes are no border."""
    return tuple([slice(max(a, 0), -b if b > 0 else None) for a, b in zip(before, after, strict=True)])
