"""Rows of the operations that take indices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import LARGE, PRIVATE, Array, Case, Draw, Shape, normal


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


FAMILIES = (gathers, rows)
