"""What shares of the elements lie below: quantiles, and the counts of a histogram."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core, _dtype
from .. import _return_types as return_types
from .._methods import method, numpy_names
from ..tensor import Tensor, array_of, wrap
from .arithmetic import lerp
from .data import tensor
from .elementwise import _where, ge, le, mul, sub
from .index import gather
from .logic import isnan, logical_and
from .order import sort
from .promotion import to_dtype
from .selection import clamp, clamp_min
from .shape import broadcast, movedim, normalise_dim, reshape
from .unique import bincount

__all__ = ["histc", "histogram", "nanquantile", "quantile"]

_searchsorted = _core.kernels["searchsorted"]

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
    d = 0 if dim is None else normalise_dim(name, dim, shape)
    if dim is None or not shape:
        lines, kept = reshape(input, -1), (1,) * len(shape)
    else:
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
    return q


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
    if interpolation in ("higher", "lower", "nearest"):  # no difference, which is NaN between infinite elements
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
    if isinstance(bins, bool) or not isinstance(bins, int):
        raise TypeError(f"histc: bins must be an integer, got {type(bins).__name__}")
    if bins < 1:
        raise RuntimeError(f"histc: bins must be positive, got {bins}")
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RuntimeError(f"histc: the range must be finite and not empty, got {low} to {high}")
    line = wrap(x)
    places = clamp(to_dtype(mul(sub(line, low), bins / (high - low)), _dtype.int64), 0, bins - 1)
    places = _where(logical_and(ge(line, low), le(line, high)), places, bins)  # the last place: not counted
    return to_dtype(bincount(places, minlength=bins + 1)[:bins], input.dtype)


@method
def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> return_types.histogram:
    """Return how many elements lie in each of some intervals, and where these begin and end.

    Parameters
    ----------
    input : Tensor
        Of floats and any shape.
    bins : int or Tensor, default 100
        How many intervals of one width; or where they begin and end, in increasing order.
    range : (float, float), optional
        Where the first begins and the last ends; the least and the greatest element unless given. Other elements are not
        counted, nor is NaN.
    weight : Tensor, optional
        Of `input`'s shape and dtype: what each element counts, 1 unless given.
    density : bool, default False
        Divide by the widths and the sum, so that the area under the histogram is 1.

    Returns
    -------
    hist : Tensor
        One number for each interval. Each contains where it begins, the last one also where it ends.
    bin_edges : Tensor
        One number more.

    Raises
    ------
    RuntimeError
        If the elements are not floats, there are no intervals, the range is not finite or falls, or `weight` does not fit.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.histogram(minigrad.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0))
    minigrad.return_types.histogram(
    hist=tensor([0., 2., 1., 0.]),
    bin_edges=tensor([0.0000, 0.7500, 1.5000, 2.2500, 3.0000]))
    """
    x = array_of("histogram", input)
    if x.dtype.kind != "f":
        raise RuntimeError(f"histogram: needs floats, got {input.dtype}")
    edges = _edges(x, bins, range)
    counted = None if weight is None else array_of("histogram", weight)
    if weight is not None and (weight._array.shape != x.shape or weight.dtype is not input.dtype):
        given = f"{weight.dtype} of shape {weight._array.shape}"
        raise RuntimeError(f"histogram: weight must be {input.dtype} of shape {x.shape}, got {given}")
    # How many edges each element is not below: none before the first, all of them from the last one on, and for NaN.
    places = _searchsorted(edges, x.reshape(-1), True)
    if counted is None:
        hist = bincount(wrap(places), minlength=edges.size + 1)._array[1:-1]
    else:
        hist = np.bincount(places, counted.reshape(-1), edges.size + 1)[1:-1]
    ends = x == edges[-1]
    hist[-1] += np.count_nonzero(ends) if counted is None else counted[ends].sum(dtype=np.float64)
    hist = hist.astype(x.dtype)
    if density:
        with np.errstate(divide="ignore", invalid="ignore"):
            hist = (hist / (hist.sum() * np.diff(edges))).astype(x.dtype)
    return return_types.histogram((wrap(hist), wrap(edges)))


def _edges(x: Any, bins: int | Tensor, limits: tuple[float, float] | None) -> Any:
    """Return where the intervals of a histogram of x begin and end."""
    if isinstance(bins, Tensor):
        edges = bins._array.copy()
        if edges.ndim != 1 or edges.size < 2 or edges.dtype != x.dtype:
            needed = f"at least two numbers of x's dtype {x.dtype} in one dimension"
            raise RuntimeError(f"histogram: bins must be {needed}, got {edges.dtype} of shape {edges.shape}")
        if limits is not None:
            raise TypeError("histogram: range is for a number of bins, and bins are given by where they begin and end")
        return edges
    if isinstance(bins, bool) or not isinstance(bins, int):
        raise TypeError(f"histogram: bins must be an integer or a tensor, got {type(bins).__name__}")
    if bins < 1:
        raise RuntimeError(f"histogram: bins must be positive, got {bins}")
    low, high = limits if limits is not None else (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise RuntimeError(f"histogram: the range must be finite and not fall, got {low} to {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1, dtype=x.dtype)
