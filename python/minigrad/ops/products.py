"""Products made of matrix products, over dimensions given by number, and what is added to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import index
from typing import Any, SupportsIndex

from .._dtype import result_type
from .._methods import method
from ..tensor import Tensor, array_of
from .conversion import to
from .creation import ones_like
from .einsum import Label, Plan, multiplied, plan_of, shaped
from .elementwise import add, clone, mul, safe_mul, sub
from .joining import cat, stack, unbind
from .linalg import bmm, linear, matmul, mm, mv
from .ranges import eye
from .reduce import _sum
from .reduce import sum as sum_
from .scan import cumprod
from .shape import Shape, _permute, broadcast, broadcast_shapes, normalise_dim
from .views import _diagonal

__all__ = ["addmm", "addmv", "baddbmm", "cross", "inner", "kron", "matrix_power", "tensordot", "trace", "vander"]

# ----------------------------------------------------------------------------------------------------------------------
# Sums over dimensions given by number.


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """Return the product of two tensors, summed over pairs of dimensions.

    Parameters
    ----------
    a, b : Tensor
        The factors.
    dims : int or pair of sequences of int, default 2
        How many of the last dimensions of `a` are summed over with the first ones of `b`; or the dimensions of each.

    Returns
    -------
    Tensor
        With the other dimensions of `a`, then those of `b`.

    Raises
    ------
    RuntimeError
        If the sizes or the numbers of the dimensions differ.
    IndexError
        If a dimension is out of range.

    Notes
    -----
    out[i, j] = Σ a[i, k] b[k, j] over k, where each letter stands for several dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensordot(minigrad.ones(2, 3, 4), minigrad.ones(4, 3), dims=([1, 2], [1, 0]))
    tensor([12., 12.])
    """
    x, y = array_of("tensordot", a).shape, array_of("tensordot", b).shape
    of_a, of_b = _summed_dims(dims, len(x), len(y))
    out = multiplied(a, b, _dot_plan(x, y, tuple(of_a), tuple(of_b)))
    return out if out.is_floating_point() else to(out, result_type(a, b))  # sums of integers widen them


@lru_cache(maxsize=512)
def _dot_plan(x: Shape, y: Shape, of_a: Shape, of_b: Shape) -> Plan:
    """Return how tensors of two shapes are multiplied; dimensions that are summed together share their labels."""
    of_a = tuple([normalise_dim("tensordot", d, x) for d in of_a])
    of_b = tuple([normalise_dim("tensordot", d, y) for d in of_b])
    if len(of_a) != len(of_b) or any(x[d] != y[e] and 1 not in (x[d], y[e]) for d, e in zip(of_a, of_b, strict=True)):
        raise RuntimeError(f"tensordot: cannot sum dims {list(of_a)} of shape {x} with dims {list(of_b)} of shape {y}")
    labels: list[Label] = [("a", d) for d in range(len(x))]
    others: list[Label] = [("b", d) for d in range(len(y))]
    for d, e in zip(of_a, of_b, strict=True):
        others[e] = labels[d]
    summed = {labels[d] for d in of_a}
    kept = tuple([label for label in (*labels, *others) if label not in summed])
    return plan_of(tuple(labels), x, tuple(others), y, kept)


def _summed_dims(dims: Any, ndim_a: int, ndim_b: int) -> tuple[list[int], list[int]]:
    if isinstance(dims, int):
        if not 0 <= dims <= min(ndim_a, ndim_b):
            raise RuntimeError(f"tensordot: cannot sum over {dims} dims of tensors that have {ndim_a} and {ndim_b}")
        return list(range(ndim_a - dims, ndim_a)), list(range(dims))
    of_a, of_b = dims
    return [of_a] if isinstance(of_a, int) else list(of_a), [of_b] if isinstance(of_b, int) else list(of_b)


@method
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the products of the last dimensions: out[i, j] = Σ input[i, k] other[j, k] over k.

    Parameters
    ----------
    input, other : Tensor
        Of shapes (..., k) and (..., k); where one has no dimensions, the product is elementwise.

    Returns
    -------
    Tensor
        With the other dimensions of `input`, then those of `other`.

    Raises
    ------
    RuntimeError
        If the last sizes differ.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.inner(minigrad.tensor([1.0, 2.0]), minigrad.tensor([[3.0, 4.0], [5.0, 6.0]]))
    tensor([11., 17.])
    """
    x, y = array_of("inner", input).shape, array_of("inner", other).shape
    if not x or not y:
        return mul(input, other)
    if x[-1] != y[-1]:
        raise RuntimeError(f"inner: the last sizes differ, got shapes {x} and {y}")
    return tensordot(input, other, ([-1], [-1]))


#: Kronecker's product gets operands whose rows are those of the result where the rows of `other` have fewer elements.
_SHORT_ROW = 16


