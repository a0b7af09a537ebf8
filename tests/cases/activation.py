"""Rows of the activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import INF, LINES, NAN, PAIRS, PRIVATE, Case, apart, between, binary, given, normal, ternary, unary

SPECIAL = [INF, -INF, 800.0, -800.0, NAN, 0.0, -0.0]

#: For each primitive: a variant, its attributes, and the public function of x.
Attributes = tuple[float, ...]
VARIANTS: dict[str, list[tuple[str, Attributes, Callable[..., Any] | None]]] = {
    "silu": [("", (), lambda f, x: f.silu(x))],
    "gelu": [("", (), lambda f, x: f.gelu(x))],
    "gelu_tanh": [("", (), lambda f, x: f.gelu(x, approximate="tanh"))],
    "mish": [("", (), lambda f, x: f.mish(x))],
    "softsign": [("", (), lambda f, x: f.softsign(x))],
    "hardswish": [("", (), None)],
    "softplus": [
        ("", (1.0, 20.0), lambda f, x: f.softplus(x)),
        ("sharp ", (3.0, 4.0), lambda f, x: f.softplus(x, 3.0, 4.0)),
        ("logsigmoid ", (-1.0, INF), lambda f, x: f.logsigmoid(x)),
    ],
    "elu": [
        ("", (0.7, 1.0, 1.0), lambda f, x: f.elu(x, 0.7)),
        ("celu ", (1.5, 1.0, 1 / 1.5), lambda f, x: f.celu(x, 1.5)),
        ("selu ", (1.6732632423543772 * 1.0507009873554805, 1.0507009873554805, 1.0), lambda f, x: f.selu(x)),
    ],
    "broken_line": [
        ("", (-1.0, 1.0, 0.0, 1.0, 0.0, 0.0), lambda f, x: f.hardtanh(x)),
        ("leaky ", (0.0, 0.0, 0.1, 0.1, 1.0, 0.0), lambda f, x: f.leaky_relu(x, 0.1)),
        # PyTorch's derivative of hardsigmoid is 1/6 rounded to float32, in float64 too.
        ("hardsigmoid ", (-3.0, 3.0, 0.0, 1 / 6, 0.0, 3.0), None),
        ("shrink ", (-0.5, 0.5, 1.0, 0.0, 1.0, 0.0), lambda f, x: f.softshrink(x)),
    ],
}


def of_library(function: Callable[..., Any] | None) -> Any:
    return PRIVATE if function is None else lambda lib, x, *_: function(lib.nn.functional, x)


def named(prefix: str, cases: Iterator[Case]) -> Iterator[Case]:
    for case in cases:
        yield Case(**{**vars(case), "variant": prefix + case.variant})


def activations() -> Iterator[Case]:
    for name, variants in VARIANTS.items():
        # The derivative of gelu is a difference of nearly equal numbers further below 0.
        draw = between(-0.5, 2) if "gelu" in name else apart if name in ("elu", "broken_line") else normal
        for prefix, attributes, function in variants:
            settings: dict[str, Any] = {"attributes": attributes, "public": of_library(function)}
            yield from named(prefix, unary(name, draw, **settings))
            # What is infinite there PyTorch makes NaN of.
            finite = name in ("softplus", "elu", "broken_line", "hardswish")
            points = [x for x in SPECIAL if not np.isnan(x) or prefix != "shrink "] if finite else SPECIAL[2:]
            yield given(name, prefix + "special", points, **settings)
            settings["public"] = PRIVATE
            yield given(name, prefix + "infinite", [INF, -INF], **settings)
            yield from named(prefix, binary(f"{name}_grad", normal, draw, number=False, **settings))
            yield given(f"{name}_grad", prefix + "special", [1.0, 2.0, 0.0, 3.0], [INF, -INF, NAN, 0.0], **settings)


def cuts() -> Iterator[Case]:
    """Rows of cut, which is hardshrink and threshold, of prelu and of the slope of a gate."""
    yield from binary("cut", normal, apart, attributes=(-0.3, 0.4, 0.0), number=False, public=PRIVATE)
    points = [INF, -INF, NAN, 0.5, -0.5, 0.0]
    for prefix, attributes in (
        ("", (-0.5, 0.5, 0.0)),
        ("threshold ", (-INF, 0.5, 7.0)),
        ("negative ", (0.5, -0.5, 0.0)),
    ):
        yield given("cut", prefix + "special", points, points, attributes=attributes, public=PRIVATE)
    for variant, (a, b) in PAIRS.items():
        make = lambda draw, a=a, b=b: (normal(draw, a), apart(draw, b), normal(draw, b))
        yield Case("prelu", variant, make, public=PRIVATE, large="large" in variant)
    for weight in (0.25, 0.0):
        yield given("prelu", f"special, weight {weight}", points, points, [weight] * 6, public=PRIVATE)
    yield from ternary("gate_slope", normal, normal, normal, public=PRIVATE)
    yield given(
        "gate_slope", "special", [2.0, 2.0, 0.0, 2.0], [3.0, 3.0, NAN, 3.0], [INF, -INF, NAN, 0.0], public=PRIVATE
    )
    yield given("hardswish", "joints", [-3.0, 3.0, 0.0])
    yield given("hardswish_grad", "joints", [1.0, 2.0, 3.0], [-3.0, 3.0, 0.0])


def gates() -> Iterator[Case]:
    """Rows of glu and of its derivative."""
    public = lambda lib, x, dim: lib.nn.functional.glu(x, dim)
    for variant, (shape, dim) in LINES.items():
        half, whole = shape, tuple(n * (1 + (d == dim)) for d, n in enumerate(shape))
        settings: dict[str, Any] = {"attributes": (dim,), "large": "large" in variant}
        yield Case("glu", variant, lambda draw, s=whole: (normal(draw, s),), public=public, **settings)
        make = lambda draw, g=half, x=whole: (normal(draw, g), normal(draw, x))
        yield Case("glu_grad", variant, make, public=PRIVATE, **settings)
    special = [2.0, 2.0, 2.0, 0.0, 2.0], [INF, -INF, 800.0, -800.0, 0.0]
    yield given("glu", "special", list(special), attributes=(0,), public=public)
    yield given("glu_grad", "special", [[1.0, 2.0, 0.0, 2.0, 0.0]], list(special), attributes=(0,), public=PRIVATE)


def joints() -> Iterator[Case]:
    for prefix, attributes, function in VARIANTS["broken_line"]:
        settings: dict[str, Any] = {"attributes": attributes, "public": of_library(function)}
        yield given("broken_line", prefix + "joints", [*attributes[:2], 0.0], **settings)


FAMILIES = (activations, cuts, gates, joints)
