"""What sweeps give out is independent of what they were given, and of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from joined import JOINS, OTHERS, SHAPE, array, is_common, leaf, setting, through
from minigrad import Tensor

Array = np.ndarray[Any, Any]

SPOIL: dict[str, Callable[[Tensor], Any]] = {
    "zero_": lambda t: t.zero_(),
    "mul_": lambda t: t.mul_(3),
    "numpy": through(lambda t: t.numpy()),
    "detach": lambda t: t.detach().fill_(7.0),
    "setitem": setting(...),
}


def _scalar_grads() -> list[Tensor]:
    y = mg.tensor(2.0, requires_grad=True)
    x = mg.ones(3, requires_grad=True)
    s = x.sum()
    s.retain_grad()
    shown: list[Tensor] = []
    s.register_hook(shown.append)
    s.backward(retain_graph=True)
    assert s.grad is not None
    half = mg.tensor(1.0, dtype=mg.float16, requires_grad=True)
    return [
        *mg.autograd.grad(y, y),
        *mg.autograd.grad(x.sum(), x),
        *mg.autograd.grad(half, half),
        mg.func.grad(lambda x: x.sum())(mg.ones(4)),
        s.grad,
        *shown,
    ]


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
def test_the_one_that_sweeps_begin_with_is_nobodys_to_change(spoil: Callable[[Tensor], Any]) -> None:
    for t in _scalar_grads():
        spoil(t)
    for t in _scalar_grads():
        assert set(np.ravel(t.tolist())) == {1.0}


FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    **JOINS,
    "sub": lambda x, y: x - y,
    "reshape": lambda x, y: (x + y).reshape(-1),
    "transpose": lambda x, y: (x + y).t(),
    "identities": lambda x, y: (x + 1) + (y + 1) + 1,
    "sums": lambda x, y: x.sum() + y.sum(),
    "columns": lambda x, y: mg.cat([x, y], 1),
    "scaled": lambda x, y: mg.cat([x, y]) * 2,
}


def write_to_each(found: Sequence[Tensor]) -> list[Array]:
    """Add 1 to one tensor after the other; assert that the others stay as they are. Return what all of them are now."""
    elements: list[Array] = [t.detach().clone().numpy().copy() for t in found]
    for k, t in enumerate(found):
        t.add_(1)
        elements[k] += 1
        for other, wanted in zip(found, elements, strict=True):
            np.testing.assert_array_equal(other.detach().clone().numpy(), wanted)
    return elements


@pytest.mark.parametrize("shape", [(2, 3), SHAPE], ids=["small", "large"])
@pytest.mark.parametrize("company", [None, *OTHERS], ids=str)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_autograd_grad_returns_is_independent(
    function: Callable[[Tensor, Tensor], Tensor], company: str | None, shape: tuple[int, int]
) -> None:
    x, y = leaf(*shape), leaf(*shape)
    z = function(x, y)
    g = mg.full(z.shape, 0.5)
    kept = OTHERS[company](g) if company and z.ndim == 2 and z.shape[0] > 2 else None
    found = [*mg.autograd.grad(z, [x, y], g), g]
    after = write_to_each(found)
    if isinstance(kept, Tensor):
        with mg.no_grad():
            kept.zero_()
        for other, wanted in zip(found[:2], after, strict=False):
            np.testing.assert_array_equal(other.numpy(), wanted)


@pytest.mark.parametrize("given", ["first", "last"])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_gradients_with_graphs_are_independent(function: Callable[[Tensor, Tensor], Tensor], given: str) -> None:
    """Recording, a gradient is not the tensor given, nor another one's: neither by grad() nor by backward()."""
    for way in ("grad", "backward"):
        x, y = leaf(2, 3), leaf(2, 3)
        z = function(x, y)
        g = mg.full(z.shape, 0.5)
        if way == "grad":
            found = [*mg.autograd.grad(z, [x, y], g, create_graph=True)]
        else:
            z.backward(g, create_graph=True)
            found = [x.grad, y.grad]
        found = [g, *found] if given == "first" else [*found, g]
        write_to_each(found)


