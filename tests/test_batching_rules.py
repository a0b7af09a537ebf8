"""Every primitive's batching rule beside a loop over examples: values, both modes and the second order, nested.

Examples are drawn calls of one form (tests/cases/drawn.py): each operand is an array of its own for each example, along
any dim, or shared by all, and lies in memory as it happens.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from cases import CASES
from cases.drawn import any_shape, broadcastable, call_of, flag, laid_out, scatter
from minigrad import Tensor, stack
from minigrad.autograd import functional, grad
from minigrad.batching_rules import looped, rule_of
from minigrad.func import jvp, vjp, vmap
from minigrad.primitive import ONE_TO_ONE, Primitive, registry
from minigrad.tensor import wrap

assert CASES  # which says how the elementwise primitives' operands are drawn

Draw = np.random.Generator
Array = np.ndarray[Any, Any]
Call = tuple[tuple[Any, ...], tuple[Any, ...]]

EXAMPLES = 3
CALLS = 10
#: Primitives that run once for each example. There is none; a new one needs a reason.
LOOPS: set[str] = set()
DIFFERENTIABLE = [name for name, p in registry.items() if p.differentiable]


# ----------------------------------------------------------------------------------------------------------------------
# Calls of the primitives that have no derivative, which drawn.py knows nothing of.


def integers(*bounds: tuple[int, int]) -> Callable[[Draw], Call]:
    def call(draw: Draw) -> Call:
        shapes = broadcastable(draw, len(bounds))
        return tuple(draw.integers(*b, s) for b, s in zip(bounds, shapes, strict=True)), ()

    return call


def index_over(draw: Draw) -> Call:
    shape = tuple(max(n, 1) for n in any_shape(draw, least=1))
    dims = () if draw.random() < 0.3 else (int(draw.integers(0, len(shape))),)
    return (draw.standard_normal(shape),), (dims, flag(draw))


def occurrence(draw: Draw) -> Call:
    shape = any_shape(draw, least=1)
    return (draw.integers(0, 4, shape),), (int(draw.integers(0, len(shape))), 4, flag(draw))


def ends_with_ellipsis(call: Call) -> Call:
    """Return a call of `index` or `unindex` as the public functions make it: a view, even of one element."""
    key = call[1][0]
    return call[0], (key if Ellipsis in key else (*key, ...), *call[1][1:])


OTHERS: dict[str, Callable[[Draw], Call]] = {
    "argmax": index_over,
    "argmin": index_over,
    "bitwise_and": integers((0, 9), (0, 9)),
    "bitwise_left_shift": integers((0, 9), (0, 4)),
    "bitwise_not": integers((0, 9)),
    "bitwise_or": integers((0, 9), (0, 9)),
    "bitwise_right_shift": integers((0, 99), (0, 4)),
    "bitwise_xor": integers((0, 9), (0, 9)),
    "convert": lambda draw: ((draw.standard_normal(any_shape(draw)),), (4,)),
    "gcd": integers((0, 99), (0, 99)),
    "index": lambda draw: ends_with_ellipsis(call_of("index")(draw)),
    "lcm": integers((0, 99), (0, 99)),
    "occurrence": occurrence,
    "unindex": lambda draw: ends_with_ellipsis(call_of("unindex")(draw)),
    "pow_integers": integers((0, 5), (0, 5)),
    "scatter_product": scatter,
}


def drawn(name: str) -> Callable[[Draw], Call] | None:
    return OTHERS.get(name) or call_of(name)


# ----------------------------------------------------------------------------------------------------------------------
# Batches of calls.


class Batch(NamedTuple):
    name: str
    tensors: tuple[Any, ...]
    dims: tuple[int | None, ...]
    attributes: tuple[Any, ...]

    @property
    def mapped(self) -> list[int]:
        return [i for i, d in enumerate(self.dims) if d is not None]

    @property
    def differentiable(self) -> list[int]:
        p = registry[self.name]
        return [
            i
            for i, x in enumerate(self.tensors)
            if p.vjp[i] is not None and isinstance(x, Tensor) and x.is_floating_point()
        ]

    def run(self, *xs: Any) -> tuple[Any, ...]:
        out = registry[self.name].eager(*xs, *self.attributes)
        return out if isinstance(out, tuple) else (out,)

    def floats(self, *xs: Any) -> tuple[Any, ...]:
        return tuple(y for y in self.run(*xs) if y.is_floating_point())

    def example(self, n: int) -> list[Any]:
        return [x if d is None else x.select(d, n) for x, d in zip(self.tensors, self.dims, strict=True)]


def same_form(a: Call, b: Call) -> bool:
    form = lambda call: [(np.shape(x), np.asarray(x).dtype) if hasattr(x, "dtype") else x for x in call[0]]
    return form(a) == form(b) and a[1] == b[1]


def calls_of_one_form(call: Callable[[Draw], Call], draw: Draw) -> list[Call]:
    calls = [call(draw)]
    for _ in range(20):
        another = call(draw)
        if len(calls) < EXAMPLES and same_form(another, calls[0]):
            calls.append(another)
    operands, attributes = calls[0]
    while len(calls) < EXAMPLES:  # the same elements in another order
        calls.append((tuple(shuffled(x, draw) for x in operands), attributes))
    return calls


def shuffled(x: Any, draw: Draw) -> Any:
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        return x
    return draw.permutation(x.reshape(-1)).reshape(x.shape)


def batch_of(name: str, draw: Draw) -> Batch:
    call = drawn(name)
    assert call is not None
    calls = calls_of_one_form(call, draw)
    tensors: list[Any] = []
    dims: list[int | None] = []
    for column in zip(*(c[0] for c in calls), strict=True):
        array = hasattr(column[0], "dtype")
        dim = int(draw.integers(0, np.ndim(column[0]) + 1)) if array and draw.random() < 0.7 else None
        whole = column[0] if dim is None else np.stack(column, dim)
        whole = laid_out(draw, whole) if array and np.asarray(whole).dtype == np.float64 else whole
        tensors.append(wrap(np.asarray(whole)) if array else whole)
        dims.append(dim)
    if all(d is None for d in dims):
        return batch_of(name, draw)
    return Batch(name, tuple(tensors), tuple(dims), calls[0][1])


def close(got: Any, expected: Any) -> None:
    got, expected = (x.detach().numpy() for x in (got, expected))
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)


def check(function: Any, looped: Any, batch: Batch) -> None:
    """Check that a function of a call's operands gives the same mapped and in a loop."""
    got = vmap(function, in_dims=batch.dims)(*batch.tensors)
    each = [looped(*batch.example(n)) for n in range(EXAMPLES)]
    for y, column in zip(got, zip(*each, strict=True), strict=True):
        for n, expected in enumerate(column):
            close(y[n], expected)


