"""Rows of views, joins and other changes of shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad._views import in_order
from minigrad.primitive import registry

from .case import LARGE, Array, Case, Shape, normal, view


def unindexed(g: Array, key: tuple[Any, ...], shape: Shape) -> Array:
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def product_sum_to(variant: str, shape: Shape, to: Shape) -> Case:
    return Case(
        "product_sum_to",
        variant,
        lambda draw: (normal(draw, shape), normal(draw, shape)),
        (to,),
        large=shape == LARGE,
        expected=lambda x, y, _: registry["sum_to"].run(x * y, to),
    )


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


def borders() -> Iterator[Case]:
    for mode, name in enumerate(("replicate", "reflect", "circular")):
        for shape, sizes in (
            ((2, 4), (1, 3)),
            ((1, 3, 4), (2, 0, 1, 2)),
            ((1, 2, 3, 4), (0, 2, 0, 0, 1, 1)),
            ((1, *LARGE), (3, 5, 2, 2)),
        ):
            yield Case(
                "border",
                f"{name} {shape}",
                lambda draw, shape=shape: (normal(draw, shape),),
                (sizes, mode),
                large=shape[1:] == LARGE,
                public=lambda lib, x, sizes, _, name=name: lib.nn.functional.pad(x, sizes, name),
            )


def overwriting() -> Iterator[Case]:
    rows, columns = (slice(1, 3), Ellipsis), (Ellipsis, slice(0, None, 2))

    def expected(x: Array, value: Array, steps: Any) -> Array:
        out = x.copy()
        target = out
        for step, (key,) in in_order(steps):
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
        steps: Any = None
        for key in keys:
            target = target[key]
            steps = (steps, registry["index"], (key,))
        yield Case(
            "overwrite",
            variant,
            lambda draw, s=shape, t=target.shape: (normal(draw, s), normal(draw, t)),
            (steps,),
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
        yield product_sum_to(variant, new, old)
    yield product_sum_to("columns between", (2, 3, 4, 5), (3, 1, 5))
    yield product_sum_to("rows between", (2, 3, 4), (3, 1))
    yield view("sum_to", "large column", LARGE, (LARGE[0], 1))
    yield view("sum_to", "large to one", LARGE, (1, 1))
    yield from indexing()
    yield from overwriting()


def diagonals() -> Iterator[Case]:
    for variant, shape, offset, dims in (
        ("empty", (0, 3), 0, (0, 1)),
        ("one", (1, 1), 0, (0, 1)),
        ("beyond", (2, 3), 5, (0, 1)),
        ("above", (3, 5), 1, (0, 1)),
        ("below", (5, 3), -2, (0, 1)),
        ("exchanged", (3, 5), 1, (1, 0)),
        ("of several", (3, 2, 4), 1, (0, 2)),
        ("large", LARGE, -3, (0, 1)),
    ):
        yield view(
            "diagonal",
            variant,
            shape,
            offset,
            dims,
            public=lambda lib, x, offset, dims: lib.diagonal(x, offset, *dims),
            expected=lambda x, offset, dims: np.diagonal(x, offset, *dims),
        )
        taken = np.diagonal(np.zeros(shape), offset, *dims).shape

        def expected(g: Array, shape: Shape, offset: int, dims: tuple[int, int]) -> Array:
            out = np.zeros(shape, g.dtype)
            across = np.moveaxis(out, dims, (-2, -1))
            for i in range(g.shape[-1]):
                across[..., i - min(offset, 0), i + max(offset, 0)] = g[..., i]
            return out

        yield Case(
            "undiagonal",
            variant,
            lambda draw, s=taken: (normal(draw, s),),
            (shape, offset, dims),
            large=shape == LARGE,
            expected=expected,
        )


def windows() -> Iterator[Case]:
    def unfolded(x: Array, dim: int, size: int, step: int) -> Array:
        starts = range(0, x.shape[dim] - size + 1, step)
        pieces = [np.moveaxis(np.take(x, range(i, i + size), dim), dim, -1) for i in starts]
        return np.stack(pieces, dim)

    def folded(g: Array, dim: int, extent: int, step: int) -> Array:
        out = np.zeros((*g.shape[:dim], extent, *g.shape[dim + 1 : -1]), g.dtype)
        lanes, pieces = np.moveaxis(out, dim, -1), np.moveaxis(g, dim, -2)
        for w in range(g.shape[dim]):
            lanes[..., w * step : w * step + g.shape[-1]] += pieces[..., w, :]
        return out

    for variant, shape, dim, size, step in (
        ("one", (1,), 0, 1, 1),
        ("empty", (0, 3), 1, 2, 1),
        ("size 0", (3, 2), 0, 0, 1),
        ("apart", (7, 2), 0, 2, 3),
        ("touching", (2, 6), 1, 3, 3),
        ("overlapping", (3, 7), 1, 4, 2),
        ("overlapping rows", (7, 3), 0, 4, 1),
        ("middle", (2, 5, 3), 1, 3, 1),
        ("large", LARGE, 1, 3, 7),
        ("large rows", LARGE, 0, 3, 2),
    ):
        large = shape == LARGE
        yield view("unfold", variant, shape, dim, size, step, public=lambda _, x, *a: x.unfold(*a), expected=unfolded)
        taken = unfolded(np.zeros(shape), dim, size, step).shape
        yield Case(
            "fold_windows",
            variant,
            lambda draw, s=taken: (normal(draw, s),),
            (dim, shape[dim], step),
            large=large,
            expected=folded,
        )


def orders() -> Iterator[Case]:
    for variant, shape, dims in (
        ("no dims", (), ()),
        ("empty", (0, 3), (1,)),
        ("none", (3,), ()),
        ("last", (3, 5), (1,)),
        ("first", (5, 3), (0,)),
        ("both", (2, 3, 2), (2, 0)),
        ("large", LARGE, (1,)),
        ("large, first", LARGE, (0,)),
    ):
        yield view("flip", variant, shape, dims, expected=np.flip)
    for variant, shape, shifts, dims in (
        ("empty", (0, 3), (1,), (0,)),
        ("by nothing", (3,), (0,), (0,)),
        ("by more", (3, 5), (12,), (1,)),
        ("back", (5, 3), (-2,), (0,)),
        ("both", (2, 3, 2), (1, -1), (1, 0)),
        ("twice", (5,), (1, 2), (0, 0)),
        ("large", LARGE, (3,), (1,)),
        ("large, both", LARGE, (3, 5), (1, 0)),
    ):
        yield view("roll", variant, shape, shifts, dims, expected=np.roll)
    for variant, shape, diagonal in (
        ("empty", (0, 3), 0),
        ("one", (1, 1), 0),
        ("main", (3, 5), 0),
        ("above", (5, 3), 2),
        ("below", (2, 4, 3), -1),
        ("far above", (3, 2), 2**62),
        ("far below", (3, 2), -(2**62)),
        ("large", LARGE, 3),
    ):
        for upper in (False, True):
            yield view(
                "triangle",
                f"{variant}, {'upper' if upper else 'lower'}",
                shape,
                diagonal,
                upper,
                public=lambda lib, x, k, upper: (lib.triu if upper else lib.tril)(x, k),
                expected=lambda x, k, upper: (np.triu if upper else np.tril)(x, max(min(k, 2000), -2000)),
            )


FAMILIES = (shapes, borders, diagonals, windows, orders)
