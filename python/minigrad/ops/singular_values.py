"""Singular values, for the norms of matrices that are made of them.

One-sided Jacobi rotations (Hestenes, "Inversion of matrices by biorthogonalization and related results") turn the columns
until they are orthogonal; their lengths are the singular values. Sums, products, quotients and roots in one order are all
they take, so that the bits are the same everywhere, and small values are as exact as large ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Array
from ..primitive import LEADING, MANY_TO_MANY, kernel_primitive
from .elementwise import _add, _sub, _where, div, eq, mul
from .linalg import _matmul
from .reduce import _sum
from .shape import Shape, _reshape, _zeros, matrix_transpose


def _eye(x: Any, n: int) -> Array:
    return np.eye(n, dtype=_zeros(x, ()).dtype)


class _Values:
    """The singular values of matrices as rows, and what lies between them."""

    def __init__(self, x: Any, s: Any, u: Any, v: Any, x_shape: Shape) -> None:
        *batch, _, n = x_shape
        self.row, column = _reshape(s, (*batch, 1, n)), _reshape(s, (*batch, n, 1))
        self.gap = _sub(mul(self.row, self.row), mul(column, column))
        #: x v, whose columns are those of u times the values. Where one is 0, u's column has no derivative, but this has.
        self.images = _where(eq(self.row, 0.0), _matmul(x, v), mul(u, self.row))

    def between(self, m: Any) -> Any:
        """Return m[i, j] / (s[j]² - s[i]²), 0 where both are equal."""
        equal = eq(self.gap, 0.0)
        return _where(equal, 0.0, div(m, _where(equal, 1.0, self.gap)))

    def within(self, m: Any) -> Any:
        """Return the mean of m[i, j] and m[j, i] where both values are equal, otherwise 0."""
        return _where(eq(self.gap, 0.0), mul(_add(m, matrix_transpose(m)), 0.5), 0.0)

    def over(self, m: Any) -> Any:
        """Return m[i, j] / s[j], 0 where that is 0."""
        return _where(eq(self.row, 0.0), 0.0, div(m, _where(eq(self.row, 0.0), 1.0, self.row)))


def _vjp(g: Any, x: Any, out: Any, u: Any, v: Any, x_shape: Shape) -> Any:
    by_s, by_u, by_v = g
    values, n = _Values(x, out, u, v, x_shape), x_shape[-1]
    core = turned = _zeros(out, (*x_shape[:-2], n, n))
    if by_s is not None:
        core = mul(_eye(out, n), _reshape(by_s, (*x_shape[:-2], 1, n)))
    if by_v is not None:
        turned = _matmul(matrix_transpose(v), by_v)
    left = _zeros(out, x_shape)
    if by_u is not None:
        left = values.over(by_u)
        core = _sub(core, values.within(_matmul(matrix_transpose(u), left)))
        turned = _add(turned, _matmul(matrix_transpose(values.images), left))
    turned = values.between(_sub(turned, matrix_transpose(turned)))
    left = _add(_add(left, _matmul(u, core)), _matmul(values.images, turned))
    return _matmul(left, matrix_transpose(v))


def _jvp(t: Any, x: Any, out: Any, u: Any, v: Any, x_shape: Shape) -> tuple[Any, Any, Any]:
    values, n = _Values(x, out, u, v, x_shape), x_shape[-1]
    moved = _matmul(t, v)
    inner = _matmul(matrix_transpose(u), moved)
    of_s = _sum(mul(inner, _eye(out, n)), (len(x_shape) - 1,), False)
    turned = _matmul(matrix_transpose(values.images), moved)
    turned = values.between(_add(turned, matrix_transpose(turned)))
    own = _sub(_add(moved, _matmul(values.images, turned)), _matmul(u, values.within(inner)))
    return of_s, values.over(own), _matmul(v, turned)


#: Of matrices with at least as many rows as columns. u and v are for the rules: they are known up to signs, and where
#: values are equal up to more, which the derivatives of a symmetric function of the values do not see.
singular_values: Callable[..., Any] = kernel_primitive(
    "singular_values",
    equation="x = u diag(out) vᵀ, with orthonormal columns, the largest value first",
    source="one-sided Jacobi rotations",
    relation=MANY_TO_MANY,
    vjp={"x": _vjp},
    jvp={"x": _jvp},
    batch=LEADING,
    promotion=None,
    returned=1,
)
