"""Rows of normalisation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import LARGE, Array, Case, Draw, between, given, nonzero, normal

#: Shape, dim and whether the mean is taken away.
SETTINGS = {
    "rows": ((3, 5), 1, True),
    "rows, not centred": ((3, 5), 1, False),
    "columns": ((4, 3), 0, True),
    "columns, not centred": ((4, 3), 0, False),
    "one row": ((1, 4), 1, True),
    "no rows": ((0, 3), 1, True),
    "large": (LARGE, 1, True),
    "large, columns": (LARGE, 0, True),
}


def weights(draw: Draw, n: int, there: bool) -> Array:
    return nonzero(draw, (n if there else 0,))


def weight_terms(g: Array, x: Array, mean: Array, variance: Array, eps: float, dim: int, _centred: bool) -> Array:
    """Return Σ |g u|, where u is the standardized x: the terms of a column have either sign."""
    m, v = (np.expand_dims(moment, dim) for moment in (mean, variance))
    return np.abs(g * (x - m) / np.sqrt(v + eps)).sum(0)


def moments(draw: Draw, shape: tuple[int, ...], dim: int) -> tuple[Array, Array]:
    """Return a mean and a variance of each line."""
    return normal(draw, shape[1 - dim : 2 - dim]), between(0.5, 2)(draw, shape[1 - dim : 2 - dim])


def standardized() -> Iterator[Case]:
    for variant, (shape, dim, centred) in SETTINGS.items():
        for there in (True, False):
            kind = variant if there else f"{variant}, no weight"
            yield Case(
                "standardize",
                kind,
                lambda draw, s=shape, w=there: (normal(draw, s), weights(draw, s[1], w), weights(draw, s[1], w)),
                (1e-2, dim, centred),
                large=shape == LARGE,
            )
            yield Case(
                "standardize_grad",
                kind,
                lambda draw, s=shape, w=there, d=dim: (
                    normal(draw, s), normal(draw, s), weights(draw, s[1], w), *moments(draw, s, d)
                ),
                (1e-2, dim, centred),
                large=shape == LARGE,
            )  # fmt: skip
        yield Case(
            "standardize_weight_grad",
            variant,
            lambda draw, s=shape, d=dim: (normal(draw, s), normal(draw, s), *moments(draw, s, d)),
            (1e-2, dim, centred),
            large=shape == LARGE,
            terms=weight_terms,
        )
    nothing = np.zeros(0)
    for dim in (0, 1):
        yield given(
            "standardize", f"constant, dim {dim}", [[2.0, 2.0], [2.0, 2.0]], nothing, nothing,
            attributes=(1e-2, dim, True),
        )  # fmt: skip


FAMILIES = (standardized,)
