"""PyTorch's own database of optimisers, driven over ours: its settings, its schedules, its wrong settings."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.optim import lr_scheduler

torch = pytest.importorskip("torch")
db = pytest.importorskip("torch.testing._internal.common_optimizers")

#: What the database has and minigrad has not.
MISSING = {"Adafactor", "Muon", "SparseAdam"}

#: Wrong settings where minigrad deliberately does not do what PyTorch does: what it does instead, and why.
DELIBERATE: dict[str, tuple[type[Exception] | None, str]] = {
    "a param group cannot have duplicate parameters": (
        ValueError,
        "PyTorch warns that it will be an error one day, and updates the parameter twice in a step",
    ),
    "lr as Tensor doesn't work with foreach & not capturable": (None, "the one kernel takes the number"),
    r"betas\[0\] as a Tensor is not supported for capturable=False and foreach=True": (
        None,
        "the one kernel takes the numbers",
    ),
    "betas must be either both floats or both Tensors": (None, "the one kernel takes the numbers"),
}

INFOS = [info for info in db.optim_db if info.name not in MISSING]
INPUTS = [(info, given) for info in INFOS for given in info.optim_inputs_func(device="cpu", dtype=torch.float64)]
ERRORS = [(info, e) for info in INFOS for e in info.optim_error_inputs_func(device="cpu", dtype=torch.float64)]
SCHEDULES = [(info, make) for info in INFOS for make in info.scheduler_inputs]

every_input = pytest.mark.parametrize(("info", "given"), INPUTS, ids=[f"{i.name}-{g.desc}" for i, g in INPUTS])


@pytest.fixture(autouse=True)
def _counters_in_double() -> Iterator[None]:
    """PyTorch's counters are of its default dtype, ours always of float64."""
    before = torch.get_default_dtype(), minigrad.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    minigrad.set_default_dtype(minigrad.float64)
    yield
    torch.set_default_dtype(before[0])
    minigrad.set_default_dtype(before[1])


def converted(value: Any) -> Any:
    """Return what stands in the database for minigrad: its tensors, its parameters."""
    if isinstance(value, torch.nn.Parameter):
        return nn.Parameter(minigrad.tensor(value.detach().numpy()))
    if isinstance(value, torch.Tensor):
        return minigrad.tensor(value.numpy())
    if isinstance(value, dict):
        return {name: converted(v) for name, v in value.items()}
    return type(value)(map(converted, value)) if isinstance(value, (list, tuple)) else value


class Problem:
    """A small least-squares problem in either library, with a parameter that never gets a gradient."""

    def __init__(self, lib: Any, dtype: str = "float64") -> None:
        rng = np.random.default_rng(0)
        kind = getattr(lib, dtype)
        make = lib.nn.Parameter
        self.weight = make(lib.tensor(rng.standard_normal((10, 5)), dtype=kind))
        self.bias = make(lib.tensor(rng.standard_normal(10), dtype=kind))
        self.unused = make(lib.tensor(rng.standard_normal(3), dtype=kind))
        self.input = lib.tensor(rng.standard_normal(5), dtype=kind)
        self.params = [self.weight, self.bias, self.unused]

    def closure_for(self, optimizer: Any) -> Callable[[], Any]:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = ((self.weight @ self.input + self.bias) ** 2).sum()
            loss.backward()
            return loss

        return closure

    def values(self) -> list[np.ndarray[Any, Any]]:
        return [p.detach().numpy() for p in self.params]


def both(name: str, kwargs: dict[str, Any], dtype: str = "float64") -> tuple[list[Problem], list[Any]]:
    problems = [Problem(minigrad, dtype), Problem(torch, dtype)]
    settings = [converted(kwargs), kwargs]
    libs = (optim, torch.optim)
    return problems, [getattr(lib, name)(p.params, **k) for lib, p, k in zip(libs, problems, settings, strict=True)]


def assert_same(problems: list[Problem], rtol: float = 1e-11, atol: float = 1e-13) -> None:
    for x, y in zip(problems[0].values(), problems[1].values(), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)


def test_the_database_has_no_more() -> None:
    assert {info.name for info in db.optim_db} - {info.name for info in INFOS} == MISSING
    assert {info.name for info in INFOS} <= set(optim.__all__)


@every_input
def test_steps_are_pytorchs(info: Any, given: Any) -> None:
    problems, optimizers = both(info.name, given.kwargs)
    for _ in range(3 if info.name == "LBFGS" else 30):  # of which each has 20 iterations
        losses = [o.step(p.closure_for(o)).item() for p, o in zip(problems, optimizers, strict=True)]
        np.testing.assert_allclose(*losses, rtol=1e-10, atol=1e-20)
        # L-BFGS is at the minimum within a few steps, where rounding errors are all that is left.
        assert_same(problems, *((1e-8, 1e-9) if info.name == "LBFGS" else ()))


