"""Every optimiser, with every option, takes PyTorch's steps: traces of 100 steps in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim

torch = pytest.importorskip("torch")

Array = np.ndarray[Any, Any]

RTOL, ATOL = 1e-13, 3e-15


@pytest.fixture(autouse=True)
def _counters_in_double() -> Iterator[None]:
    """PyTorch's counters are of its default dtype, ours always of float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "maximize": True}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "betas": (0.9, 0.5)}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "betas": (0.9, 0.5), "weight_decay": 0.1, "maximize": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.05, "amsgrad": True, "betas": (0.9, 0.5)}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.05, "betas": (0.8, 0.7), "eps": 1e-3}),
    ("Adamax", {"lr": 0.05, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "momentum_decay": 0.1}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.5)}),  # never anything but plain steps
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.9, "eps": 1e-4}),
    ("RMSprop", {"lr": 0.05, "centered": True}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.8}),
    ("RMSprop", {"lr": 0.02, "centered": True, "momentum": 0.8}),
    ("RMSprop", {"lr": 0.02, "centered": True, "momentum": 0.8, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.5, "lr_decay": 0.1, "eps": 1e-4}),
    ("Adagrad", {"lr": 0.5, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3}),
    ("Adadelta", {"weight_decay": 0.1, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (1e-3, 0.4)}),
    ("Rprop", {"lr": 0.1, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.05, "lambd": 0.02, "alpha": 0.6, "t0": 10}),
    ("ASGD", {"lr": 0.05, "t0": 0, "weight_decay": 0.1, "maximize": True}),
]


def test_every_optimiser_is_here() -> None:
    every = {name for name, value in vars(optim).items() if isinstance(value, type)}
    every -= {"Optimizer", "LBFGS", "Adafactor", "Muon"}  # see test_optim_composed.py
    assert {name for name, _ in SETTINGS} == every


def parameter(values: Any, dtype: Any = np.float64) -> nn.Parameter:
    return nn.Parameter(minigrad.tensor(np.asarray(values, dtype)))


def value(p: minigrad.Tensor) -> Array:
    return p.detach().numpy()


def gradient(p: Array, step: int, number: int) -> Array:
    """Return a gradient that depends on the parameter, so that a wrong step makes all later ones wrong."""
    rng = np.random.default_rng([step, number])
    return (0.3 * p + rng.standard_normal(p.shape)).astype(p.dtype)


def absent(step: int, number: int) -> bool:
    """Say that the second parameter has no gradient in the first steps and now and then."""
    return number == 1 and (step < 3 or step % 7 == 0)


def close(p: Array, q: Array, step: int) -> None:
    np.testing.assert_allclose(p, q, rtol=RTOL, atol=ATOL, err_msg=f"step {step}")


def run(a: Any, b: Any, ours: list[Any], theirs: list[Any], steps: range) -> None:
    """Take the same steps with both, side by side."""
    for step in steps:
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            p.grad = q.grad = None
            if not absent(step, i):
                g = gradient(q.detach().numpy(), step, i)
                p.grad, q.grad = minigrad.tensor(g), torch.tensor(g)
        a.step()
        b.step()
        for p, q in zip(ours, theirs, strict=True):
            close(value(p), q.detach().numpy(), step)


def pair(shapes: Any = ((3, 4), (5,), (), (2, 0))) -> tuple[list[Any], list[Any]]:
    """Return parameters with the same elements, ours and PyTorch's."""
    rng = np.random.default_rng(1)
    starts = [rng.standard_normal(shape) for shape in shapes]
    return [parameter(x) for x in starts], [torch.tensor(x, requires_grad=True) for x in starts]


