"""Parametrised tensors, beside PyTorch's: values, gradients, names, text, and the ways back."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn
from minigrad.nn.utils import parametrizations, parametrize, skip_init

torch = pytest.importorskip("torch")


class Symmetric(nn.Module):
    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return x.triu() + x.triu(1).T

    def right_inverse(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return 2 * x


class RankOne(nn.Module):
    def forward(self, x: minigrad.Tensor, y: minigrad.Tensor) -> minigrad.Tensor:
        return minigrad.outer(x, y)

    def right_inverse(self, z: minigrad.Tensor) -> tuple[minigrad.Tensor, minigrad.Tensor]:
        return z[:, 0], z[0]


def arrays(state: Any) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in state.items()}


@pytest.mark.parametrize("dim", [0, 1, None, -1])
@pytest.mark.parametrize("kind", ["Linear", "Bilinear"])
def test_weight_norm_is_pytorchs(kind: str, dim: int | None) -> None:
    sizes = (3, 2) if kind == "Linear" else (3, 4, 2)
    theirs = torch.nn.utils.parametrizations.weight_norm(getattr(torch.nn, kind)(*sizes).double(), dim=dim)
    layer = getattr(nn, kind)(*sizes, dtype=minigrad.float64)
    drawn = layer.weight.detach().clone()
    ours = parametrizations.weight_norm(layer, dim=dim)
    assert ours is layer
    np.testing.assert_allclose(ours.weight.detach().numpy(), drawn.numpy(), rtol=1e-15)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(arrays(theirs.state_dict()))
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal((5, n)) for n in sizes[:-1]]
    expected = theirs(*(torch.from_numpy(x) for x in xs))
    out = ours(*(minigrad.tensor(x) for x in xs))
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    (out**2).sum().backward()
    (expected**2).sum().backward()
    for (name, a), (same, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == same
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
def test_weight_norm_takes_states_of_its_old_names() -> None:
    theirs = torch.nn.Sequential(torch.nn.utils.weight_norm(torch.nn.Linear(3, 2).double()))
    ours = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 2, dtype=minigrad.float64)))
    assert list(theirs.state_dict()) == ["0.bias", "0.weight_g", "0.weight_v"]
    ours.load_state_dict(arrays(theirs.state_dict()))
    x = np.ones((1, 3))
    np.testing.assert_allclose(
        ours(minigrad.tensor(x)).detach().numpy(), theirs(torch.from_numpy(x)).detach().numpy(), rtol=1e-12
    )


def test_an_optimiser_trains_the_original() -> None:
    layer = nn.Linear(3, 3)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.parametrizations.weight.original is weight
    assert [name for name, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    optimizer = minigrad.optim.SGD(layer.parameters(), lr=0.1)
    before = layer.weight.detach().clone()
    layer(minigrad.rand(4, 3)).square().sum().backward()
    optimizer.step()
    after = layer.weight
    assert bool((after == after.T).all())
    assert not minigrad.allclose(before, after)


def test_assignment_and_chains() -> None:
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    a = minigrad.rand(3, 3)
    layer.weight = a + a.T
    np.testing.assert_allclose(layer.weight.detach().numpy(), (a + a.T).numpy(), rtol=1e-6)
    parametrize.register_parametrization(layer, "weight", Doubled())
    np.testing.assert_allclose(layer.weight.detach().numpy(), 2 * (a + a.T).numpy(), rtol=1e-6)
    with pytest.raises(RuntimeError, match="parametrization Doubled does not have it"):
        layer.weight = a
    parametrize.register_parametrization(layer, "bias", Doubled())
    assert parametrize.is_parametrized(layer, "bias")
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear


@pytest.mark.parametrize("leave", [True, False])
def test_removal(leave: bool) -> None:
    layer = nn.Linear(3, 3)
    weight = layer.weight
    drawn = weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.register_parametrization(layer, "bias", Doubled())
    parametrize.remove_parametrizations(layer, "weight", leave)
    assert layer.weight is weight
    np.testing.assert_array_equal(weight.detach().numpy(), (2 * drawn if leave else drawn).numpy())
    assert parametrize.is_parametrized(layer)
    parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    layer.weight = nn.Parameter(minigrad.zeros(3, 3))


def test_several_originals() -> None:
    layer = nn.Linear(3, 2)
    parametrize.register_parametrization(layer, "weight", RankOne())
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "bias": (2,),
        "parametrizations.weight.original0": (2,),
        "parametrizations.weight.original1": (3,),
    }
    with pytest.raises(ValueError, match="made of several tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    made = layer.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter)
    np.testing.assert_array_equal(layer.weight.detach().numpy(), made.numpy())


def test_buffers() -> None:
    layer = nn.BatchNorm1d(2)
    parametrize.register_parametrization(layer, "running_mean", Doubled())
    layer.parametrizations.running_mean.original.fill_(3.0)
    assert layer.running_mean.tolist() == [6.0, 6.0]
    assert "parametrizations.running_mean.original" in dict(layer.named_buffers())


def test_the_cache() -> None:
    layer = parametrizations.weight_norm(nn.Linear(2, 2))
    assert layer.weight is not layer.weight
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
    assert layer.weight is not first


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(duplicate: Callable[[Any], Any]) -> None:
    layer = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 2)))
    other = duplicate(layer)
    x = minigrad.rand(4, 3)
    np.testing.assert_array_equal(other(x).detach().numpy(), layer(x).detach().numpy())
    assert repr(other) == repr(layer)
    if duplicate is not copy.copy:
        parametrize.remove_parametrizations(other[0], "weight")
        assert parametrize.is_parametrized(layer[0], "weight")


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (
            ValueError,
            "no parameter or buffer 'other'",
            lambda m: parametrize.register_parametrization(m, "other", Doubled()),
        ),
        (ValueError, "may not change shape", lambda m: parametrize.register_parametrization(m, "bias", RankOne2())),
        (ValueError, "has none of 'weight'", lambda m: parametrize.remove_parametrizations(m, "weight")),
        (ValueError, "at least one module", lambda m: parametrize.ParametrizationList([], m.weight)),
        (RuntimeError, "expected a class of modules", lambda m: skip_init(int)),
    ],
)
def test_misuse(error: type[Exception], match: str, call: Callable[[Any], Any]) -> None:
    layer = nn.Linear(3, 2)
    with pytest.raises(error, match=match):
        call(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert type(layer) is nn.Linear


class RankOne2(nn.Module):
    def forward(self, x: minigrad.Tensor) -> minigrad.Tensor:
        return minigrad.outer(x, x)


def test_modules_that_are_not_initialised_use_no_random_numbers() -> None:
    minigrad.manual_seed(3)
    expected = minigrad.rand(2).tolist()
    minigrad.manual_seed(3)
    layer = skip_init(nn.Linear, 5, 4, bias=False, dtype=minigrad.float64)
    assert layer.weight.dtype is minigrad.float64
    assert minigrad.rand(2).tolist() == expected
    nn.Linear(5, 4)
    assert minigrad.rand(2).tolist() != expected
