"""What shares of the elements lie below: quantiles, and the counts of a histogram."""

from __future__ import annotations

import math
from typing import Any

from .. import _dtype
from .._methods import method, numpy_names
from ..tensor import Tensor, array_of, wrap
from .arithmetic import lerp
from .data import tensor
from .elementwise import _where
from .index import gather
from .logic import isnan
from .order import sort
from .promotion import to_dtype
from .selection import clamp_min
from .shape import broadcast, movedim, normalise_dim, reshape
from .unique import bincount

__all__ = ["histc", "nanquantile", "quantile"]

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@method
@numpy_names
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """Return the values below which shares `q` of the elements lie, of all elements or along a dimension.

    Parameters
    ----------
    input : Tensor
        Of floats.
    q : float or Tensor
        Shares from 0 to 1: a number, or a vector of `input`'s dtype.
    dim : int, optional
        The dimension to choose along; all elements by default.
    keepdim : bool, default False
        Keep the dimension with size 1.
    interpolation : {"linear", "lower", "higher", "midpoint", "nearest"}
        What lies between two neighbouring elements.

    Returns
    -------
    Tensor
        Where `q` is a vector, with a first dimension for its elements. NaN where there is one along `dim`.

    Raises
    ------
    RuntimeError
        If the elements are not floats, a share is not between 0 and 1, or there is nothing to choose from.

    Notes
    -----
    Of n sorted elements, the one at position q (n - 1), counted from 0; between two, they are interpolated. The gradient
    goes to these two.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, 2.0, 3.0, 4.0]).quantile(minigrad.tensor([0.25, 0.5]))
    tensor([1.7500, 2.5000])
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@method
@numpy_names
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """Return the quantiles of the elements that are not NaN; see :func:`quantile`. NaN if all of them are.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([1.0, float("nan"), 3.0]).nanquantile(0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    shape = array_of(name, input).shape
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(f"{name}: interpolation must be one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}")
    shares = _shares(name, input, q)
    if dim is None or not shape:
        lines, kept = reshape(input, -1), (1,) * len(shape)
    else:
        d = normalise_dim(name, dim, shape)
        lines, kept = movedim(input, d, -1), (*shape[:d], 1, *shape[d + 1 :])
    if lines.shape[-1] == 0:
        raise RuntimeError(f"{name}: no elements to choose from in shape {shape}")
    out = movedim(_chosen(sort(lines).values, reshape(shares, -1), interpolation, skip_nan), -1, 0)
    if keepdim:
        out = reshape(out, (out.shape[0], *kept))
    return out if shares.ndim else out[0]


def _shares(name: str, input: Tensor, q: Any) -> Tensor:
    """Return the shares as a tensor, checked."""
    if input._array.dtype.kind != "f":
        raise RuntimeError(f"{name}: needs floats, got {input.dtype}")
    if not isinstance(q, Tensor):
        q = tensor(q, dtype=input.dtype)
    if q.dtype is not input.dtype or q.ndim > 1:
        raise RuntimeError(
            f"{name}: q must be a number or a vector of {input.dtype}, got {q.dtype} of shape {q._array.shape}"
        )
    if not ((q._array >= 0) & (q._array <= 1)).all():
        raise RuntimeError(f"{name}: q must be between 0 and 1, got {q._array}")
    return q  # type: ignore[no-any-return]


def _chosen(lines: Tensor, shares: Tensor, interpolation: str, skip_nan: bool) -> Tensor:
    """Return the elements of sorted lines at the shares, along the last dimension."""
    last = lines.shape[-1] - 1
    count = (~isnan(lines)).sum(-1, keepdim=True)
    rank = broadcast(shares * (clamp_min(count - 1, 0) if skip_nan else last), (*lines.shape[:-1], shares.shape[0]))
    if not skip_nan:
        rank = _where(count <= last, last, rank)  # NaN stands last
    if interpolation == "nearest":
        rank = rank.round()
    low, high = rank.floor(), rank.ceil()
    below, above = (gather(lines, -1, to_dtype(x, _dtype.int64)) for x in (low, high))
    if interpolation in ("higher", "lower"):
        return above if interpolation == "higher" else below
    return lerp(below, above, 0.5 * (high - low) if interpolation == "midpoint" else rank - low)


@method
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Return how many elements lie in each of some intervals of one width.

    Parameters
    ----------
    input : Tensor
        Of floats and any shape.
    bins : int, default 100
        How many intervals.
    min, max : float, default 0
        Where the first begins and the last ends; if both are the same, the least and the greatest element. Other
        elements are not counted, nor is NaN.

    Returns
    -------
    Tensor
        Of `bins` elements, of `input`'s dtype.

    Raises
    ------
    RuntimeError
        If there are no intervals, `max` is less than `min`, one of them is not finite, or the elements are not floats.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.histc(minigrad.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    x = array_of("histc", input).reshape(-1)
    if x.dtype.kind != "f":
        raise RuntimeError(f"histc: needs floats, got {input.dtype}")
    if bins < 1:
        raise RuntimeError(f"histc: bins must be positive, got {bins}")
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RuntimeError(f"histc: the range must be finite and not empty, got {low} to {high}")
    x = x[(x >= low) & (x <= high)]
    places = ((x - low) * (bins / (high - low))).astype("int64").clip(0, bins - 1)
    return to_dtype(bincount(wrap(places), minlength=bins), input.dtype)  # type: ignore[no-any-return]
