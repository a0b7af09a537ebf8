"""Rows of normalisation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import LARGE, Array, Case, Draw, between, given, nonzero, normal

#: Shape, groups (0: channels of all samples) and whether the mean is taken away.
SETTINGS = {
    "rows": ((3, 5), 1, True),
    "rows, not centred": ((3, 5), 1, False),
    "columns": ((4, 3), 0, True),
    "columns, not centred": ((4, 3), 0, False),
    "groups of columns": ((5, 6), 2, True),
    "groups": ((2, 4, 3), 2, True),
    "groups, not centred": ((2, 4, 1, 3), 2, False),
    "each channel": ((3, 2, 2, 2), 2, True),
    "channels": ((2, 3, 4), 0, True),
    "channels, not centred": ((3, 2, 2, 1), 0, False),
    "one row": ((1, 4), 1, True),
    "no rows": ((0, 3), 1, True),
    "no elements": ((2, 3, 0), 0, True),
    "large": (LARGE, 1, True),
    "large, columns": (LARGE, 0, True),
    "large, groups": ((70, 6, 23), 3, True),
    "large, channels": ((70, 6, 23), 0, True),
}


def lines(shape: tuple[int, ...], groups: int) -> int:
    """Return how many lines there are."""
    return shape[0] * groups if groups else shape[1]


def weights(draw: Draw, n: int, there: bool) -> Array:
    return nonzero(draw, (n if there else 0,))


def moments(draw: Draw, shape: tuple[int, ...], groups: int) -> tuple[Array, Array]:
    """Return a mean and a variance of each line."""
    n = lines(shape, groups)
    return normal(draw, (n,)), between(0.5, 2)(draw, (n,))


def standardized() -> Iterator[Case]:
    for variant, (shape, groups, centred) in SETTINGS.items():
        for there in (True, False):
            kind = variant if there else f"{variant}, no weight"
            yield Case(
                "standardize",
                kind,
                lambda draw, s=shape, w=there: (normal(draw, s), weights(draw, s[1], w), weights(draw, s[1], w)),
                (1e-2, groups, centred),
                large="large" in variant,
            )
            yield Case(
                "standardize_given",
                kind,
                lambda draw, s=shape, w=there, n=groups: (
                    normal(draw, s), weights(draw, s[1], w), weights(draw, s[1], w), *moments(draw, s, n)
                ),
                (1e-2, groups, centred),
                large="large" in variant,
            )  # fmt: skip
            yield Case(
                "standardize_grad",
                kind,
                lambda draw, s=shape, w=there, n=groups: (
                    normal(draw, s), normal(draw, s), weights(draw, s[1], w), *moments(draw, s, n)
                ),
                (1e-2, groups, centred),
                large="large" in variant,
            )  # fmt: skip
    nothing = np.zeros(0)
    for groups in (0, 1):
        yield given(
            "standardize", f"constant, {groups} groups", [[2.0, 2.0], [2.0, 2.0]], nothing, nothing,
            attributes=(1e-2, groups, True),
        )  # fmt: skip


FAMILIES = (standardized,)
