"""Rows of what is chosen by its order along a dimension."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import INF, LARGE, LINES, NAN, PRIVATE, Array, Case, apart, given, normal

#: For each operation, attributes for lines of n elements along a dim, and its public form.
Form = tuple[Callable[[int, int], tuple[Any, ...]], Callable[..., Any]]


FORMS: dict[str, tuple[str, Form]] = {
    "": (
        "sort",
        (lambda n, dim: (dim, False), lambda lib, x, dim, down: lib.sort(x, dim=dim, descending=down, stable=True)),
    ),
    "descending": (
        "sort",
        (lambda n, dim: (dim, True), lambda lib, x, dim, down: lib.sort(x, dim=dim, descending=down, stable=True)),
    ),
    "largest": ("topk", (lambda n, dim: (n // 2, dim, True, True), lambda lib, x, *a: lib.topk(x, *a))),
    "smallest": ("topk", (lambda n, dim: (min(n, 3), dim, False, True), lambda lib, x, *a: lib.topk(x, *a))),
    "all": ("topk", (lambda n, dim: (n, dim, True, True), lambda lib, x, *a: lib.topk(x, *a))),
    "one": ("topk", (lambda n, dim: (min(n, 1), dim, True, True), lambda lib, x, *a: lib.topk(x, *a))),
    "middle": ("kthvalue", (lambda n, dim: ((n + 1) // 2, dim), lambda lib, x, k, dim: lib.kthvalue(x, k, dim, True))),
    "plain": ("median", (lambda n, dim: (dim, False), lambda lib, x, dim, _: lib.median(x, dim, True))),
    "numbers": ("median", (lambda n, dim: (dim, True), lambda lib, x, dim, _: lib.nanmedian(x, dim, True))),
    "frequent": ("mode", (lambda n, dim: (dim,), lambda lib, x, dim: lib.mode(x, dim, True))),
    "so far": ("cummax", (lambda n, dim: (dim,), lambda lib, x, dim: lib.cummax(x, dim))),
    "least so far": ("cummin", (lambda n, dim: (dim,), lambda lib, x, dim: lib.cummin(x, dim))),
}
LINES_OF_ONE = ("kthvalue", "median", "mode")
#: Those of which PyTorch does not say which one of equal elements, or of NaNs, they choose.
OPEN_TIES = ("topk", "kthvalue", "mode")
SPECIAL = [1.0, NAN, -0.0, INF, 0.0, -INF, NAN, 1.0]


def orders() -> Iterator[Case]:
    for form, (name, (attributes, public)) in FORMS.items():
        for variant, (shape, dim) in LINES.items():
            if shape[dim] == 0 and name in LINES_OF_ONE:
                continue
            yield Case(
                name,
                f"{variant}, {form}".rstrip(", "),
                lambda draw, s=shape: (apart(draw, s),),
                attributes(shape[dim], dim),
                large=shape == LARGE,
                # PyTorch's gradient of cummax of nothing is part of a graph.
                public=PRIVATE if variant == "no elements" and name in ("cummax", "cummin") else public,
            )
        yield Case(
            name, f"no dims, {form}".rstrip(", "), lambda draw: (normal(draw, ()),), attributes(1, 0), public=public
        )
        known = PRIVATE if name in OPEN_TIES else public
        yield given(name, f"special, {form}".rstrip(", "), SPECIAL, attributes=attributes(8, 0), public=known)


def small_integers(shape: tuple[int, ...]) -> Callable[[np.random.Generator], tuple[Array]]:
    return lambda draw: (np.asarray(draw.integers(0, 3, shape).astype(float)),)


def ties() -> Iterator[Case]:
    for form, (name, (attributes, public)) in FORMS.items():
        yield Case(
            name,
            f"ties, {form}".rstrip(", "),
            small_integers((4, 130)),
            attributes(130, 1),
            smooth=False,
            public=PRIVATE if name in (*OPEN_TIES, "median") else public,
        )


def medians_of_all() -> Iterator[Case]:
    def public(lib: Any, x: Any, _: int, skip_nan: bool) -> Any:
        return lib.nanmedian(x) if skip_nan else lib.median(x)

    for skip_nan in (False, True):
        flag = ", numbers" * skip_nan
        for variant, n in (("one", 1), ("odd", 7), ("even", 8), ("large", 70001)):
            yield Case(
                "median_of_all",
                variant + flag,
                lambda draw, n=n: (apart(draw, (n,)),),
                (0, skip_nan),
                large=n > 100,
                expected=middle,
                public=public,
            )
        for variant, x in (("ties", [2.0, 1.0, 2.0, 2.0, 3.0]), ("NaN", [2.0, NAN, 1.0, NAN])):
            yield given("median_of_all", variant + flag, x, attributes=(0, skip_nan), expected=middle, public=public)


def middle(x: Array, _: int, skip_nan: bool) -> tuple[Array, Array]:
    order = np.argsort(x, kind="stable")
    count = int(np.sum(~np.isnan(x)))
    rank = (count - 1) // 2 if skip_nan or count == x.size else count
    return x[order[rank : rank + 1]], order[rank : rank + 1]


FAMILIES = (orders, ties, medians_of_all)
