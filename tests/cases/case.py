"""What the rows are made of: the record of a row, ways of drawing operands, shapes that every family tries."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigrad
from minigrad.primitive import Primitive, registry
from minigrad.tensor import Tensor, wrap

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
    terms : callable, optional
        Takes operands and attributes; returns for each element of a sum what its terms' magnitudes add up to, where the
        terms cancel: they, not their sum, say how large an error of rounding is.
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
    terms: Callable[..., Array] | None = None

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

    def function(self, operands: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Tensor, ...]]:
        """Return the row as a function of only what it is differentiated by to its first float output, and that."""
        wanted = self.differentiated(operands)

        def function(*xs: Tensor) -> Any:
            full = [wrap(x) if isinstance(x, np.ndarray) else x for x in operands]
            for i, x in zip(wanted, xs, strict=True):
                full[i] = x
            out = self.record.eager(*full, *self.attributes)
            return next(y for y in (out if isinstance(out, tuple) else (out,)) if y.is_floating_point())

        return function, tuple(wrap(operands[i]) for i in wanted)


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

NAN, INF = np.nan, np.inf

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

#: Shapes with lines along a dim.
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


#: How the operands of an elementwise primitive are drawn, and the attributes behind them.
shaped: dict[str, tuple[tuple[Drawn, ...], tuple[Any, ...]]] = {}


def unary(primitive: str, x: Drawn = normal, **settings: Any) -> Iterator[Case]:
    shaped.setdefault(primitive, ((x,), settings.get("attributes", ())))
    for variant, shape in SINGLE.items():
        yield Case(primitive, variant, lambda draw, s=shape: (x(draw, s),), large="large" in variant, **settings)


def binary(
    primitive: str, x: Drawn = normal, y: Drawn = normal, *, number: bool = True, **settings: Any
) -> Iterator[Case]:
    shaped.setdefault(primitive, ((x, y), settings.get("attributes", ())))
    for variant, (a, b) in PAIRS.items():
        large = "large" in variant
        yield Case(primitive, variant, lambda draw, a=a, b=b: (x(draw, a), y(draw, b)), large=large, **settings)
    if number:
        yield Case(primitive, "number", lambda draw: (x(draw, (3, 2)), 1.25), **settings)


def ternary(primitive: str, *operands: Drawn, **settings: Any) -> Iterator[Case]:
    """Make rows of three operands: shapes of two, and the larger of them once more."""
    shaped.setdefault(primitive, (operands, settings.get("attributes", ())))
    for variant, (a, b) in PAIRS.items():
        shapes = np.broadcast_shapes(a, b), a, b
        make = lambda draw, shapes=shapes: tuple(x(draw, s) for x, s in zip(operands, shapes, strict=True))
        yield Case(primitive, variant, make, large="large" in variant, **settings)


def given(primitive: str, variant: str, *operands: Any, smooth: bool = False, **settings: Any) -> Case:
    """Make a row of operands that are not drawn."""
    arrays = tuple(np.array(x, np.float64) if isinstance(x, list) else x for x in operands)
    return Case(primitive, variant, lambda _: arrays, smooth=smooth, **settings)


def view(primitive: str, variant: str, shape: Shape, *attributes: Any, **settings: Any) -> Case:
    return Case(primitive, variant, lambda draw: (normal(draw, shape),), attributes, large=shape == LARGE, **settings)
