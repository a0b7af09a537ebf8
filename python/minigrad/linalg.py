"""Linear algebra, as ``torch.linalg`` names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._absent import lookup
from ._out import publish
from .ops import products, views
from .ops.elementwise import div, mul
from .ops.extrema import amax, amin
from .ops.linalg import matmul
from .ops.norms import linalg_norm as norm
from .ops.norms import matrix_norm, values_of_matrices, vector_norm
from .ops.products import matrix_power, multi_dot
from .ops.reduce import sum as sum_
from .tensor import Tensor, array_of, float_array_of

__all__ = ["cond", "cross", "diagonal", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm"]
__all__ += ["vander", "vecdot", "vector_norm"]


def cond(A: Tensor, p: Any = None) -> Tensor:
    """Return how much a system of linear equations with this matrix can magnify relative errors.

    Parameters
    ----------
    A : Tensor
        Of floats, with matrices in its last two dimensions.
    p : {None, 2, -2}, optional
        The largest singular value over the smallest; -2: the smallest over the largest. PyTorch's other norms need the
        inverse, which minigrad leaves out.

    Returns
    -------
    Tensor
        One number for each matrix: inf for a singular one.

    Raises
    ------
    RuntimeError
        If there are no matrices, or `p` is another.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.cond(minigrad.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(1.3333)
    """
    if p not in (None, 2, -2):
        raise RuntimeError(f"cond: p must be None, 2 or -2, for minigrad has no inverses, got {p!r}")
    if float_array_of("cond", A).ndim < 2:
        raise RuntimeError(f"cond: needs matrices, got shape {tuple(A.shape)}")
    values = values_of_matrices(A, (A.ndim - 2, A.ndim - 1))
    largest, smallest = amax(values, -1), amin(values, -1)
    return div(smallest, largest) if p == -2 else div(largest, smallest)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Return the vectors that stand upright on pairs of others; see `minigrad.cross`."""
    return products.cross(input, other, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return a view of the diagonals of matrices; see `minigrad.diagonal`."""
    return views.diagonal(A, offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Return the powers 0 to N - 1 of each element along a new last dimension; see `minigrad.vander`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.vander(minigrad.tensor([[2.0, 3.0]]), N=3)
    tensor([[[1., 2., 4.],
             [1., 3., 9.]]])
    """
    shape = array_of("vander", x, "x").shape
    if not shape:
        raise RuntimeError("vander: x must have at least one dimension")
    return products.powers(x, shape[-1] if N is None else N)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Return the products of vectors that lie along a dimension; the shapes broadcast.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.linalg.vecdot(minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]), minigrad.ones(2))
    tensor([3., 7.])
    """
    array_of("vecdot", x, "x")
    array_of("vecdot", y, "y")
    return sum_(mul(x, y), dim)


publish(globals(), ("cross", "matmul", "matrix_power", "multi_dot", "norm", "vecdot", "vector_norm"))

if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
