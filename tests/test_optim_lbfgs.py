"""L-BFGS: beside PyTorch's, on problems whose minimum is known, and when its closure fails."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import optim
from minigrad.optim._wolfe import Point, cubic_minimum

Array = np.ndarray[Any, Any]

OPTIONS: list[dict[str, Any]] = [
    {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 3},
    {"line_search_fn": "strong_wolfe", "max_iter": 1},
    {"line_search_fn": "strong_wolfe", "lr": 0.01, "max_eval": 7},
    {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 2},
    {"lr": 0.5, "max_iter": 1},
    {"lr": 0.3, "history_size": 2, "max_iter": 5},
    {"lr": 0.3, "max_iter": 20, "tolerance_grad": 0.05},
    {"lr": 0.3, "max_iter": 20, "tolerance_change": 1e-3},
]


def rosenbrock(lib: Any, x: Any) -> Any:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def mlp(lib: Any) -> tuple[list[Any], Any]:
    """Return parameters of a small network, one of them unused, and the function of its loss."""
    rng = np.random.default_rng(0)
    x, y = lib.tensor(rng.standard_normal((40, 6))), lib.tensor((rng.standard_normal(40) > 0).astype(np.float64))
    starts = [0.3 * rng.standard_normal((6, 5)), np.zeros(5), 0.3 * rng.standard_normal(5), np.ones(2)]
    w, b, v, _unused = params = [lib.tensor(start, requires_grad=True) for start in starts]

    def loss() -> Any:
        out = lib.tanh(x @ w + b) @ v
        decay = (w * w).sum() + (b * b).sum() + (v * v).sum()
        return lib.nn.functional.binary_cross_entropy_with_logits(out, y) + 0.01 * decay

    return params, loss


def closure_of(optimizer: Any, loss: Any) -> Any:
    def closure() -> Any:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return closure


def trace(lib: Any, options: dict[str, Any], steps: int) -> tuple[list[Array], Any]:
    params, loss = mlp(lib)
    optimizer = lib.optim.LBFGS(params, **options)
    rows = []
    for _ in range(steps):
        first = optimizer.step(closure_of(optimizer, loss)).item()
        rows.append(np.concatenate([[first], *(p.detach().numpy().ravel() for p in params)]))
    return rows, optimizer


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_trace_and_state_are_pytorchs(options: dict[str, Any]) -> None:
    """Rounding errors grow from step to step, more so near the minimum: 30 iterations or so are compared."""
    torch = pytest.importorskip("torch")
    steps = max(2, 30 // options.get("max_iter", 20))
    (ours, a), (theirs, b) = trace(minigrad, options, steps), trace(torch, options, steps)
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-11, atol=1e-12)
    assert repr(a) == repr(b)
    mine, other = a.state_dict()["state"][0], b.state_dict()["state"][0]
    assert set(mine) == set(other) - {"al"}  # PyTorch's scratch
    for name in ("func_evals", "n_iter"):
        assert mine[name] == other[name]
    for name in ("old_dirs", "old_stps", "ro"):
        assert len(mine[name]) == len(other[name])
    for name in ("d", "prev_flat_grad", "t", "H_diag", "prev_loss"):
        np.testing.assert_allclose(np.asarray(mine[name]), np.asarray(other[name]), rtol=1e-6, atol=1e-8)


def test_goes_on_from_pytorchs_state() -> None:
    torch = pytest.importorskip("torch")
    options = {"line_search_fn": "strong_wolfe", "max_iter": 5}
    _, there = trace(torch, options, 2)
    params, loss = mlp(minigrad)
    here = optim.LBFGS(params, **options)
    here.load_state_dict(there.state_dict())
    for p, q in zip(params, there.param_groups[0]["params"], strict=True):
        with minigrad.no_grad():
            p.copy_(minigrad.tensor(q.detach().numpy()))
    here.step(closure_of(here, loss))
    expected, _ = trace(torch, options, 3)
    found = np.concatenate([p.detach().numpy().ravel() for p in params])
    np.testing.assert_allclose(found, expected[-1][1:], rtol=1e-9, atol=1e-11)


def test_finds_rosenbrocks_minimum() -> None:
    p = minigrad.tensor(np.array([-1.2, 1.0, -1.2, 1.0]), requires_grad=True)
    lbfgs = optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=200, tolerance_change=1e-14)
    lbfgs.step(closure_of(lbfgs, lambda: rosenbrock(minigrad, p)))
    np.testing.assert_allclose(p.tolist(), 1, rtol=1e-6)


def test_a_quadratic_takes_as_many_iterations_as_it_has_eigenvalues() -> None:
    a = minigrad.tensor(np.diag([1.0, 1.0, 10.0, 100.0, 100.0]))
    p = minigrad.tensor(np.ones(5), requires_grad=True)
    lbfgs = optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=50, tolerance_change=0)
    lbfgs.step(closure_of(lbfgs, lambda: (p @ a @ p) / 2))
    assert p.abs().max().item() < 1e-7
    assert lbfgs.state[p]["n_iter"] < 15


def test_state_goes_on_where_it_was() -> None:
    options = {"line_search_fn": "strong_wolfe", "max_iter": 3}
    _, first = trace(minigrad, options, 3)
    params, loss = mlp(minigrad)
    second = optim.LBFGS(params, **options)
    for p, q in zip(params, first.param_groups[0]["params"], strict=True):
        p.data = q.detach().clone()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    second.step(closure_of(second, loss))
    expected, _ = trace(minigrad, options, 4)
    np.testing.assert_array_equal(np.concatenate([p.detach().numpy().ravel() for p in params]), expected[-1][1:])


@pytest.mark.parametrize("line_search_fn", [None, "strong_wolfe"])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_step_whose_closure_raises_did_not_happen(error: type[BaseException], line_search_fn: str | None) -> None:
    params, loss = mlp(minigrad)
    lbfgs = optim.LBFGS(params, lr=0.5, max_iter=10, line_search_fn=line_search_fn)
    closure = closure_of(lbfgs, loss)
    lbfgs.step(closure)
    before = [p.detach().clone() for p in params]
    state = copy.deepcopy(lbfgs.state_dict()["state"][0])
    for calls in (1, 2, 3, 6):
        left = calls

        def failing() -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise error
            return closure()

        with pytest.raises(error):
            lbfgs.step(failing)
        for p, q in zip(params, before, strict=True):
            np.testing.assert_array_equal(p.detach().numpy(), q.numpy())
        now = lbfgs.state_dict()["state"][0]
        assert now.keys() == state.keys()
        assert (now["n_iter"], now["func_evals"]) == (state["n_iter"], state["func_evals"])
        assert [y.tolist() for y in now["old_dirs"]] == [y.tolist() for y in state["old_dirs"]]


def test_layouts_and_dtypes_may_differ() -> None:
    rng = np.random.default_rng(2)
    w = minigrad.tensor(rng.standard_normal((4, 3))).t().requires_grad_()
    v = minigrad.tensor(rng.standard_normal(4).astype(np.float32), requires_grad=True)
    lbfgs = optim.LBFGS([w, v], line_search_fn="strong_wolfe")
    lbfgs.step(closure_of(lbfgs, lambda: ((w - 1) ** 2).sum() + ((v - 2) ** 2).sum()))
    np.testing.assert_allclose(w.detach().numpy(), 1, rtol=1e-6)
    np.testing.assert_allclose(v.tolist(), 2, rtol=1e-6)
    assert (w.dtype, v.dtype) == (minigrad.float64, minigrad.float32)
    other = optim.LBFGS([v, w], line_search_fn="strong_wolfe")
    other.load_state_dict(optim.LBFGS([v, w]).state_dict() | {"state": {0: dict(lbfgs.state[w])}})
    assert other.state[v]["d"].dtype is minigrad.float64


def test_versions_rise() -> None:
    p = minigrad.tensor(np.ones(2), requires_grad=True)
    out = (p * p).sum()
    lbfgs = optim.LBFGS([p])
    lbfgs.step(closure_of(lbfgs, lambda: (p**4).sum()))
    with pytest.raises(RuntimeError, match="in place"):
        out.backward()


def test_hooks_run_once() -> None:
    p = minigrad.tensor(np.ones(2), requires_grad=True)
    lbfgs = optim.LBFGS([p])
    calls: list[str] = []
    lbfgs.register_step_pre_hook(lambda *_: calls.append("before"))
    lbfgs.register_step_post_hook(lambda *_: calls.append("after"))
    lbfgs.step(closure_of(lbfgs, lambda: (p * p).sum()))
    assert calls == ["before", "after"]


@pytest.mark.parametrize(
    ("error", "match", "options"),
    [
        (ValueError, "lr must not be negative", {"lr": -1}),
        (ValueError, r"lr must have one element, got shape \(2,\)", {"lr": minigrad.ones(2)}),
        (ValueError, "line_search_fn must be None or 'strong_wolfe', got 'wolfe'", {"line_search_fn": "wolfe"}),
    ],
)
def test_bad_options(error: type[Exception], match: str, options: dict[str, Any]) -> None:
    with pytest.raises(error, match=match):
        optim.LBFGS([minigrad.ones(1, requires_grad=True)], **options)


def test_one_group_only() -> None:
    groups = [{"params": [minigrad.ones(1, requires_grad=True)]} for _ in range(2)]
    with pytest.raises(ValueError, match="one group of parameters only"):
        optim.LBFGS(groups)


def point(t: float, loss: float, slope: float) -> Point:
    return Point(t, loss, minigrad.ones(1), slope)


def test_cubic_minimum() -> None:
    """Of x³ - 3 x, between points on either side, in either order; the middle where there is none."""
    a, b = point(-0.5, -0.125 + 1.5, 0.75 - 3), point(3.0, 27.0 - 9, 27.0 - 3)
    for ends in ((a, b), (b, a)):
        assert abs(cubic_minimum(*ends, -0.5, 3.0) - 1) < 1e-14
        assert cubic_minimum(*ends, 1.5, 3.0) == 1.5
    assert cubic_minimum(point(0, 0, 1), point(1, 1, 1), 0, 1) == 0.5  # a straight line
    assert cubic_minimum(point(0, 0, 1), point(1, 0.9, 0.8), 0, 1) in {0.0, 0.5, 1.0}
    assert cubic_minimum(point(1, 0, 1), point(1, 0, 1), 0, 4) == 2
    assert cubic_minimum(point(0, 0, -1), point(1, float("nan"), 1), 0, 1) == 0.5
