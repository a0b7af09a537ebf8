"""Rows of views, joins and other changes of shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.primitive import registry

from .case import LARGE, Array, Case, Shape, normal, view


def unindexed(g: Array, key: tuple[Any, ...], shape: Shape) -> Array:
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def indexing() -> Iterator[Case]:
    every = slice(None)
    keys: dict[str, tuple[Shape, tuple[Any, ...]]] = {
        "no dims": ((), (Ellipsis,)),
        "empty": ((0, 3), (slice(0, 2), Ellipsis)),
        "row": ((3, 4), (1, Ellipsis)),
        "from behind": ((3, 4), (Ellipsis, -1)),
        "one element": ((3, 4), (2, 1, Ellipsis)),
        "every other": ((5, 4), (slice(1, None, 2), Ellipsis)),
        "new dim": ((3, 4), (None, slice(0, 2), Ellipsis, None)),
        "nothing": ((3, 4), (slice(2, 2), Ellipsis)),
        "middle": ((2, 5, 3), (every, slice(1, 4, 2), 0, Ellipsis)),
        "large": (LARGE, (slice(3, None), slice(None, None, 3), Ellipsis)),
    }
    for variant, (shape, key) in keys.items():
        yield view("index", variant, shape, key, public=lambda _, x, k: x[k], expected=lambda x, k: x[k])
        taken = np.zeros(shape)[key].shape
        yield Case(
            "unindex",
            variant,
            lambda draw, s=taken: (normal(draw, s),),
            (key, shape),
            large=shape == LARGE,
            expected=unindexed,
        )


def overwriting() -> Iterator[Case]:
    rows, columns = (slice(1, 3), Ellipsis), (Ellipsis, slice(0, None, 2))

    def expected(x: Array, value: Array, steps: Any) -> Array:
        out = x.copy()
        target = out
        for step, (key,) in steps:
            assert step is registry["index"]
            target = target[key]
        target[...] = value
        return out

    for variant, shape, keys in (
        ("rows", (4, 3), (rows,)),
        ("rows, then columns", (4, 3), (rows, columns)),
        ("nothing", (4, 3), ((slice(2, 2), Ellipsis),)),
        ("no dims", (), ((Ellipsis,),)),
    ):
        target = np.zeros(shape)
        for key in keys:
            target = target[key]
        yield Case(
            "overwrite",
            variant,
            lambda draw, s=shape, t=target.shape: (normal(draw, s), normal(draw, t)),
            (tuple((registry["index"], (key,)) for key in keys),),
            expected=expected,
        )


def shapes() -> Iterator[Case]:
    for variant, old, new in (
        ("no dims", (), (1, 1)),
        ("empty", (0, 3), (3, 0, 2)),
        ("one", (1,), ()),
        ("odd", (3, 5), (5, 3)),
        ("large", LARGE, LARGE[::-1]),
    ):
        yield view(
            "reshape",
            variant,
            old,
            new,
            public=lambda lib, x, shape: lib.reshape(x, shape),
            expected=lambda x, shape: x.reshape(shape),
        )
    for variant, shape, dims in (
        ("no dims", (), ()),
        ("empty", (0, 3), (1, 0)),
        ("matrix", (3, 5), (1, 0)),
        ("cycle", (2, 3, 4), (1, 2, 0)),
        ("large", LARGE, (1, 0)),
    ):
        yield view("permute", variant, shape, dims, expected=np.transpose)
    for variant, shape in (("empty", (3, 0)), ("matrix", (3, 5)), ("batch", (2, 3, 4)), ("large", LARGE)):
        yield view(
            "matrix_transpose",
            variant,
            shape,
            public=lambda lib, x: lib.transpose(x, -2, -1),
            expected=lambda x: np.swapaxes(x, -1, -2),
        )
    for variant, old, new in (
        ("no dims", (), (3, 2)),
        ("empty", (1, 3), (0, 3)),
        ("row", (5,), (3, 5)),
        ("column", (3, 1), (3, 5)),
        ("middle", (2, 1, 3), (4, 2, 2, 3)),
        ("same", (2, 3), (2, 3)),
        ("large", LARGE[1:], LARGE),
    ):
        yield Case(
            "expand",
            variant,
            lambda draw, s=old: (normal(draw, s),),
            (new,),
            large=new == LARGE,
            public=lambda _, x, shape: x.expand(shape),
            expected=np.broadcast_to,
        )
        yield Case("sum_to", variant, lambda draw, s=new: (normal(draw, s),), (old,), large=new == LARGE)
    yield view("sum_to", "large column", LARGE, (LARGE[0], 1))
    yield view("sum_to", "large to one", LARGE, (1, 1))
    yield from indexing()
    yield from overwriting()


FAMILIES = (shapes,)
