"""Linear algebra, as ``torch.linalg`` names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._absent import lookup
from ._out import publish
from .ops import products, views
from .ops.elementwise import mul
from .ops.linalg import matmul
from .ops.norms import linalg_norm as norm
from .ops.norms import matrix_norm, vector_norm
from .ops.products import matrix_power, multi_dot
from .ops.reduce import sum as sum_
from .tensor import Tensor, array_of

__all__ = ["cross", "diagonal", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm"]
__all__ += ["vander", "vecdot", "vector_norm"]


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
