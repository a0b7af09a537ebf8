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
    """The singular values of matrices as rows and columns, and what lies between them."""

    def __init__(self, s: Any, x_shape: Shape) -> None:
        *batch, _, n = x_shape
        self.row, self.column = _reshape(s, (*batch, 1, n)), _reshape(s, (*batch, n, 1))

    def between(self, m: Any) -> Any:
        """Return m[i, j] / (s[j]² - s[i]²), 0 where both are equal."""
        gap = _sub(mul(self.row, self.row), mul(self.column, self.column))
        return _where(eq(gap, 0.0), 0.0, div(m, _where(eq(gap, 0.0), 1.0, gap)))

    def over(self, m: Any) -> Any:
        """Return m[i, j] / s[j], 0 where that is 0."""
        return _where(eq(self.row, 0.0), 0.0, div(m, _where(eq(self.row, 0.0), 1.0, self.row)))


def _less_transposed(m: Any) -> Any:
    return _sub(m, matrix_transpose(m))


def _vjp(g: Any, out: Any, u: Any, v: Any, x_shape: Shape) -> Any:
    by_s, by_u, by_v = g
    values, n = _Values(out, x_shape), x_shape[-1]
    core = _zeros(out, (*x_shape[:-2], n, n))
    if by_s is not None:
        core = _add(core, mul(_eye(out, n), _reshape(by_s, (*x_shape[:-2], 1, n))))
    if by_u is not None:
        core = _add(core, mul(values.between(_less_transposed(_matmul(matrix_transpose(u), by_u))), values.row))
    if by_v is not None:
        core = _add(core, mul(values.column, values.between(_less_transposed(_matmul(matrix_transpose(v), by_v)))))
    left = _matmul(u, core)
    if by_u is not None:
        left = _add(left, values.over(_sub(by_u, _matmul(u, _matmul(matrix_transpose(u), by_u)))))
    return _matmul(left, matrix_transpose(v))


def _jvp(t: Any, out: Any, u: Any, v: Any, x_shape: Shape) -> tuple[Any, Any, Any]:
    values, n = _Values(out, x_shape), x_shape[-1]
    moved = _matmul(t, v)
    inner = _matmul(matrix_transpose(u), moved)
    of_s = _sum(mul(inner, _eye(out, n)), (len(x_shape) - 1,), False)
    scaled = mul(inner, values.row), mul(values.column, inner)  # P S and S P
    turned_u = values.between(_add(scaled[0], matrix_transpose(scaled[0])))
    turned_v = values.between(_add(scaled[1], matrix_transpose(scaled[1])))
    beyond = values.over(_sub(moved, _matmul(u, inner)))
    return of_s, _add(_matmul(u, turned_u), beyond), _matmul(v, turned_v)


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
