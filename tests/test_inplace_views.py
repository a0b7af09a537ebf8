"""t_, squeeze_, unsqueeze_ and transpose_: a tensor becomes a view of its own memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import _core
from minigrad._views import in_order, replay
from minigrad.ops.inplace_views import _composed


def test_a_tensor_becomes_its_view() -> None:
    x = mg.arange(6.0).reshape(1, 2, 3).clone()
    memory = x.numpy()
    assert x.squeeze_(0) is x
    assert x.t_().shape == (3, 2)
    assert x.unsqueeze_(-1).shape == (3, 2, 1)
    assert x.transpose_(0, 2).shape == x.swapaxes_(0, 2).swapdims_(0, 2).shape == (1, 2, 3)
    assert np.may_share_memory(x.numpy(), memory)


def test_a_view_that_a_tensor_becomes_has_gradients_and_knows_its_views() -> None:
    w = mg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = w * 1.0
    row = y[0]
    y.t_()
    assert y.shape == (3, 2)
    y[:, 0] = 10.0  # what was row 0
    assert row.tolist() == [10.0, 10.0, 10.0]
    y.mul_(mg.tensor([2.0, 3.0]))
    (y.sum() + row.sum()).backward()
    assert w.grad.tolist() == [[0.0, 0.0, 0.0], [3.0, 3.0, 3.0]]
    with pytest.raises(RuntimeError, match="t_: not for a leaf"):
        w.t_()


# ----------------------------------------------------------------------------------------------------------------------
# Again and again.


def _drawn_move(rng: np.random.Generator, x: mg.Tensor) -> tuple[str, tuple[int, ...]]:
    """Return an operation and its arguments that fit a tensor."""
    ones = [d for d, n in enumerate(x.shape) if n == 1]
    kind = rng.integers(4)
    if kind == 0 and x.ndim < 5:
        return "unsqueeze", (int(rng.integers(-x.ndim - 1, x.ndim + 1)),)
    if kind == 1 and ones:
        return "squeeze", (int(rng.choice(ones)),)
    if kind == 2 and x.ndim == 2:
        return "t", ()
    return "transpose", tuple(int(d) for d in rng.integers(x.ndim, size=2))


BASES: dict[str, Callable[[mg.Tensor], mg.Tensor]] = {
    "base": lambda y: y,
    "part": lambda y: y[:, 1:],
    "transposed": lambda y: y.permute(2, 0, 1),
    "of ones": lambda y: y[:1, :, :1],
    "repeated": lambda y: y[0].expand(2, 4, 3),
    "column": lambda y: y.reshape(6, 4)[:, 2],
}


@pytest.mark.parametrize("part", BASES.values(), ids=BASES)
@pytest.mark.parametrize("write", [False, True])
def test_many_views_in_place_are_as_few_steps_as_one(part: Callable[[mg.Tensor], mg.Tensor], write: bool) -> None:
    """Beside the same, out of place: values, gradients, and what a write to the base does to them."""
    rng = np.random.default_rng(3)
    ws = [mg.tensor(np.arange(24.0).reshape(2, 4, 3), requires_grad=True) for _ in range(2)]
    ys = [2 * w for w in ws]
    views = [part(y) for y in ys]
    known = len(in_order(getattr(views[0], "_steps", None)))
    other = ys[0][0]
    for n in range(60):
        name, args = _drawn_move(rng, views[1])
        assert getattr(views[0], f"{name}_")(*args) is views[0]
        views[1] = getattr(views[1], name)(*args)
        assert views[0].shape == views[1].shape
        assert len(in_order(views[0]._steps)) <= 8
        few = _composed(views[0]._base._array, views[0]._steps)
        assert len(in_order(few)) <= known + 2
        assert replay(views[0]._base._array, few).tolist() == views[0].tolist()
        if write and n == 30:
            for y in ys:
                y.mul_(3.0)
        if n % 20 == 0:
            assert views[0].tolist() == views[1].tolist()
    factors = mg.tensor(rng.normal(size=views[0].shape))
    for view in views:
        (view * view * factors).sum().backward()
    assert views[0].tolist() == views[1].tolist()
    assert ws[0].grad is not None
    assert ws[1].grad is not None
    assert ws[0].grad.tolist() == ws[1].grad.tolist()
    assert other.shape == (4, 3)


def _nodes_behind(x: mg.Tensor) -> int:
    seen = {x.grad_fn}
    stack = [x.grad_fn]
    while stack:
        node: Any = stack.pop()
        new = [n for n, _ in node.next_functions if n is not None and n not in seen]
        seen.update(new)
        stack += new
    return len(seen)


def test_a_thousand_views_in_place_leave_the_graph_as_it_was() -> None:
    w = mg.ones(3, 4, requires_grad=True)
    y = w * 2
    row = y[0]
    y.t_()
    nodes, memory = _nodes_behind(y), y._base
    for _ in range(500):
        y.t_().unsqueeze_(0).squeeze_(0)
        y.transpose_(0, 1).t_().t_()
    assert _nodes_behind(y) <= nodes + 8
    assert len(in_order(y._steps)) <= 8
    assert y._base is memory
    assert len(_core.living_views(memory)) == 2
    assert row.shape == (4,)


def test_hooks_stay_on_the_way_of_views_in_place() -> None:
    seen: list[Any] = []
    w = mg.ones(2, 3, requires_grad=True)
    y = w * 2
    for _ in range(3):
        y.register_hook(lambda g: seen.append(tuple(g.shape)))
        y.t_()
    (y * mg.arange(6.0).reshape(3, 2)).sum().backward()
    assert seen == [(2, 3), (3, 2), (2, 3)]
    assert w.grad is not None
    assert w.grad.tolist() == [[0.0, 4.0, 8.0], [2.0, 6.0, 10.0]]


def test_a_view_in_place_without_recording_still_requires_a_gradient() -> None:
    w = mg.ones(2, 3, requires_grad=True)
    y = w * 2
    with mg.no_grad():
        y.t_()
    assert y.requires_grad
    (y * mg.arange(6.0).reshape(3, 2)).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [[0.0, 4.0, 8.0], [2.0, 6.0, 10.0]]


def test_the_gradient_of_a_functions_own_view_goes_the_functions_way() -> None:
    class Part(mg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: mg.Tensor, w: mg.Tensor) -> mg.Tensor:
            return x[:2]

        @staticmethod
        def backward(ctx: Any, g: mg.Tensor) -> Any:
            return None, g.sum()

    w = mg.tensor(1.0, requires_grad=True)
    part = Part.apply(mg.ones(3, 4), w)
    for _ in range(20):
        part.t_()
    (part * mg.arange(8.0).reshape(2, 4)).sum().backward()
    assert w.grad is not None
    assert w.grad.item() == 28.0


def test_views_in_place_of_every_example() -> None:
    def doubled(x: mg.Tensor) -> mg.Tensor:
        y = x.clone()
        part = y[1:]
        for _ in range(7):
            part.t_().unsqueeze_(0).squeeze_(0)
            y.t_()
        part.mul_(2.0)
        return y

    x = mg.arange(12.0).reshape(2, 3, 2)
    expected = [[[0.0, 4.0, 8.0], [1.0, 6.0, 10.0]], [[6.0, 16.0, 20.0], [7.0, 18.0, 22.0]]]
    assert mg.func.vmap(doubled)(x).tolist() == expected


def test_a_retained_gradient_is_of_the_view_that_a_tensor_became() -> None:
    x = mg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.t_()
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [[4.0], [8.0], [12.0]]