def same_state(a: Any, b: Any) -> None:
    """Compare two states: numbers, names, values."""
    assert a.keys() == b.keys()
    assert a["param_groups"] == b["param_groups"]
    assert a["state"].keys() == b["state"].keys()
    for number, kept in b["state"].items():
        assert a["state"][number].keys() == kept.keys()
        for name, x in kept.items():
            ours = a["state"][number][name]
            np.testing.assert_allclose(np.asarray(ours), np.asarray(x), rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_trace_and_state_are_pytorchs(name: str, settings: dict[str, Any]) -> None:
    ours, theirs = pair()
    a, b = getattr(optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, **settings)
    assert repr(a) == repr(b)
    same_state(a.state_dict(), b.state_dict())
    run(a, b, ours, theirs, range(100))
    same_state(a.state_dict(), b.state_dict())


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_states_are_exchanged_with_pytorch(name: str, settings: dict[str, Any]) -> None:
    """After 10 steps with one library, go on with the other one's state."""
    ours, theirs = pair()
    a, b = getattr(optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, **settings)
    run(a, b, ours, theirs, range(10))
    state = a.state_dict()
    kept = {
        number: {key: torch.tensor(np.array(x)) for key, x in memory.items()}
        for number, memory in state["state"].items()
    }
    there = getattr(torch.optim, name)(theirs)
    there.load_state_dict({"state": kept, "param_groups": state["param_groups"]})
    here = getattr(optim, name)(ours)
    here.load_state_dict(b.state_dict())
    assert repr(here) == repr(b)
    run(here, there, ours, theirs, range(10, 30))


@pytest.mark.parametrize("name", sorted({name for name, _ in SETTINGS}))
def test_groups_with_settings_of_their_own(name: str) -> None:
    ours, theirs = pair(((3,), (2, 2), (4,)))
    optimizers = []
    for lib, (p, q, r) in ((minigrad, ours), (torch, theirs)):
        groups = [{"params": [p, q], "lr": 0.03}, {"params": r, "maximize": True}]
        optimizers.append(getattr(lib.optim, name)(groups, lr=0.02))
    run(*optimizers, ours, theirs, range(20))
    for optimizer, lib in zip(optimizers, (minigrad, torch), strict=True):
        for group in optimizer.param_groups:
            group["lr"] *= 0.5
        extra = lib.ones(2, dtype=lib.float64).requires_grad_()
        (ours if lib is minigrad else theirs).append(extra)
        optimizer.add_param_group({"params": [extra], "lr": 0.1})
    run(*optimizers, ours, theirs, range(20, 40))


@pytest.mark.parametrize(("name", "settings"), SETTINGS[::2], ids=str)
def test_float32_is_near_pytorchs(name: str, settings: dict[str, Any]) -> None:
    x = np.random.default_rng(3).standard_normal((5, 7)).astype(np.float32)
    p, q = parameter(x, np.float32), torch.tensor(x, requires_grad=True)
    a, b = getattr(optim, name)([p], **settings), getattr(torch.optim, name)([q], **settings)
    for step in range(20):
        g = gradient(x, step, 0)
        p.grad, q.grad = minigrad.tensor(g), torch.tensor(g)
        a.step()
        b.step()
    np.testing.assert_allclose(value(p), q.detach().numpy(), rtol=2e-5, atol=2e-6)


def test_first_steps_with_dampening_beside_later_ones() -> None:
    """Parameters that begin at different times: the first step of each knows no dampening."""
    ours, theirs = pair(((3,), (3,), (3,)))
    settings = {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}
    run(optim.SGD(ours, **settings), torch.optim.SGD(theirs, **settings), ours, theirs, range(30))


def test_amsgrad_can_be_turned_on_later() -> None:
    p = parameter([1.0, 2.0])
    adam = optim.Adam([p])
    p.grad = minigrad.tensor([1.0, 1.0], dtype=minigrad.float64)
    adam.step()
    adam.param_groups[0]["amsgrad"] = True
    adam.step()
    assert adam.state[p]["step"] == 2
    assert (adam.state[p]["max_exp_avg_sq"] == adam.state[p]["exp_avg_sq"]).all()
