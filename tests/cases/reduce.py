"""Rows of the reductions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .case import (
    ALL,
    INF,
    LARGE,
    NAN,
    PRIVATE,
    Array,
    Case,
    Draw,
    Drawn,
    Shape,
    apart,
    between,
    given,
    nonzero,
    normal,
    view,
)


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


#: Shapes, the dims that are reduced, and whether they are kept.
FORMS: dict[str, tuple[Shape, Shape, bool]] = {
    "no dims": ((), ALL, False),
    "nothing left": ((3, 0), (0,), True),
    "all": ((3, 5), ALL, False),
    "all kept": ((3, 5), ALL, True),
    "last": ((3, 5), (1,), False),
    "first": ((3, 5), (0,), True),
    "two": ((2, 3, 4), (0, 2), False),
    "middle": ((2, 3, 4), (1,), False),
    "one": ((3, 1), (1,), False),
    "many short": ((40, 3), (1,), False),
    "large": (LARGE, ALL, False),
    "large, last": (LARGE, (1,), False),
    "large, first": (LARGE, (0,), False),
}


def reduced(
    primitive: str, x: Drawn, *more: Any, skip: str = "", public: Any = None, smooth: bool = True
) -> Iterator[Case]:
    """Make a row for each form; `more` are the attributes behind dims and keepdim."""
    for variant, (shape, dims, keepdim) in FORMS.items():
        if variant == skip:
            continue
        yield Case(
            primitive, ", ".join([variant, *map(str, more)]), lambda draw, s=shape: (x(draw, s),),
            (dims, keepdim, *more), large=shape == LARGE, smooth=smooth, public=public,
        )  # fmt: skip


def counts() -> Iterator[Case]:
    def few(draw: Draw, shape: Shape) -> Array:
        return np.asarray(draw.integers(0, 2, shape) * 0.5)

    for name in ("any", "all"):
        yield from reduced(
            name, few, smooth=False,
            public=lambda lib, x, dims, keepdim, f=name: (
                getattr(lib, f)(x, dims, keepdim) if dims or keepdim else getattr(lib, f)(x)
            ) if dims else (getattr(lib, f)(x, tuple(range(x.ndim)), keepdim) if x.ndim else getattr(lib, f)(x)),
        )  # fmt: skip
        yield given(name, "special", [[0.0, -0.0], [NAN, 0.0], [1e-45, 1.0]], attributes=((1,), False))
    yield from reduced(
        "count_nonzero", few, smooth=False,
        public=lambda lib, x, dims, keepdim: lib.count_nonzero(x, dims or None).reshape(
            lib.sum(x, dims or None, keepdim).shape
        ),
    )  # fmt: skip


def statistics() -> Iterator[Case]:
    def variance(correction: float) -> Any:
        return lambda lib, x, dims, keepdim, c: lib.var_mean(x, dims or None, correction=c, keepdim=keepdim)

    drawn = between(-1, 2)  # a mean near 0 would have few digits
    yield from reduced("var_mean", drawn, 0, skip="nothing left", public=variance(0))
    yield Case("var_mean", "nothing left", lambda _: (np.zeros((3, 0)),), ((0,), True, 0), public=PRIVATE)
    for correction in (1, 1.5):
        for variant in ("all", "last", "first", "two", "large, last"):
            shape, dims, keepdim = FORMS[variant]
            yield Case(
                "var_mean", f"{variant}, {correction}", lambda draw, s=shape: (drawn(draw, s),),
                (dims, keepdim, correction), large=shape == LARGE, public=variance(correction),
            )  # fmt: skip
    yield Case(
        "var_mean", "far from 0", lambda draw: (1e3 + normal(draw, (3, 5)),), ((1,), False, 1), smooth=False,
        public=PRIVATE,
    )  # fmt: skip
    one, public = ((1,), False, 1), variance(1)
    yield given("var_mean", "equal", [[2.0, 2.0, 2.0]], attributes=one, smooth=True, public=public)
    yield given("var_mean", "one element", [[2.0], [3.0]], attributes=one, public=PRIVATE)
    yield from reduced("nansum", normal, public=lambda lib, x, d, keepdim: lib.nansum(x, d or None, keepdim))
    yield given("nansum", "not a number", [[NAN, 1.0, 2.0], [NAN, NAN, NAN]], attributes=((1,), False))
    yield from reduced(
        "logsumexp", normal,
        public=lambda lib, x, dims, keepdim: lib.logsumexp(x, dims or tuple(range(x.ndim)), keepdim),
    )  # fmt: skip
    infinite = [[-INF, -INF], [-INF, 1.0], [1000.0, 1000.0], [-1000.0, 0.0]]
    yield given("logsumexp", "infinite", infinite, attributes=((1,), False), public=PRIVATE)
    for name in ("deviation", "exp_difference"):
        for variant, shapes in {
            "no dims": ((), (), ()),
            "empty": ((0, 3), (0, 3), (3,)),
            "odd": ((3, 5), (3, 5), (3, 5)),
            "rows": ((3, 1), (3, 5), (3, 1)),
            "columns": ((5,), (3, 5), (5,)),
            "mixed": ((), (4, 1, 3), (2, 1)),
            "large": ((LARGE[0], 1), LARGE, (LARGE[0], 1)),
            "large columns": (LARGE[1:], LARGE, LARGE[1:]),
        }.items():
            yield Case(
                name, variant, lambda draw, s=shapes: tuple(normal(draw, n) for n in s), large="large" in variant
            )
    yield given("exp_difference", "infinite", [1.0, 2.0], [-INF, 3.0], [-INF, -INF])


def norms() -> Iterator[Case]:
    def public(lib: Any, x: Any, dims: Shape, keepdim: bool, p: float) -> Any:
        return lib.linalg.vector_norm(x, p, dims or None, keepdim)

    for p in (2.0, 1.0, 3.0):
        for case in reduced("norm", nonzero, p, public=public, skip="nothing left"):
            # The second derivative of a single element's norm is 0, which PyTorch misses by a rounding.
            single = case.variant.startswith(("no dims", "one"))
            yield replace(case, public=PRIVATE) if single and p != 1 else case
    for p in (0.0, 0.5, 1.5, 2.5, -1.0, -2.0):
        for variant in ("all", "last", "first", "two", "large, last"):
            shape, dims, keepdim = FORMS[variant]
            yield Case(
                "norm", f"{variant}, {p}", lambda draw, s=shape: (nonzero(draw, s),), (dims, keepdim, p),
                large=shape == LARGE, public=public if p else PRIVATE,  # whose gradient PyTorch leaves out
            )  # fmt: skip
    for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0):
        yield given(
            "norm", f"zeros, {p}", [[0.0, 0.0, 0.0], [-0.0, 3.0, 4.0]], attributes=((1,), False, p),
            public=public if p else PRIVATE,
        )  # fmt: skip
    share = lambda g, x, total: g * x / np.where(total == 0, x.dtype.type(INF), total)
    for variant, shapes in {
        "no dims": ((),) * 3,
        "odd": ((3, 1), (3, 5), (3, 1)),
        "large": ((67, 1), LARGE, (67, 1)),
    }.items():
        yield Case(
            "part", variant, lambda draw, s=shapes: (normal(draw, s[0]), normal(draw, s[1]), nonzero(draw, s[2])),
            expected=share, large=variant == "large", public=PRIVATE,
        )  # fmt: skip
    yield given("part", "zero", [[2.0]], [[0.0, 0.0]], [[0.0]], expected=share)
    yield given(
        "part", "infinite", [[3.0], [3.0]], [[-INF, 1.0], [INF, -INF]], [[INF], [INF]],
        expected=lambda g, *_: np.array([[-3.0, 0.0], [NAN, NAN]], g.dtype),
    )  # fmt: skip
    yield Case("norm", "nothing left", lambda _: (np.zeros((3, 0)),), ((1,), False, 2.0), public=public)


def ties() -> Iterator[Case]:
    def tied(shape: Shape, dims: Shape) -> Callable[[Draw], tuple[Any, ...]]:
        def make(draw: Draw) -> tuple[Any, ...]:
            x = np.asarray(draw.integers(0, 3, shape).astype(float))
            axes = dims or tuple(range(len(shape)))
            result = np.asarray(x.max(axes, keepdims=True))
            return normal(draw, result.shape), x, result

        return make

    for variant, (shape, dims, _) in FORMS.items():
        if 0 not in shape and variant != "all kept":
            yield Case("share_ties", variant, tied(shape, dims), (dims,), large=shape == LARGE)
    yield given("share_ties", "not a number", [[6.0]], [[1.0, NAN, NAN]], [[NAN]], attributes=((1,),))


def products() -> Iterator[Case]:
    def product(variant: str, make: Callable[[Draw], tuple[Any, ...]], dims: Shape, keepdim: bool = False) -> Case:
        return Case(
            "prod", variant, make, (dims, keepdim), large="large" in variant,
            public=lambda lib, x, dims, keepdim: lib.prod(x, dims[0], keepdim) if dims else lib.prod(x),
        )  # fmt: skip

    near_one = between(0.99, 1.01)
    for variant, shape, dims, keepdim in (
        ("empty", (0, 3), (0,), False),
        ("nothing left", (3, 0), (0,), True),
        ("one", (1,), (0,), False),
        ("last", (3, 5), (1,), False),
        ("first", (3, 5), (0,), True),
        ("middle", (2, 3, 2), (1,), False),
        ("all", (2, 3, 2), (), False),
        ("all of a number", (), (), False),
        ("dim of a number", (), (0,), True),
        ("all of nothing", (2, 0), (), False),
    ):
        yield product(variant, lambda draw, s=shape: (nonzero(draw, s),), dims, keepdim)
    yield product("large, last", lambda draw: (near_one(draw, LARGE),), (1,))
    yield product("large, first", lambda draw: (near_one(draw, LARGE),), (0,))
    yield product("large, all", lambda draw: (near_one(draw, LARGE),), ())
    for variant, x in (("one zero", [2.0, 0.0, 3.0]), ("two zeros", [0.0, 2.0, 0.0]), ("three", [0.0, 0.0, 0.0, 2.0])):
        yield product(variant, lambda _, x=x: (np.array(x),), (0,))
        yield given("product_of_others", variant, [2.0], x, attributes=(0,), smooth=True)
    for variant, shape, dim in (
        ("empty", (0, 3), 0),
        ("nothing left", (3, 0), 0),
        ("one", (1,), 0),
        ("last", (3, 5), 1),
        ("first", (5, 3), 0),
        ("first of blocks", (70, 2), 0),
        ("middle", (2, 3, 2), 1),
        ("large, last", LARGE, 1),
        ("large, first", LARGE, 0),
        ("large, one line", (LARGE[0] * LARGE[1] - 3,), 0),
    ):

        def others(draw: Draw, shape: Shape = shape, dim: int = dim) -> tuple[Any, ...]:
            kept = list(shape)
            kept[dim] = 1
            return normal(draw, tuple(kept)), (near_one if max(shape) > 50 else nonzero)(draw, shape)

        yield Case("product_of_others", variant, others, (dim,), large="large" in variant)


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


FAMILIES = (reductions, products, extrema, counts, statistics, norms, ties)
