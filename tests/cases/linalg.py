"""Rows of the products of matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.primitive import registry

from .case import PRIVATE, Array, Case, Draw, Shape, given, normal


def matrices() -> Iterator[Case]:
    for variant, a, b in (
        ("one", (1, 1), (1, 1)),
        ("odd", (3, 5), (5, 2)),
        ("no rows", (0, 3), (3, 2)),
        ("no columns", (2, 3), (3, 0)),
        ("nothing inside", (2, 0), (0, 3)),
        ("row", (1, 4), (4, 3)),
        ("column", (3, 4), (4, 1)),
        ("vectors", (5,), (5,)),
        ("empty vectors", (0,), (0,)),
        ("large vectors", (9000,), (9000,)),
        ("batch", (2, 3, 2), (2, 2, 3)),
        ("batch against matrix", (2, 3, 2), (2, 2)),
        ("matrix against batch", (3, 2), (2, 2, 1)),
        ("batches broadcast", (2, 1, 2, 3), (3, 3, 1)),
        ("large", (150, 300), (300, 170)),
        ("large column", (150, 5000), (5000, 1)),
        ("large batch", (8, 20, 30), (8, 30, 20)),
    ):
        yield Case(
            "matmul", variant, lambda draw, a=a, b=b: (normal(draw, a), normal(draw, b)), large="large" in variant
        )


def layers() -> Iterator[Case]:
    for variant, rows, inner, columns, bias in (
        ("one", 1, 1, 1, True),
        ("odd", 3, 5, 2, True),
        ("without bias", 3, 5, 2, False),
        ("no rows", 0, 3, 2, True),
        ("nothing inside", 2, 0, 3, True),
        ("large", 150, 300, 170, True),
        ("large without bias", 150, 300, 170, False),
    ):

        def make(draw: Draw, m: int = rows, k: int = inner, n: int = columns, bias: bool = bias) -> tuple[Any, ...]:
            return normal(draw, (m, k)), normal(draw, (n, k)), normal(draw, (n if bias else 0,))

        yield Case(
            "linear", variant, make, large="large" in variant, constant=() if bias else (2,),
            public=lambda lib, x, w, b: lib.nn.functional.linear(x, w, b if b.shape[0] else None),
        )  # fmt: skip


def singular() -> Iterator[Case]:
    def expected(x: Array) -> tuple[Array, ...]:
        u, s, vh = np.linalg.svd(x.astype(np.float64), full_matrices=False)
        found = registry["singular_values"].run(x)
        signs = np.sign((found[2] * np.swapaxes(vh, -1, -2)).sum(-2, keepdims=True))  # which are open
        return tuple(a.astype(x.dtype) for a in (s, u * signs, np.swapaxes(vh, -1, -2) * signs))

    shapes = {"tall": (5, 3), "square": (4, 4), "batch": (2, 3, 2), "one": (1, 1), "vector": (3, 1), "empty": (0, 2, 2)}
    for variant, shape in shapes.items():
        yield Case("singular_values", variant, lambda draw, s=shape: (normal(draw, s),), expected=expected)
    sizes = np.array([1.0, 4.0, 16.0, 64.0])  # apart, as the vectors are the less certain the nearer the values are
    yield Case(
        "singular_values", "large", lambda draw: (normal(draw, (90, 7, 4)) * sizes,), expected=expected, large=True
    )
    far = [[1e-9, 2e3, 0.0], [0.0, 3.0, 1e5], [2e-9, 1.0, 1.0]]
    yield given("singular_values", "far apart", far, expected=expected)


def norms(lib: Any, x: Any, y: Any, p: float) -> Any:
    """Return the distances as norms: of its own ones PyTorch has no second derivatives."""
    return lib.linalg.vector_norm(x.unsqueeze(-2) - y.unsqueeze(-3), p, -1)


def rows_apart(draw: Draw, x: Shape, y: Shape) -> tuple[Array, Array]:
    """Return rows of which no element is near another's, where differences change their signs."""
    return np.round(4 * normal(draw, x)) / 4, np.round(4 * normal(draw, y)) / 4 + 0.1


def distances() -> Iterator[Case]:
    shapes = {
        "one": ((1, 2), (1, 2)),
        "odd": ((3, 5), (2, 5)),
        "no rows": ((0, 3), (2, 3)),
        "nothing inside": ((2, 0), (3, 0)),
        "batch": ((2, 3, 2), (2, 2, 2)),
        "batches broadcast": ((2, 1, 2, 3), (3, 1, 3)),
        "large": ((300, 140), (70, 140)),
    }
    for (variant, (x, y)), p in itertools.product(shapes.items(), (1.0, 2.0)):
        batch, n, m = np.broadcast_shapes(x[:-2], y[:-2]), x[-2], y[-2]
        row = {"attributes": (p,), "large": variant == "large"}
        yield Case("cdist", f"{variant}, {p}", lambda draw, x=x, y=y: rows_apart(draw, x, y), public=norms, **row)
        for name, w in (("cdist_pull", (*batch, n, m)), ("cdist_push", (*batch, *x[-2:]))):
            made = lambda draw, w=w, x=x, y=y: (normal(draw, w), *rows_apart(draw, x, y))
            yield Case(name, f"{variant}, {p}", made, public=PRIVATE, **row)
    same = [[1.0, 2.0], [3.0, -1.0]], [[1.0, 2.0], [1.0, 0.0], [3.0, -1.0]]
    yield given("cdist", "distances of 0", *same, attributes=(2.0,), public=PRIVATE)
    infinite = [[0.0, 2.0], [1.0, 0.0]], [[math.inf, 1.0], [0.5, math.nan]], [[math.inf, 1.0], [3.0, -math.inf]]
    for name in ("cdist_pull", "cdist_push"):
        yield given(name, "weights of 0", *infinite, attributes=(2.0,), public=PRIVATE)
    yield given("cdist", "greatest", *same, attributes=(float("inf"),), public=PRIVATE)


FAMILIES = (singular, matrices, layers, distances)
