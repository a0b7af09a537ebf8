"""The primitives of scattering: elements are set, added, multiplied, or the extremum is taken, at places that indices say.

Within a lane, the line of elements along dim, elements for one place are taken in their order: the last one stays, terms
are added from the first to the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..batching import bottom
from ..graph import Array
from ..primitive import LINEAR, MANY_TO_MANY, MANY_TO_ONE, ONE_TO_MANY, ONE_TO_ONE, kernel_primitive
from ..tensor import Tensor
from .elementwise import _add, mul, safe_mul
from .index import _scatter_add, gather_along
from .records import ARTICLE, DEFINITION
from .reduce import others_jvp, others_vjp
from .shape import Shape, _reshape

_occurrence = kernel_primitive(
    "occurrence",
    equation="out[k] = how many positions before k along dim (behind it, if reverse) have the index of k",
    source=DEFINITION,
    relation=MANY_TO_ONE,
    promotion=None,
)


def _zeros(like: Any, shape: Shape) -> Array:
    return np.zeros(shape, dtype=(like._array if isinstance(like, Tensor) else like).dtype)


#: The adjoint of replacing: picks, but not for positions whose element a later one overwrites.
_gather_last: Callable[..., Any] = kernel_primitive(
    "gather_last",
    equation="out[i, j] = g[index[i, j], j] where index[i, j] differs from all later ones in j, else 0, for dim 0",
    source="the adjoint of scatter, of which the last one stays",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"g": lambda h, index, dim, g_shape: _scatter(_zeros(h, g_shape), h, index, dim)},
    promotion=None,
)

#: Replaces: out is x, but out[index[i, j], j] = src[i, j] for dim 0; of several, the last one stays.
_scatter: Callable[..., Any] = kernel_primitive(
    "scatter",
    constants=(0,),
    equation="out = x, but out[index[i, j], j] = src[i, j] for dim 0; the last one stays",
    source=f"{ARTICLE} section 5: scatter and gather are each other's inverse",
    relation=ONE_TO_ONE,
    vjp={
        "x": lambda g, index, dim: _scatter(g, 0.0, index, dim),
        "src": lambda g, index, dim: _gather_last(g, index, dim),
    },
    jvp={
        "x": lambda t, index, dim: _scatter(t, 0.0, index, dim),
        "src": lambda t, index, dim, x_shape: _scatter(_zeros(t, x_shape), t, index, dim),
    },
    promotion=None,
)

#: Adds: out is x, and out[index[i, j], j] += src[i, j] for dim 0.
_scatter_sum: Callable[..., Any] = kernel_primitive(
    "scatter_sum",
    kernel="scatter",
    constants=(1,),
    equation="out = x, then out[index[i, j], j] += src[i, j] for dim 0",
    source=f"{ARTICLE} section 5",
    relation=MANY_TO_ONE,
    vjp={"x": lambda g: g, "src": lambda g, index, dim: gather_along(g, index, dim)},
    jvp={
        "x": lambda t: t,
        "src": lambda t, index, dim, x_shape: _scatter_add(t, index, x_shape, dim),
    },
    promotion=None,
)


def _ones(like: Any, shape: Shape) -> Array:
    return np.broadcast_to(np.ones((), dtype=(like._array if isinstance(like, Tensor) else like).dtype), shape)


def _times_factors(g: Any, src: Any, index: Any, dim: int, x_shape: Shape) -> Any:
    """Return each place's element of `g`, times the elements of `src` for it."""
    return safe_mul(g, _scatter_product(_ones(g, x_shape), src, index, dim))


#: Multiplies: out is x, and out[index[i, j], j] *= src[i, j] for dim 0.
_scatter_product: Callable[..., Any] = kernel_primitive(
    "scatter_product",
    kernel="scatter",
    constants=(2,),
    equation="out = x, then out[index[i, j], j] *= src[i, j] for dim 0",
    source=f"{ARTICLE} (5.3)",
    relation=MANY_TO_ONE,
    vjp={
        "x": _times_factors,
        "src": lambda g, x, src, index, dim: _scatter_others(safe_mul(g, x), src, index, dim),
    },
    jvp={
        "x": _times_factors,
        "src": lambda t, x, src, index, dim, x_shape: _scatter_add(
            safe_mul(t, _scatter_others(x, src, index, dim)), index, x_shape, dim
        ),
    },
    promotion=None,
)