def seed(name: str) -> Draw:
    return np.random.default_rng(zlib.crc32(name.encode()))


# ----------------------------------------------------------------------------------------------------------------------


def test_every_primitive_has_a_rule() -> None:
    assert {name for name, p in registry.items() if getattr(rule_of(p), "func", None) is looped} == LOOPS


def test_every_primitive_is_drawn() -> None:
    assert not [name for name in registry if drawn(name) is None]


def test_a_primitive_without_a_rule_runs_in_a_loop() -> None:
    backwards = Primitive(
        "backwards",
        run=lambda x, y: (x[::-1] * y).copy(),
        inputs=("x", "y"),
        equation="out[i] = x[n - 1 - i] y",
        source="this test",
        relation=ONE_TO_ONE,
        promotion=None,
    )
    del registry["backwards"]
    x, y = wrap(np.arange(6.0).reshape(2, 3)), wrap(np.array(2.0))
    assert rule_of(backwards).func is looped
    with pytest.warns(UserWarning, match="backwards has no batching rule and runs once for each example"):
        out = vmap(backwards.eager, in_dims=(0, None))(x, y)
    assert out.tolist() == [[4.0, 2.0, 0.0], [10.0, 8.0, 6.0]]


@pytest.mark.parametrize("name", registry)
def test_value(name: str) -> None:
    draw = seed(name)
    for _ in range(CALLS):
        batch = batch_of(name, draw)
        check(batch.run, batch.run, batch)


