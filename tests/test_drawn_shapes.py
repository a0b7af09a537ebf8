"""Every differentiable primitive on drawn shapes and layouts: both modes and the second order beside finite differences.

One direction for each call says as much of a Jacobian as all of them do over many calls.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cases import CASES
from cases.drawn import JOINING, call_of, laid_out
from minigrad import Tensor
from minigrad.autograd import Function, functional, grad
from minigrad.primitive import registry
from minigrad.tensor import wrap

assert CASES  # which says how the elementwise primitives' operands are drawn

CALLS = 50
STEP = 2e-6
DIFFERENTIABLE = [*(name for name, p in registry.items() if p.differentiable), *JOINING]

Array = np.ndarray[Any, Any]


def normal_like(draw: np.random.Generator, x: Any) -> Array:
    return np.asarray(draw.standard_normal(np.shape(x)))


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def function_of(name: str, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, list[int]]:
    """Return the primitive as a function of its differentiable operands, and which they are; it adds the outputs up."""
    p = registry[name]
    wanted = [i for i, x in enumerate(operands) if p.vjp[i] is not None and is_float(x)]

    def function(*xs: Tensor) -> Tensor:
        full = [wrap(x) if isinstance(x, np.ndarray) else x for x in operands]
        for i, x in zip(wanted, xs, strict=True):
            full[i] = x
        out = p.eager(*full, *attributes)
        first, *others = [y for y in (out if isinstance(out, tuple) else (out,)) if y.is_floating_point()]
        return functools.reduce(lambda total, y: total + y * 2.0, others, first)

    return function, wanted


def inner(a: Any, b: Any) -> float:
    return float(sum(np.vdot(x, y) for x, y in zip(a, b, strict=True)))


def along(f: Callable[..., list[Array]], xs: list[Array], us: list[Array], vs: Callable[[list[Array]], float]) -> float:
    """Return the derivative of ``vs(f(xs))`` in the direction `us`, by a central difference."""
    ahead, behind = (vs(f(*[np.asarray(x + h * u) for x, u in zip(xs, us, strict=True)])) for h in (STEP, -STEP))
    return (ahead - behind) / (2 * STEP)


def arrays(ts: Any) -> list[Array]:
    return [t.detach().numpy() for t in ts]


def drawn(
    name: str, draw: np.random.Generator, change: Callable[[Array], Array] = lambda x: x
) -> tuple[Any, list[Array]]:
    """Return an operation as a function of its differentiable operands, and these, changed and laid out as it happens."""
    if name in JOINING:
        function, xs = JOINING[name](draw)
        return function, [laid_out(draw, change(np.asarray(x))) for x in xs]
    call = call_of(name)
    assert call is not None
    operands, attributes = call(draw)
    operands = tuple(np.asarray(x) if isinstance(x, np.generic) else x for x in operands)
    operands = tuple(laid_out(draw, change(x)) if is_float(x) else x for x in operands)
    function, wanted = function_of(name, operands, attributes)
    return function, [operands[i] for i in wanted]


def check(name: str, draw: np.random.Generator) -> None:
    function, xs = drawn(name, draw)
    leaves = [wrap(x).requires_grad_() for x in xs]
    y = function(*leaves)
    us, v = [normal_like(draw, x) for x in xs], normal_like(draw, y)
    value = lambda *zs: arrays([function(*map(wrap, zs))])
    pulled = grad(y, leaves, wrap(v), create_graph=True, materialize_grads=True)
    reverse = inner(arrays(pulled), us)
    scale = 1 + inner([np.abs(v)], [np.abs(v)])
    assert not np.isnan(reverse), xs
    assert reverse == pytest.approx(along(value, xs, us, lambda out: inner(out, [v])), rel=1e-6, abs=1e-7 * scale)
    _, pushed = functional.jvp(function, tuple(map(wrap, xs)), tuple(map(wrap, us)))
    assert inner(arrays([pushed]), [v]) == pytest.approx(reverse, rel=1e-10, abs=1e-11 * scale)
    check_second_order(function, xs, v, pulled, leaves, draw, scale)


def check_second_order(
    function: Any, xs: list[Array], v: Array, pulled: Any, leaves: list[Tensor], draw: np.random.Generator, scale: float
) -> None:
    ws, us = ([normal_like(draw, x) for x in xs] for _ in range(2))
    live = [(g, w) for g, w in zip(pulled, ws, strict=True) if g.requires_grad]
    twice = grad([g for g, _ in live], leaves, [wrap(w) for _, w in live], materialize_grads=True) if live else []

    def gradients(*zs: Array) -> list[Array]:
        inputs = [wrap(z).requires_grad_() for z in zs]
        return arrays(grad(function(*inputs), inputs, wrap(v), materialize_grads=True))

    expected = along(gradients, xs, us, lambda out: inner(out, ws))
    assert (
        inner(arrays(twice), us) == pytest.approx(expected, rel=1e-5, abs=1e-6 * scale)
        if live
        else abs(expected) < 1e-6 * scale
    )


# ---- Singular points -------------------------------------------------------------------------------------------------

FINITE = np.array([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 3.0])
INFINITE = np.array([np.inf, -np.inf, np.nan, 0.0])
#: What takes probabilities.
PROBABILITIES = {"binary_cross_entropy", "binary_cross_entropy_grad", "binary_cross_entropy_target_grad"}


def singular(draw: np.random.Generator, x: Array, values: Array) -> Array:
    """Put special values in the place of about half of the elements, and an element in the place of another: a tie."""
    out = np.asarray(np.where(draw.random(x.shape) < 0.5, draw.choice(values, x.shape), x))
    if out.size > 1 and draw.random() < 0.5:
        flat = out.reshape(-1)
        flat[int(draw.integers(out.size))] = flat[int(draw.integers(out.size))]
    return out


def pull_twice(function: Any, xs: list[Array], us: list[Array]) -> Array:
    """Return J u from the reverse mode alone: J^T v is linear in v."""
    leaves = [wrap(x).requires_grad_() for x in xs]
    y = function(*leaves)
    if not y.requires_grad:
        return np.zeros(y.shape)
    v = wrap(np.zeros(y.shape)).requires_grad_()
    pulled = grad(y, leaves, v, create_graph=True, materialize_grads=True)
    live = [(g, wrap(u)) for g, u in zip(pulled, us, strict=True) if g.requires_grad]
    if not live:
        return np.zeros(y.shape)
    return grad([g for g, _ in live], v, [u for _, u in live], materialize_grads=True)[0].detach().numpy()


def along_both_sides(f: Callable[..., Array], xs: list[Array], us: list[Array], at: Array) -> tuple[Array, Array]:
    """Return the derivative in a direction, and where both sides, near and far, agree on it."""
    with np.errstate(all="ignore"):
        steps = (1e-4, -1e-4, 1e-7, -1e-7)
        sides = [(f(*[np.asarray(x + h * u) for x, u in zip(xs, us, strict=True)]) - at) / h for h in steps]
        middle = (sides[2] + sides[3]) / 2
        near = [
            np.abs(s - middle) <= (3e2 * abs(h) + 1e-5) * (1 + np.abs(middle) + np.abs(at))
            for s, h in zip(sides, steps, strict=True)
        ]
    return middle, np.isfinite(at) & np.isfinite(middle) & np.logical_and.reduce(near)


def differential(
    f: Callable[..., Array], xs: list[Array], us: list[Array], draw: np.random.Generator
) -> tuple[Array, Array]:
    """Return the derivative in a direction, and where it exists and is linear in the direction."""
    at = f(*xs)
    d, linear = along_both_sides(f, xs, us, at)
    for _ in range(6):
        ws = [normal_like(draw, x) for x in xs]
        both = [np.asarray(u + w) for u, w in zip(us, ws, strict=True)]
        (e, one), (total, two) = (along_both_sides(f, xs, vs, at) for vs in (ws, both))
        with np.errstate(all="ignore"):
            linear &= one & two & (np.abs(d + e - total) <= 1e-4 * (1 + np.abs(d) + np.abs(e)))
    return d, linear


def check_both_modes(function: Any, xs: list[Array], draw: np.random.Generator) -> None:
    """Hold both modes against each other, and against differences where there is a derivative."""
    us = [np.asarray(draw.uniform(0.5, 1.5, x.shape) * draw.choice([-1, 1], x.shape)) for x in xs]
    pushed = functional.jvp(function, tuple(map(wrap, xs)), tuple(map(wrap, us)))[1].detach().numpy()
    pulled = pull_twice(function, xs, us)
    known = ~(np.isnan(pushed) | np.isnan(pulled))
    np.testing.assert_allclose(pushed[known], pulled[known], rtol=1e-11, atol=1e-12)
    if all(np.isfinite(x).all() for x in xs):
        assert known.all() or np.array_equal(np.isnan(pushed), np.isnan(pulled))
        value = lambda *zs: function(*map(wrap, zs)).detach().numpy()
        expected, exists = differential(value, xs, us, draw)
        np.testing.assert_allclose(pushed[exists], expected[exists], rtol=1e-3, atol=1e-3)


def derivatives(function: Any, xs: list[Array], draw: np.random.Generator) -> list[Any]:
    """Return the first derivatives as functions: a tangent, and the cotangent of one operand."""
    us, number = tuple(wrap(normal_like(draw, x)) for x in xs), int(draw.integers(len(xs)))
    v = wrap(normal_like(draw, function(*map(wrap, xs))))
    pushed = lambda *zs: functional.jvp(function, zs, us, create_graph=True)[1]
    pulled = lambda *zs: functional.vjp(function, zs, v, create_graph=True)[1][number]
    return [pushed, pulled]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_singular_points(name: str) -> None:
    """Both modes agree, at infinities too, and give the derivative where there is one; so do all pairs of modes."""
    draw = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    for n in range(CALLS):
        finite = np.array([0.0, 1.0, 0.5]) if name in PROBABILITIES else FINITE
        values = INFINITE if n % 5 == 4 else finite
        function, xs = drawn(name, draw, lambda x, values=values: singular(draw, x, values))
        check_both_modes(function, xs, draw)
        if n % 5 == 0:
            for derivative in derivatives(function, xs, draw):
                check_both_modes(derivative, xs, draw)


def test_every_differentiable_primitive_is_drawn() -> None:
    assert not [name for name in DIFFERENTIABLE if name not in JOINING and call_of(name) is None]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name: str) -> None:
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    for _ in range(CALLS):
        check(name, draw)


class ForgetsZero(Function):
    """Twice x, with a derivative of 0 at 0 in both modes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x * 2.0

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0] * (ctx.saved_tensors[0] != 0) * 2.0

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        return tangents[0] * (ctx.saved_tensors[0] != 0) * 2.0


class ModesDiffer(ForgetsZero):
    """The same with another forward mode."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        return tangents[0] * 2.0


@pytest.mark.parametrize("wrong", [ForgetsZero, ModesDiffer])
def test_a_wrong_derivative_at_zero_is_found(wrong: type[Function]) -> None:
    draw = np.random.default_rng(0)
    check_both_modes(wrong.apply, [np.array([1.0, -2.0])], draw)
    with pytest.raises(AssertionError, match="Not equal"):
        check_both_modes(wrong.apply, [np.array([1.0, 0.0])], draw)
