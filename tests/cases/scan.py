"""Rows of the scans."""

from __future__ import annotations

from collections.abc import Iterator

from .case import INF, LARGE, LINES, PRIVATE, Case, between, given, nonzero, normal, view


def scans() -> Iterator[Case]:
    for variant, (shape, dim) in LINES.items():
        large = shape == LARGE
        for by in (1, -2):
            yield view("shift", f"{variant} by {by}", shape, dim, by)
        for reverse in (False, True):
            name = variant + ", reversed" * reverse
            cumsum = PRIVATE if reverse else lambda lib, x, dim, *_: lib.cumsum(x, dim)
            yield view("cumsum", name, shape, dim, reverse, public=cumsum)
            yield Case(
                "linear_recurrence",
                name,
                lambda draw, s=shape: (between(-1, 1)(draw, s), normal(draw, s)),
                (dim, reverse),
                large=large,
            )
            for exclusive in (False, True):
                plain = not reverse and not exclusive
                yield Case(
                    "cumprod",
                    name + ", exclusive" * exclusive,
                    lambda draw, s=shape, large=large: ((between(0.9, 1.1) if large else nonzero)(draw, s),),
                    (dim, reverse, exclusive),
                    large=large,
                    public=(lambda lib, x, dim, *_: lib.cumprod(x, dim)) if plain else PRIVATE,
                )
    for reverse in (False, True):
        for exclusive in (False, True):
            flags = ", reversed" * reverse + ", exclusive" * exclusive
            for zeros, x in (("one zero", [2.0, 0.0, 3.0, 4.0]), ("two zeros", [0.5, 0.0, 3.0, 0.0, 2.0])):
                yield given(
                    "cumprod", zeros + flags, x, attributes=(0, reverse, exclusive), smooth=True,
                    public=PRIVATE if flags else lambda lib, x, dim, *_: lib.cumprod(x, dim),
                )  # fmt: skip
    for variant, (shape, dim) in LINES.items():
        yield view("logcumsumexp", variant, shape, dim)
    yield view("logcumsumexp", "no dims", (), 0)
    # PyTorch's rules take logarithms of differences of cotangents here, which cancel, and are NaN at infinities.
    yield given("logcumsumexp", "far apart", [0.0, 900.0, -900.0, 901.0, 5.0], attributes=(0,), public=PRIVATE)
    yield given("logcumsumexp", "infinite", [-INF, 0.5, -INF, 1.0], attributes=(0,), public=PRIVATE)
    yield given("logcumsumexp", "infinity", [1.0, INF, 2.0], attributes=(0,), public=PRIVATE)
    yield given("linear_recurrence", "zeros", [0.0, 0.0, 2.0], [1.0, 0.0, 3.0], attributes=(0, False), smooth=True)


FAMILIES = (scans,)