class _Rows:
    """Factors for one place side by side: rows of them, as long as there are most for one."""

    def __init__(self, index: Any, dim: int, index_shape: Shape, x_shape: Shape) -> None:
        self.dim, self.own, shape = dim, index_shape or (1,), x_shape or (1,)
        at = _reshape(index, self.own)
        rank = _occurrence(at, dim, shape[dim], False)
        width = int(np.asarray(bottom(rank._array if isinstance(rank, Tensor) else rank)).max()) + 1
        self.at = _add(mul(at, width), rank)
        self.rows = (*shape[:dim], shape[dim], width, *shape[dim + 1 :])
        self.line = (*shape[:dim], shape[dim] * width, *shape[dim + 1 :])

    def put(self, x: Any, elsewhere: Any) -> Any:
        """Return the rows that hold `x`, filled up with what `elsewhere` makes."""
        return _reshape(_scatter(elsewhere(x, self.line), _reshape(x, self.own), self.at, self.dim), self.rows)

    def take(self, rows: Any, shape: Shape) -> Any:
        """Return what stands where `put` puts its argument."""
        return _reshape(gather_along(_reshape(rows, self.line), self.at, self.dim), shape)


def _others_of_src(h: Any, x: Any, src: Any, index: Any, dim: int, index_shape: Shape, x_shape: Shape) -> Any:
    if 0 in index_shape:
        return h
    rows = _Rows(index, dim, index_shape, x_shape)
    terms = rows.put(safe_mul(h, gather_along(x, index, dim)), _zeros)
    return rows.take(others_vjp(terms, 1.0, rows.put(src, _ones), dim + 1), index_shape)


def _push_others(t: Any, x: Any, src: Any, index: Any, dim: int, index_shape: Shape, x_shape: Shape) -> Any:
    if 0 in index_shape:
        return t
    rows = _Rows(index, dim, index_shape, x_shape)
    change = others_jvp(rows.put(t, _zeros), 1.0, rows.put(src, _ones), dim + 1)
    return safe_mul(rows.take(change, index_shape), gather_along(x, index, dim))


#: What an element of src is multiplied with when it is scattered: no division, so zeros do no harm.
_scatter_others: Callable[..., Any] = kernel_primitive(
    "scatter_others",
    equation="out[k] = x[index[k]] Π src[j] for j ≠ k with index[j] = index[k]",
    source=f"{ARTICLE} (5.4)",
    relation=MANY_TO_MANY,
    vjp={
        "x": lambda h, src, index, dim, x_shape: _scatter_add(
            safe_mul(h, _scatter_others(_ones(h, x_shape), src, index, dim)), index, x_shape, dim
        ),
        "src": _others_of_src,
    },
    jvp={"x": lambda t, src, index, dim: _scatter_others(t, src, index, dim), "src": _push_others},
    promotion=None,
)


def _shares_vjp(h: Any, x: Any, src: Any, index: Any, extremum: Any, dim: int, x_shape: Shape) -> Any:
    of_x, of_src = _scatter_shares(1.0, x, src, index, extremum, dim)
    here = None if h[0] is None else mul(h[0], of_x)
    if h[1] is None:
        return here
    there = _scatter_add(mul(h[1], of_src), index, x_shape, dim)
    return there if here is None else _add(here, there)


#: The cotangent of a greatest or smallest element, shared evenly by those that equal it. NaN equals NaN.
_scatter_shares: Callable[..., Any] = kernel_primitive(
    "scatter_shares",
    equation="of_x, of_src = g / n where x or src is the extremum of its place, which n elements are; 0 elsewhere",
    source=f"{ARTICLE} (5.8); ties share the gradient evenly",
    relation=ONE_TO_MANY,
    structure=LINEAR,
    vjp={"g": _shares_vjp},
    promotion=None,
)


def _push_src(t: Any, x: Any, src: Any, index: Any, out: Any, dim: int, x_shape: Shape) -> Any:
    return _scatter_add(mul(t, _scatter_shares(1.0, x, src, index, out, dim)[1]), index, x_shape, dim)


def _extremum(name: str, mode: int) -> Callable[..., Any]:
    return kernel_primitive(
        f"scatter_{name}",
        kernel="scatter",
        constants=(mode,),
        equation=f"out = x, then out[index[i, j], j] = {name[1:]}(itself, src[i, j]) for dim 0",
        source=f"{ARTICLE} (5.7); ties share the gradient evenly",
        relation=MANY_TO_ONE,
        vjp={
            "x": lambda g, x, src, index, out, dim: _scatter_shares(g, x, src, index, out, dim)[0],
            "src": lambda g, x, src, index, out, dim: _scatter_shares(g, x, src, index, out, dim)[1],
        },
        vjp_at_once=lambda g, _, x, src, index, out, dim: _scatter_shares(g, x, src, index, out, dim),
        jvp={
            "x": lambda t, x, src, index, out, dim: _scatter_shares(t, x, src, index, out, dim)[0],
            "src": _push_src,
        },
        promotion=None,
    )


_scatter_amax = _extremum("amax", 3)
_scatter_amin = _extremum("amin", 4)
