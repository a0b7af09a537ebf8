"""Distances between the rows of two matrices, and what goes back and forward through them.

The distance of two rows is the norm of their difference. Its derivative by a difference is the difference's sign for
p = 1, and the difference over the distance for p = 2. So both ways need sums of differences, or of their signs, with
weights: over the rows of y on the way back, over a row's elements on the way forward. These two are each other's
derivatives by the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..primitive import ALIGNED, MANY_TO_MANY, kernel_primitive
from .elementwise import _where, div, eq, mul, neg, safe_mul
from .linalg import _matmul
from .reduce import _sum
from .shape import Shape, broadcast, broadcast_shapes, matrix_transpose

INFINITY = float("inf")


def _weights(g: Any, out: Any, p: float) -> Any:
    """Return what the differences, or their signs, are multiplied by: 0 where a distance is 0 or infinite, or g is 0."""
    return g if p == 1 else safe_mul(g, div(1.0, _where(eq(out, 0.0), INFINITY, out)))


_distances: Callable[..., Any] = kernel_primitive(
    "cdist",
    equation="out[..., i, j] = ‖x[..., i, :] - y[..., j, :]‖",
    source="definition of the norms of order 1, 2 and infinity; the derivative at 0 is 0",
    relation=MANY_TO_MANY,
    broadcasts=True,
    vjp={
        "x": lambda g, x, y, out, p: _pull(_weights(g, out, p), x, y, p),
        "y": lambda g, x, y, out, p: _pull(matrix_transpose(_weights(g, out, p)), y, x, p),
    },
    jvp={
        "x": lambda t, x, y, out, p: _weights(_push(t, x, y, p), out, p),
        "y": lambda t, x, y, out, p: _weights(matrix_transpose(_push(t, y, x, p)), out, p),
    },
    batch=ALIGNED,
)


def _total(x: Any) -> Any:
    """Return the sums of rows."""
    return _sum(x, (x.ndim - 1,), True)


def _slope(x: Any, p: float) -> Any:
    """Return x times the derivative of a difference by itself: of its sign that is 0."""
    return x if p == 2 else mul(x, 0.0)


def _out_of_pull(x: Any, w_shape: Shape, x_shape: Shape, y_shape: Shape) -> Any:
    return broadcast(x, (*broadcast_shapes(w_shape[:-2], x_shape[:-2], y_shape[:-2]), *x_shape[-2:]))


def _out_of_push(x: Any, w_shape: Shape, x_shape: Shape, y_shape: Shape) -> Any:
    batch = broadcast_shapes(w_shape[:-2], x_shape[:-2], y_shape[:-2])
    return broadcast(x, (*batch, x_shape[-2], y_shape[-2]))


_pull: Callable[..., Any] = kernel_primitive(
    "cdist_pull",
    equation="out[..., i, k] = Σ w[..., i, j] φ(x[..., i, k] - y[..., j, k]) over j; φ(d) = d, or d's sign if p = 1",
    source="derivative of the distances by x",
    relation=MANY_TO_MANY,
    broadcasts=True,
    vjp={
        "w": lambda g, x, y, p: _push(g, x, y, p),
        "x": lambda g, w, p: _slope(mul(g, _total(w)), p),
        "y": lambda g, w, p: _slope(neg(_matmul(matrix_transpose(w), g)), p),
    },
    jvp={
        "w": lambda t, x, y, p: _pull(t, x, y, p),
        "x": lambda t, w, p, w_shape, x_shape, y_shape: _out_of_pull(
            _slope(mul(t, _total(w)), p), w_shape, x_shape, y_shape
        ),
        "y": lambda t, w, p, w_shape, x_shape, y_shape: _out_of_pull(
            _slope(neg(_matmul(w, t)), p), w_shape, x_shape, y_shape
        ),
    },
    batch=ALIGNED,
)
_push: Callable[..., Any] = kernel_primitive(
    "cdist_push",
    equation="out[..., i, j] = Σ w[..., i, k] φ(x[..., i, k] - y[..., j, k]) over k; φ(d) = d, or d's sign if p = 1",
    source="derivative of the distances along a direction",
    relation=MANY_TO_MANY,
    broadcasts=True,
    vjp={
        "w": lambda g, x, y, p: _pull(g, x, y, p),
        "x": lambda g, w, p: _slope(mul(w, _total(g)), p),
        "y": lambda g, w, p: _slope(neg(_matmul(matrix_transpose(g), w)), p),
    },
    jvp={
        "w": lambda t, x, y, p: _push(t, x, y, p),
        "x": lambda t, w, p, w_shape, x_shape, y_shape: _out_of_push(
            _slope(_total(mul(w, t)), p), w_shape, x_shape, y_shape
        ),
        "y": lambda t, w, p, w_shape, x_shape, y_shape: _out_of_push(
            _slope(neg(_matmul(w, matrix_transpose(t))), p), w_shape, x_shape, y_shape
        ),
    },
    batch=ALIGNED,
)