TANGENTS: dict[str, Callable[[Tensor], Any]] = {
    "itself": lambda x: x,
    "shifted": lambda x: x + 1,
    "twice": lambda x: (x + 1, x + 2),
    "reshaped": lambda x: (x.reshape(-1), x.t()),
    "joined": lambda x: (mg.cat([x, x]), x[0]),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("function", TANGENTS.values(), ids=TANGENTS)
def test_tangents_are_independent(function: Callable[[Tensor], Any], create_graph: bool) -> None:
    for jvp in (
        lambda f, x, v: mg.autograd.functional.jvp(f, x, v, create_graph=create_graph),
        lambda f, x, v: mg.func.jvp(f, (x,), (v,)),
    ):
        v = mg.full((2, 3), 0.5)
        _, found = jvp(function, mg.ones(2, 3), v)
        found = [*(found if isinstance(found, tuple) else (found,)), v]
        write_to_each(found)


def test_retained_gradients_are_independent() -> None:
    x = leaf()
    a = x + 1
    b = a + 1
    a.retain_grad()
    b.retain_grad()
    g = mg.tensor(array())
    given = g.clone()
    b.backward(g)
    assert a.grad is not None
    assert b.grad is not None
    assert x.grad is not None
    held_ones = [a.grad, b.grad, x.grad, g]
    for k, t in enumerate(held_ones):
        t.zero_()
        for other in held_ones[k + 1 :]:
            assert mg.equal(other, given)


def test_what_hooks_keep_is_theirs() -> None:
    x, kept = leaf(), []
    a = x + 1
    b = a + 1
    for t in (a, b):
        t.register_hook(kept.append)
        assert t.grad_fn is not None
        t.grad_fn.register_prehook(lambda gs: kept.append(gs[0]))
        t.grad_fn.register_hook(lambda gs, outs: kept.extend((gs[0], outs[0])))
    g = mg.tensor(array())
    given = g.clone()
    b.backward(g)
    assert x.grad is not None
    kept += [x.grad, g]
    assert len(kept) == 10
    for k, t in enumerate(kept):
        t.zero_()
        for other in kept[k + 1 :]:
            assert mg.equal(other, given)


def test_what_a_hook_writes_goes_on_and_nowhere_else() -> None:
    """As in PyTorch the next ones see it; unlike there, the gradient given and other ways of it do not."""
    x, y = leaf(), leaf()
    a = x + 1
    b = a + y
    a.register_hook(lambda g: (g.mul_(3), None)[1])
    a.register_hook(lambda g: (g.add_(1), None)[1])
    assert b.grad_fn is not None
    b.grad_fn.register_prehook(lambda gs: (gs[0].mul_(2), None)[1])
    g = mg.tensor(array())
    given = g.clone()
    b.backward(g)
    assert x.grad is not None
    assert y.grad is not None
    assert mg.equal(g, given)
    assert mg.equal(y.grad, given * 2)
    assert mg.equal(x.grad, given * 2 * 3 + 1)


def test_what_a_function_is_given_is_its_own() -> None:
    kept: list[Tensor] = []

    class Scaled(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            kept.append(gs[0])
            return gs[0].mul_(2)

    x, y = leaf(), leaf()
    g = mg.tensor(array())
    given = g.clone()
    (Scaled.apply(x) + y).backward(g)
    assert x.grad is not None
    assert y.grad is not None
    kept[0].zero_()
    assert mg.equal(g, given)
    assert mg.equal(y.grad, given)
    assert mg.equal(x.grad, 2 * given)


def test_the_gradient_given_is_not_copied_once_the_others_are_gone() -> None:
    x = leaf()
    g = mg.tensor(array())
    z = x * 2
    address = g._array.__array_interface__["data"][0]
    for _ in range(3):
        z.backward(g, retain_graph=True)
        assert is_common(g)
        g.mul_(2)
        assert not is_common(g)
    assert g._array.__array_interface__["data"][0] == address


def test_cotangents_that_users_keep_are_not_added_to() -> None:
    """A sweep adds in place where the sum so far is its own."""
    kept: list[tuple[Tensor, list[float]]] = []

    def keep(g: Tensor) -> Tensor:
        kept.append((g, g.tolist()))
        return g

    class Kept(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return keep(g * 2)

    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    parts = [y * 2 for _ in range(3)] + [Kept.apply(y) for _ in range(3)] + [y.reshape(2, 1)[:, 0] for _ in range(2)]
    for part in parts[:3]:
        part.register_hook(keep)
    y.register_hook(keep)
    (y + sum(parts) * mg.tensor([1.0, 3.0])).backward(mg.tensor([1.0, 1.0]))
    assert len(kept) == 7
    assert all(g.tolist() == then for g, then in kept)
    assert x.grad is not None
    assert x.grad.tolist() == [15.0, 43.0]
