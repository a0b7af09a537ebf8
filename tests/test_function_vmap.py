"""`autograd.Function` inside vmap: a rule of its own or a generated one, beside the same operation without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.autograd import Function, grad
from minigrad.func import grad as grad_of
from minigrad.func import jvp, vjp, vmap


class Cube(Function):
    """x³ w and 2 w: the second result does not depend on x."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any, w: Any) -> Any:
        return x**3 * w, w * 2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        x, w = ctx.saved_tensors
        return 3 * x**2 * w * gs[0], (x**3 * gs[0]).sum() + 2 * gs[1]

    @staticmethod
    def jvp(ctx: Any, *ts: Any) -> Any:
        x, w = ctx.saved_tensors
        tx, tw = (0.0 if t is None else t for t in ts)
        return 3 * x**2 * w * tx + x**3 * tw, 2 * tw + w * 0


class WithRule(Cube):
    generate_vmap_rule = False
    infos: list[Any] = []  # noqa: RUF012

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        WithRule.infos.append((info.batch_size, info.randomness, in_dims))
        x, w = args
        x = x.unsqueeze(0) if in_dims[0] is None else x.movedim(in_dims[0], 0)
        wide = w if in_dims[1] is None else w.reshape(-1, 1)
        return (x**3 * wide, w * 2), (0, in_dims[1])


def plain(x: Any, w: Any) -> Any:
    return x**3 * w, w * 2


def draw(*shape: int, seed: int = 0) -> Any:
    return mg.tensor(np.random.default_rng(seed).standard_normal(shape))


def flat(tree: Any) -> list[Any]:
    return [x for part in tree for x in flat(part)] if isinstance(tree, tuple | list) else [tree]


def same(make: Callable[[Any], Any], f: Any) -> None:
    for got, expected in zip(flat(make(f)), flat(make(plain)), strict=True):
        np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)


def scalar(f: Any) -> Any:
    def function(x: Any, w: Any) -> Any:
        a, b = f(x, w)
        return a.sin().sum() + b.sin()

    return function


def leaves(*xs: Any) -> list[Any]:
    return [x.clone().requires_grad_() for x in xs]


@pytest.mark.parametrize("kind", [Cube, WithRule])
@pytest.mark.parametrize("shared", [False, True])
def test_beside_the_plain_function(kind: Any, shared: bool) -> None:
    x, w = draw(4, 3), draw() if shared else draw(4, seed=1)
    mapped = lambda f: vmap(f, in_dims=(0, None if shared else 0))
    inside = lambda f: mapped(grad_of(scalar(f), argnums=(0, 1)))

    def outside(f: Any, order: int) -> Any:
        a, b = leaves(x, w)
        p, q = mapped(f)(a, b)
        first = grad(p.sin().sum() + q.sin().sum(), (a, b), create_graph=order > 1)
        return first if order == 1 else grad(sum(g.sin().sum() for g in first), (a, b))

    def through_inside(f: Any) -> Any:
        a, b = leaves(x, w)
        return grad(sum(g.sin().sum() for g in inside(f)(a, b)), (a, b))

    same(lambda f: mapped(f)(x, w), kind.apply)
    same(lambda f: inside(f)(x, w), kind.apply)
    same(lambda f: outside(f, 1), kind.apply)
    same(lambda f: outside(f, 2), kind.apply)
    same(through_inside, kind.apply)
    same(lambda f: vjp(mapped(f), x, w)[1](mapped(plain)(x, w)), kind.apply)
    same(lambda f: vmap(mapped(f), in_dims=(1, None))(mg.stack([x, 2 * x], 1), w), kind.apply)


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)])
def test_forward_mode(dims: Any) -> None:
    x, w = draw(*[4] * (dims[0] == 0), 3), draw(*[4] * (dims[1] == 0), seed=1)
    tangents = draw(*x.shape, seed=2), draw(*w.shape, seed=3)
    same(lambda f: jvp(vmap(f, in_dims=dims), (x, w), tangents), Cube.apply)
    inside = lambda f: vmap(lambda *a: jvp(f, a[:2], a[2:]), in_dims=(*dims, *dims))
    same(lambda f: inside(f)(x, w, *tangents), Cube.apply)


def test_what_a_rule_is_told() -> None:
    WithRule.infos.clear()
    vmap(WithRule.apply, in_dims=(1, None), randomness="same")(draw(3, 4), draw())
    assert WithRule.infos == [(4, "same", (0, None))]


def test_misuse() -> None:
    class NoRule(Cube):
        generate_vmap_rule = False

    class TwoRules(WithRule):
        generate_vmap_rule = True

    class OldForm(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

    x, w = draw(4, 3), draw(4)
    with pytest.raises(RuntimeError, match=r"NoRule: .* needs a static method vmap or generate_vmap_rule"):
        vmap(NoRule.apply)(x, w)
    with pytest.raises(RuntimeError, match="TwoRules: it has both"):
        vmap(TwoRules.apply)(x, w)
    with pytest.raises(RuntimeError, match=r"OldForm: .* setup_context"):
        vmap(OldForm.apply)(x)
