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
from ..primitive import LEADING, MANY_TO_MANY, Primitive
from .elementwise import _add, _sub, _where, div, eq, mul
from .linalg import _matmul
from .reduce import _sum
from .shape import Shape, _reshape, _zeros, matrix_transpose

SWEEPS = 40  # six to ten are enough


def _rounds(n: int) -> list[tuple[list[int], list[int]]]:
    """Return all pairs of columns, in rounds of pairs that have none in common: a round-robin tournament."""
    order, rounds = [*range(n), *([-1] if n % 2 else [])], []
    for _ in range(len(order) - 1):
        half = len(order) // 2
        pairs = [(a, b) for a, b in zip(order[:half], reversed(order[half:]), strict=True) if min(a, b) >= 0]
        rounds.append(([a for a, _ in pairs], [b for _, b in pairs]))
        order = [order[0], order[-1], *order[1:-1]]
    return rounds


def _turn(columns: Array, first: list[int], second: list[int], cosine: Array, sine: Array) -> None:
    a, b = columns[..., first], columns[..., second]
    columns[..., first], columns[..., second] = cosine * a - sine * b, sine * a + cosine * b


def _orthogonalize(a: Array, v: Array) -> None:
    """Turn the columns of `a`, and those of `v` with them, until none has a share in another."""
    rounds, enough = _rounds(a.shape[-1]), np.finfo(a.dtype).eps
    for _ in range(SWEEPS):
        done = True
        for first, second in rounds:
            x, y = a[..., first], a[..., second]
            xx, yy, xy = ((p * q).sum(-2, keepdims=True) for p, q in ((x, x), (y, y), (x, y)))
            turned = np.abs(xy) > enough * np.sqrt(xx) * np.sqrt(yy)
            if not turned.any():
                continue
            done = False
            zeta = (yy - xx) / np.where(turned, 2 * xy, 1)
            tangent = np.where(turned, np.copysign(1, zeta) / (np.abs(zeta) + np.sqrt(1 + zeta * zeta)), 0)
            cosine = 1 / np.sqrt(1 + tangent * tangent)
            _turn(a, first, second, cosine, cosine * tangent)
            _turn(v, first, second, cosine, cosine * tangent)
        if done:
            return


def _run(x: Array) -> tuple[Array, Array, Array]:
    """Return the values, the left and the right vectors, computed in float64."""
    n = x.shape[-1]
    scale = np.abs(x).max((-2, -1), keepdims=True, initial=0).astype(np.float64)
    scale = np.where((scale > 0) & np.isfinite(scale), scale, 1)  # squares neither overflow nor vanish
    a, v = np.ascontiguousarray(x / scale), np.zeros((*x.shape[:-2], n, n))
    v[..., range(n), range(n)] = 1
    with np.errstate(all="ignore"):
        _orthogonalize(a, v)
        sizes = np.sqrt((a * a).sum(-2))
        order = np.argsort(-sizes, axis=-1, kind="stable")
        sizes = np.take_along_axis(sizes, order, -1)
        a, v = (np.take_along_axis(m, order[..., None, :], -1) for m in (a, v))
        u = np.where(sizes[..., None, :] > 0, a / sizes[..., None, :], 0)
    some: Any = (sizes > 0).any(-1, keepdims=True)
    u = np.where(some[..., None], u, np.eye(*x.shape[-2:]))  # of zeros, PyTorch's
    return tuple(np.asarray(m, x.dtype) for m in (sizes * scale[..., 0], u, v))  # type: ignore[return-value]


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
singular_values: Callable[..., Any] = Primitive(
    "singular_values",
    run=_run,
    inputs=("x",),
    outputs=("out", "u", "v"),
    equation="x = u diag(out) vᵀ, with orthonormal columns, the largest value first",
    source="one-sided Jacobi rotations",
    relation=MANY_TO_MANY,
    vjp={"x": _vjp},
    jvp={"x": _jvp},
    promotion=None,
    returned=1,
    batch=LEADING,
).eager
