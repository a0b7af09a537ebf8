"""Rows of the operations that take indices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .case import LARGE, NAN, PRIVATE, Array, Case, Draw, Shape, apart, normal


def gathers() -> Iterator[Case]:
    for variant, shape, picked, dim in (
        ("no dims", (), (), 0),
        ("empty", (3, 4), (0, 4), 0),
        ("first", (3, 4), (5, 2), 0),
        ("last", (3, 4), (2, 6), 1),
        ("middle", (2, 5, 3), (2, 3, 3), 1),
        ("large", LARGE, LARGE, 1),
        ("large, first", LARGE, LARGE, 0),
    ):
        n = shape[dim] if shape else 1

        def index(draw: Draw, picked: Shape = picked, n: int = n) -> Array:
            return np.asarray(draw.integers(0, n, picked))

        large = shape == LARGE
        yield Case(
            "gather", variant, lambda draw, s=shape, i=index: (normal(draw, s), i(draw)), (dim,), large=large,
            public=lambda lib, x, index, dim: lib.gather(x, dim, index),
        )  # fmt: skip
        yield Case(
            "scatter_add", variant, lambda draw, s=picked, i=index: (normal(draw, s), i(draw)), (shape, dim),
            large=large,
            public=lambda lib, src, index, shape, dim: lib.scatter_add(
                lib.zeros(shape, dtype=src.dtype), dim, index, src
            ),
        )  # fmt: skip


def rows() -> Iterator[Case]:
    for variant, shape, count in (
        ("empty", (3, 4), (0,)),
        ("one", (1, 2), (1,)),
        ("vector", (5,), (7,)),
        ("matrix", (4, 3), (6,)),
        ("several dims", (4, 2, 2), (3, 2)),
        ("no dims", (4, 3), ()),
        ("registers", (3, 37), (5,)),
        ("large", LARGE, (90,)),
    ):

        def index(draw: Draw, count: Shape = count, n: int = shape[0]) -> Array:
            return np.asarray(draw.integers(0, n, count))

        yield Case(
            "index_rows", variant, lambda draw, s=shape, i=index: (normal(draw, s), i(draw)), large=shape == LARGE,
            public=(lambda lib, x, index: lib.index_select(x, 0, index)) if len(count) == 1 else PRIVATE,
        )  # fmt: skip
        yield Case(
            "index_rows_add", variant,
            lambda draw, s=(*count, *shape[1:]), i=index: (normal(draw, s), i(draw)), (shape[0],),
            large=shape == LARGE,
        )  # fmt: skip
        yield Case(
            "add_rows", variant,
            lambda draw, s=shape, i=index: (normal(draw, s), *(i(draw).reshape(-1) for _ in range(2)), 1),
            (shape[0],), large=shape == LARGE, public=PRIVATE,
        )  # fmt: skip
        yield Case(
            "add_rows", f"{variant}, scaled",
            lambda draw, s=shape, i=index: (
                normal(draw, s), *(i(draw).reshape(-1) for _ in range(2)), normal(draw, i(draw).reshape(-1).shape)
            ),
            (shape[0],), large=shape == LARGE, public=PRIVATE,
        )  # fmt: skip

    def bags(draw: Draw) -> tuple[Array, ...]:  # the first and the last of four are empty
        return normal(draw, (3, 67)), np.array([1, 1, 1, 2, 2]), np.asarray(draw.integers(0, 3, 5)), normal(draw, (5,))

    yield Case("add_rows", "bags", bags, (4,), public=PRIVATE)


def modes(primitive: str, public: Callable[..., Any]) -> Iterator[Case]:
    """Rows of a way to scatter into x."""
    for variant, shape, picked, dim in (
        ("no dims", (), (), 0),
        ("empty", (3, 4), (0, 4), 0),
        ("first", (3, 4), (5, 2), 0),
        ("last", (3, 4), (2, 6), 1),
        ("middle", (2, 5, 3), (2, 3, 3), 1),
        ("vector", (4,), (7,), 0),
        ("large", LARGE, LARGE, 1),
        ("large, first", LARGE, LARGE, 0),
        ("large vector", (90,), (9000,), 0),
    ):
        n = shape[dim] if shape else 1

        def make(draw: Draw, shape: Shape = shape, picked: Shape = picked, n: int = n) -> tuple[Array, ...]:
            index = np.asarray(draw.integers(0, n, picked))
            drawn = apart(draw, (int(np.prod(shape)) + int(np.prod(picked)),))
            x, src = np.split(drawn, [int(np.prod(shape))])
            return x.reshape(shape), src.reshape(picked), index

        yield Case(primitive, variant, make, (dim,), large="large" in variant, public=public)


def scatters() -> Iterator[Case]:
    # Of several writes to one place PyTorch keeps any one, and gives all of them a gradient.
    yield from modes("scatter", PRIVATE)
    yield Case(
        "scatter", "distinct", lambda draw: (normal(draw, (3, 4)), normal(draw, (2, 3)), np.array([[0, 3, 1], [2, 1, 0]])),
        (1,), public=lambda lib, x, src, index, dim: lib.scatter(x, dim, index, src),
    )  # fmt: skip
    yield Case(
        "scatter", "number", lambda draw: (normal(draw, (3, 4)), 2.5, np.array([[0, 3, 0], [2, 1, 2]])), (1,),
        public=lambda lib, x, src, index, dim: lib.scatter(x, dim, index, src),
    )  # fmt: skip
    yield from modes("scatter_sum", lambda lib, x, src, index, dim: lib.scatter_add(x, dim, index, src))
    for case in modes(
        "scatter_product", lambda lib, x, src, index, dim: lib.scatter_reduce(x, dim, index, src, "prod")
    ):
        # PyTorch divides by x: where nothing is scattered, its second derivative is a rounding error.
        yield replace(case, public=PRIVATE) if case.variant == "empty" else case
    for name in ("amax", "amin"):
        yield from modes(
            f"scatter_{name}", lambda lib, x, src, index, dim, n=name: lib.scatter_reduce(x, dim, index, src, n)
        )
        yield Case(
            f"scatter_{name}", "ties",
            lambda _: (np.array([1.0, 2.0, 0.0]), np.array([2.0, 1.0, 1.0, 2.0, 0.0]), np.array([1, 0, 0, 1, 1])),
            (0,), smooth=False,
            public=lambda lib, x, src, index, dim, n=name: lib.scatter_reduce(x, dim, index, src, n),
        )  # fmt: skip


def index_helpers() -> Iterator[Case]:
    for variant, shape, dim in (("vector", (7,), 0), ("last", (2, 6), 1), ("large", LARGE, 0)):

        def make(draw: Draw, shape: Shape = shape) -> tuple[Array]:
            return (np.asarray(draw.integers(0, 4, shape)),)

        large = shape == LARGE
        for reverse in (False, True):
            yield Case(
                "occurrence", f"{variant}{', reverse' if reverse else ''}", make, (dim, 4, reverse), large=large,
            )  # fmt: skip

        def make_last(draw: Draw, shape: Shape = shape, dim: int = dim) -> tuple[Array, Array]:
            sizes = list(shape)
            sizes[dim] = 4
            return normal(draw, tuple(sizes)), np.asarray(draw.integers(0, 4, shape))

        yield Case("gather_last", variant, make_last, (dim,), large=large)
    shared = np.broadcast_to(np.array([[1], [0], [1]]), (3, 2))
    yield Case("gather_last", "shared", lambda draw: (normal(draw, (2, 2)), shared), (0,))
    yield Case("gather_last", "no dims", lambda draw: (normal(draw, ()), np.array(0)), (0,))


def scatter_backward() -> Iterator[Case]:
    """Rows of what the gradients of scattered products and extrema need."""
    yield from modes("scatter_others", PRIVATE)
    zeros = np.array([0.0, 2.0, 0.0, 0.0, 3.0, 0.5]), np.array([0, 1, 0, 1, 2, 1])
    yield Case("scatter_others", "zeros", lambda _: (np.array([1.5, 2.0, 0.0]), *zeros), (0,))

    def shares(make: Callable[[Draw], tuple[Array, ...]], dim: int) -> Callable[[Draw], tuple[Array, ...]]:
        def of(draw: Draw) -> tuple[Array, ...]:
            x, src, index = make(draw)
            x, src = np.asarray(x.round()), np.asarray(src.round())
            return normal(draw, x.shape), x, src, index, extremes(x, src, index, dim)

        return of

    for case in modes("scatter_shares", PRIVATE):
        yield replace(case, make=shares(case.make, *case.attributes))
    for g in (1.0, np.array([6.0, 4.0])):
        yield Case(
            "scatter_shares", f"not numbers, {np.ndim(g)}",
            lambda _, g=g: (g, np.array([NAN, 1.0]), np.array([NAN, 2.0, 0.0, 2.0]), np.array([0, 1, 0, 1]), np.array([NAN, 2.0])),
            (0,),
        )  # fmt: skip


def extremes(x: Array, src: Array, index: Array, dim: int) -> Array:
    """Return the greatest elements of scattered ones."""
    out = np.array(x)
    for place in np.ndindex(index.shape):
        target = tuple(int(index[place]) if d == dim else i for d, i in enumerate(place))
        out[target] = max(out[target], src[place])
    return out


FAMILIES = (gathers, rows, scatters, scatter_backward, index_helpers)
