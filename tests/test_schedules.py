"""Schedules and averages of weights beside PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim

Make = Callable[[Any, Any], Any]
EPOCHS = 60


def sequential(m: Any, o: Any) -> Any:
    parts = [m.ConstantLR(o, 0.1, 4), m.CosineAnnealingLR(o, 20), m.LinearLR(o), m.MultiplicativeLR(o, lambda _: 0.9)]
    return m.SequentialLR(o, parts, milestones=[5, 30, 41])


def chained(m: Any, o: Any) -> Any:
    return m.ChainedScheduler([m.ConstantLR(o, factor=0.5, total_iters=7), m.ExponentialLR(o, gamma=0.95)], optimizer=o)


SCHEDULES: dict[str, Make] = {
    "step": lambda m, o: m.StepLR(o, 7, gamma=0.6),
    "multi_step": lambda m, o: m.MultiStepLR(o, [3, 9, 9, 40], gamma=0.5),
    "constant": lambda m, o: m.ConstantLR(o, factor=0.3, total_iters=11),
    "linear": lambda m, o: m.LinearLR(o, start_factor=0.2, end_factor=0.7, total_iters=13),
    "linear_default": lambda m, o: m.LinearLR(o),
    "exponential": lambda m, o: m.ExponentialLR(o, gamma=0.93),
    "polynomial": lambda m, o: m.PolynomialLR(o, total_iters=33, power=1.7),
    "cosine": lambda m, o: m.CosineAnnealingLR(o, T_max=9, eta_min=0.01),
    "warm_restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=0.01),
    "one_cycle": lambda m, o: m.OneCycleLR(o, max_lr=[0.7, 1.1], total_steps=EPOCHS),
    "one_cycle_linear": lambda m, o: m.OneCycleLR(o, 0.7, epochs=7, steps_per_epoch=9, anneal_strategy="linear"),
    "one_cycle_three": lambda m, o: m.OneCycleLR(o, 0.7, total_steps=EPOCHS + 5, three_phase=True),
    "cyclic": lambda m, o: m.CyclicLR(o, 0.01, 0.3, step_size_up=5),
    "cyclic_halved": lambda m, o: m.CyclicLR(o, [0.01, 0.02], 0.3, 5, 8, mode="triangular2"),
    "cyclic_powers": lambda m, o: m.CyclicLR(o, 0.01, 0.3, 5, mode="exp_range", gamma=0.98),
    "cyclic_own": lambda m, o: m.CyclicLR(o, 0.01, 0.3, 5, scale_fn=lambda x: 1 / (x + 1), scale_mode="iterations"),
    "lambda": lambda m, o: m.LambdaLR(o, [lambda t: 1 / (t + 1), lambda t: 0.9**t]),
    "multiplicative": lambda m, o: m.MultiplicativeLR(o, lambda t: 1 - 1 / (t + 9)),
    "sequential": sequential,
    "chained": chained,
    "plateau": lambda m, o: m.ReduceLROnPlateau(o, factor=0.5, patience=2, cooldown=3, min_lr=[0.0, 0.1]),
    "plateau_max": lambda m, o: m.ReduceLROnPlateau(o, "max", patience=1, threshold=0.3, threshold_mode="abs"),
}
MAKERS = {"SGD": {"momentum": 0.9}, "Adam": {}}


def made(name: str, lib: Any, parameters: list[Any], schedule: str) -> tuple[Any, Any]:
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.8}]
    optimizer = getattr(lib.optim, name)(groups, lr=0.5, **MAKERS[name])
    return optimizer, SCHEDULES[schedule](lib.optim.lr_scheduler, optimizer)


def weights(lib: Any) -> list[Any]:
    return [lib.ones(1, requires_grad=True) for _ in range(2)]


def settings(optimizer: Any) -> list[float]:
    return [
        x for group in optimizer.param_groups for x in (group["lr"], group.get("momentum", 0), *group.get("betas", ()))
    ]


def go_on(optimizer: Any, schedule: Any, epochs: range) -> list[list[float]]:
    trace = []
    for epoch in epochs:
        optimizer.step()
        metric = [math.cos(epoch / 3) / (1 + epoch / 10)] if "Plateau" in type(schedule).__name__ else []
        schedule.step(*metric)
        assert schedule.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        trace.append(settings(optimizer))
    return trace


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedule_is_pytorchs(schedule: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    traces = []
    for lib in (minigrad, torch):
        optimizer, made_schedule = made(name, lib, weights(lib), schedule)
        traces.append([settings(optimizer), *go_on(optimizer, made_schedule, range(EPOCHS))])
        traces[-1].append([made_schedule.last_epoch] if schedule != "chained" else [])
    for epoch, (ours, theirs) in enumerate(zip(*traces, strict=True)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-16, err_msg=f"epoch {epoch}")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedule_goes_on_from_its_state(schedule: str) -> None:
    optimizer, first = made("Adam", minigrad, weights(minigrad), schedule)
    go_on(optimizer, first, range(25))
    states = optimizer.state_dict(), first.state_dict()
    again, second = made("Adam", minigrad, weights(minigrad), schedule)
    again.load_state_dict(states[0])
    second.load_state_dict(states[1])
    assert go_on(again, second, range(25, 50)) == go_on(optimizer, first, range(25, 50))


@pytest.mark.parametrize(
    ("match", "call"),
    [
        ("needs total_steps", lambda m, o: m.OneCycleLR(o, 1.0)),
        ("max_lr: needs one number or 2, got 3", lambda m, o: m.OneCycleLR(o, [1.0] * 3, total_steps=5)),
        ("anneal_strategy must be", lambda m, o: m.OneCycleLR(o, 1.0, total_steps=5, anneal_strategy="x")),
        ("mode must be", lambda m, o: m.CyclicLR(o, 0.1, 1.0, mode="x")),
        ("factor must be less than 1", lambda m, o: m.ReduceLROnPlateau(o, factor=1.0)),
        ("T_0 must be a positive integer", lambda m, o: m.CosineAnnealingWarmRestarts(o, 0)),
        ("needs 1 milestones", lambda m, o: m.SequentialLR(o, [m.StepLR(o, 1), m.StepLR(o, 2)], [])),
        ("at least one schedule", lambda m, o: m.ChainedScheduler([])),
        ("start_factor", lambda m, o: m.LinearLR(o, start_factor=0)),
    ],
)
def test_bad_schedules(match: str, call: Make) -> None:
    groups = [{"params": [p]} for p in weights(minigrad)]
    with pytest.raises(ValueError, match=match):
        call(optim.lr_scheduler, optim.SGD(groups, lr=0.1, momentum=0.9))


def test_a_cycle_needs_a_momentum() -> None:
    class Plain(optim.Optimizer):
        pass

    with pytest.raises(ValueError, match="OneCycleLR: the optimiser has no momentum"):
        optim.lr_scheduler.OneCycleLR(Plain(weights(minigrad), {"lr": 1.0}), 1.0, total_steps=5)


@pytest.mark.parametrize("kind", ["swa", "ema", "one"])
def test_averages_are_pytorchs(kind: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    values = rng.standard_normal((6, 2, 3))
    found = []
    for lib in (minigrad, torch):
        utils = lib.optim.swa_utils
        options = {
            "swa": {},
            "ema": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.7)},
            "one": {"avg_fn": utils.get_ema_avg_fn(0.6)},
        }
        model = lib.nn.Linear(3, 2).double() if lib is torch else nn.Linear(3, 2).double()
        averaged = utils.AveragedModel(model, **options[kind])
        for value in values:
            with lib.no_grad():
                model.weight.copy_(lib.tensor(value))
                model.bias.copy_(lib.tensor(value[:, 0]))
            averaged.update_parameters(model)
        x = lib.tensor(values[0])
        found.append((averaged(x).detach().numpy(), int(averaged.n_averaged), sorted(averaged.state_dict())))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    assert found[0][1:] == found[1][1:]


@pytest.mark.parametrize(("epochs", "strategy"), [(10, "cos"), (7, "linear"), (0, "linear")])
def test_swalr_is_pytorchs(epochs: int, strategy: str) -> None:
    torch = pytest.importorskip("torch")
    traces = []
    for lib in (minigrad, torch):
        optimizer = lib.optim.SGD(weights(lib), lr=0.5)
        schedule = lib.optim.swa_utils.SWALR(optimizer, 0.05, anneal_epochs=epochs, anneal_strategy=strategy)
        traces.append([settings(optimizer), *go_on(optimizer, schedule, range(EPOCHS))])
    np.testing.assert_allclose(traces[0], traces[1], rtol=1e-10)
