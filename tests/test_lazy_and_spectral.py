"""Layers that find out their size, and weights divided by their greatest singular value."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

torch = pytest.importorskip("torch")


def test_a_lazy_layer_becomes_a_linear_one() -> None:
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2, bias=False))
    assert repr(model[0]) == repr(torch.nn.LazyLinear(8))
    parameters = list(model.parameters())
    optimizer = mg.optim.SGD(parameters, lr=0.1)
    out = model(mg.ones(3, 5))
    assert tuple(out.shape) == (3, 2)
    assert [type(layer) for layer in model] == [nn.Linear, nn.ReLU, nn.Linear]
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert [tuple(p.shape) for p in parameters] == [(8, 5), (8,), (2, 8)]
    assert repr(model[2]) == "Linear(in_features=8, out_features=2, bias=False)"
    bound = 5**-0.5
    assert 0 < model[0].weight.detach().abs().max().item() <= bound
    before = model[0].weight.detach().clone()
    out.sum().backward()
    optimizer.step()
    assert not mg.equal(before, model[0].weight)


def test_the_parameters_of_a_lazy_layer_have_no_shape_yet() -> None:
    layer, like = nn.LazyLinear(2), torch.nn.LazyLinear(2)
    assert repr(layer.weight) == repr(like.weight) == "<UninitializedParameter>"
    assert isinstance(layer.bias, nn.UninitializedParameter)
    assert layer.has_uninitialized_params()
    assert like.has_uninitialized_params()
    for x in (layer.weight, like.weight):
        with pytest.raises(RuntimeError, match="shape"):
            _ = x.shape
    layer.weight.materialize((2, 3))
    assert type(layer.weight) is nn.Parameter
    assert tuple(layer.weight.shape) == (2, 3)


def test_a_lazy_layer_is_drawn_as_a_linear_one() -> None:
    mg.manual_seed(3)
    lazy = nn.LazyLinear(4, dtype=mg.float64)
    lazy(mg.ones(2, 3, dtype=mg.float64))
    mg.manual_seed(3)
    linear = nn.Linear(3, 4, dtype=mg.float64)
    assert mg.equal(lazy.weight, linear.weight)
    assert mg.equal(lazy.bias, linear.bias)


def test_a_lazy_layer_takes_the_size_of_a_state() -> None:
    source = nn.Sequential(nn.Linear(3, 4))
    model = nn.Sequential(nn.LazyLinear(4))
    model.load_state_dict(source.state_dict())
    x = mg.randn(2, 3)
    assert mg.equal(model(x), source(x))
    assert type(model[0]) is nn.Linear
    model.load_state_dict(source.state_dict())
    copied = copy.deepcopy(nn.LazyLinear(4))
    assert tuple(copied(x).shape) == (2, 4)


@pytest.mark.parametrize("shape", [(4, 3), (2, 5), (3,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("dim", [0, 1])
def test_weights_have_the_singular_value_1(shape: tuple[int, ...], dim: int) -> None:
    if dim >= len(shape):
        return
    module = nn.Module()
    module.weight = nn.Parameter(mg.randn(shape, dtype=mg.float64))
    array = module.weight.detach().numpy().copy()
    nn.utils.parametrizations.spectral_norm(module, n_power_iterations=50, dim=dim)
    for _ in range(3):
        weight = module.weight
    rows = np.moveaxis(array, dim, 0).reshape(array.shape[dim], -1)
    right = array / (np.linalg.norm(array) if array.ndim == 1 else np.linalg.svd(rows)[1][0])
    np.testing.assert_allclose(weight.detach().numpy(), right, rtol=1e-5, atol=1e-7)


def test_spectral_norm_is_pytorchs() -> None:
    ours, theirs = nn.Linear(4, 3, dtype=mg.float64), torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        for p, q in zip(theirs.parameters(), ours.parameters(), strict=True):
            p.copy_(torch.from_numpy(q.detach().numpy()))
    nn.utils.parametrizations.spectral_norm(ours)
    torch.nn.utils.parametrizations.spectral_norm(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.from_numpy(x.detach().numpy().copy()) for name, x in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 4))
    for train in (True, True, False):
        ours.train(train)
        theirs.train(train)
        y, z = ours(mg.tensor(x)), theirs(torch.tensor(x))
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
        ours.zero_grad()
        theirs.zero_grad()
        y.square().sum().backward()
        z.square().sum().backward()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(np.asarray(p.grad), q.grad.numpy(), rtol=1e-9, atol=1e-12)
    assert "original" not in repr(ours.weight)
    with pytest.raises(ValueError, match="spectral_norm: needs at least one power iteration, got 0"):
        nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)


@pytest.mark.parametrize("function", ["spectral_norm", "weight_norm"])
def test_the_older_names_train(function: str) -> None:
    layer: Any = getattr(nn.utils, function)(nn.Linear(3, 2))
    optimizer = mg.optim.SGD(layer.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        loss = (layer(mg.ones(4, 3)) - 0.5).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def _older(function: str, dim: int | None = 0) -> tuple[Any, Any]:
    """Return layers of both libraries with the same state, whose weights have a norm of the older form."""
    ours = getattr(nn.utils, function)(nn.Linear(3, 2, dtype=mg.float64), dim=dim)
    theirs = getattr(torch.nn.utils, function)(torch.nn.Linear(3, 2, dtype=torch.float64), dim=dim)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    state = {name: torch.from_numpy(x.detach().numpy().copy()) for name, x in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return ours, theirs


@pytest.mark.filterwarnings("ignore:.*is deprecated")
@pytest.mark.parametrize(
    ("function", "dim"), [("weight_norm", 0), ("weight_norm", 1), ("weight_norm", None), ("spectral_norm", 0)]
)
def test_the_older_norms_are_pytorchs(function: str, dim: int | None) -> None:
    ours, theirs = _older(function, dim)
    x = np.random.default_rng(0).standard_normal((4, 3))
    for train in (True, True, False):
        for layer, lib in ((ours, mg), (theirs, torch)):
            layer.train(train).zero_grad()
            layer(lib.tensor(x)).square().sum().backward()
        np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy(), rtol=1e-12)
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9, atol=1e-12)
    right = ours.weight.detach().clone()
    for layer, lib in ((ours, mg), (theirs, torch)):
        with pytest.raises(RuntimeError):
            getattr(lib.nn.utils, function)(layer)
        assert getattr(lib.nn.utils, f"remove_{function}")(layer) is layer
        assert [name for name, _ in layer.named_parameters()] == ["bias", "weight"]
        with pytest.raises(ValueError, match="weight"):
            getattr(lib.nn.utils, f"remove_{function}")(layer)
    assert mg.equal(ours.weight, right)
    assert not list(ours.buffers())
    assert ours(mg.tensor(x)).requires_grad
    with pytest.raises(ValueError, match="spectral_norm: needs at least one power iteration, got 0"):
        nn.utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)
