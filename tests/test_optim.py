"""Optimisers and schedules: closed forms, and traces beside PyTorch's."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.optim import lr_scheduler

Array = np.ndarray[Any, Any]


def parameter(values: Any) -> nn.Parameter:
    return nn.Parameter(minigrad.tensor(np.asarray(values, dtype=np.float64)))


def set_grad(p: minigrad.Tensor, values: Any) -> None:
    p.grad = minigrad.tensor(np.asarray(values, dtype=p.detach().numpy().dtype))


def value(p: minigrad.Tensor) -> Array:
    return p.detach().numpy().copy()


# ---- Closed forms ----------------------------------------------------------------------------------------------------


def test_sgd() -> None:
    p = parameter([1.0, -2.0])
    set_grad(p, [0.5, 1.0])
    optim.SGD([p], lr=0.1, weight_decay=0.01).step()
    np.testing.assert_allclose(value(p), [1 - 0.1 * (0.5 + 0.01), -2 - 0.1 * (1 - 0.02)], rtol=1e-15)


def test_sgd_with_momentum_under_a_constant_gradient() -> None:
    """After n steps: p = -lr g Σ_{k=1..n} (1 - μᵏ) / (1 - μ)."""
    p = parameter([0.0])
    sgd = optim.SGD([p], lr=0.1, momentum=0.9)
    for _ in range(20):
        set_grad(p, [2.0])
        sgd.step()
    expected = -0.2 * sum((1 - 0.9**k) / 0.1 for k in range(1, 21))
    np.testing.assert_allclose(value(p), [expected], rtol=1e-13)


def test_adam_under_a_constant_gradient() -> None:
    """The bias corrections make every step lr g / (|g| + eps)."""
    p = parameter([0.0, 0.0])
    adam = optim.Adam([p], lr=0.01, eps=1e-3)
    for _ in range(50):
        set_grad(p, [3.0, -0.5])
        adam.step()
    np.testing.assert_allclose(value(p), [-0.5 * 3 / 3.001, 0.5 * 0.5 / 0.501], rtol=1e-12)
    assert adam.state[p]["step"] == 50


def test_adamw_without_a_gradient_decays() -> None:
    p = parameter([1.0])
    adam = optim.AdamW([p], lr=0.1, weight_decay=0.5)
    for _ in range(3):
        set_grad(p, [0.0])
        adam.step()
    np.testing.assert_allclose(value(p), [0.95**3], rtol=1e-14)


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW])
def test_maximize_climbs(make: Any) -> None:
    down, up = parameter([0.5]), parameter([0.5])
    for p, maximize, g in ((down, False, 2.0), (up, True, -2.0)):
        optimizer = make([p], lr=0.1, maximize=maximize)
        set_grad(p, [g])
        optimizer.step()
    assert value(down) == value(up) < 0.5


# ---- Beside PyTorch --------------------------------------------------------------------------------------------------


def gradient(p: Array, step: int, number: int) -> Array:
    """Return a gradient that depends on the parameter, so that a wrong step makes all later ones wrong."""
    rng = np.random.default_rng([step, number])
    return 0.3 * p + rng.standard_normal(p.shape)


def test_training_is_pytorchs() -> None:
    """The losses of a model, an optimiser and a schedule together."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((20, 6)), rng.integers(0, 3, 20)
    reference = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).double()
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    model.load_state_dict({name: t.numpy() for name, t in reference.state_dict().items()})
    traces = []
    for lib, m, schedules in ((minigrad, model, lr_scheduler), (torch, reference, torch.optim.lr_scheduler)):
        optimizer = lib.optim.Adam(m.parameters(), lr=0.02)
        schedule = schedules.CosineAnnealingLR(optimizer, T_max=40)
        inputs, target = lib.tensor(x), lib.tensor(y)
        trace = []
        for _ in range(100):
            loss = lib.nn.functional.cross_entropy(m(inputs), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            trace.append(loss.item())
        traces.append(trace)
    np.testing.assert_allclose(traces[0], traces[1], rtol=1e-9)
    assert traces[0][-1] < traces[0][0] / 2


# ---- Groups, gradients, dtypes ---------------------------------------------------------------------------------------


def test_groups_have_settings_of_their_own() -> None:
    a, b = parameter([0.0]), parameter([0.0])
    sgd = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    assert [(group["lr"], group["momentum"]) for group in sgd.param_groups] == [(0.1, 0), (0.5, 0)]
    for p in (a, b):
        set_grad(p, [1.0])
    sgd.step()
    assert (value(a), value(b)) == (-0.1, -0.5)
    sgd.add_param_group({"params": [parameter([0.0])], "lr": 2})
    assert len(sgd.param_groups) == 3


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, lambda ps: optim.SGD(ps, momentum=0.9)])
def test_parameters_without_gradients_stay(make: Any) -> None:
    with_grad, without = parameter([1.0]), parameter([1.0])
    constant = minigrad.ones(1)
    optimizer = make([with_grad, without, constant])
    optimizer.step()  # nobody has a gradient
    assert optimizer.state == {}
    set_grad(with_grad, [1.0])
    versions = with_grad._version, without._version
    optimizer.step()
    assert value(with_grad) < 1
    assert value(without) == constant.item() == 1
    assert (with_grad._version, without._version) == (versions[0] + 1, versions[1])


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, lambda ps: optim.SGD(ps, momentum=0.9)])
def test_dtypes_may_differ_in_a_group(make: Any) -> None:
    mixed = [nn.Parameter(minigrad.ones(2)), parameter([1.0, 1.0])]
    alone = [nn.Parameter(minigrad.ones(2)), parameter([1.0, 1.0])]
    optimizers = [make(mixed), make([alone[0]]), make([alone[1]])]
    for _ in range(3):
        for p in mixed + alone:
            set_grad(p, [0.3, -2])
        for optimizer in optimizers:
            optimizer.step()
    for p, q in zip(mixed, alone, strict=True):
        assert p.dtype is q.dtype
        np.testing.assert_array_equal(value(p), value(q))


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, lambda ps: optim.SGD(ps, momentum=0.9)])
def test_layout_does_not_matter(make: Any) -> None:
    straight = parameter(np.arange(12.0).reshape(3, 4))
    turned = nn.Parameter(parameter(np.arange(12.0).reshape(3, 4).T.copy()).detach().t())
    assert not turned.is_contiguous()
    optimizers = [make([straight]), make([turned])]
    for _ in range(3):
        for p, optimizer in zip((straight, turned), optimizers, strict=True):
            set_grad(p, np.cos(np.arange(12.0)).reshape(3, 4))
            optimizer.step()
    np.testing.assert_array_equal(value(straight), value(turned))


