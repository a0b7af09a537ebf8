"""Mixed precision: scripts that use it where they can run, and the scaler scales as PyTorch's does on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.cuda.amp import GradScaler, autocast

torch = pytest.importorskip("torch")


@pytest.mark.filterwarnings("error")
def test_what_is_not_enabled_does_nothing() -> None:
    layer = mg.nn.Linear(2, 1)
    optimizer = mg.optim.SGD(layer.parameters(), lr=0.1)
    scaler = mg.GradScaler("cuda", enabled=mg.cuda.is_available())
    with mg.autocast(device_type="cpu", dtype=mg.float16, enabled=False):
        loss = layer(mg.ones(3, 2)).mean()
    assert loss.dtype is mg.float32
    assert scaler.scale(loss) is loss
    loss.backward()
    before = layer.bias.detach().clone()
    scaler.unscale_(optimizer)
    assert scaler.step(optimizer) is None
    scaler.update()
    assert mg.allclose(layer.bias, before - 0.1)
    assert (scaler.state_dict(), scaler.get_scale(), scaler.is_enabled()) == ({}, 1.0, False)
    assert not mg.is_autocast_enabled()
    assert not mg.amp.is_autocast_available("cpu")


def test_what_is_enabled_says_that_it_is_not_there() -> None:
    @mg.autocast("cpu", enabled=False)
    def plain(x: Any) -> Any:
        """Say so."""
        return x + x

    assert (plain(mg.ones(1)).item(), plain.__doc__) == (2.0, "Say so.")
    with pytest.warns(UserWarning, match="there is no mixed precision"), mg.autocast("cpu"):
        assert (mg.ones(2, 2) @ mg.ones(2)).dtype is mg.float32
    with pytest.warns(UserWarning, match="there is no mixed precision"), autocast():
        pass
    with pytest.warns(UserWarning, match="GradScaler: there is no device 'cuda'"):
        assert not GradScaler().is_enabled()
    with pytest.raises(RuntimeError, match="device_type must be 'cpu' or 'cuda', got 'gpu'"):
        mg.autocast("gpu")
    assert mg.amp.custom_fwd(device_type="cuda")(len) is mg.cuda.amp.custom_fwd(len) is len
    assert mg.amp.custom_bwd(len, device_type="cuda") is mg.cuda.amp.custom_bwd(len) is len


def _trace(lib: Any) -> list[Any]:
    """Return the scale, the tracker and a weight after each of some steps, of which two are bad."""
    w = lib.ones(2, dtype=lib.float64, requires_grad=True)
    optimizer = lib.optim.SGD([w], lr=0.1)
    scaler = lib.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    seen = []
    for factor in (1.0, 2.0, float("inf"), 3.0, float("nan"), 0.5, 0.25, 0.125):
        optimizer.zero_grad()
        for loss in scaler.scale([(w * factor).sum(), w.square().sum()]):
            loss.backward()
        scaler.unscale_(optimizer)
        seen.append(w.grad.tolist())
        scaler.step(optimizer)
        scaler.update()
        seen.append([scaler.get_scale(), scaler.state_dict()["_growth_tracker"], *w.tolist()])
    scaler.update(3.0)
    return [*seen, scaler.state_dict()]


def test_the_scale_grows_and_shrinks_as_pytorchs() -> None:
    ours, theirs = _trace(mg), _trace(torch)
    assert ours.pop() == theirs.pop()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_state_goes_on() -> None:
    scaler, other = (mg.amp.GradScaler("cpu", init_scale=s, growth_interval=n) for s, n in ((4.0, 7), (2.0, 5)))
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    assert (other.get_scale(), other.get_growth_interval()) == (4.0, 7)
    assert (other.get_growth_factor(), other.get_backoff_factor()) == (2.0, 0.5)
    mg.amp.GradScaler("cpu", enabled=False).load_state_dict({})
    with pytest.raises(RuntimeError, match="the state is empty"):
        scaler.load_state_dict({})


WRONG: dict[str, tuple[type[Exception], Callable[[Any, Any, Any], Any]]] = {
    "scaled down twice": (RuntimeError, lambda lib, s, o: (s.unscale_(o), s.unscale_(o))),
    "two steps": (RuntimeError, lambda lib, s, o: (s.step(o), s.step(o))),
    "scaled down behind a step": (RuntimeError, lambda lib, s, o: (s.step(o), s.unscale_(o))),
    "a closure": (RuntimeError, lambda lib, s, o: s.step(o, closure=lambda: None)),
    "an update alone": (AssertionError, lambda lib, s, o: s.update()),
    "no gradients": (AssertionError, lambda lib, s, o: (o.zero_grad(), s.step(o))),
    "no scaled loss": (AssertionError, lambda lib, s, o: lib.amp.GradScaler("cpu").step(o)),
    "no tensor": (ValueError, lambda lib, s, o: s.scale(1)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_orders_are_refused_as_pytorch_refuses_them(name: str) -> None:
    kind, call = WRONG[name]
    for lib in (mg, torch):
        w = lib.ones(2, requires_grad=True)
        optimizer, scaler = lib.optim.SGD([w], lr=0.1), lib.amp.GradScaler("cpu")
        scaler.scale(w.sum()).backward()
        with pytest.raises(kind):
            call(lib, scaler, optimizer)


def test_factors_have_to_grow_and_shrink() -> None:
    with pytest.raises(ValueError, match=r"growth_factor must be above 1 and backoff_factor below, got 0\.5"):
        mg.amp.GradScaler("cpu", growth_factor=0.5)