@every_input
def test_groups_and_state_dicts_are_pytorchs(info: Any, given: Any) -> None:
    problems, (ours, theirs) = both(info.name, given.kwargs)
    for _ in range(2):
        for problem, optimizer in zip(problems, (ours, theirs), strict=True):
            optimizer.step(problem.closure_for(optimizer))
    a, b = ours.state_dict(), theirs.state_dict()
    groups = [[sorted(group.items()) for group in state["param_groups"]] for state in (a, b)]
    assert repr(groups[0]).replace("minigrad.", "torch.") == repr(groups[1])
    assert repr(ours).replace("minigrad.", "torch.") == repr(theirs)
    assert {n: set(kept) - {"al"} for n, kept in a["state"].items()} == {
        n: set(kept) - {"al"} for n, kept in b["state"].items()
    }


@every_input
def test_goes_on_from_pytorchs_state(info: Any, given: Any) -> None:
    problems, (_, theirs) = both(info.name, given.kwargs)
    for _ in range(3):
        theirs.step(problems[1].closure_for(theirs))
    with minigrad.no_grad():
        for p, x in zip(problems[0].params, problems[1].values(), strict=True):
            p.copy_(minigrad.tensor(x))
    state = theirs.state_dict()
    state["param_groups"] = converted(state["param_groups"])
    fresh = getattr(optim, info.name)(problems[0].params)
    fresh.load_state_dict(state)
    for _ in range(3):
        fresh.step(problems[0].closure_for(fresh))
        theirs.step(problems[1].closure_for(theirs))
    assert_same(problems, *((1e-8, 1e-9) if info.name == "LBFGS" else ()))


@every_input
def test_copies_go_on_alike(info: Any, given: Any) -> None:
    """Deep copies, and states that are saved and loaded, with step counts that are plain numbers as in old states."""
    problem = Problem(minigrad)
    first = getattr(optim, info.name)(problem.params, **converted(given.kwargs))
    for _ in range(3):
        first.step(problem.closure_for(first))
    twin = copy.deepcopy((problem, first))
    other = copy.deepcopy(problem)
    loaded = getattr(optim, info.name)(other.params)
    state = copy.deepcopy(first.state_dict())
    for kept in state["state"].values():
        if "step" in kept:
            kept["step"] = int(kept["step"].item())
    loaded.load_state_dict(state)
    for p, o in ((problem, first), twin, (other, loaded)):
        for _ in range(3):
            o.step(p.closure_for(o))
    for p in (twin[0], other):
        for x, y in zip(p.values(), problem.values(), strict=True):
            np.testing.assert_array_equal(x, y)


@every_input
def test_float32_steps_are_near_pytorchs(info: Any, given: Any) -> None:
    problems, optimizers = both(info.name, given.kwargs, "float32")
    for _ in range(5):
        for problem, optimizer in zip(problems, optimizers, strict=True):
            optimizer.step(problem.closure_for(optimizer))
    assert_same(problems, *((1e-3, 1e-4) if info.name == "LBFGS" else (2e-5, 2e-6)))


@pytest.mark.parametrize(("info", "make"), SCHEDULES, ids=[info.name for info, _ in SCHEDULES])
def test_schedules_are_pytorchs(info: Any, make: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    problems, optimizers = both(info.name, {"lr": 0.01})
    theirs = [schedule(optimizers[1]) for schedule in make]
    with monkeypatch.context() as patched:  # the database names PyTorch's classes
        for name in lr_scheduler.__dict__:
            if hasattr(db, name) and hasattr(torch.optim.lr_scheduler, name):
                patched.setattr(db, name, getattr(lr_scheduler, name))
        ours = [schedule(optimizers[0]) for schedule in make]
    assert not {type(schedule) for schedule in ours} & {type(schedule) for schedule in theirs}
    for _ in range(3 if info.name == "LBFGS" else 25):
        for problem, optimizer, schedules in zip(problems, optimizers, (ours, theirs), strict=True):
            loss = optimizer.step(problem.closure_for(optimizer))
            for schedule in schedules:
                plateau = type(schedule).__name__ == "ReduceLROnPlateau"
                schedule.step(*([loss.detach()] if plateau else []))
        np.testing.assert_allclose(*(o.param_groups[0]["lr"] for o in optimizers), rtol=1e-12)
        assert_same(problems, *((1e-8, 1e-9) if info.name == "LBFGS" else ()))


@pytest.mark.parametrize(("info", "error"), ERRORS, ids=[f"{i.name}-{e.optimizer_error_input.desc}" for i, e in ERRORS])
def test_wrong_settings_raise_what_pytorchs_do(info: Any, error: Any) -> None:
    given = error.optimizer_error_input
    expected, _ = DELIBERATE.get(given.desc, (error.error_type, ""))
    params = Problem(minigrad).params if given.params is None else same_identities(given.params)
    make = getattr(optim, info.name)
    if expected is None:
        make(params, **converted(given.kwargs))
        return
    with pytest.raises(expected, match=info.name):
        make(params, **converted(given.kwargs))


def same_identities(params: Any) -> Any:
    """Return converted parameters; one that is there twice is so afterwards."""
    if isinstance(params, torch.Tensor):
        return converted(params)
    known: dict[int, Any] = {}

    def convert(value: Any) -> Any:
        if isinstance(value, torch.nn.Parameter):
            return known.setdefault(id(value), converted(value))
        if isinstance(value, dict):
            return {name: convert(v) for name, v in value.items()}
        return type(value)(map(convert, value)) if isinstance(value, (list, tuple)) else value

    return convert(params)
