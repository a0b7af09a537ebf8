"""Lengths, distances and angles, and the losses made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._dtype import bool_
from .._methods import method
from ..batching import levels
from ..tensor import Tensor, array_of, grad_enabled, wrap
from .creation import ones
from .elementwise import _add, _sub, _where, abs, div, eq, maximum, minimum, mul, sqrt
from .extrema import argmax
from .index import gather_along, index_rows, masked_select
from .joining import cat
from .norms import INFINITY, _vector_norm
from .pairs import _distances
from .pointwise_loss import reduced, reduction_code
from .ranges import triu_indices
from .rearrange import triu
from .reduce import _sum, sum
from .selection import clamp, clamp_min
from .shape import _reshape, broadcast, broadcast_shapes, matrix_transpose, normalise_dim, normalise_dims, unsqueeze

__all__ = [
    "cdist",
    "cosine_embedding_loss",
    "cosine_similarity",
    "normalize",
    "pairwise_distance",
    "pdist",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """Return the input divided by its length along a dimension.

    Parameters
    ----------
    input : Tensor
        Of any shape with floating-point elements.
    p : float, default 2
        Which norm.
    dim : int or tuple of int, default 1
        The dimension along which vectors lie.
    eps : float, default 1e-12
        The least length that is divided by: zero vectors stay zero, with finite gradients.
    out : None
        Not supported.

    Returns
    -------
    Tensor
        Of the same shape.

    Notes
    -----
    out = x / max(‖x‖, eps).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.normalize(minigrad.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    if out is not None:
        raise RuntimeError("normalize: out is not supported")
    array = array_of("normalize", input)
    if array.ndim == 0:
        normalise_dim("normalize", dim, array.shape)
        return div(input, clamp_min(abs(input), eps))
    dims = normalise_dims("normalize", dim, array.shape)
    return div(input, clamp_min(_vector_norm("normalize", input, p, dims, True), eps))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between vectors along a dimension.

    Parameters
    ----------
    x1, x2 : Tensor
        Whose shapes broadcast.
    dim : int, default 1
        The dimension along which vectors lie, of the broadcast shape.
    eps : float, default 1e-8
        The least length that is divided by: the result for zero vectors is 0, with finite gradients.

    Returns
    -------
    Tensor
        Of the broadcast shape without `dim`.

    Raises
    ------
    IndexError
        If the dimension is out of range.
    RuntimeError
        If the shapes do not broadcast.

    Notes
    -----
    out = x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps)).

    Examples
    --------
    >>> import minigrad
    >>> a = minigrad.tensor([[1.0, 0.0], [0.0, 0.0]])
    >>> minigrad.nn.functional.cosine_similarity(a, minigrad.tensor([[1.0, 1.0], [1.0, 1.0]]))
    tensor([0.7071, 0.0000])
    """
    name = "cosine_similarity"
    shape = broadcast_shapes(array_of(name, x1, "x1").shape, array_of(name, x2, "x2").shape)
    d = normalise_dim(name, dim, shape)
    x1, x2 = broadcast(x1, shape), broadcast(x2, shape)
    dims = (d,) if shape else ()
    first, second = (maximum(_vector_norm(name, x, 2, dims, False), eps) for x in (x1, x2))
    return div(div(_sum(mul(x1, x2), dims, False), first), second)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """Return the distances between vectors along the last dimension.

    Parameters
    ----------
    x1, x2 : Tensor
        Whose shapes broadcast.
    p : float, default 2
        Which norm.
    eps : float, default 1e-6
        What is added to each difference.
    keepdim : bool, default False
        Keep the last dimension with size 1.

    Returns
    -------
    Tensor
        Of the broadcast shape without the last dimension.

    Notes
    -----
    out = ‖x1 - x2 + eps‖.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.pairwise_distance(minigrad.tensor([[3.0, 4.0]]), minigrad.zeros(1, 2))
    tensor([5.0000])
    """
    array_of("pairwise_distance", x1, "x1")
    array_of("pairwise_distance", x2, "x2")
    difference = _add(_sub(x1, x2), eps)
    last = difference._array.ndim - 1
    return _vector_norm("pairwise_distance", difference, p, (last,) if last >= 0 else (), keepdim)


_TOGETHER = 1 << 19  # so many differences, which a cache holds, are taken at once where no graph needs all of them


_MODES = (None, *(f"{use}_mm_for_euclid_dist" for use in ("use", "donot_use")), "use_mm_for_euclid_dist_if_necessary")


def _wants_gradient(x: Tensor, y: Tensor) -> bool:
    return grad_enabled() and (x.requires_grad or y.requires_grad)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """Return the distance of each row of `x1` from each row of `x2`.

    Parameters
    ----------
    x1, x2 : Tensor
        Rows of one length: of shapes (..., n, d) and (..., m, d), whose leading dimensions broadcast.
    p : float, default 2
        Which norm.
    compute_mode : str, optional
        One of PyTorch's. All of them take differences here.

    Returns
    -------
    Tensor
        Of shape (..., n, m).

    Raises
    ------
    RuntimeError
        If there are no rows, or they are not of one length.

    Notes
    -----
    out[i, j] = ‖x1[i] - x2[j]‖. The gradient of a distance of 0 is 0; of order infinity it goes to the first of equal
    differences.

    For other orders than 1, 2 and infinity, all n m d differences are in memory at once where a gradient is wanted or
    there are more than two dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.cdist(minigrad.tensor([[0.0, 0.0]]), minigrad.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    first, second = array_of("cdist", x1, "x1").shape, array_of("cdist", x2, "x2").shape
    if min(len(first), len(second)) < 2 or first[-1] != second[-1]:
        raise RuntimeError(f"cdist: needs rows of one length, got shapes {first} and {second}")
    if compute_mode not in _MODES:
        raise ValueError(f"cdist: compute_mode must be one of {_MODES}, got {compute_mode!r}")
    if p in _ORDERS:
        return _of_order(x1, x2, p)
    if not _wants_gradient(x1, x2):
        return _by_blocks(lambda x: cdist(x, x2, p), lambda: _lengths("cdist", _differences(x1, x2), p), x1, x2)
    return _lengths("cdist", _differences(x1, x2), p)


def _differences(x: Tensor, y: Tensor) -> Tensor:
    return _sub(unsqueeze(x, -2), unsqueeze(y, -3))


def _by_blocks(block: Callable[[Tensor], Tensor], whole: Callable[[], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Return what becomes of all differences of rows: `block` of some rows of x after the other, or `whole`."""
    n, columns = x.shape[-2], y.shape[-2] * y.shape[-1]
    rows = max(1, _TOGETHER // max(1, columns))
    if levels or x.ndim > 2 or y.ndim > 2 or rows >= n:
        return whole()
    return cat([block(x[i : i + rows]) for i in range(0, n, rows)])


def _lengths(name: str, rows: Tensor, p: float) -> Tensor:
    """Return the norms of rows, that of none being 0, also the largest of no elements."""
    if not p >= 0:
        raise RuntimeError(f"{name}: the order must not be negative, got {p}")
    last = rows._array.ndim - 1
    return _vector_norm(name, rows, p if rows._array.shape[last] > 0 else 2, (last,), False)


_ORDERS = (1, 2, INFINITY)  # for which there is a kernel


def _of_order(x: Tensor, y: Tensor, p: float) -> Tensor:
    """Return the distances of one of the orders with a kernel, which has no rules for infinity."""
    if p == INFINITY and x.shape[-1] > 0 and (levels or _wants_gradient(x, y)):
        return _greatest(x, y)
    return _distances(x, y, float(p if x.shape[-1] > 0 else 2))


def _greatest(x: Tensor, y: Tensor) -> Tensor:
    """Return the distances of order infinity by the places of the greatest differences, all that a gradient needs."""
    places = _greatest_places(x.detach(), y.detach())
    leading, last = places.shape[:-2], places.ndim - 1
    x, y = (broadcast(each, (*leading, *each.shape[-2:])) for each in (x, y))
    other = matrix_transpose(gather_along(y, matrix_transpose(places), last))
    return abs(_sub(gather_along(x, places, last), other))


def _greatest_places(x: Tensor, y: Tensor) -> Tensor:
    return _by_blocks(lambda some: _greatest_places(some, y), lambda: argmax(abs(_differences(x, y)), -1), x, y)


_FEW = 64  # rows whose distances are computed twice


@lru_cache
def _above_the_diagonal(n: int) -> tuple[np.ndarray[Any, Any], ...]:
    """Return the rows and the columns of the places above the diagonal of a square matrix, and these by one number."""
    rows, columns = np.nonzero(np.triu(np.ones((n, n), bool), 1))
    return rows, columns, rows * n + columns


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the distances between all pairs of rows: the upper triangle of :func:`cdist`, row by row.

    Parameters
    ----------
    input : Tensor
        Of shape (n, d).
    p : float, default 2
        Which norm.

    Returns
    -------
    Tensor
        Of shape (n (n - 1) / 2,).

    Raises
    ------
    RuntimeError
        If there are not two dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.pdist(minigrad.tensor([[0.0], [1.0], [5.0]]))
    tensor([1., 5., 4.])
    """
    shape = array_of("pdist", input).shape
    if len(shape) != 2:
        raise RuntimeError(f"pdist: needs a matrix, got shape {shape}")
    n = shape[0]
    if p in _ORDERS and n <= _FEW:
        whole = _reshape(_of_order(input, input, p), (n * n,))
        return index_rows(whole, wrap(_above_the_diagonal(n)[2]))
    if p in _ORDERS:  # in blocks of rows, each beside the rows from its first one on
        rows = max(_FEW, -(-n // 4))
        blocks = [_of_order(input[i : i + rows], input[i:], p) for i in range(0, n, rows)]
        upper = [masked_select(block, triu(ones(block.shape, dtype=bool_), 1)) for block in blocks]
        return cat(upper)
    rows, columns = map(wrap, _above_the_diagonal(n)[:2]) if n <= _FEW else triu_indices(n, n, 1)
    difference = _sub(index_rows(input, rows), index_rows(input, columns))
    return _lengths("pdist", difference, p)


@method
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the norm of all elements of ``input - other``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.dist(minigrad.tensor([3.0, 4.0]), minigrad.zeros(2))
    tensor(5.)
    """
    array_of("dist", input)
    difference = _sub(input, other)
    return _vector_norm("dist", difference, p, tuple(range(difference.ndim)), False)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return 1 - cosine for pairs whose target is 1, and for -1 by how much the cosine is above the margin.

    Parameters
    ----------
    input1, input2 : Tensor
        Vectors, of shape (n, d) or (d,).
    target : Tensor
        1 or -1, of shape (n,) or ().
    margin : float, default 0
        The largest cosine that costs nothing for pairs with target -1.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`.
    reduction : {"mean", "sum", "none"}
        What becomes of the n losses.

    Returns
    -------
    Tensor
        Of shape (), or the target's for ``"none"``.

    Raises
    ------
    RuntimeError
        If the numbers of dimensions do not fit.

    Examples
    --------
    >>> import minigrad
    >>> a, b = minigrad.tensor([[1.0, 0.0]]), minigrad.tensor([[0.0, 2.0]])
    >>> minigrad.nn.functional.cosine_embedding_loss(a, b, minigrad.tensor([1]))
    tensor(1.)
    """
    name = "cosine_embedding_loss"
    code = reduction_code(name, reduction, size_average, reduce)
    shapes = [array_of(name, x).shape for x in (input1, input2, target)]
    ranks = [len(shape) for shape in shapes]
    if ranks not in ([2, 2, 1], [1, 1, 0]):
        raise RuntimeError(f"{name}: needs vectors (n, d) and a target (n,), or (d,) and (), got shapes {shapes}")
    # As PyTorch has it: eps is added to the squared lengths, so that zero vectors have gradients.
    last = (ranks[0] - 1,)
    product = sum(mul(input1, input2), last)
    square1 = _add(sum(mul(input1, input1), last), _EPS)
    square2 = _add(sum(mul(input2, input2), last), _EPS)
    cosine = div(product, sqrt(mul(square1, square2)))
    alike = _where(eq(target, 1), _sub(1.0, cosine), 0.0)
    different = _where(eq(target, -1), clamp(_sub(cosine, margin), 0.0), 0.0)
    return reduced(_add(alike, different), code)


_EPS = 1e-12


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return by how much the positive is not nearer to the anchor, by the margin, than the negative.

    Parameters
    ----------
    anchor, positive, negative : Tensor
        Vectors, of shape (n, d) or (d,).
    margin : float, default 1
        By how much.
    p, eps
        Those of :func:`pairwise_distance`.
    swap : bool, default False
        Take the negative's distance from the positive where that is smaller.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`.
    reduction : {"mean", "sum", "none"}
        What becomes of the n losses.

    Returns
    -------
    Tensor
        Of shape (), or (n,) for ``"none"``.

    Raises
    ------
    RuntimeError
        If the numbers of dimensions differ.
    ValueError
        If the margin is not positive.

    Notes
    -----
    loss = max(0, d(a, p) - d(a, n) + margin) (Schroff, Kalenichenko and Philbin, FaceNet).

    Examples
    --------
    >>> import minigrad
    >>> a, p, n = minigrad.zeros(1, 2), minigrad.ones(1, 2), minigrad.ones(1, 2)
    >>> minigrad.nn.functional.triplet_margin_loss(a, p, n)
    tensor(1.)
    """
    name = "triplet_margin_loss"
    code = reduction_code(name, reduction, size_average, reduce)
    return _triplet(
        name, (anchor, positive, negative), lambda x, y: pairwise_distance(x, y, p, eps), margin, swap, code
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return :func:`triplet_margin_loss` for any distance, :func:`pairwise_distance` by default.

    Examples
    --------
    >>> import minigrad
    >>> a, p, n = minigrad.zeros(1, 2), minigrad.ones(1, 2), minigrad.ones(1, 2)
    >>> distance = lambda x, y: (x - y).abs().sum(-1)
    >>> minigrad.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=distance)
    tensor(1.)
    """
    name = "triplet_margin_with_distance_loss"
    code = reduction_code(name, reduction)
    return _triplet(name, (anchor, positive, negative), distance_function or pairwise_distance, margin, swap, code)


def _triplet(
    name: str,
    triplet: tuple[Tensor, Tensor, Tensor],
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    code: int,
) -> Tensor:
    if not margin > 0:
        raise ValueError(f"{name}: the margin must be positive, got {margin}")
    shapes = [array_of(name, x).shape for x in triplet]
    if len({len(shape) for shape in shapes}) > 1:
        raise RuntimeError(f"{name}: all operands must have equally many dimensions, got {shapes}")
    anchor, positive, negative = triplet
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp(_add(_sub(near, far), margin), 0.0), code)
