"""Every differentiable primitive on drawn shapes and layouts: both modes and the second order beside finite differences.

One direction for each call says as much of a Jacobian as all of them do over many calls.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cases import CASES
from cases.drawn import call_of, laid_out
from minigrad import Tensor
from minigrad.autograd import functional, grad
from minigrad.primitive import registry
from minigrad.tensor import wrap

assert CASES  # which says how the elementwise primitives' operands are drawn

CALLS = 50
STEP = 2e-6
DIFFERENTIABLE = [name for name, p in registry.items() if p.differentiable]

Array = np.ndarray[Any, Any]


def normal_like(draw: np.random.Generator, x: Any) -> Array:
    return np.asarray(draw.standard_normal(np.shape(x)))


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def function_of(name: str, operands: tuple[Any, ...], attributes: tuple[Any, ...]) -> tuple[Any, list[int]]:
    """Return the primitive as a function of its differentiable operands to its differentiable output, and which they are."""
    p = registry[name]
    wanted = [i for i, x in enumerate(operands) if p.vjp[i] is not None and is_float(x)]

    def function(*xs: Tensor) -> Tensor:
        full = [wrap(x) if isinstance(x, np.ndarray) else x for x in operands]
        for i, x in zip(wanted, xs, strict=True):
            full[i] = x
        out = p.eager(*full, *attributes)
        return next(y for y in (out if isinstance(out, tuple) else (out,)) if y.is_floating_point())

    return function, wanted


def inner(a: Any, b: Any) -> float:
    return float(sum(np.vdot(x, y) for x, y in zip(a, b, strict=True)))


def along(f: Callable[..., list[Array]], xs: list[Array], us: list[Array], vs: Callable[[list[Array]], float]) -> float:
    """Return the derivative of ``vs(f(xs))`` in the direction `us`, by a central difference."""
    ahead, behind = (vs(f(*[np.asarray(x + h * u) for x, u in zip(xs, us, strict=True)])) for h in (STEP, -STEP))
    return (ahead - behind) / (2 * STEP)


def arrays(ts: Any) -> list[Array]:
    return [t.detach().numpy() for t in ts]


def check(name: str, draw: np.random.Generator) -> None:
    call = call_of(name)
    assert call is not None
    operands, attributes = call(draw)
    operands = tuple(np.asarray(x) if isinstance(x, np.generic) else x for x in operands)
    operands = tuple(laid_out(draw, x) if is_float(x) else x for x in operands)
    function, wanted = function_of(name, operands, attributes)
    xs = [operands[i] for i in wanted]
    leaves = [wrap(x).requires_grad_() for x in xs]
    y = function(*leaves)
    us, v = [normal_like(draw, x) for x in xs], normal_like(draw, y)
    value = lambda *zs: arrays([function(*map(wrap, zs))])
    pulled = grad(y, leaves, wrap(v), create_graph=True, materialize_grads=True)
    reverse = inner(arrays(pulled), us)
    scale = 1 + inner([np.abs(v)], [np.abs(v)])
    assert not np.isnan(reverse), (operands, attributes)
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


def test_every_differentiable_primitive_is_drawn() -> None:
    assert not [name for name in DIFFERENTIABLE if call_of(name) is None]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name: str) -> None:
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    for _ in range(CALLS):
        check(name, draw)