@method
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Return Kronecker's product: each element of `input` times all of `other`.

    Parameters
    ----------
    input, other : Tensor
        Of shapes (a, b, ...) and (c, d, ...); the one with fewer dimensions gets leading ones of size 1.

    Returns
    -------
    Tensor
        Of shape (a c, b d, ...).

    Notes
    -----
    out[i c + k, j d + l] = input[i, j] other[k, l].

    Examples
    --------
    >>> import minigrad
    >>> minigrad.kron(minigrad.eye(2), minigrad.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 0., 0.],
            [0., 0., 1., 2.]])
    """
    x, y = array_of("kron", input).shape, array_of("kron", other).shape
    ndim = max(len(x), len(y))
    x, y = (1,) * (ndim - len(x)) + x, (1,) * (ndim - len(y)) + y
    outer = shaped(input, tuple(n for size in x for n in (size, 1)))
    inside = shaped(other, tuple(n for size in y for n in (1, size)))
    copied = (math.prod(x) * y[-1] + math.prod(y) * x[-1]) if ndim else 0
    if ndim and y[-1] < _SHORT_ROW and copied <= math.prod(x) * math.prod(y):
        outer = clone(broadcast(outer, (*outer._array.shape[:-1], y[-1])))
        inside = clone(broadcast(inside, (*inside._array.shape[:-2], x[-1], y[-1])))
    return shaped(mul(outer, inside), tuple(n * m for n, m in zip(x, y, strict=True)))


@method
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the cross products of the vectors of three elements along a dimension.

    Parameters
    ----------
    input, other : Tensor
        Of shapes that broadcast, with size 3 along `dim`.
    dim : int, optional
        The dimension of the vectors; the first of size 3 if there is none.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast, or no dimension fits.

    Notes
    -----
    out[0] = x[1] y[2] - x[2] y[1], and so on cyclically.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.cross(minigrad.tensor([1.0, 0.0, 0.0]), minigrad.tensor([0.0, 1.0, 0.0]), 0)
    tensor([0., 0., 1.])
    """
    x, y = array_of("cross", input).shape, array_of("cross", other).shape
    if len(x) != len(y):
        raise RuntimeError(f"cross: needs tensors of equally many dimensions, got shapes {x} and {y}")
    shape = broadcast_shapes(x, y)
    if dim is None:
        dim = next((d for d, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: no dimension has size 3, got shapes {x} and {y}")
    d = normalise_dim("cross", dim, shape)
    if x[d] != 3 or y[d] != 3:
        raise RuntimeError(f"cross: needs size 3 along dim {dim}, got shapes {x} and {y}")
    a, b = unbind(input, d), unbind(other, d)
    parts = [sub(mul(a[i], b[j]), mul(a[j], b[i])) for i, j in ((1, 2), (2, 0), (0, 1))]
    return stack(parts, d)


@method
def matrix_power(input: Tensor, n: int) -> Tensor:
    """Return square matrices multiplied `n` times with themselves, in about log₂ n products.

    Parameters
    ----------
    input : Tensor
        Of shape (..., m, m).
    n : int
        How often, 0 or more; 0 gives identities. Below 0 it would be powers of inverses, which minigrad leaves out.

    Returns
    -------
    Tensor
        Of the shape of `input`.

    Raises
    ------
    RuntimeError
        If the matrices are not square, or `n` is negative.
    TypeError
        If `n` is no integer.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[1.0, 1.0], [0.0, 1.0]]).matrix_power(5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    shape = array_of("matrix_power", input).shape
    if n.__class__ is not int:
        if isinstance(n, bool) or not isinstance(n, SupportsIndex):
            raise TypeError(f"matrix_power: n must be an integer, got {type(n).__name__}")
        n = index(n)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise RuntimeError(f"matrix_power: needs square matrices, got shape {shape}")
    if n < 0:
        raise RuntimeError(f"matrix_power: n must not be negative, got {n}; minigrad leaves out inverses of matrices")
    if n == 0:
        return mul(eye(shape[-1], dtype=input.dtype), ones_like(input))
    return clone(input) if n == 1 else _power(input, n)


def _power(x: Tensor, n: int) -> Tensor:
    if n == 1:
        return x
    half = _power(x, n // 2)
    square = matmul(half, half)
    return matmul(square, x) if n % 2 else square


@method
def trace(input: Tensor) -> Tensor:
    """Return the sum of a matrix's diagonal: Σ input[i, i] over i.

    Parameters
    ----------
    input : Tensor
        Of shape (n, m).

    Returns
    -------
    Tensor
        Without dimensions.

    Raises
    ------
    RuntimeError
        If `input` is not a matrix.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.trace(minigrad.eye(3))
    tensor(3.)
    """
    array = array_of("trace", input)
    if array.ndim != 2:
        raise RuntimeError(f"trace: needs a matrix, got shape {array.shape}")
    line = _diagonal(input, 0, (0, 1))
    return sum_(line) if array.dtype.kind == "b" else _sum(line, (), False)


# ----------------------------------------------------------------------------------------------------------------------
# A product and something added.


def _added(name: str, input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """Return ``beta * input + alpha * product``; a `beta` of 0 lets no NaN of `input` through."""
    own, shape = array_of(name, input).shape, product._array.shape
    fits = own == shape or all(n in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False))
    if len(own) > len(shape) or not fits:
        raise RuntimeError(f"{name}: input of shape {own} does not broadcast to the product's shape {shape}")
    if not product.is_floating_point():
        beta, alpha = int(beta), int(alpha)
    scale = safe_mul if beta == 0 and input.is_floating_point() else mul
    addend = input if beta == 1 else scale(input, beta)
    return add(addend, product if alpha == 1 else mul(product, alpha))


@method(in_place=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * input + alpha * (mat1 @ mat2)``.

    Parameters
    ----------
    input : Tensor
        Of a shape that broadcasts to (n, m).
    mat1, mat2 : Tensor
        Of shapes (n, k) and (k, m).
    beta, alpha : number, default 1
        The factors, cut to whole numbers for integers. Where `beta` is 0, `input` counts as 0 even if it is not finite.

    Returns
    -------
    Tensor
        Of shape (n, m).

    Raises
    ------
    RuntimeError
        If the sizes do not fit.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.addmm(minigrad.ones(2), minigrad.ones(1, 3), minigrad.ones(3, 2))
    tensor([[4., 4.]])
    """
    bias, b = array_of("addmm", input), array_of("addmm", mat2)
    plain = beta == 1 and alpha == 1 and bias.ndim == 1 and bias.shape == b.shape[1:]
    if plain and b.ndim == 2 and bias.dtype == b.dtype and array_of("addmm", mat1).ndim == 2 and b.size:
        return linear(mat1, _permute(mat2, (1, 0)), input)
    return _added("addmm", input, mm(mat1, mat2), beta, alpha)


@method(in_place=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * input + alpha * (mat @ vec)``; see :func:`addmm`."""
    return _added("addmv", input, mv(mat, vec), beta, alpha)


@method(in_place=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * input + alpha * bmm(batch1, batch2)``; see :func:`addmm`."""
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Return the product of several matrices, multiplied in the order that takes the fewest multiplications.

    Parameters
    ----------
    tensors : sequence of Tensor
        At least two: matrices, of which the first and the last may be vectors.

    Returns
    -------
    Tensor
        The product; a vector or a number where the first or the last tensor is a vector.

    Raises
    ------
    RuntimeError
        If there are fewer than two tensors, one in between is no matrix, or inner sizes differ.

    Notes
    -----
    The order is found by dynamic programming over all ways of setting the brackets, O(n³) for n tensors (Cormen and
    others, Introduction to Algorithms, section 14.2).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.multi_dot([minigrad.ones(1, 2), minigrad.ones(2, 3), minigrad.ones(3)])
    tensor([6.])
    """
    shapes = [array_of("multi_dot", x).shape for x in tensors]
    if len(shapes) < 2:
        raise RuntimeError(f"multi_dot: needs at least two tensors, got {len(shapes)}")
    ends = (shapes[0], shapes[-1])
    if any(len(s) != 2 for s in shapes[1:-1]) or any(len(s) not in (1, 2) for s in ends):
        raise RuntimeError(f"multi_dot: needs matrices, of which the first and the last may be vectors, got {shapes}")
    matrices = list(tensors)
    if len(ends[0]) == 1:
        matrices[0] = shaped(matrices[0], (1, *ends[0]))
    if len(ends[1]) == 1:
        matrices[-1] = shaped(matrices[-1], (*ends[1], 1))
    sizes = (matrices[0]._array.shape[0], *[m._array.shape[1] for m in matrices])
    out = _chain(matrices, _best_splits(sizes), 0, len(matrices) - 1)
    return shaped(out, (*ends[0][:-1], *ends[1][1:]))


@lru_cache(256)
def _best_splits(sizes: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Return for each run of matrices i to j, of sizes[i] × sizes[i + 1] and so on, behind which one to split it."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            ways = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            split[i, j] = min(ways, key=ways.__getitem__)
            cost[i, j] = ways[split[i, j]]
    return split


def _chain(matrices: list[Tensor], split: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return matrices[i]
    k = split[i, j]
    return mm(_chain(matrices, split, i, k), _chain(matrices, split, k + 1, j))


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the matrix whose columns are the powers of a vector (Vandermonde's).

    Parameters
    ----------
    x : Tensor
        Of one dimension.
    N : int, optional
        How many columns; as many as rows where it is not given.
    increasing : bool, default False
        Whether the powers rise from the left to the right.

    Returns
    -------
    Tensor
        Of shape (len(x), N).

    Raises
    ------
    RuntimeError
        If `x` has not one dimension, or `N` is negative.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.vander(minigrad.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    shape = array_of("vander", x, "x").shape
    if len(shape) != 1:
        raise RuntimeError(f"vander: x must have one dimension, got shape {shape}")
    out = powers(x, shape[0] if N is None else N)
    return out if increasing else out.flip(1)


def powers(x: Tensor, n: int) -> Tensor:
    """Return along a new last dimension the powers from 0 to n - 1."""
    if n < 0:
        raise RuntimeError(f"vander: N must not be negative, got {n}")
    products = cumprod(x.unsqueeze(-1).expand(*x.shape, max(n - 1, 0)), -1)
    return cat([products.new_ones((*x.shape, min(n, 1))), products], -1)
