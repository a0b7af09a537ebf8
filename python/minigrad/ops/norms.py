"""Norms of vectors and matrices: many-to-one.

Where a norm is 0, its gradient and all higher derivatives are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _dtype
from .._methods import method
from ..primitive import ELEMENTWISE, MANY_TO_ONE, ONE_TO_MANY, Primitive, kernel_primitive
from ..tensor import Tensor, array_of, float_array_of
from .elementwise import _where, abs, div, eq, mul, ne, neg, safe_div, safe_mul, sign
from .extrema import _amax, _amin
from .powers import pow_number
from .promotion import to_dtype
from .reduce import _sum, broadcast_back, kept_shape
from .shape import Dims, Shape, _permute, _reshape, _zeros, dims_of, normalise_dims
from .singular_values import singular_values

__all__ = ["norm", "renorm"]

INFINITY = float("inf")


def _quotient(x: Any, y: Any) -> Any:
    """Return x / y, and 0 where y is 0, which has the derivatives 0."""
    return safe_div(_where(ne(y, 0.0), x, 0.0), y)


def _run_part(g: Any, x: Any, total: Any) -> Any:
    out: Any = mul(x, div(g, _where(ne(total, 0.0), total, INFINITY)))
    infinite = np.isinf(total)
    if not infinite.any():
        return out
    places = np.isinf(x)
    single = places.sum(tuple([d - total.ndim for d, n in enumerate(total.shape) if n == 1]), keepdims=True) == 1
    with np.errstate(invalid="ignore"):  # NaN has a sign of NaN
        limit = g * np.where(places, np.where(single, np.sign(x), np.nan), 0.0)
    return np.where(infinite, limit, out).astype(out.dtype)


#: What an element is of a norm, which has the size 1 along the dimensions that it is of. If the norm is infinite because
#: one element is, that one is all of it; of several, no share has a limit.
_part: Callable[..., Any] = Primitive(
    "part",
    run=_run_part,
    inputs=("g", "x", "total"),
    equation="out = g x / total, 0 where total is 0, with the limits where one x is infinite",
    source="derivative of a norm",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, total: _part(h, x, total),
        "x": lambda h, g, total: _quotient(mul(h, g), total),
        "total": lambda h, g, x, total: neg(_quotient(_part(mul(h, g), x, total), total)),
    },
    promotion=None,
).eager


def _weight(x: Any, out: Any, dims: Shape, p: float, x_shape: Shape) -> Any:
    """Return the derivative of the norm by each element: sign(x) (|x| / norm)^(p - 1)."""
    if p == 0:
        return _zeros(x, x_shape)
    if p == 1:
        return sign(x)
    total = _reshape(out, kept_shape(x_shape, dims))
    part = _part(1.0, x, total)
    if p == 2:
        return part
    if p > 2:
        return safe_mul(part, abs(part) if p == 3 else pow_number(abs(part), p - 2))
    weight = _where(eq(x, x), safe_mul(sign(x), pow_number(abs(part), p - 1)), part)
    return _where(eq(total, 0.0), 0.0, weight) if p < 0 else weight  # 0 is then the norm of whatever is beside a 0


def _norm_vjp(g: Any, x: Any, out: Any, dims: Shape, p: float, x_shape: Shape) -> Any:
    if p == 2:
        kept = kept_shape(x_shape, dims)
        return _part(_reshape(g, kept), x, _reshape(out, kept))
    weight = _weight(x, out, dims, p, x_shape)
    return weight if p == 0 else mul(broadcast_back(g, x_shape, dims), weight)


def _norm_jvp(t: Any, x: Any, out: Any, dims: Shape, keepdim: bool, p: float, x_shape: Shape) -> Any:
    return _sum(mul(t, _weight(x, out, dims, p, x_shape)), dims, keepdim)


_norm = kernel_primitive(
    "norm",
    equation="out = (Σ |x|^p)^(1/p); for p = 0 the number of elements that are not 0",
    source="definition",
    relation=MANY_TO_ONE,
    vjp={"x": _norm_vjp},
    jvp={"x": _norm_jvp},
    promotion=None,
)


def _in_dtype(name: str, x: Tensor, dtype: _dtype.dtype | None) -> Tensor:
    float_array_of(name, x)
    if dtype is None:
        return x
    dtype = _dtype.as_dtype(dtype)
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name}: dtype must be a floating-point one, got {dtype}")
    return x if x.dtype is dtype else to_dtype(x, dtype)


def _vector_norm(name: str, x: Tensor, p: Any, dim: Dims, keepdim: bool) -> Tensor:
    if isinstance(p, bool) or not isinstance(p, (int, float)):
        raise TypeError(f"{name}: the order must be a number, got {p!r}")
    dims = dims_of(name, x, dim)
    if p == INFINITY:
        return _amax(abs(x), dims, keepdim)
    if p == -INFINITY:
        return _amin(abs(x), dims, keepdim)
    return _norm(x, dims, keepdim, float(p))


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: _dtype.dtype | None = None,
) -> Tensor:
    """Return the norm of all elements, or of those along one or several dimensions.

    Parameters
    ----------
    x : Tensor
        Of floats, of any shape.
    ord : number, default 2
        The order p. inf and -inf give the largest and the smallest magnitude, 0 the number of elements that are not 0.
    dim : int or sequence of int, optional
        The dimensions to reduce; all by default.
    keepdim : bool, default False
        Keep them with size 1.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`.

    Raises
    ------
    RuntimeError
        If the elements are not floats.

    Notes
    -----
    out = (Σ |x|^p)^(1/p). The gradient is 0 where the norm is 0, and so are all higher derivatives there; the largest and
    the smallest magnitude share the gradient evenly among ties.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.vector_norm(minigrad.tensor([3.0, -4.0]))
    tensor(5.)
    """
    return _vector_norm("linalg.vector_norm", _in_dtype("linalg.vector_norm", x, dtype), ord, dim, keepdim)


def values_of_matrices(a: Tensor, dims: tuple[int, int]) -> Any:
    """Return the singular values of the matrices in two dims along a new last one."""
    shape = a._array.shape
    if shape[dims[0]] < shape[dims[1]]:
        dims = dims[::-1]  # the transposed matrix has the same values
    rest = [d for d in range(len(shape)) if d not in dims]
    return singular_values(_permute(a, (*rest, *dims)))


def _spectral_norm(a: Tensor, order: Any, dims: tuple[int, int], keepdim: bool) -> Tensor:
    """Return the sum, the largest or the smallest of the singular values of each matrix."""
    shape = a._array.shape
    values, last = values_of_matrices(a, dims), (len(shape) - 2,)
    if order == "nuc" or (order > 0 and 0 in (shape[dims[0]], shape[dims[1]])):  # the largest of none is 0
        out = _sum(values, last, False)
    else:
        out = (_amax if order > 0 else _amin)(values, last, False)
    return _reshape(out, kept_shape(shape, tuple(sorted(dims)))) if keepdim else out


def _matrix_norm(name: str, a: Tensor, order: Any, dim: Sequence[int], keepdim: bool) -> Tensor:
    array = array_of(name, a)
    if array.ndim < 2 or len(dim) != 2:
        raise RuntimeError(f"{name}: needs a matrix and two dims, got shape {array.shape} and dim {tuple(dim)}")
    rows, columns = normalise_dims(name, dim, array.shape)
    if order == "fro":
        return _vector_norm(name, a, 2, (rows, columns), keepdim)
    if order in ("nuc", 2, -2):
        return _spectral_norm(a, order, (rows, columns), keepdim)
    if order not in (1, -1, INFINITY, -INFINITY):
        raise RuntimeError(f"{name}: there is no matrix norm of order {order!r}")
    summed, chosen = (rows, columns) if order in (1, -1) else (columns, rows)
    sums = _norm(a, (summed,), True, 1.0)
    if array.shape[chosen] == 0 and order > 0:
        out = _sum(sums, (chosen,), True)  # the largest of no sums is 0
    else:
        out = (_amax if order > 0 else _amin)(sums, (chosen,), True)
    if keepdim:
        return out
    return _reshape(out, tuple([n for d, n in enumerate(array.shape) if d not in (rows, columns)]))


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: _dtype.dtype | None = None,
) -> Tensor:
    """Return the norm of each matrix.

    Parameters
    ----------
    A : Tensor
        Of floats, with at least two dimensions.
    ord : {"fro", "nuc", inf, -inf, 1, -1, 2, -2}, default "fro"
        The root of the sum of squares; the sum of the singular values; the largest (-: the smallest) sum of magnitudes
        along a row (inf) or a column (1); the largest (-: the smallest) singular value (2).
    dim : pair of int, default (-2, -1)
        The dimensions of rows and columns.
    keepdim : bool, default False
        Keep them with size 1.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Without the two dimensions.

    Raises
    ------
    RuntimeError
        If there is no such order, or no matrix.

    Notes
    -----
    Singular values come from one-sided Jacobi rotations: exact and the same everywhere, but slow for hundreds of columns.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.matrix_norm(minigrad.tensor([[1.0, -2.0], [3.0, 4.0]]), float("inf"))
    tensor(7.)
    >>> minigrad.linalg.matrix_norm(minigrad.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    return _matrix_norm("linalg.matrix_norm", _in_dtype("linalg.matrix_norm", A, dtype), ord, dim, keepdim)


def linalg_norm(
    A: Tensor,
    ord: Any = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: _dtype.dtype | None = None,
) -> Tensor:
    """Return the norm of vectors or matrices, whichever `ord` and `dim` say.

    Parameters
    ----------
    A : Tensor
        Of floats.
    ord : number or str, optional
        As in :func:`vector_norm` or :func:`matrix_norm`. Without it, the root of the sum of squares.
    dim : int or pair of int, optional
        One dimension for vectors, two for matrices (with `ord`). Without it all elements, which with `ord` must be a
        vector or a matrix.
    keepdim : bool, default False
        Keep the dimensions with size 1.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.norm(minigrad.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    name = "linalg.norm"
    A = _in_dtype(name, A, dtype)
    if ord is None:
        return _vector_norm(name, A, 2, dim, keepdim)
    rank = A._array.ndim
    if dim is None and rank not in (1, 2):
        raise RuntimeError(f"{name}: with an order and without dim it needs a vector or a matrix, got {A._array.shape}")
    dims = tuple(range(rank)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) == 2:
        return _matrix_norm(name, A, ord, dims, keepdim)
    return _vector_norm(name, A, ord, dims, keepdim)


@method
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    dtype: _dtype.dtype | None = None,
) -> Tensor:
    """Return the norm of all elements, or of those along one or several dimensions.

    Parameters
    ----------
    input : Tensor
        Of floats.
    p : number, "fro" or "nuc", default "fro"
        The order; "fro" is 2, "nuc" the sum of the singular values of a matrix.
    dim : int or sequence of int, optional
        The dimensions to reduce; all by default.
    keepdim : bool, default False
        Keep them with size 1.
    dtype : dtype, optional
        What to convert to first.

    Returns
    -------
    Tensor
        Without the dimensions in `dim`.

    Notes
    -----
    See :func:`minigrad.linalg.vector_norm`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([-3.0, 4.0]).norm(1)
    tensor(7.)
    """
    if p == "nuc":
        x = _in_dtype("norm", input, dtype)
        return _matrix_norm("norm", x, p, range(x._array.ndim) if dim is None else dim, keepdim)  # type: ignore[arg-type]
    return _vector_norm("norm", _in_dtype("norm", input, dtype), 2 if p in ("fro", None) else p, dim, keepdim)


linalg_norm.__name__ = linalg_norm.__qualname__ = "norm"


@method(in_place=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Return a tensor whose slices along a dimension are scaled down to a norm where they have a greater one.

    Parameters
    ----------
    input : Tensor
        Of floats and at least two dimensions.
    p : float
        The order of the norm, above 0.
    dim : int
        The dimension that counts the slices.
    maxnorm : float
        The greatest norm that a slice keeps.

    Returns
    -------
    Tensor
        Of `input`'s shape.

    Raises
    ------
    RuntimeError
        If `input` has fewer than two dimensions, `p` is not above 0, or `maxnorm` is below 0.
    IndexError
        If there is no such dimension.

    Notes
    -----
    A slice x with |x|ₚ > m becomes x m / (|x|ₚ + 10⁻⁷), as in PyTorch.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([[3.0, 4.0], [0.3, 0.4]]).renorm(2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    shape = array_of("renorm", input).shape
    if len(shape) < 2:
        raise RuntimeError(f"renorm: needs at least two dimensions, got shape {shape}")
    if not (p > 0 and maxnorm >= 0):
        raise RuntimeError(f"renorm: p must be above 0 and maxnorm not below 0, got {p} and {maxnorm}")
    (kept,) = normalise_dims("renorm", dim, shape)
    lengths = _vector_norm("renorm", input, p, tuple(d for d in range(len(shape)) if d != kept), True)
    factor = _where(lengths > maxnorm, div(float(maxnorm), lengths + 1e-7), 1.0)
    return mul(input, factor)
