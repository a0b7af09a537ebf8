"""The table of cases: for every primitive, operands and attributes that the tests run it on.

A row draws float64 operands from a generator seeded by the row's own name. Rows where finite differences hold are
``smooth``; the others stand at kinks, infinities and the like, where PyTorch says what the gradient is. Layouts in memory
(transposed, sliced, reversed) are no matter of the table: the tests try every row in all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad
from minigrad.primitive import Primitive, registry

Array = np.ndarray[Any, Any]
Draw = np.random.Generator
Shape = tuple[int, ...]

#: For `Case.public`: no public function computes this row.
PRIVATE: Any = object()

FLOAT32, FLOAT64, INT64, BOOL = (d.code for d in (minigrad.float32, minigrad.float64, minigrad.int64, minigrad.bool))
ALL: Shape = ()
LARGE = (67, 1100)  # more elements than any kernel takes in one piece


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes
    ----------
    primitive, variant : str
        Whose row it is, and what tells it from that primitive's others.
    make : callable
        Takes a generator and returns the operands: arrays, in float64 where they are floats, or Python numbers.
    attributes : tuple
        What follows the operands.
    smooth : bool
        Whether finite differences give the derivatives there, twice.
    large : bool
        Whether the operands are large: for bits and values, but not for dense Jacobians.
    constant : tuple of int
        The operands that are never differentiated by in this row.
    public : callable, optional
        Takes a library, minigrad or torch, and operands and attributes; computes the same through public functions. By
        default the function called like the primitive, if there is one; PRIVATE if that is another one.
    expected : callable, optional
        Computes the same with NumPy, for a primitive without a kernel of its own, and thus without a reference.
    """

    primitive: str
    variant: str
    make: Callable[[Draw], tuple[Any, ...]]
    attributes: tuple[Any, ...] = ()
    smooth: bool = True
    large: bool = False
    constant: tuple[int, ...] = ()
    public: Callable[..., Any] | None = None
    expected: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        return f"{self.primitive}-{self.variant}"

    @property
    def record(self) -> Primitive:
        return registry[self.primitive]

    def operands(self, dtype: type = np.float64) -> tuple[Any, ...]:
        """Return the operands, floats in `dtype`; the same ones every time."""
        drawn = self.make(np.random.default_rng(zlib.crc32(self.name.encode())))
        # NumPy's arithmetic turns arrays without dimensions into numbers.
        arrays = [np.asarray(x) if isinstance(x, np.generic) else x for x in drawn]
        return tuple(x.astype(dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in arrays)

    def differentiated(self, operands: tuple[Any, ...]) -> list[int]:
        """Return the numbers of the operands that gradients are wanted of."""
        return [
            i
            for i, x in enumerate(operands)
            if isinstance(x, np.ndarray)
            and x.dtype.kind == "f"
            and self.record.vjp[i] is not None
            and i not in self.constant
        ]


# ---- Operands --------------------------------------------------------------------------------------------------------


def normal(draw: Draw, shape: Shape) -> Array:
    return np.asarray(draw.standard_normal(shape))


def between(low: float, high: float) -> Callable[[Draw, Shape], Array]:
    return lambda draw, shape: np.asarray(draw.uniform(low, high, shape))


def apart(draw: Draw, shape: Shape) -> Array:
    """Return numbers of either sign that are neither 0 nor close to each other."""
    n = int(np.prod(shape))
    return (draw.permutation(n) - n // 2 + 0.3).reshape(shape) * (0.1 if n < 100 else 4 / n)


def nonzero(draw: Draw, shape: Shape) -> Array:
    return np.asarray(draw.uniform(0.5, 2, shape) * draw.choice([-1.0, 1.0], shape))


Drawn = Callable[[Draw, Shape], Array]

SINGLE = {"no dims": (), "empty": (0, 3), "one": (1,), "odd": (3, 5), "large": LARGE}
PAIRS = {
    "no dims": ((), ()),
    "empty": ((0, 3), (3,)),
    "one": ((1,), (1,)),
    "odd": ((3, 5), (3, 5)),
    "row": ((3, 5), (5,)),
    "column": ((3, 1), (3, 5)),
    "outer": ((4, 1, 3), (2, 1)),
    "no dims against": ((), (3, 2)),
    "large": (LARGE, LARGE),
    "large row": (LARGE, LARGE[1:]),
}


def unary(primitive: str, x: Drawn = normal, **settings: Any) -> Iterator[Case]:
    for variant, shape in SINGLE.items():
        yield Case(primitive, variant, lambda draw, s=shape: (x(draw, s),), large="large" in variant, **settings)


def binary(
    primitive: str, x: Drawn = normal, y: Drawn = normal, *, number: bool = True, **settings: Any
) -> Iterator[Case]:
    for variant, (a, b) in PAIRS.items():
        large = "large" in variant
        yield Case(primitive, variant, lambda draw, a=a, b=b: (x(draw, a), y(draw, b)), large=large, **settings)
    if number:
        yield Case(primitive, "number", lambda draw: (x(draw, (3, 2)), 1.25), **settings)


def given(primitive: str, variant: str, *operands: Any, smooth: bool = False, **settings: Any) -> Case:
    """Make a row of operands that are not drawn."""
    arrays = tuple(np.array(x, np.float64) if isinstance(x, list) else x for x in operands)
    return Case(primitive, variant, lambda _: arrays, smooth=smooth, **settings)


# ---- Elementwise -----------------------------------------------------------------------------------------------------

NAN, INF = np.nan, np.inf


def comparison(primitive: str) -> Iterator[Case]:
    def small(draw: Draw, shape: Shape) -> Array:
        return np.asarray(draw.integers(0, 3, shape).astype(float))

    yield from binary(primitive, small, small, smooth=False)
    yield given(primitive, "special", [0.0, -0.0, NAN, INF, -INF, NAN], [-0.0, 0.0, NAN, INF, INF, 1.0])


def power_of_number(variant: str, exponent: float, make: Callable[[Draw], tuple[Any, ...]], **settings: Any) -> Case:
    return Case(
        "pow_number",
        variant,
        make,
        (exponent,),
        public=lambda lib, x, e: lib.pow(x, e),
        expected=lambda x, e: np.power(x, e),
        **settings,
    )


def powers_of_integers() -> Iterator[Case]:
    for variant, (a, b) in PAIRS.items():
        yield Case(
            "pow_integers",
            variant,
            lambda draw, a=a, b=b: (np.asarray(draw.integers(-3, 4, a)), np.asarray(draw.integers(0, 5, b))),
            smooth=False,
            large="large" in variant,
            public=lambda lib, x, y: lib.pow(x, y),
            expected=np.power,
        )


def powers_of_numbers() -> Iterator[Case]:
    for exponent in (2, 3.0, 1.0, 0.0, -1.5, 0.5):
        yield power_of_number(f"exponent {exponent}", exponent, lambda draw: (between(0.5, 2)(draw, (3, 5)),))
    for variant, shape in SINGLE.items():
        yield power_of_number(variant, 2.5, lambda d, s=shape: (between(0.5, 2)(d, s),), large=variant == "large")
    for exponent in (-1, 0.5):
        yield power_of_number(f"zero, exponent {exponent}", exponent, lambda _: (np.zeros(2),), smooth=False)
    for exponent in (2, 3, 1, 0):
        yield power_of_number(f"zero, exponent {exponent}", exponent, lambda _: (np.array([0.0, 1.5, -2.0, 0.0]),))


def casts() -> Iterator[Case]:
    to = {FLOAT32: np.float32, FLOAT64: np.float64, INT64: np.int64, BOOL: np.bool_}
    for code, source, smooth in ((FLOAT64, FLOAT64, True), (FLOAT32, FLOAT64, False)):
        for variant, shape in SINGLE.items():
            yield Case(
                "cast",
                f"{variant} to {to[code].__name__}",
                lambda draw, s=shape: (normal(draw, s),),
                (code, source),
                smooth=smooth,
                large=variant == "large",
                expected=lambda x, code, _: x.astype(to[code]),
            )
    for code in (INT64, BOOL):
        for variant, shape in SINGLE.items():
            yield Case(
                "convert",
                f"{variant} to {to[code].__name__}",
                lambda draw, s=shape: (np.round(3 * normal(draw, s)),),
                (code,),
                smooth=False,
                large=variant == "large",
            )


def choices() -> Iterator[Case]:
    def three(a: Shape, b: Shape, c: Shape) -> Callable[[Draw], tuple[Any, ...]]:
        return lambda draw: (draw.random(a) < 0.5, normal(draw, b), normal(draw, c))

    for variant, (x, y) in PAIRS.items():
        shape = np.broadcast_shapes(x, y)
        yield Case("where", variant, three(shape, x, y), large="large" in variant)
    yield Case("where", "condition broadcast", three((3, 1), (5,), (2, 1, 1)))
    yield Case("where", "number", lambda draw: (draw.random((3, 5)) < 0.5, normal(draw, (5,)), 0.0))
    yield given("where", "not finite", np.array([True, False, True]), [1.0, NAN, INF], [NAN, 2.0, INF])


def elementwise() -> Iterator[Case]:
    positive, whole = between(0.5, 2), between(-2, 2)
    for name in ("neg", "exp", "sin", "cos", "tanh", "sigmoid"):
        yield from unary(name, whole)
    for name in ("relu", "abs", "sign"):
        yield from unary(name, apart)
        yield given(name, "kink", [0.0, -0.0, 1.0, -1.0, 0.0])
    yield from unary("sqrt", positive)
    yield from unary("log", positive)
    yield from unary("copy", public=lambda lib, x: lib.clone(x))
    yield given("exp", "special", [INF, -INF, 800.0, -800.0, NAN, 0.0])
    yield given("sigmoid", "special", [INF, -INF, 800.0, -800.0, NAN, 0.0])
    yield given("tanh", "special", [INF, -INF, 800.0, -800.0, NAN, 0.0])
    yield given("log", "special", [INF, 1.0, 0.0, -0.0])
    yield given("sqrt", "special", [INF, 1.0, 0.0])
    for name in ("add", "sub", "mul"):
        yield from binary(name)
    yield from binary("div", normal, nonzero)
    yield from binary("safe_mul")
    yield from binary("safe_div", normal, nonzero)
    yield given("mul", "zeros", [0.0, 0.0, 2.0], [0.0, 3.0, 0.0], smooth=True)
    yield given("div", "zeros", [0.0, 0.0, -0.0], [1.0, -3.0, 2.0], smooth=True)
    yield given("div", "by zero", [1.0, -1.0], [0.0, -0.0])
    yield given("safe_mul", "zeros", [0.0, 0.0, 2.0], [0.0, 3.0, 0.0], smooth=True)
    yield given("safe_mul", "infinite", [0.0, INF, NAN, 0.0, 2.0], [INF, 0.0, 0.0, NAN, INF])
    yield given("safe_div", "zeros", [0.0, 0.0, -0.0], [1.0, -3.0, 2.0], smooth=True)
    yield given("safe_div", "infinite", [0.0, 0.0, 1.0, 0.0], [0.0, NAN, 0.0, INF])
    yield from binary("pow", positive, between(-2, 2), number=False)
    yield given("pow", "base zero", [0.0, 0.0, 0.0], [2.0, 3.0, 1.0])
    yield given("pow", "zero to the zero", [0.0, 2.0], [0.0, 0.0])
    yield given("pow", "zero to a negative number", [0.0, 0.0], [-1.0, -0.5], constant=(1,))
    yield given("pow", "zero to less than one", [0.0, 0.0], [0.5, 0.25])
    yield given("pow", "negative base", [-1.5, -2.0, -0.5], [2.0, 3.0, -1.0], constant=(1,))
    yield from powers_of_numbers()
    yield from powers_of_integers()
    for name in ("relu_grad", "tanh_grad", "sigmoid_grad"):
        yield from binary(name, normal, apart, number=False)
    yield given("relu_grad", "kink", [1.0, 2.0, INF], [0.0, -0.0, 0.0])
    yield from binary("maximum_share", normal, normal, smooth=False)
    yield given("maximum_share", "ties", [0.0, 1.0, NAN, 2.0], [-0.0, 1.0, 1.0, NAN])
    for name in ("maximum", "minimum"):
        yield from binary(name, apart, nonzero, number=False)
        yield given(name, "ties", [0.0, 1.0, 2.0, -1.0], [-0.0, 1.0, -2.0, 3.0])
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        yield from comparison(name)
    yield from choices()
    yield from casts()


# ---- Shape -----------------------------------------------------------------------------------------------------------


def view(primitive: str, variant: str, shape: Shape, *attributes: Any, **settings: Any) -> Case:
    return Case(primitive, variant, lambda draw: (normal(draw, shape),), attributes, large=shape == LARGE, **settings)


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


# ---- Indices ---------------------------------------------------------------------------------------------------------


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


# ---- Scans -----------------------------------------------------------------------------------------------------------

LINES = {
    "no elements": ((3, 0), 1),
    "one": ((1,), 0),
    "vector": ((5,), 0),
    "last": ((2, 5), 1),
    "first": ((5, 2), 0),
    "middle": ((2, 4, 2), 1),
    "large": (LARGE, 1),
    "large, first": (LARGE, 0),
}


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
    yield given("linear_recurrence", "zeros", [0.0, 0.0, 2.0], [1.0, 0.0, 3.0], attributes=(0, False), smooth=True)


# ---- Reductions ------------------------------------------------------------------------------------------------------


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


# ---- Products --------------------------------------------------------------------------------------------------------


def matrices() -> Iterator[Case]:
    for variant, a, b in (
        ("one", (1, 1), (1, 1)),
        ("odd", (3, 5), (5, 2)),
        ("no rows", (0, 3), (3, 2)),
        ("no columns", (2, 3), (3, 0)),
        ("nothing inside", (2, 0), (0, 3)),
        ("row", (1, 4), (4, 3)),
        ("column", (3, 4), (4, 1)),
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


# ---- Softmax and losses ----------------------------------------------------------------------------------------------


def softmaxes() -> Iterator[Case]:
    for name in ("softmax", "log_softmax"):
        for variant, (shape, dim) in LINES.items():
            yield view(name, variant, shape, dim)
            yield Case(
                f"{name}_grad",
                variant,
                lambda draw, s=shape: (normal(draw, s), between(-1, 1)(draw, s)),
                (dim,),
                large=shape == LARGE,
            )
        yield given(name, "far apart", [[1000.0, 0.0, -1000.0], [1e30, 0.0, 1.0]], attributes=(1,))
        yield given(name, "masked", [[-INF, 0.0, 1.0], [2.0, -INF, -INF]], attributes=(1,))
        yield given(name, "not a number", [[NAN, 0.0, 1.0], [2.0, 1.0, 0.0]], attributes=(1,))


REDUCTIONS = ("none", "mean", "sum")


def public_cross_entropy(lib: Any, x: Any, target: Any, ignored: int, smoothing: float, reduction: int) -> Any:
    return lib.nn.functional.cross_entropy(
        x, target, ignore_index=ignored, label_smoothing=smoothing, reduction=REDUCTIONS[reduction]
    )


def losses() -> Iterator[Case]:
    for n, classes, kind in ((4, 5, ""), (1, 1, "one, "), (3, 2, "some ignored, "), (67, 130, "large, ")):
        for smoothing in (0.0, 0.1):
            for reduction in range(3):
                variant = f"{kind}{REDUCTIONS[reduction]}, smoothing {smoothing}"
                attributes = (1 if kind.startswith("some") else -100, smoothing, reduction)
                size = () if reduction else (n,)

                def target(draw: Draw, n: int = n, classes: int = classes) -> Array:
                    labels = draw.integers(0, classes, n)
                    labels[0] = 0  # no row ignores all labels
                    return labels

                yield Case(
                    "cross_entropy",
                    variant,
                    lambda draw, n=n, c=classes, t=target: (normal(draw, (n, c)), t(draw)),
                    attributes,
                    large=n > 10,
                    public=public_cross_entropy,
                )
                yield Case(
                    "cross_entropy_grad",
                    variant,
                    lambda draw, s=size, n=n, c=classes, t=target: (
                        normal(draw, s), between(0.1, 1)(draw, (n, c)), t(draw)
                    ),
                    attributes,
                    large=n > 10,
                )  # fmt: skip
    for reduction in range(3):
        settings: dict[str, Any] = {"smooth": False, "public": public_cross_entropy}
        attributes = (-100, 0.0, reduction)
        name = REDUCTIONS[reduction]
        yield given(
            "cross_entropy", f"far apart, {name}", [[1e3, 0.0, -1e3], [0.0, 1e3, 1.0]], np.array([2, 1]),
            attributes=attributes, **settings,
        )  # fmt: skip
        yield given(
            "cross_entropy", f"all ignored, {name}", [[1.0, 0.0]], np.array([-100]), attributes=attributes, **settings
        )
        yield Case(
            "cross_entropy", f"empty, {name}", lambda _: (np.zeros((0, 3)), np.zeros(0, np.int64)), attributes,
            **settings,
        )  # fmt: skip


CASES: list[Case] = [
    case
    for family in (
        elementwise, shapes, gathers, rows, scans, reductions, products, extrema, matrices, layers, softmaxes, losses
    )
    for case in family()
]  # fmt: skip
