"""Borders around tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import index
from typing import Any

import numpy as np

from .. import _core
from ..batching import levels
from ..batching_rules import made_like
from ..graph import Array
from ..primitive import LEADING, LINEAR, ONE_TO_MANY, kernel_primitive
from ..tensor import Tensor, array_of, wrap
from .creation import filled
from .elementwise import clone
from .index import _scatter_add, along, index_select
from .records import DEFINITION
from .shape import Shape, unindex

__all__ = ["pad"]

_MODES = ("replicate", "reflect", "circular")


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
    if not wanted:
        return clone(input)
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
    return out


def _of_its_own(input: Tensor, shape: Shape, pad: tuple[int, ...], mode: str) -> Tensor:
    """Return a tensor with a border of its own elements."""
    if mode not in _MODES:
        raise NotImplementedError(f"pad: there is no mode {mode!r}")
    if len(pad) % 2:
        raise RuntimeError(f"pad: needs an even number of sizes, got {pad}")
    if len(pad) not in (2, 4, 6) or not len(pad) // 2 < len(shape) <= len(pad) // 2 + 2:
        raise NotImplementedError(
            f"pad: mode {mode!r} pads the last one to three of at most two more dims, got {pad} for shape {shape}"
        )
    if min(pad) >= 0:
        try:
            return _border(input, pad, _MODES.index(mode))
        except RuntimeError:
            _check_own(shape, pad, mode)
            raise
    _check_own(shape, pad, mode)
    out = input
    for dim, before, after in _sides(shape, pad):
        if before or after:
            out = index_select(out, dim, wrap(_places(shape[dim], before, after, mode)))
    return out


def _check_own(shape: Shape, pad: tuple[int, ...], mode: str) -> None:
    """Raise a RuntimeError where a dim has not got what its border is made of."""
    for dim, before, after in _sides(shape, pad):
        n = shape[dim]
        left = n + min(before, 0) + min(after, 0)  # what is not cut off
        most = {"reflect": n - 1, "circular": left}.get(mode)
        if (most is not None and max(before, after) > most) or n + before + after < (mode != "circular") or n < 1:
            raise RuntimeError(f"pad: mode {mode!r} cannot pad dim {dim} of shape {shape} by {(before, after)}")


def _sides(shape: Shape, pad: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return the dims that are padded, the last one first, and how much before and behind."""
    return [(len(shape) - 1 - i // 2, pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]


def _fold(g: Any, sizes: tuple[int, ...], mode: int, x_shape: Shape) -> Any:
    """Return the sums of what the elements of a tensor with a border were given, for each element of its own."""
    for dim, before, after in reversed(_sides(x_shape, sizes)):
        places = along(_places(x_shape[dim], before, after, _MODES[mode]), g.shape[:dim], g.shape[dim + 1 :])
        g = _scatter_add(g, places, (*g.shape[:dim], x_shape[dim], *g.shape[dim + 1 :]), dim)
    return g


_border = kernel_primitive(
    "border",
    equation="out is x within a border of x's own elements, repeated, mirrored or taken from the other end",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"x": _fold},
    promotion=None,
    batch=LEADING,
)


@lru_cache(maxsize=512)
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
