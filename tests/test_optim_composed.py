"""Muon and Adafactor: their steps recomputed with NumPy, and beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim

Array = np.ndarray[Any, Any]


def trace(optimizer: Any, params: list[mg.Tensor], steps: int) -> list[Array]:
    """Take steps with gradients that depend on the parameters; the last one has none in every third step."""
    rng = np.random.default_rng(3)
    for step in range(steps):
        for p in params:
            p.grad = mg.tensor(0.3 * p.detach().numpy() + rng.standard_normal(p.shape))
        if step % 3 == 0:
            params[-1].grad = None
        optimizer.step()
    return [p.detach().numpy().copy() for p in params]


def parameters(*shapes: tuple[int, ...]) -> list[mg.Tensor]:
    rng = np.random.default_rng(1)
    return [mg.tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]


def muon(starts: list[Array], steps: int, lr: float, decay: float, nesterov: bool, matched: bool) -> list[Array]:
    rng, ps, buffers = np.random.default_rng(3), [p.copy() for p in starts], [np.zeros_like(p) for p in starts]
    for step in range(steps):
        gradients = [0.3 * p + rng.standard_normal(p.shape) for p in ps]
        for k, g in enumerate(gradients):
            if k == len(ps) - 1 and step % 3 == 0:
                continue
            buffers[k] = 0.95 * buffers[k] + 0.05 * g
            x = 0.95 * buffers[k] + 0.05 * g if nesterov else buffers[k]
            left, s, right = np.linalg.svd(x, full_matrices=False)
            s = s / np.sqrt((s * s).sum())
            for _ in range(5):  # an odd polynomial of a matrix is that of its singular values
                s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
            m, n = x.shape
            rate = lr * (0.2 * np.sqrt(max(m, n)) if matched else np.sqrt(max(1, m / n)))
            ps[k] = ps[k] * (1 - lr * decay) - rate * (left * s) @ right
    return ps


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
def test_muon_changes_singular_values(nesterov: bool, adjust: str | None) -> None:
    params = parameters((3, 5), (6, 2), (4, 4))
    starts = [p.detach().numpy().copy() for p in params]
    ours = trace(optim.Muon(params, 0.1, 0.2, nesterov=nesterov, adjust_lr_fn=adjust), params, 12)
    wanted = muon(starts, 12, 0.1, 0.2, nesterov, adjust == "match_rms_adamw")
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def adafactor(starts: list[Array], steps: int, lr: float, d: float, decay: float) -> list[Array]:
    rng, ps, eps = np.random.default_rng(3), [p.copy() for p in starts], np.finfo(np.float64).eps
    counts = [0] * len(ps)
    means: list[Any] = [(0.0, 0.0)] * len(ps)

    def rms(x: Array) -> float:
        return float(np.sqrt((x * x).mean()))

    for step in range(steps):
        gradients = [0.3 * p + rng.standard_normal(p.shape) for p in ps]
        for k, g in enumerate(gradients):
            if k == len(ps) - 1 and step % 3 == 0:
                continue
            counts[k] += 1
            beta, (rows, columns) = counts[k] ** -0.8, means[k]
            if g.ndim > 1:
                rows = (1 - beta) * rows + beta * (g * g).mean(-1, keepdims=True)
                columns = (1 - beta) * columns + beta * (g * g).mean(-2, keepdims=True)
                v = rows * columns / np.maximum(rows.mean(-2, keepdims=True), eps)
            else:
                v = rows = (1 - beta) * rows + beta * g * g
            means[k] = rows, columns
            update = g / np.sqrt(np.maximum(v, eps**2))
            rate = max(1e-3, rms(ps[k])) * min(lr, counts[k] ** -0.5) / max(1.0, rms(update) / d)
            ps[k] = ps[k] * (1 - lr * decay) - rate * update
    return ps


@pytest.mark.parametrize("settings", [{}, {"lr": 0.6}, {"lr": 0.3, "d": 1.5, "weight_decay": 0.1}], ids=str)
def test_adafactor_keeps_means_of_rows_and_columns(settings: dict[str, float]) -> None:
    params = parameters((3, 5), (4,), (), (2, 3, 2), (5, 2))
    starts = [p.detach().numpy().copy() for p in params]
    optimizer = optim.Adafactor(params, **settings)
    ours = trace(optimizer, params, 12)
    wanted = adafactor(starts, 12, **{"lr": 0.01, "d": 1.0, "decay": settings.pop("weight_decay", 0.0), **settings})
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)
    assert optimizer.state[params[0]]["row_var"].shape == (3, 1)
    assert optimizer.state[params[3]]["col_var"].shape == (2, 1, 2)


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_a_state_goes_on(name: str) -> None:
    params, others = parameters((3, 5), (4, 2)), parameters((3, 5), (4, 2))
    a, b = getattr(optim, name)(params, lr=0.1), getattr(optim, name)(others, lr=0.1)
    trace(a, params, 4)
    b.load_state_dict(a.state_dict())
    for p, q in zip(params, others, strict=True):
        q.detach().copy_(p.detach())
    for p, q in zip(trace(a, params, 4), trace(b, others, 4), strict=True):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_traces_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    params = parameters((3, 5), (4, 2))
    theirs = [torch.tensor(p.detach().numpy(), requires_grad=True) for p in params]
    a, b = getattr(optim, name)(params, lr=0.1), getattr(torch.optim, name)(theirs, lr=0.1)
    assert repr(a) == repr(b)
    for step in range(5):
        for k, (p, q) in enumerate(zip(params, theirs, strict=True)):
            g = np.random.default_rng([step, k]).standard_normal(p.shape)
            p.grad, q.grad = mg.tensor(g), torch.tensor(g)
        a.step()
        b.step()
    exact = name == "Adafactor"  # PyTorch's Muon computes in bfloat16
    for p, q in zip(params, theirs, strict=True):
        np.testing.assert_allclose(p.tolist(), q.tolist(), rtol=0, atol=1e-13 if exact else 0.02)


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("Muon", {"lr": -1}, "lr must not be negative, got -1"),
        ("Muon", {"ns_steps": 100}, "ns_steps must be an integer from 0 to 99, got 100"),
        ("Muon", {"ns_coefficients": (1.0, 2.0)}, "ns_coefficients must be three numbers"),
        ("Muon", {"adjust_lr_fn": "adam"}, "adjust_lr_fn must be 'original', 'match_rms_adamw' or None"),
        ("Adafactor", {"beta2_decay": 0.5}, "beta2_decay must not be positive, got 0.5"),
        ("Adafactor", {"eps": (None, -1.0)}, "eps must be two numbers that are not negative"),
        ("Adafactor", {"d": 0.5}, "d must be at least 1, got 0.5"),
    ],
)
def test_bad_settings(name: str, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: {match}"):
        getattr(optim, name)(parameters((2, 2)), **options)


def test_muon_is_for_matrices() -> None:
    with pytest.raises(ValueError, match=r"Muon: only matrices can be optimised, got a parameter of shape \(3,\)"):
        optim.Muon(parameters((2, 2), (3,)))


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_a_step_is_noticed(name: str) -> None:
    (w,) = parameters((2, 2))
    y = (w * w).sum()
    y.backward(retain_graph=True)
    getattr(optim, name)([w]).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    half = mg.ones(2, 2, dtype=mg.float16, requires_grad=True)
    half.grad = mg.ones_like(half)
    with pytest.raises(TypeError, match=f"{name}: only parameters of float32 and float64"):
        getattr(optim, name)([half]).step()
