"""Rows of the reductions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import ALL, LARGE, NAN, Case, Draw, Shape, apart, between, given, nonzero, view


def reductions() -> Iterator[Case]:
    forms: dict[str, tuple[Shape, Shape, bool]] = {
        "no dims": ((), ALL, False),
        "empty": ((0, 3), (0,), False),
        "nothing left": ((3, 0), (1,), True),
        "one": ((1,), (0,), False),
        "all": ((3, 5), ALL, False),
        "all kept": ((3, 5), ALL, True),
        "last": ((3, 5), (1,), False),
        "first": ((3, 5), (0,), True),
        "two": ((2, 3, 4), (0, 2), False),
        "large": (LARGE, ALL, False),
        "large, last": (LARGE, (1,), False),
        "large, first": (LARGE, (0,), False),
    }
    for name in ("sum", "mean"):
        for variant, (shape, dims, keepdim) in forms.items():
            yield view(
                name, variant, shape, dims, keepdim,
                public=lambda lib, x, dims, keepdim, f=name: getattr(lib, f)(x, dims or None, keepdim),
            )  # fmt: skip
    for name in ("amax", "amin"):
        for variant, (shape, dims, keepdim) in forms.items():
            if 0 not in shape:
                yield Case(
                    name, variant, lambda draw, s=shape: (apart(draw, s),), (dims, keepdim), large=shape == LARGE
                )
        yield given(name, "ties", [[1.0, 3.0, 3.0], [-2.0, -2.0, -2.0]], attributes=((1,), False))
        yield given(name, "ties over all", [[3.0, 3.0, 1.0], [1.0, 3.0, 1.0]], attributes=(ALL, False))


def products() -> Iterator[Case]:
    def product(variant: str, make: Callable[[Draw], tuple[Any, ...]], dims: Shape, keepdim: bool = False) -> Case:
        return Case(
            "prod", variant, make, (dims, keepdim), large="large" in variant,
            public=lambda lib, x, dims, keepdim: lib.prod(x, dims[0], keepdim),
        )  # fmt: skip

    near_one = between(0.99, 1.01)
    for variant, shape, dims, keepdim in (
        ("empty", (0, 3), (0,), False),
        ("nothing left", (3, 0), (0,), True),
        ("one", (1,), (0,), False),
        ("last", (3, 5), (1,), False),
        ("first", (3, 5), (0,), True),
        ("middle", (2, 3, 2), (1,), False),
    ):
        yield product(variant, lambda draw, s=shape: (nonzero(draw, s),), dims, keepdim)
    yield product("large, last", lambda draw: (near_one(draw, LARGE),), (1,))
    yield product("large, first", lambda draw: (near_one(draw, LARGE),), (0,))
    for variant, x in (("one zero", [2.0, 0.0, 3.0]), ("two zeros", [0.0, 2.0, 0.0]), ("three", [0.0, 0.0, 0.0, 2.0])):
        yield product(variant, lambda _, x=x: (np.array(x),), (0,))


def extrema() -> Iterator[Case]:
    for sign in ("max", "min"):
        for variant, shape, dim, keepdim in (
            ("one", (1,), 0, False),
            ("last", (3, 5), 1, False),
            ("first", (3, 5), 0, True),
            ("middle", (2, 4, 3), 1, False),
            ("nothing left", (3, 0), 0, False),
            ("large, last", LARGE, 1, False),
            ("large, first", LARGE, 0, False),
        ):
            large = shape == LARGE

            def make(draw: Draw, shape: Shape = shape) -> tuple[Any, ...]:
                return (apart(draw, shape),)

            yield Case(
                f"{sign}_with_index", variant, make, (dim, keepdim), large=large,
                public=lambda lib, x, d, keepdim, f=sign: tuple(getattr(lib, f)(x, d, keepdim)),
            )  # fmt: skip
            yield Case(
                f"arg{sign}", variant, make, ((dim,), keepdim), smooth=False, large=large,
                public=lambda lib, x, dims, keepdim, f=sign: getattr(lib, f"arg{f}")(x, dims[0], keepdim),
            )  # fmt: skip
        yield given(f"{sign}_with_index", "ties", [[1.0, 3.0, 3.0], [-2.0, -2.0, -2.0]], attributes=(1, False))
        yield given(f"{sign}_with_index", "not a number", [[1.0, NAN, 3.0, NAN]], attributes=(1, False))
        for variant, shape in (("all", (3, 5)), ("large", LARGE)):
            yield Case(
                f"arg{sign}", variant, lambda draw, s=shape: (apart(draw, s),), (ALL, False), smooth=False,
                large=shape == LARGE,
                public=lambda lib, x, *_, f=sign: getattr(lib, f"arg{f}")(x),
            )  # fmt: skip


FAMILIES = (reductions, products, extrema)