def test_step_is_seen_by_the_graph() -> None:
    p = parameter([1.0])
    out = (p * p).sum()
    set_grad(p, [1.0])
    optim.SGD([p]).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


def test_zero_grad() -> None:
    a, b = parameter([1.0]), parameter([1.0])
    sgd = optim.SGD([a, b, minigrad.ones(1)])
    set_grad(a, [1.0])
    sgd.zero_grad(set_to_none=False)
    assert a.grad is not None
    assert a.grad.tolist() == [0]
    assert b.grad is None
    sgd.zero_grad()
    assert a.grad is None


def test_closure() -> None:
    p = parameter([3.0])
    sgd = optim.SGD([p], lr=0.5)

    def closure() -> minigrad.Tensor:
        sgd.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with minigrad.no_grad():
        assert sgd.step(closure).item() == 9
        assert not minigrad.is_grad_enabled()
    assert value(p) == 0
    assert sgd.step() is None


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (ValueError, "SGD: got an empty list", lambda p: optim.SGD([])),
        (TypeError, "SGD: params must be an iterable", lambda p: optim.SGD(p)),
        (TypeError, "Adam: only tensors can be optimised, got int", lambda p: optim.Adam([1])),
        (ValueError, "Adam: only leaves", lambda p: optim.Adam([p * 2])),
        (ValueError, "appears twice", lambda p: optim.SGD([p, p])),
        (ValueError, "appears twice", lambda p: optim.SGD([{"params": [p]}, {"params": [p]}])),
        (TypeError, "a set has no order", lambda p: optim.SGD([{"params": {p}}])),
        (TypeError, "must be a dict, got int", lambda p: optim.SGD([{"params": [p]}, 3])),
        (ValueError, "SGD: lr must not be negative, got -1", lambda p: optim.SGD([p], lr=-1)),
        (ValueError, "momentum must not be negative", lambda p: optim.SGD([p], momentum=-1)),
        (ValueError, "weight_decay must not be negative", lambda p: optim.SGD([p], weight_decay=-1)),
        (ValueError, "momentum must be positive for Nesterov", lambda p: optim.SGD([p], nesterov=True)),
        (ValueError, "dampening must be 0", lambda p: optim.SGD([p], momentum=0.9, dampening=0.1, nesterov=True)),
        (ValueError, "Adam: lr must not be negative", lambda p: optim.Adam([p], lr=-1)),
        (ValueError, "AdamW: lr must not be negative, got nan", lambda p: optim.AdamW([p], lr=math.nan)),
        (ValueError, "eps must not be negative", lambda p: optim.Adam([p], eps=-1)),
        (ValueError, r"betas must be two numbers in \[0, 1\)", lambda p: optim.Adam([p], betas=(0.9, 1.0))),
        (ValueError, "lr must not be negative", lambda p: optim.Adam([{"params": [p], "lr": -1}])),
        (NotImplementedError, "must define step", lambda p: optim.Optimizer([p], {}).step()),
    ],
)
def test_bad_arguments(error: type[Exception], match: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(error, match=match):
        call(parameter([1.0]))


# ---- States ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [optim.Adam, optim.AdamW, lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9)])
def test_state_goes_on_where_it_was(make: Any) -> None:
    ps = [parameter([1.0, 2.0]), parameter([[3.0]])]
    first = make(ps)
    for step in range(3):
        for i, p in enumerate(ps):
            set_grad(p, gradient(value(p), step, i))
        first.step()
    qs = copy.deepcopy(ps)
    second = make(qs)
    second.param_groups[0]["lr"] = 7.0
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["lr"] == first.param_groups[0]["lr"]
    for step in range(3, 6):
        for optimizer, params in ((first, ps), (second, qs)):
            for i, p in enumerate(params):
                set_grad(p, gradient(value(p), step, i))
            optimizer.step()
    for p, q in zip(ps, qs, strict=True):
        np.testing.assert_array_equal(value(p), value(q))


def test_state_names() -> None:
    p, q = parameter([1.0]), parameter([1.0])
    adam = optim.Adam([p, q])
    set_grad(q, [1.0])
    adam.step()
    state = adam.state_dict()
    assert state["param_groups"][0]["params"] == [0, 1]
    assert list(state["state"]) == [1]
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]