def directions(batch: Batch, draw: Draw) -> tuple[Any, Any]:
    """Return tangents and cotangents, the same for all examples."""
    inputs = batch.example(0)
    like = lambda x: wrap(np.asarray(draw.standard_normal(x.shape), dtype=x.numpy().dtype))
    return [like(inputs[i]) for i in batch.differentiable], tuple(like(y) for y in batch.floats(*inputs))


def at(xs: Any, indices: list[int], values: Any) -> list[Any]:
    full = list(xs)
    for i, value in zip(indices, values, strict=True):
        full[i] = value
    return full


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_inside(name: str) -> None:
    """vmap of vjp, of jvp, and of the gradient of a gradient."""
    draw = seed(name)
    for _ in range(2):
        batch = batch_of(name, draw)
        wanted = batch.differentiable
        ts, gs = directions(batch, draw)

        def of(xs: Any, batch: Batch = batch, wanted: Any = wanted) -> Any:
            return lambda *zs: batch.floats(*at(xs, wanted, zs))

        def pulled(*xs: Any, of: Any = of, wanted: Any = wanted, gs: Any = gs) -> Any:
            return vjp(of(xs), *[xs[i] for i in wanted])[1](gs)

        def pushed(*xs: Any, of: Any = of, wanted: Any = wanted, ts: Any = ts) -> Any:
            return jvp(of(xs), tuple(xs[i] for i in wanted), tuple(ts))[1]

        def twice(*xs: Any, of: Any = of, wanted: Any = wanted, ts: Any = ts, gs: Any = gs) -> Any:
            gradient = lambda *zs: vjp(of(xs), *zs)[1](gs)
            return vjp(gradient, *[xs[i] for i in wanted])[1](tuple(ts))

        for function in (pulled, pushed, twice):
            check(function, function, batch)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_outside(name: str) -> None:
    """The gradient, the tangent and the second derivative of vmap."""
    draw = seed(name)
    batch = batch_of(name, draw)
    wanted = batch.differentiable
    mapped = vmap(batch.floats, in_dims=batch.dims)

    def looped(*xs: Any) -> Any:
        examples = [batch._replace(tensors=tuple(xs)).example(n) for n in range(EXAMPLES)]
        return tuple(stack(c) for c in zip(*(batch.floats(*e) for e in examples), strict=True))

    us, ws = [[wrap(np.asarray(draw.standard_normal(batch.tensors[i].shape))) for i in wanted] for _ in range(2)]
    results = []
    for function in (mapped, looped):
        xs = [batch.tensors[i].detach().clone().requires_grad_() for i in wanted]
        value = lambda *zs, function=function: function(*at(batch.tensors, wanted, zs))
        ys = value(*xs)
        vs = [wrap(np.asarray(np.random.default_rng(0).standard_normal(y.shape))) for y in ys]
        first = grad(ys, xs, vs, create_graph=True, materialize_grads=True)
        live = [(g, w) for g, w in zip(first, ws, strict=True) if g.requires_grad]
        second = grad([g for g, _ in live], xs, [w for _, w in live], materialize_grads=True) if live else ()
        tangents = functional.jvp(value, tuple(x.detach() for x in xs), tuple(us))[1]
        results.append((*first, *second, *tangents))
    for got, expected in zip(*results, strict=True):
        close(got, expected)


@pytest.mark.parametrize("name", registry)
def test_nested(name: str) -> None:
    """vmap of vmap: the outer one over every operand that the inner one maps over, or over the first of them only."""
    draw = seed(name)
    batch = batch_of(name, draw)
    inner = vmap(batch.run, in_dims=batch.dims)
    chosen = [i for i in batch.mapped if draw.random() < 0.7] or batch.mapped[:1]
    outer = tuple(0 if i in chosen else None for i in range(len(batch.tensors)))
    twice = [wrap(np.stack([x.numpy(), x.numpy()[::1]])) if i in chosen else x for i, x in enumerate(batch.tensors)]
    single = inner(*batch.tensors)
    for y, expected in zip(vmap(inner, in_dims=outer)(*twice), single, strict=True):
        assert y.shape == (2, *expected.shape)
        close(y[0], expected)
        close(y[1], expected)
