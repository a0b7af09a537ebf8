"""Gradients and hooks of tensors that do not require a gradient, for now or at all; PyTorch is beside them where it is installed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

import minigrad as mg


def libraries() -> list[Any]:
    try:
        import torch
    except ImportError:
        return [mg]
    return [mg, torch]


every_library = pytest.mark.parametrize("m", libraries(), ids=lambda m: m.__name__)


# ----------------------------------------------------------------------------------------------------------------------
# The gradient.

#: For each optimiser one step of 0.1 from 1 with the gradient 1: closed forms of its first step.
STEPS = {
    "SGD": 0.9,
    "Adam": 0.9,
    "AdamW": 1 - 0.1 * 0.01 - 0.1,
    "Adamax": 0.9,
    "Adagrad": 0.9,
    "RMSprop": 1 - 0.1 / (0.01**0.5 + 1e-8),
    "Adadelta": 1 - 0.1 * (1e-6 / (0.1 + 1e-6)) ** 0.5,
    "Rprop": 0.9,
    "RAdam": 0.9,
}


@every_library
@pytest.mark.parametrize("name", STEPS)
def test_an_optimiser_steps_on_the_gradient_that_a_frozen_parameter_keeps(m: Any, name: str) -> None:
    p = m.nn.Parameter(m.ones(2, dtype=m.float64))
    optimizer = getattr(m.optim, name)([p], lr=0.1)
    p.sum().backward()
    p.requires_grad_(False)
    optimizer.step()
    assert p.tolist() == pytest.approx([STEPS[name]] * 2, rel=1e-7)
    optimizer.zero_grad()
    assert p.grad is None
    before = p.tolist()
    optimizer.step()
    assert p.tolist() == before


@every_library
def test_lbfgs_steps_on_it_too(m: Any) -> None:
    p = m.nn.Parameter(m.ones(2, dtype=m.float64))
    p.grad = m.full((2,), 0.25, dtype=m.float64)
    p.requires_grad_(False)
    m.optim.LBFGS([p], lr=0.1, max_iter=1).step(lambda: m.zeros(()))
    assert p.tolist() == pytest.approx([1 - 0.1 * 0.25] * 2)  # the first step is at most 1 / |g|, here 2


@every_library
def test_two_networks_against_each_other(m: Any) -> None:
    """The loss of one is made while the other one is frozen, whose step comes afterwards."""
    a, b = m.nn.Parameter(m.ones(())), m.nn.Parameter(m.full((), 2.0))
    steps = m.optim.SGD([a], lr=0.1), m.optim.SGD([b], lr=0.1)
    (a * b).backward()
    b.requires_grad_(False)
    (3 * a * b).backward()
    assert (a.grad.item(), b.grad.item()) == (2.0 + 6.0, 1.0)
    for optimizer in steps:
        optimizer.step()
    assert (a.item(), b.item()) == pytest.approx((1 - 0.8, 2 - 0.1))
    b.requires_grad_(True)
    (a.detach() * b).backward()
    assert b.grad.item() == pytest.approx(1.2)


@every_library
def test_clipping_and_zeros(m: Any) -> None:
    p = m.nn.Parameter(m.ones(2))
    (p * m.tensor([3.0, 4.0])).sum().backward()
    p.requires_grad_(False)
    assert m.nn.utils.clip_grad_norm_([p], 1.0).item() == pytest.approx(5.0)
    assert p.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)
    m.optim.SGD([p], lr=1.0).zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0, 0.0]


@every_library
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_a_constant_is_given_a_gradient(m: Any, dtype: str) -> None:
    x = m.ones(2, dtype=getattr(m, dtype))
    x.grad = m.full((2,), 3, dtype=getattr(m, dtype))
    assert not x.requires_grad
    assert x.grad.tolist() == [3, 3]
    assert x.detach().grad is None
    assert x[:1].grad is None
    del x.grad
    assert x.grad is None


@every_library
def test_the_gradient_that_a_constant_was_given_grows_once_it_is_a_leaf(m: Any) -> None:
    x = m.ones(2)
    x.grad = m.ones(2)
    x.requires_grad_()
    (2 * x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@every_library
def test_what_was_computed_is_given_a_gradient(m: Any) -> None:
    x = m.ones(2, requires_grad=True)
    y = 2 * x
    y.grad = m.ones(2)
    assert y.grad.tolist() == [1.0, 1.0]
    y.retain_grad()
    (5 * y).sum().backward()
    assert y.grad.tolist() == [6.0, 6.0]
    assert x.grad.tolist() == [10.0, 10.0]
    y.detach_()
    assert y.is_leaf
    assert y.grad.tolist() == [6.0, 6.0]
    y.requires_grad_()
    y.sum().backward()
    assert y.grad.tolist() == [7.0, 7.0]


@every_library
def test_detach_keeps_the_gradient(m: Any) -> None:
    x = m.ones(2, requires_grad=True)
    (2 * x).sum().backward()
    assert x.detach_() is x
    assert not x.requires_grad
    assert x.grad.tolist() == [2.0, 2.0]
    x.requires_grad_()
    x.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@every_library
def test_a_copy_of_a_frozen_tensor_has_its_gradient(m: Any) -> None:
    x = m.ones(2, requires_grad=True)
    (2 * x).sum().backward()
    x.requires_grad_(False)
    copied = copy.deepcopy(x)
    assert not copied.requires_grad
    assert copied.grad.tolist() == [2.0, 2.0]
    assert copied.grad is not x.grad


@every_library
@pytest.mark.parametrize(
    ("given", "error"),
    [
        (lambda m, _: m.ones(3), RuntimeError),
        (lambda m, _: m.ones(2, dtype=m.float64), RuntimeError),
        (lambda _, x: x, RuntimeError),
        (lambda *_: [1.0, 2.0], TypeError),
    ],
    ids=["shape", "dtype", "itself", "type"],
)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_what_cannot_be_a_gradient(m: Any, requires_grad: bool, given: Callable[..., Any], error: Any) -> None:
    x = m.ones(2, requires_grad=requires_grad)
    with pytest.raises(error):
        x.grad = given(m, x)
    assert x.grad is None


# ----------------------------------------------------------------------------------------------------------------------
# The graph, and the hooks.

CONSTANT: dict[str, Callable[[Any], Any]] = {
    "requires_grad_": lambda x: x.requires_grad_(False),
    "requires_grad": lambda x: setattr(x, "requires_grad", False),
    "detach_": lambda x: x.detach_(),
}
every_way = pytest.mark.parametrize("freeze", CONSTANT.values(), ids=CONSTANT)


@every_library
@every_way
def test_a_graph_from_before_reaches_a_tensor_only_while_it_requires_a_gradient(m: Any, freeze: Any) -> None:
    x = m.ones(2, requires_grad=True)
    y = (2 * x).sum()
    freeze(x)
    y.backward(retain_graph=True)
    assert x.grad is None
    x.requires_grad_()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


@every_library
@every_way
def test_hooks_outlive_it(m: Any, freeze: Any) -> None:
    seen: list[Any] = []
    x = m.ones(2, requires_grad=True)
    x.register_hook(lambda g: 10 * g)
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.tolist())))
    freeze(x)
    x.requires_grad_()
    x.sum().backward()
    assert seen == [[10.0, 10.0], (True, [10.0, 10.0])]
    freeze(x)
    handle.remove()
    x.requires_grad_()
    x.sum().backward()
    assert seen[2:] == [(True, [20.0, 20.0])]


@every_library
def test_a_frozen_tensor_takes_no_hooks(m: Any) -> None:
    x = m.ones(2, requires_grad=True).requires_grad_(False)
    with pytest.raises(RuntimeError):
        x.register_hook(print)


@every_library
def test_a_frozen_tensor_that_is_written_to_keeps_its_gradient(m: Any) -> None:
    seen: list[Any] = []
    x, w = m.ones(2, requires_grad=True), m.full((2,), 3.0, requires_grad=True)
    x.register_hook(seen.append)
    (2 * x).sum().backward()
    x.requires_grad_(False)
    seen.clear()
    x.mul_(w)
    x.sum().backward()
    assert not seen  # the hook was of what it was
    assert x.grad.tolist() == [2.0, 2.0]
    assert w.grad.tolist() == [1.0, 1.0]


def test_new_data_while_frozen() -> None:
    x = mg.ones(2, requires_grad=True)
    x.requires_grad_(False)
    x.data = mg.full((3,), 2.0)
    x.requires_grad_()
    (x * x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 4.0, 4.0]