def test_state_that_does_not_fit() -> None:
    adam = optim.Adam([parameter([1.0])])
    with pytest.raises(ValueError, match=r"have \[1\] parameters, but \[2\] in the state"):
        adam.load_state_dict(optim.Adam([parameter([1.0]), parameter([1.0])]).state_dict())
    p = parameter([1.0, 2.0])
    other = optim.Adam([p])
    set_grad(p, [1, 1])
    other.step()
    with pytest.raises(ValueError, match=r"exp_avg has shape \(2,\), but its parameter \(1,\)"):
        adam.load_state_dict(other.state_dict())


def test_text() -> None:
    text = repr(optim.SGD([parameter([1.0])], lr=0.25))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n")


# ---- Schedules -------------------------------------------------------------------------------------------------------


def rates(schedule: Any, optimizer: Any, epochs: int) -> list[float]:
    result = []
    for _ in range(epochs):
        assert schedule.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        result += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    return result


def test_cosine() -> None:
    sgd = optim.SGD([parameter([1.0])], lr=0.5)
    schedule = lr_scheduler.CosineAnnealingLR(sgd, T_max=10, eta_min=0.1)
    expected = [0.1 + 0.4 * (1 + math.cos(math.pi * t / 10)) / 2 for t in range(35)]
    np.testing.assert_allclose(rates(schedule, sgd, 35), expected, rtol=1e-12)


def test_step() -> None:
    sgd = optim.SGD([parameter([1.0])], lr=1.0)
    schedule = lr_scheduler.StepLR(sgd, step_size=3, gamma=0.5)
    assert rates(schedule, sgd, 8) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_lambda() -> None:
    sgd = optim.SGD([{"params": [parameter([1.0])]}, {"params": [parameter([1.0])], "lr": 4.0}], lr=1.0)
    schedule = lr_scheduler.LambdaLR(sgd, [lambda t: 1 / (t + 1), lambda t: 0.5**t])
    assert rates(schedule, sgd, 3) == [1, 4, 1 / 2, 2, 1 / 3, 1]


def test_schedules_work_together_as_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    traces = []
    for lib, p in ((minigrad, parameter([1.0])), (torch, torch.ones(1, requires_grad=True))):
        optimizer = lib.optim.SGD([p], lr=0.3)
        module = lib.optim.lr_scheduler
        schedules = [
            module.CosineAnnealingLR(optimizer, T_max=7, eta_min=0.01),
            module.StepLR(optimizer, step_size=4, gamma=0.7),
        ]
        trace = []
        for _ in range(40):
            trace.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for schedule in schedules:
                schedule.step()
        traces.append(trace)
    np.testing.assert_allclose(traces[0], traces[1], rtol=1e-10)


def test_schedule_goes_on_where_it_was() -> None:
    traces = []
    for cut in (None, 5):
        sgd = optim.SGD([parameter([1.0])], lr=1.0)
        schedule: Any = lr_scheduler.CosineAnnealingLR(sgd, T_max=12)
        trace = rates(schedule, sgd, 5)
        if cut:
            states = sgd.state_dict(), schedule.state_dict()
            sgd = optim.SGD([parameter([1.0])], lr=9.0)
            schedule = lr_scheduler.CosineAnnealingLR(sgd, T_max=99)
            sgd.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        traces.append(trace + rates(schedule, sgd, 5))
    assert traces[0] == traces[1]


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "needs an Optimizer, got int", lambda o: lr_scheduler.StepLR(3, 1)),
        (ValueError, "step_size must be positive", lambda o: lr_scheduler.StepLR(o, 0)),
        (ValueError, "T_max must be positive", lambda o: lr_scheduler.CosineAnnealingLR(o, 0)),
        (ValueError, "needs one function or 1, got 2", lambda o: lr_scheduler.LambdaLR(o, [abs, abs])),
        (KeyError, "no 'initial_lr'", lambda o: lr_scheduler.StepLR(o, 1, last_epoch=3)),
    ],
)
def test_bad_schedules(error: type[Exception], match: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(error, match=match):
        call(optim.SGD([parameter([1.0])]))


def test_settings_that_are_tensors_print_as_numbers() -> None:
    assert f"{minigrad.tensor(0.5)}" == "0.5"
    assert "    lr: 0.5\n" in repr(optim.SGD([parameter([1.0])], lr=minigrad.tensor(0.5)))
