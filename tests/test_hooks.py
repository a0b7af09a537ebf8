"""Hooks: what they see, in what order, what they may change."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers import in_threads

import minigrad as mg
from minigrad import graph
from minigrad.utils.hooks import RemovableHandle

torch: Any = pytest.importorskip("torch", reason="PyTorch is the oracle")
LIBRARIES = [mg, torch]


def values(x: Any) -> Any:
    return np.asarray(x.detach()).tolist()


def test_R3_a_retained_gradient() -> None:
    x = mg.ones(3, requires_grad=True)
    y = 2 * x
    assert not y.retains_grad
    y.retain_grad()
    assert y.retains_grad
    y.sum().backward()
    assert y.grad is not None
    assert x.grad is not None
    assert y.grad.tolist() == [1.0, 1.0, 1.0]
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    x.retain_grad()
    assert not x.retains_grad


def test_retained_gradients_add_up() -> None:
    x = mg.ones(2, requires_grad=True)
    y = x * 1
    y.retain_grad()
    for n in (1, 2):
        y.sum().backward(retain_graph=True)
        assert y.grad is not None
        assert y.grad.tolist() == [n, n]
    y.grad = None
    assert y.grad is None


def journal(lib: Any) -> list[Any]:
    """Return what all kinds of hooks see, in the order in which they run."""
    seen: list[Any] = []
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    z = y.sin() + y
    y.register_hook(lambda g: seen.append(("y", values(g))))
    y.register_hook(lambda g: 2 * g)
    y.register_hook(lambda g: seen.append(("y again", values(g))))
    y.grad_fn.register_prehook(lambda gs: seen.append(("before y's node", len(gs), values(gs[0]))))
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append(("y's node", len(inputs), values(outputs[0]))))
    x.register_hook(lambda g: seen.append(("x", values(g))))
    x.register_post_accumulate_grad_hook(lambda t: seen.append(("x has", values(t.grad))))
    z.register_hook(lambda g: seen.append(("z", values(g))))
    z.sum().backward()
    return [*seen, ("retained", values(y.grad)), values(x.grad)]


def test_order_and_values_are_pytorchs() -> None:
    ours, theirs = journal(mg), journal(torch)
    assert [entry[0] for entry in ours[:-1]] == [entry[0] for entry in theirs[:-1]]
    for a, b in zip(ours[:-1], theirs[:-1], strict=True):
        assert a[1:-1] == b[1:-1]
        np.testing.assert_allclose(a[-1], b[-1], rtol=1e-6)
    np.testing.assert_allclose(ours[-1], theirs[-1], rtol=1e-6)


def test_D2_a_layers_gradient_is_seen_before_earlier_layers_are_computed() -> None:
    layers = [mg.nn.Linear(4, 4) for _ in range(5)]
    order = []
    for n, layer in enumerate(layers):
        layer.weight.register_post_accumulate_grad_hook(lambda _, n=n: order.append(n))
    out = mg.ones(2, 4)
    inner = []
    for n, layer in enumerate(layers):
        out = layer(out).tanh()
        node = out.grad_fn
        assert node is not None
        node.register_hook(lambda *_, n=n: inner.append((n, list(order))))
    out.sum().backward()
    assert order == [4, 3, 2, 1, 0]
    assert inner == [(n, list(range(4, n, -1))) for n in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("lib", LIBRARIES, ids=["minigrad", "torch"])
def test_a_hook_of_a_leaf_sees_the_whole_gradient(lib: Any) -> None:
    seen = []
    x = lib.ones(2, requires_grad=True)
    x.register_hook(lambda g: seen.append(values(g)))
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5.0, 5.0]]
    lib.autograd.grad((x * 7).sum(), x)
    assert seen[1:] == [[7.0, 7.0]]


@pytest.mark.parametrize("lib", LIBRARIES, ids=["minigrad", "torch"])
def test_hooks_of_leaves_run_in_their_turn(lib: Any) -> None:
    seen: list[str] = []
    a, b, c = (lib.ones(1, requires_grad=True) for _ in range(3))
    x = a * b
    y = (x * c).sin() + a.exp()
    z = y * c
    for name, tensor in {"a": a, "b": b, "c": c, "x": x, "y": y, "z": z}.items():
        tensor.register_hook(lambda g, name=name: seen.append(name))
    z.backward()
    assert "".join(seen).replace("ba", "ab") == "zycxab"  # those of one node in any order


def test_a_hook_of_another_leaf_is_no_reason_for_the_long_way() -> None:
    x, other = mg.ones(2, requires_grad=True), mg.ones(2, requires_grad=True)
    other.register_hook(lambda g: g * 2)
    assert mg._core.backward((x * 3).sum(), None, False)
    assert mg._core.backward((other * 3).sum(), None, False)
    assert (values(x.grad), values(other.grad)) == ([3.0, 3.0], [6.0, 6.0])


@pytest.mark.parametrize("lib", LIBRARIES, ids=["minigrad", "torch"])
def test_a_changed_gradient_goes_on(lib: Any) -> None:
    x = lib.ones(2, requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: -g)
    y.sum().backward()
    assert values(x.grad) == [-30.0, -30.0]
    z = x * 3
    z.grad_fn.register_hook(lambda inputs, _: tuple(None if g is None else g * 2 for g in inputs))
    (g,) = lib.autograd.grad(z.sum(), x)
    assert values(g) == [-6.0, -6.0]


@pytest.mark.parametrize("lib", LIBRARIES, ids=["minigrad", "torch"])
def test_hooks_take_part_in_the_graph_of_gradients(lib: Any) -> None:
    x = lib.tensor([2.0], requires_grad=True)
    y = x**2
    y.register_hook(lambda g: g * x)
    (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)  # 2 x · x
    (h,) = lib.autograd.grad(g.sum(), x)
    assert (values(g), values(h)) == ([8.0], [8.0])


def gradients_around_writes(lib: Any) -> list[Any]:
    """Return what tensors retain, and hooks see, where tensors are written to in place behind them."""
    x, seen = lib.tensor([1.0, 2.0, 3.0], requires_grad=True), []

    def product() -> Any:
        x.grad = None
        return x * 3

    y = product()
    y.retain_grad()
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(2)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    (y * y).sum().backward()
    seen += [y.grad.tolist(), y.retains_grad, x.grad.tolist()]
    y = product()
    y.retain_grad()
    y[0].mul_(5)
    y.sum().backward()
    seen += [y.grad.tolist(), x.grad.tolist()]
    for write in (lambda y, part: y.mul_(7), lambda y, part: part.mul_(7)):
        y = product()
        part = y[1:]
        part.retain_grad()
        write(y, part)
        (part * 2).sum().backward()
        seen += [part.grad.tolist(), part.retains_grad, x.grad.tolist()]
    return seen


def test_gradients_around_writes_in_place_are_pytorchs() -> None:
    """A hook sees the gradient of what the tensor was when it was registered; what is retained is that of what it is."""
    assert gradients_around_writes(mg) == gradients_around_writes(pytest.importorskip("torch"))


def test_a_backward_pass_inside_a_hook() -> None:
    x = mg.ones(2, requires_grad=True)
    other = mg.ones(2, requires_grad=True)

    def another(_: mg.Tensor) -> None:
        with mg.enable_grad():
            (other * 5).sum().backward()

    x.register_hook(another)
    (x * 2).sum().backward()
    assert other.grad is not None
    assert x.grad is not None
    assert (other.grad.tolist(), x.grad.tolist()) == ([5.0, 5.0], [2.0, 2.0])


def test_handles() -> None:
    x = mg.ones(1, requires_grad=True)
    seen: list[str] = []
    first = x.register_hook(lambda _: seen.append("first"))
    with x.register_hook(lambda _: seen.append("second")) as second:
        assert isinstance(second, RemovableHandle)
        assert first.id < second.id
        (x * 1).backward()
    (x * 1).backward()
    first.remove()
    first.remove()
    (x * 1).backward()
    assert seen == ["first", "second", "first"]

    def once(_: mg.Tensor) -> None:
        seen.append("once")
        handle.remove()

    handle = x.register_hook(once)
    for _ in range(2):
        (x * 1).backward()
    assert seen[3:] == ["once"]


def test_an_exception_in_a_hook_leaves_the_next_pass_right() -> None:
    x = mg.ones(2, requires_grad=True)
    y = x * 2

    def fail(_: mg.Tensor) -> None:
        raise ValueError("no")

    handle = y.register_hook(fail)
    with pytest.raises(ValueError, match="no"):
        y.sum().backward(retain_graph=True)
    assert mg.is_grad_enabled()
    handle.remove()
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


def test_misuse() -> None:
    x = mg.ones(2, requires_grad=True)
    y = x * 2
    for name in ("register_hook", "register_post_accumulate_grad_hook"):
        with pytest.raises(RuntimeError, match=f"{name}: this tensor of shape .* does not require a gradient"):
            getattr(mg.ones(2), name)(print)
    with pytest.raises(RuntimeError, match=r"retain_grad: this tensor of shape \(2,\) does not require a gradient"):
        mg.ones(2).retain_grad()
    with pytest.raises(RuntimeError, match="only leaves accumulate gradients"):
        y.register_post_accumulate_grad_hook(print)
    for flag in (True, False):
        with pytest.raises(RuntimeError, match="this tensor was computed by the graph"):
            y.requires_grad = flag
    assert y.requires_grad_() is y
    with pytest.raises(TypeError, match="hook: expected something that can be called, got int"):
        x.register_hook(1)
    for result, message in ((mg.ones(3), "returned a gradient of shape"), (1.0, "must return a tensor or None")):
        handle = y.register_hook(lambda _, r=result: r)
        with pytest.raises((RuntimeError, TypeError), match=f"hook: {message}"):
            y.sum().backward(retain_graph=True)
        handle.remove()
    assert y.grad_fn is not None
    y.grad_fn.register_hook(lambda *_: (mg.ones(2),) * 5)
    with pytest.raises(RuntimeError, match="hook: returned 5 gradients in place of"):
        y.sum().backward()


@pytest.fixture
def _nobody_has_hooks() -> Iterator[None]:
    """Leave out the hooks of other tests."""
    others = dict(graph.leaf_hooks)
    graph.leaf_hooks.clear()
    yield
    graph.leaf_hooks.update({key: ref for key, ref in others.items() if ref() is not None})


@pytest.mark.usefixtures("_nobody_has_hooks")
def test_hooks_of_leaves_that_are_gone_cost_nothing() -> None:
    """Once no leaf has a hook any more, since it was taken away or the leaf is gone, passes go the quick way again."""
    x, seen = mg.ones(2, requires_grad=True), []
    handles = [x.register_hook(seen.append), x.register_post_accumulate_grad_hook(seen.append)]
    other = mg.ones(2, requires_grad=True)
    other.register_hook(lambda g: 3 * g)
    (x + other).sum().backward()
    assert len(seen) == 2
    assert len(graph.leaf_hooks) == 3
    for handle in handles:
        handle.remove()
    assert len(graph.leaf_hooks) == 1
    del other
    gc.collect()
    assert not graph.leaf_hooks
    (2 * x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    x.register_hook(lambda g: 10 * g)
    (2 * x).sum().backward()
    assert graph.leaf_hooks
    assert x.grad.tolist() == [23.0, 23.0]


@pytest.mark.usefixtures("_nobody_has_hooks")
def test_a_hook_is_looked_for_until_the_last_one_is_removed() -> None:
    x = mg.ones(2, requires_grad=True)
    first, second = x.register_hook(lambda g: 2 * g), x.register_hook(lambda g: 3 * g)
    first.remove()
    first.remove()
    assert graph.leaf_hooks
    x.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    second.remove()
    assert not graph.leaf_hooks
    with x.register_hook(lambda g: 2 * g):
        assert graph.leaf_hooks
    assert not graph.leaf_hooks
    y = 2 * x
    y.register_hook(lambda g: g)
    assert not graph.leaf_hooks  # of no leaf


@pytest.mark.usefixtures("_nobody_has_hooks")
def test_threads_register_and_remove_hooks_while_others_go_backwards() -> None:
    """No pass raises, no hook is missed, and in the end none is left over."""
    shared, ended = mg.ones(2, requires_grad=True), []
    kept = [mg.ones(1, requires_grad=True) for _ in range(300)]
    handles = [leaf.register_hook(lambda g: g) for leaf in kept]

    def register() -> None:
        while len(ended) < 2:
            for leaf in [shared, *(mg.ones(1, requires_grad=True) for _ in range(20))]:
                handle = leaf.register_hook(lambda g: g)
                assert id(leaf._edge[0].hooks.of_output[0]) in graph.leaf_hooks
                if leaf is shared:
                    handle.remove()

    def go_back() -> None:
        try:
            for _ in range(200):
                p = mg.ones(3, requires_grad=True)
                p.register_hook(lambda g: 5 * g)
                ((2 * p).sum() + shared.sum()).backward()
                assert p.grad.tolist() == [10.0] * 3
        finally:
            ended.append(True)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        in_threads(register, register, go_back, go_back)
    finally:
        sys.setswitchinterval(interval)
    for handle in handles:
        handle.remove()
    gc.collect()
    assert not graph.leaf_hooks


@pytest.mark.parametrize("lib", LIBRARIES)
def test_a_hook_sees_a_leaf_that_nobody_else_holds(lib: Any) -> None:
    x, seen = lib.ones(2, requires_grad=True), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append((values(t), values(t.grad))))
    y = (2 * x).sum()
    del x
    y.backward()
    assert seen == [([1.0, 1.0], [2.0, 2.0])]


def test_a_leaf_with_such_a_hook_is_collected() -> None:
    x = mg.ones(2, requires_grad=True)
    gone = weakref.ref(x)
    handle = x.register_post_accumulate_grad_hook(print)
    del x
    gc.collect()
    assert gone() is None
    x = mg.ones(2, requires_grad=True)
    gone = weakref.ref(x)
    handle = x.register_post_accumulate_grad_hook(print)
    handle.remove()
    del x
    assert gone() is None  # without a collection


# ---- Several tensors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lib", LIBRARIES)
def test_a_hook_of_several_tensors_sees_the_gradients_of_those_that_are_reached(lib: Any) -> None:
    register = lib.autograd.graph.register_multi_grad_hook
    seen: list[Any] = []
    note = lambda gs: seen.append([None if g is None else values(g) for g in gs])
    a, b = lib.tensor([2.0], requires_grad=True), lib.tensor([3.0], requires_grad=True)
    c, d = a * b, a + b
    handle = register((a, b, c, d, a), note)
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    lib.autograd.backward([c.sum(), (d * 2).sum()])
    b.exp().detach()
    with handle:
        (b * 4).sum().backward()
    (b * 4).sum().backward()
    handle.remove()
    assert seen == [
        [[3.0], [2.0], [1.0], None, [3.0]],
        [[3.0], None, [1.0], None, [3.0]],
        [[5.0], [4.0], [1.0], [2.0], [5.0]],
        [None, [4.0], None, None, None],
    ]
    firsts: list[Any] = []
    x = lib.tensor([2.0], requires_grad=True)
    y = x * 3
    register((x, lib.ones(1), y), lambda g: firsts.append(values(g)), mode="any")
    for _ in range(2):
        (y * 5).sum().backward(retain_graph=True)
    assert firsts == [[5.0], [5.0]]
    with pytest.raises(ValueError, match="mode"):
        register((x,), print, mode="some")


def test_a_sweep_inside_of_a_hook_has_an_end_of_its_own() -> None:
    register = mg.autograd.graph.register_multi_grad_hook
    x, w = mg.ones(1, requires_grad=True), mg.ones(1, requires_grad=True)
    seen: list[Any] = []

    def inner(_: Any) -> None:
        with mg.enable_grad():
            (w * 7).sum().backward()
        seen.append("inner is over")

    y = x * 2
    y.register_hook(inner)
    register((x, y), lambda gs: seen.append(("outer", *map(values, gs))))
    register((w,), lambda gs: seen.append(("w", *map(values, gs))))
    y.sum().backward()
    assert seen == [("w", [7.0]), "inner is over", ("outer", [2.0], [1.0])]


def test_a_hook_of_several_tensors_that_fails_ends_the_sweep_and_is_called_again() -> None:
    x = mg.ones(1, requires_grad=True)
    calls: list[Any] = []

    def fail(gs: list[Any]) -> None:
        calls.append(values(gs[0]))
        raise KeyError("mine")

    handle = mg.autograd.graph.register_multi_grad_hook([x], fail)
    for run in (lambda: (x * 2).sum().backward(), lambda: mg.autograd.grad((x * 2).sum(), x)):
        with pytest.raises(KeyError, match="mine"):
            run()
    with mg.autograd.detect_anomaly(), pytest.raises(KeyError, match="mine"):
        (x * 2).sum().backward()
    assert calls == [[2.0]] * 3
    handle.remove()
    (x * 2).sum().backward()
    with pytest.raises(RuntimeError, match="tensor 1 requires no gradient"):
        mg.autograd.graph.register_multi_grad_hook([x, mg.ones(1)], fail)
    with pytest.raises(TypeError, match="tensor 0 must be a Tensor, got int"):
        mg.autograd.graph.register_multi_grad_hook([1], fail)
    with pytest.raises(TypeError, match="fn must be callable, got int"):
        mg.autograd.graph.register_multi_grad_hook([x], 3)


def test_a_hook_of_several_tensors_does_not_keep_them() -> None:
    x = mg.ones(1, requires_grad=True)
    y = x * 2
    mg.autograd.graph.register_multi_grad_hook([x, y], print)
    gone = weakref.ref(y)
    gc.collect()
    gc.disable()
    try:
        del y
        assert gone() is None
    finally:
        gc.enable()


def test_what_a_hook_of_an_accumulated_gradient_returns() -> None:
    x = mg.ones(2, requires_grad=True)
    handle = x.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(2))  # a tensor: nothing to complain of
    x.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]
    handle.remove()
    x.register_post_accumulate_grad_hook(lambda _: 3)
    with pytest.raises(
        TypeError, match="register_post_accumulate_grad_hook: what a hook returns must be a Tensor, got int"
    ):
        x.sum().backward()
