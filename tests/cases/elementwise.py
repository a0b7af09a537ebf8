"""Rows of the elementwise operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INF,
    INT64,
    NAN,
    PAIRS,
    SINGLE,
    Array,
    Case,
    Draw,
    Shape,
    apart,
    between,
    binary,
    given,
    nonzero,
    normal,
    ternary,
    unary,
)


def comparison(primitive: str) -> Iterator[Case]:
    def small(draw: Draw, shape: Shape) -> Array:
        return np.asarray(draw.integers(0, 3, shape).astype(float))

    yield from binary(primitive, small, small, smooth=False, number=not primitive.startswith("logical"))
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


def powers_of_bases() -> Iterator[Case]:
    def case(variant: str, base: float, make: Callable[[Draw], tuple[Any, ...]], **settings: Any) -> Case:
        return Case(
            "power_of_base",
            variant,
            make,
            (base,),
            public=lambda lib, x, b: lib.pow(b, x),
            expected=lambda x, b: np.power(np.asarray(b, x.dtype), x),
            **settings,
        )

    for base in (2.0, 0.5, 10.0):
        yield case(str(base), base, lambda draw: (draw.normal(size=(3, 4)),))
    yield case("special", 2.0, lambda draw: (np.array([0.0, -0.0, INF, -INF, NAN, 2000.0]),), smooth=False)


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
    for exponent in (2, 3.0, 1.0, 0.0, -1.5, 0.5, -2):
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
    yield from unary("copy", public=lambda lib, x: lib.clone(x, memory_format=lib.contiguous_format))
    yield from unary("clone")
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
    yield given("safe_mul", "the number 0", [0.0, INF, NAN, -2.0], 0.0)
    yield given("safe_mul", "infinite", [0.0, INF, NAN, 0.0, 2.0], [INF, 0.0, 0.0, NAN, INF])
    yield given("safe_div", "zeros", [0.0, 0.0, -0.0], [1.0, -3.0, 2.0], smooth=True)
    yield given("safe_div", "infinite", [0.0, 0.0, 1.0, 0.0], [0.0, NAN, 0.0, INF])
    yield from binary("pow", positive, between(-2, 2), number=False)
    yield given("pow", "base zero", [0.0, 0.0, 0.0], [2.0, 3.0, 1.0])
    yield given("pow", "zero to the zero", [0.0, 2.0], [0.0, 0.0])
    yield given("pow", "zero to a negative number", [0.0, 0.0], [-1.0, -0.5], constant=(1,))
    yield given("pow", "zero to less than one", [0.0, 0.0], [0.5, 0.25])
    yield given("pow", "negative base", [-1.5, -2.0, -0.5], [2.0, 3.0, -1.0], constant=(1,))
    by_base = lambda g, x, y: g * y * x ** (y - 1)
    yield from ternary("pow_by_base", normal, positive, between(-2, 2), expected=by_base)
    zeros = [0.0, 0.0, 0.0, 0.0, 2.0], [2.0, 1.0, 0.0, 0.5, 0.0]
    expected = lambda g, *_: np.array([0.0, 2.0, 0.0, INF, 0.0], g.dtype)
    yield given("pow_by_base", "zeros", [1.0, 2.0, 3.0, 4.0, 5.0], *zeros, expected=expected)
    yield from powers_of_numbers()
    yield from powers_of_bases()
    yield from powers_of_integers()
    for name in ("relu_grad", "tanh_grad", "sigmoid_grad"):
        yield from binary(name, normal, apart, number=False)
    yield given("relu_grad", "kink", [1.0, 2.0, INF], [0.0, -0.0, 0.0])
    yield from binary("maximum_share", normal, normal, smooth=False)
    yield given("maximum_share", "ties", [0.0, 1.0, NAN, 2.0], [-0.0, 1.0, 1.0, NAN])
    for name in ("maximum", "minimum"):
        yield from binary(name, apart, nonzero, number=False)
        yield given(name, "ties", [0.0, 1.0, 2.0, -1.0], [-0.0, 1.0, -2.0, 3.0])
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"):
        yield from comparison(name)
    yield from choices()
    yield from casts()


def cotangents() -> Iterator[Case]:
    """Rows of what multiplies cotangents."""
    yield from ternary("safe_product", normal, normal, normal)
    yield from ternary("safe_quotient", normal, nonzero, nonzero)
    yield from binary("times_sign", normal, nonzero)
    yield from unary("square")
    yield given("square", "special", [0.0, -0.0, INF, -INF, NAN])
    yield given("safe_product", "zeros", [0.0, 0.0, 2.0], [0.0, 3.0, 0.0], [4.0, 0.0, 0.0], smooth=True)
    yield given("safe_product", "infinite", [0.0, INF, NAN, 2.0], [INF, 0.0, 0.0, 3.0], [NAN, NAN, INF, 0.0])
    yield given("safe_quotient", "zeros", [0.0, 0.0, 0.0, 1.0], [0.0, NAN, INF, 0.0], [1.0, 2.0, INF, 3.0])
    yield given("times_sign", "special", [0.0, INF, 2.0, -3.0, NAN], [NAN, 0.0, -INF, NAN, -0.0])


FAMILIES = (
    cotangents,
    elementwise,
)
