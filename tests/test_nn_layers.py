"""Layers and containers beside PyTorch's: the same state gives the same outputs, gradients, buffers and text."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch")

# name, arguments, options, shapes of the inputs
LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[int, ...]]]] = [
    ("BatchNorm1d", (3,), {}, [(5, 3)]),
    ("BatchNorm1d", (3,), {"momentum": None, "eps": 1e-3}, [(4, 3, 2)]),
    ("BatchNorm1d", (3,), {"affine": False, "momentum": 0.3}, [(4, 3)]),
    ("BatchNorm1d", (3,), {"track_running_stats": False, "bias": False}, [(4, 3)]),
    ("LayerNorm", (4,), {}, [(3, 4)]),
    ("LayerNorm", ((3, 4),), {"bias": False, "eps": 1e-2}, [(2, 3, 4)]),
    ("LayerNorm", ([4],), {"elementwise_affine": False}, [(4,)]),
    ("RMSNorm", (4,), {}, [(3, 4)]),
    ("RMSNorm", ((3, 4),), {"eps": 0.1, "elementwise_affine": False}, [(2, 3, 4)]),
    ("GroupNorm", (2, 4), {}, [(3, 4, 5)]),
    ("GroupNorm", (4, 4), {"affine": False}, [(2, 4, 3, 2)]),
    ("GroupNorm", (1, 4), {"bias": False, "eps": 0.01}, [(3, 4)]),
]


def both(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    """Return PyTorch's layer and ours, with one drawn state in float64."""
    theirs = getattr(torch.nn, name)(*args, **options).double()
    ours = getattr(mg.nn, name)(*args, **options).double()
    rng = np.random.default_rng(3)
    for parameter in theirs.parameters():
        parameter.data = torch.from_numpy(rng.standard_normal(parameter.shape))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return theirs, ours


def check_close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "args", "options", "shapes"), LAYERS)
def test_outputs_gradients_and_state(
    name: str, args: tuple[Any, ...], options: dict[str, Any], shapes: list[tuple[int, ...]], training: bool
) -> None:
    theirs, ours = both(name, args, options)
    rng = np.random.default_rng(4)
    for _ in range(3):  # running statistics move
        arrays = [rng.standard_normal(shape) * 2 + 1 for shape in shapes]
        xs = [torch.from_numpy(array).requires_grad_() for array in arrays]
        ys = [mg.tensor(array, requires_grad=True) for array in arrays]
        expected, out = theirs(*xs), ours(*ys)
        check_close(out, expected)
        weights = rng.standard_normal(expected.shape)
        (expected * torch.from_numpy(weights)).sum().backward()
        (out * mg.tensor(weights)).sum().backward()
        for x, y in zip([*xs, *theirs.parameters()], [*ys, *ours.parameters()], strict=True):
            check_close(y.grad, x.grad)
        for key, value in theirs.state_dict().items():
            check_close(ours.state_dict()[key], value)
        theirs.train(training)
        ours.train(training)


@pytest.mark.parametrize(("name", "args", "options", "shapes"), LAYERS)
def test_text_and_first_state(
    name: str, args: tuple[Any, ...], options: dict[str, Any], shapes: list[tuple[int, ...]]
) -> None:
    theirs, ours = getattr(torch.nn, name)(*args, **options), getattr(mg.nn, name)(*args, **options)
    assert repr(ours) == repr(theirs)
    for key, value in theirs.state_dict().items():
        mine = ours.state_dict()[key]
        assert str(mine.dtype).split(".")[1] == str(value.dtype).split(".")[1]
        check_close(mine, value)
    assert repr(copy.deepcopy(ours)) == repr(ours)


def test_batch_norm_starts_again() -> None:
    layer = mg.nn.BatchNorm1d(2)
    layer(mg.randn(5, 2))
    layer.weight.detach().fill_(3.0)
    layer.reset_parameters()
    for key, value in mg.nn.BatchNorm1d(2).state_dict().items():
        assert layer.state_dict()[key].equal(value)


def test_batch_norm_checks_its_input() -> None:
    with pytest.raises(ValueError, match="2 or 3 dimensions"):
        mg.nn.BatchNorm1d(2)(mg.ones(2))
    with pytest.raises(ValueError, match="more than one value"):
        mg.nn.BatchNorm1d(2)(mg.ones(1, 2))
    with pytest.raises(ValueError, match="groups"):
        mg.nn.GroupNorm(3, 4)


def containers(nn: Any) -> list[Any]:
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()])
    layers += [nn.Tanh()]
    layers.insert(1, nn.Sigmoid())
    named = nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Linear(2, 1))])
    named.update({"c": layers, "a": nn.Identity()})
    return [layers, layers[1:4], layers + layers[:1], nn.ModuleList(), named, nn.ModuleDict(), nn.ParameterList()]


def test_containers_have_pytorchs_text_and_state() -> None:
    for ours, theirs in zip(containers(mg.nn), containers(torch.nn), strict=True):
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert len(ours) == len(theirs)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_parameter_list_has_pytorchs_text(count: int) -> None:
    ours = mg.nn.ParameterList(mg.ones(2, 3) for _ in range(count))
    theirs = torch.nn.ParameterList(torch.ones(2, 3) for _ in range(count))
    assert repr(ours).replace("minigrad.", "torch.") == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_module_list_removes() -> None:
    layers = mg.nn.ModuleList([mg.nn.ReLU(), mg.nn.Linear(1, 1), mg.nn.Tanh()])
    linear = layers[1]
    assert layers.pop(1) is linear
    assert list(layers.state_dict()) == []
    del layers[0]
    assert repr(layers) == "ModuleList(\n  (0): Tanh()\n)"
    with pytest.raises(IndexError, match="ModuleList: index 1"):
        layers[1]
    with pytest.raises(NotImplementedError):
        layers(mg.ones(1))
    with pytest.raises(TypeError, match="ModuleList"):
        layers.append(mg.ones)


def test_module_dict_as_a_dictionary() -> None:
    relu, tanh = mg.nn.ReLU(), mg.nn.Tanh()
    named = mg.nn.ModuleDict({"a": relu})
    named["b"] = tanh
    assert (list(named), list(named.keys()), len(named)) == (["a", "b"], ["a", "b"], 2)
    assert list(named.values()) == [relu, tanh]
    assert dict(named.items()) == {"a": relu, "b": tanh}
    assert "a" in named
    assert "training" not in named
    assert named.pop("a") is relu
    with pytest.raises(KeyError):
        named["a"]
    with pytest.raises(KeyError):
        named["training"] = relu
    named.clear()
    assert len(named) == 0


def test_parameter_list_as_a_list() -> None:
    factors = mg.nn.ParameterList([mg.ones(1)])
    factors.append(mg.zeros(2)).extend([mg.nn.Parameter(mg.ones(3))])
    factors[0] = mg.zeros(4)
    factors += ["text"]
    assert [len(value) for value in factors] == [4, 2, 3, 4]
    assert [p.shape for p in factors.parameters()] == [(4,), (2,), (3,)]
    assert list(factors[1:3].state_dict()) == ["0", "1"]
    assert factors[-1] == "text"
    with pytest.raises(IndexError, match="out of range"):
        factors[4]
