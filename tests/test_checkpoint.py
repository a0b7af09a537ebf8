"""Checkpointing: the same bits with less memory."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import _core, nn
from minigrad.utils.checkpoint import checkpoint, checkpoint_sequential


class Drop(nn.Module):
    """Draws another mask at every call."""

    def forward(self, x):
        return x * (mg.rand(*x.shape) > 0.3).to(x.dtype)


def net(depth=4):
    mg.manual_seed(0)
    layers = [layer for _ in range(depth) for layer in (nn.Linear(16, 16), nn.Tanh(), Drop())]
    return nn.Sequential(*layers)


def gradients(run):
    model = net()
    x = mg.randn(8, 16).requires_grad_()
    y = run(model, x)
    after = mg.rand(3)
    (y * y).sum().backward()
    return [y.detach().numpy(), after.numpy(), x.grad.numpy(), *(p.grad.numpy() for p in model.parameters())]


@pytest.mark.parametrize(
    "run",
    [
        lambda model, x: checkpoint(model, x, use_reentrant=False),
        lambda model, x: checkpoint_sequential(model, 3, x),
        lambda model, x: checkpoint(lambda t: checkpoint(model, t), x),
    ],
    ids=["checkpoint", "sequential", "nested"],
)
def test_the_bits_are_those_without_checkpoint(run):
    plain, again = gradients(lambda model, x: model(x)), gradients(run)
    for a, b in zip(plain, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_second_order_and_repeated_passes():
    def second(run):
        x = mg.tensor([0.3, -0.8], dtype=mg.float64, requires_grad=True)
        y = run(lambda t: (t.exp() * t.sin()).sum(), x)
        (first,) = mg.autograd.grad(y, x, retain_graph=True)
        (g,) = mg.autograd.grad(y, x, create_graph=True)
        (h,) = mg.autograd.grad(g.sum(), x)
        return first.tolist(), g.tolist(), h.tolist()

    assert second(checkpoint) == second(lambda f, x: f(x))


def test_memory_is_saved():
    def held(run):
        x = mg.ones(256, 1024, requires_grad=True)
        before = _core.memory_statistics()["in_use"]
        y = run([mg.tanh] * 32, x)
        return (_core.memory_statistics()["in_use"] - before) // x.nbytes, y

    plain, y = held(lambda layers, x: checkpoint_sequential(layers, 1, x))  # one segment keeps all
    del y
    segmented, y = held(lambda layers, x: checkpoint_sequential(layers, 6, x))
    assert plain == 32
    assert segmented == 11  # the inputs of four segments, and the seven results of the last one
    y.sum().backward()


def test_what_cannot_be_run_again_raises():
    x = mg.ones(3, requires_grad=True)
    a = x * 1
    y = checkpoint(lambda t: t.exp(), a).sum()
    a.detach().zero_()
    with pytest.raises(RuntimeError, match="checkpoint: an argument was changed in place"):
        y.backward()
    calls = []

    def different(t):
        calls.append(t)
        return t.exp() if len(calls) == 1 else t.exp().exp()

    with pytest.raises(RuntimeError, match="do the same every time"):
        checkpoint(different, x).sum().backward()


def test_contexts_and_options():
    seen = []

    class Context:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            seen.append(self.name)

        def __exit__(self, *_):
            pass

    x = mg.ones(3, requires_grad=True)
    y = checkpoint(mg.exp, x, use_reentrant=False, debug=False, context_fn=lambda: (Context("first"), Context("again")))
    assert seen == ["first"]
    y.sum().backward()
    assert seen == ["first", "again"]
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(mg.exp, x, determinism_check="some")
    sizes = iter((2, 3))
    y = checkpoint(lambda t: (t[: next(sizes)] * 1).exp().sum(), x, determinism_check="none")
    with pytest.raises(RuntimeError, match="shape"):
        y.backward()
