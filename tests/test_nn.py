"""Modules: what they consist of, their states, layers, losses, initialisation."""

from __future__ import annotations

import copy
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
import minigrad.nn.functional as F
from minigrad import nn


class Net(nn.Module):
    """A module with parameters, buffers and parts, some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.scale = nn.Parameter(minigrad.tensor([2.0]))
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(4, 4, bias=False))
        self.again = self.first
        self.register_buffer("count", minigrad.tensor([0]))
        self.register_buffer("scratch", minigrad.zeros(2), persistent=False)
        self.plain = minigrad.zeros(3)

    def forward(self, input: Any) -> Any:
        return self.body(self.first(input)) * self.scale


# ---- What a module consists of ---------------------------------------------------------------------------------------


def test_parameters_in_order() -> None:
    net = Net()
    names = [name for name, _ in net.named_parameters()]
    assert names == ["scale", "first.weight", "first.bias", "body.1.weight"]
    assert [p.shape for p in net.parameters()] == [(1,), (4, 3), (4,), (4, 4)]
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert [name for name, _ in net.named_parameters("net")][1] == "net.first.weight"
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6


def test_modules_and_children() -> None:
    net = Net()
    assert [name for name, _ in net.named_modules()] == ["", "first", "body", "body.0", "body.1"]
    assert [name for name, _ in net.named_children()] == ["first", "body"]
    assert list(net.children()) == [net.first, net.body]
    assert len(list(net.modules())) == 5


def test_buffers() -> None:
    net = Net()
    assert [name for name, _ in net.named_buffers()] == ["count", "scratch"]
    assert next(net.buffers()) is net.count
    net.count = minigrad.tensor([5])
    assert net.state_dict()["count"].tolist() == [5]
    assert nn.Linear(1, 1)._buffers == {}


def test_attributes_keep_their_kind() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"cannot assign Tensor as parameter 'scale' \(Parameter or None expected\)"):
        net.scale = minigrad.zeros(1)
    with pytest.raises(TypeError, match="cannot assign int as child module 'first'"):
        net.first = 3
    with pytest.raises(TypeError, match="cannot assign float as buffer 'count'"):
        net.count = 3.0
    net.scale = nn.Parameter(minigrad.ones(1))
    net.first = nn.Linear(3, 4)
    assert [name for name, _ in net.named_children()] == ["first", "body", "again"]


def test_registering() -> None:
    m = nn.Module()
    m.register_parameter("w", nn.Parameter(minigrad.ones(2)))
    m.register_parameter("none", None)
    m.add_module("part", nn.ReLU())
    assert [name for name, _ in m.named_parameters()] == ["w"]
    assert m.none is None
    assert [name for name, _ in m.named_children()] == ["part"]


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (KeyError, "already has an attribute 'w'", lambda m: m.add_module("w", nn.ReLU())),
        (KeyError, "already has an attribute 'train'", lambda m: m.register_buffer("train", None)),
        (KeyError, "must not contain a dot", lambda m: m.register_buffer("a.b", None)),
        (KeyError, "must not be empty", lambda m: m.add_module("", nn.ReLU())),
        (TypeError, "must be a string", lambda m: m.register_parameter(3, None)),
        (TypeError, "must be a Parameter or None, got Tensor", lambda m: m.register_parameter("v", minigrad.ones(1))),
        (TypeError, "must be a Tensor or None, got int", lambda m: m.register_buffer("v", 3)),
        (TypeError, "must be a Module or None, got int", lambda m: m.add_module("v", 3)),
        (ValueError, "mode must be a bool", lambda m: m.train("yes")),
        (NotImplementedError, "a module must define forward", lambda m: m(1)),
        (AttributeError, "no attribute 'nothing'", lambda m: m.nothing),
    ],
)
def test_bad_use(error: type[Exception], match: str, call: Callable[[Any], Any]) -> None:
    m = nn.Module()
    m.w = nn.Parameter(minigrad.ones(1))
    with pytest.raises(error, match=match):
        call(m)


# ---- Changing all of a module ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none: bool) -> None:
    net = Net()
    net(minigrad.ones(2, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none)
    for p in net.parameters():
        if set_to_none:
            assert p.grad is None
        else:
            assert p.grad is not None
            assert not p.grad.any()


def test_requires_grad() -> None:
    net = Net().requires_grad_(False)
    assert not net(minigrad.ones(2, 3)).requires_grad
    net.zero_grad()
    assert all(p.requires_grad for p in net.requires_grad_().parameters())


def test_a_frozen_parameter_keeps_its_gradient() -> None:
    """A network that is frozen while another one trains against it goes on where it was."""
    layer = nn.Linear(3, 1)
    layer(minigrad.ones(2, 3)).sum().backward()
    gradient = layer.weight.grad
    layer.requires_grad_(False)
    assert layer.weight.grad is gradient
    (layer(minigrad.ones(2, 3)) * minigrad.ones(1, requires_grad=True)).sum().backward()
    layer.requires_grad_()
    assert layer.weight.grad is gradient
    layer(minigrad.ones(2, 3)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[4.0, 4.0, 4.0]]


def test_a_frozen_parameters_gradient_has_its_dtype() -> None:
    layer = nn.Linear(3, 1)
    layer(minigrad.ones(2, 3)).sum().backward()
    layer.requires_grad_(False).double()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype is minigrad.float64
    layer.requires_grad_()(minigrad.ones(2, 3).double()).sum().backward()
    assert layer.weight.grad.tolist() == [[4.0, 4.0, 4.0]]


FORGET: dict[str, Callable[[nn.Linear], None]] = {
    "Module.zero_grad": lambda layer: layer.zero_grad(),
    "Optimizer.zero_grad": lambda layer: minigrad.optim.SGD(layer.parameters(), lr=0.1).zero_grad(),
    "grad = None": lambda layer: setattr(layer.weight, "grad", None),
}


@pytest.mark.parametrize("way", FORGET)
def test_a_frozen_parameters_gradient_is_forgotten(way: str) -> None:
    layer = nn.Linear(3, 1)
    layer(minigrad.ones(2, 3)).sum().backward()
    layer.requires_grad_(False)
    FORGET[way](layer)
    assert layer.weight.grad is None
    assert layer.requires_grad_().weight.grad is None


def test_a_frozen_parameters_gradient_becomes_zeros() -> None:
    layer = nn.Linear(3, 1)
    layer(minigrad.ones(2, 3)).sum().backward()
    layer.requires_grad_(False).zero_grad(set_to_none=False)
    assert layer.weight.grad is not None
    assert layer.requires_grad_().weight.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_to_another_dtype() -> None:
    net = Net()
    net(minigrad.ones(2, 3)).sum().backward()
    parameters, before = list(net.parameters()), [p.detach().numpy().copy() for p in net.parameters()]
    assert net.double() is net
    assert [p is q for p, q in zip(parameters, net.parameters(), strict=True)] == [True] * 4
    for p, old in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), old.astype(np.float64))
        assert p.grad is not None
        assert p.grad.dtype is minigrad.float64
    assert (net.count.dtype, net.scratch.dtype) == (minigrad.int64, minigrad.float64)
    net(minigrad.ones(2, 3, dtype=minigrad.float64)).sum().backward()
    assert net.float().scale.dtype is minigrad.float32
    with pytest.raises(TypeError, match="floating-point"):
        net.to(minigrad.int64)


def test_conversion_is_seen_by_the_graph() -> None:
    layer = nn.Linear(3, 4)
    x = minigrad.ones(2, 3, requires_grad=True)
    out = layer(x).sum()
    layer.double()
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


# ---- States ----------------------------------------------------------------------------------------------------------


def test_state_names() -> None:
    state = Net().state_dict()
    assert list(state) == [
        "scale",
        "count",
        "first.weight",
        "first.bias",
        "body.1.weight",
        "again.weight",
        "again.bias",
    ]
    assert not any(t.requires_grad for t in state.values())
    assert list(nn.ReLU().state_dict(prefix="p.")) == []
    assert list(nn.Linear(1, 1).state_dict(prefix="p.")) == ["p.weight", "p.bias"]


def test_state_goes_to_another_module() -> None:
    a, b = Net(), Net()
    assert str(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
    x = minigrad.randn(5, 3)
    np.testing.assert_array_equal(a(x).detach().numpy(), b(x).detach().numpy())
    a.scale.detach().zero_()
    assert b.scale.item() == 2.0  # copied, not shared


def test_state_of_arrays() -> None:
    layer = nn.Linear(2, 1, dtype=minigrad.float32)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3.0])})
    assert layer(minigrad.ones(1, 2)).item() == 6.0
    assert layer.weight.dtype is minigrad.float32


def test_state_that_does_not_fit() -> None:
    net = Net()
    before = net.scale.item()
    state = net.state_dict()
    del state["first.bias"]
    state["more"] = minigrad.zeros(1)
    state["scale"] = minigrad.zeros(1)
    with pytest.raises(RuntimeError, match=r"missing keys: 'first\.bias'; unexpected keys: 'more'"):
        net.load_state_dict(state)
    assert net.scale.item() == before
    keys = net.load_state_dict(state, strict=False)
    assert keys.missing_keys == ["first.bias"]
    assert keys.unexpected_keys == ["more"]
    assert net.scale.item() == 0
    state["first.weight"] = minigrad.zeros(2, 2)
    with pytest.raises(RuntimeError, match=r"first.weight has shape \(4, 3\), but \(2, 2\) in the state"):
        net.load_state_dict(state, strict=False)
    with pytest.raises(RuntimeError, match=r"count has dtype minigrad\.int64, but float32"):
        net.load_state_dict({"count": minigrad.zeros(1)}, strict=False)
    with pytest.raises(TypeError, match="expected a mapping"):
        net.load_state_dict([1])
    with pytest.raises(RuntimeError, match="scale must be a tensor or an array, got float"):
        net.load_state_dict({"scale": 1.0}, strict=False)


def test_loading_is_seen_by_the_graph() -> None:
    layer = nn.Linear(3, 4)
    out = layer(minigrad.ones(2, 3, requires_grad=True)).sum()
    layer.load_state_dict(layer.state_dict())
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


def copied(m: Any) -> Any:
    return copy.deepcopy(m)


def pickled(m: Any) -> Any:
    return pickle.loads(pickle.dumps(m))


@pytest.mark.parametrize("duplicate", [copied, pickled])
def test_copies_are_independent(duplicate: Callable[[Any], Any]) -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    other = duplicate(model)
    x = minigrad.randn(4, 2)
    np.testing.assert_array_equal(model(x).detach().numpy(), other(x).detach().numpy())
    other[0].weight.detach().zero_()
    assert model[0].weight.detach().any()
    assert other(x).detach().numpy().std(axis=0).max() == 0
    assert isinstance(other[0].weight, nn.Parameter)
    other[0] = nn.Identity()
    assert other(x) is not x
    assert isinstance(model[0], nn.Linear)


# ---- Text ------------------------------------------------------------------------------------------------------------


def test_text() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (body): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(in_features=4, out_features=4, bias=False)\n"
        "  )\n"
        "  (again): Linear(in_features=3, out_features=4, bias=True)\n"
        ")"
    )
    net = nn.Sequential(nn.Sequential(nn.Tanh()))
    net.add_module("none", None)
    assert repr(net) == "Sequential(\n  (0): Sequential(\n    (0): Tanh()\n  )\n  (none): None\n)"
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)"
    assert repr(nn.Flatten()) == "Flatten(start_dim=1, end_dim=-1)"
    assert repr(nn.Parameter(minigrad.zeros(1))) == "Parameter containing:\ntensor([0.], requires_grad=True)"


# ---- Parameters ------------------------------------------------------------------------------------------------------


def test_parameter() -> None:
    data = minigrad.zeros(2)
    p = nn.Parameter(data)
    assert isinstance(p, minigrad.Tensor)
    assert p.requires_grad
    assert p.is_leaf
    data[0] = 3.0
    assert p.tolist() == [3, 0]
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)
    assert type(p * 1) is minigrad.Tensor
    with pytest.raises(TypeError, match="data must be a Tensor, got list"):
        nn.Parameter([1.0])
    with pytest.raises(RuntimeError, match="only floating-point"):
        nn.Parameter(minigrad.tensor([1]))
    assert nn.Parameter(minigrad.tensor([1]), requires_grad=False).tolist() == [1]


# ---- Layers ----------------------------------------------------------------------------------------------------------


def test_linear_computes() -> None:
    layer = nn.Linear(3, 2, dtype=minigrad.float64)
    x = np.random.default_rng(0).standard_normal((5, 4, 3))
    expected = x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(minigrad.tensor(x)).detach().numpy(), expected, rtol=1e-14, atol=1e-14)
    bare = nn.Linear(3, 2, bias=False)
    assert bare.bias is None
    assert bare(minigrad.ones(3)).shape == (2,)


def test_linear_starts_as_pytorch_does() -> None:
    """U(±1/√in) for weight and bias."""
    minigrad.manual_seed(0)
    layer = nn.Linear(100, 500)
    for p in layer.parameters():
        x = p.detach().numpy().reshape(-1).astype(np.float64) * 10
        assert np.abs(x).max() <= 1
        assert np.abs(x).max() > 0.99
        assert abs(x.mean()) < 4 / math.sqrt(3 * len(x))
        assert abs(x.var() - 1 / 3) < 4 * math.sqrt(4 / 45 / len(x))


def test_linear_follows_the_seed() -> None:
    weights = []
    for seed in (1, 1, 2):
        minigrad.manual_seed(seed)
        weights.append(nn.Linear(4, 4).weight.detach().numpy().tobytes())
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (RuntimeError, "in_features must not be negative", lambda: nn.Linear(-1, 2)),
        (TypeError, "out_features must be an integer", lambda: nn.Linear(1, 2.5)),
        (TypeError, "dtype must be a floating-point", lambda: nn.Linear(1, 2, dtype=minigrad.int64)),
        (RuntimeError, r"linear: inner sizes differ.*\(5, 4\).*\(2, 3\)", lambda: nn.Linear(3, 2)(minigrad.ones(5, 4))),
        (TypeError, "Sequential: '1' must be a Module", lambda: nn.Sequential(nn.ReLU(), 3)),
        (ValueError, "reduction must be 'none'", lambda: nn.MSELoss(reduction="all")),
        (ValueError, "label_smoothing must be between", lambda: nn.CrossEntropyLoss(label_smoothing=2)),
    ],
)
def test_bad_layers(error: type[Exception], match: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=match):
        call()


def test_linear_without_inputs() -> None:
    assert nn.Linear(0, 3)(minigrad.ones(2, 0)).shape == (2, 3)


@pytest.mark.parametrize(
    ("layer", "function"),
    [(nn.ReLU(), F.relu), (nn.Tanh(), F.tanh), (nn.Sigmoid(), F.sigmoid)],
    ids=["relu", "tanh", "sigmoid"],
)
def test_activations(layer: nn.Module, function: Callable[[Any], Any]) -> None:
    x = minigrad.arange(7) - 3.0
    np.testing.assert_array_equal(layer(x).numpy(), function(x).numpy())


def test_relu_in_place() -> None:
    x = minigrad.tensor([-1.0, 2.0], requires_grad=True)
    y = x * 3
    assert nn.ReLU(inplace=True)(y) is y
    y.sum().backward()
    assert y.tolist() == [0, 6]
    assert x.grad is not None
    assert x.grad.tolist() == [0, 3]


def test_flatten_and_identity() -> None:
    x = minigrad.arange(24).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Identity(1, a=2)(x) is x


# ---- Sequential ------------------------------------------------------------------------------------------------------


def names(model: nn.Sequential) -> list[str]:
    return [f"{name}:{type(part).__name__}" for name, part in model.named_children()]


def test_sequential_calls_in_order() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = minigrad.randn(4, 2)
    expected = model[2](model[1](model[0](x)))
    np.testing.assert_array_equal(model(x).detach().numpy(), expected.detach().numpy())
    assert nn.Sequential()(x) is x
    twice = nn.Sequential(model[1], model[1])
    np.testing.assert_array_equal(twice(x).numpy(), x.tanh().tanh().numpy())
    assert len(twice) == 2


def test_sequential_respects_a_call_of_its_own() -> None:
    class Loud(nn.ReLU):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs) + 1

    assert nn.Sequential(nn.ReLU(), Loud())(minigrad.zeros(1)).tolist() == [1]


def test_sequential_as_a_sequence() -> None:
    a, b, c, d = nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Identity()
    model = nn.Sequential(a, b, c)
    assert list(model) == [a, b, c]
    assert (model[0], model[-1]) == (a, c)
    assert names(model[1:]) == ["1:Tanh", "2:Sigmoid"]
    assert list(model[1:]) == [b, c]
    model.append(d)
    assert names(model) == ["0:ReLU", "1:Tanh", "2:Sigmoid", "3:Identity"]
    del model[1]
    assert names(model) == ["0:ReLU", "1:Sigmoid", "2:Identity"]
    model.insert(1, b)
    assert names(model) == ["0:ReLU", "1:Tanh", "2:Sigmoid", "3:Identity"]
    model[-1] = nn.Tanh()
    assert names(model)[3] == "3:Tanh"
    model.extend([d, d])
    assert list(model)[4:] == [d, d]
    del model[2:]
    assert list(model) == [a, b]
    with pytest.raises(IndexError, match="index 2 out of range for 2 modules"):
        model[2]
    with pytest.raises(IndexError, match="out of range"):
        model.insert(5, a)
    with pytest.raises(TypeError, match="only modules"):
        model.append(3)


def test_sequential_with_names() -> None:
    model = nn.Sequential(OrderedDict(head=nn.Linear(2, 2), tail=nn.ReLU()))
    assert list(model.state_dict()) == ["head.weight", "head.bias"]
    assert model.tail is model[1]
    model.tail = nn.Tanh()
    x = minigrad.randn(3, 2)
    np.testing.assert_array_equal(model(x).detach().numpy(), model.head(x).tanh().detach().numpy())
    del model[0]
    assert names(model) == ["0:Tanh"]  # deleting numbers what is left, as PyTorch does
    np.testing.assert_array_equal(model(x).numpy(), x.tanh().numpy())


# ---- Losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy(reduction: str, label_smoothing: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 4)), np.array([0, 3, 1, 1, 2, 0])
    log_p = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    q = np.full((6, 4), label_smoothing / 4)
    q[np.arange(6), y] += 1 - label_smoothing
    each = -(q * log_p).sum(axis=1)
    each[y == 1] = 0
    counted = (y != 1).sum()
    expected = {"none": each, "mean": each.sum() / counted, "sum": each.sum()}[reduction]
    loss = nn.CrossEntropyLoss(ignore_index=1, reduction=reduction, label_smoothing=label_smoothing)
    np.testing.assert_allclose(loss(minigrad.tensor(x), minigrad.tensor(y)).numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_mse(reduction: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 4))
    each = (x - y) ** 2
    expected = {"none": each, "mean": each.mean(), "sum": each.sum()}[reduction]
    loss = nn.MSELoss(reduction=reduction)(minigrad.tensor(x), minigrad.tensor(y))
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-13)


# ---- Initialisation --------------------------------------------------------------------------------------------------

SHAPE = (60, 40, 5)  # fan_in 200, fan_out 300
init = nn.init


@pytest.mark.parametrize(
    ("fill", "std", "bound"),
    [
        (lambda w: init.uniform_(w, -2, 2), 2 / math.sqrt(3), 2),
        (lambda w: init.normal_(w, 0, 3), 3, None),
        (init.xavier_uniform_, math.sqrt(2 / 500), math.sqrt(6 / 500)),
        (lambda w: init.xavier_normal_(w, gain=2), 2 * math.sqrt(2 / 500), None),
        (init.kaiming_uniform_, math.sqrt(2 / 200), math.sqrt(6 / 200)),
        (lambda w: init.kaiming_uniform_(w, a=math.sqrt(5)), 1 / math.sqrt(600), 1 / math.sqrt(200)),
        (lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"), math.sqrt(2 / 300), None),
        (lambda w: init.kaiming_normal_(w, nonlinearity="tanh"), 5 / 3 / math.sqrt(200), None),
    ],
)
def test_random_initialisation(fill: Callable[[Any], Any], std: float, bound: float | None) -> None:
    minigrad.manual_seed(0)
    w = nn.Parameter(minigrad.empty(SHAPE))
    assert fill(w) is w
    x = w.detach().numpy().astype(np.float64)
    assert abs(x.std() / std - 1) < 4 / math.sqrt(x.size)
    assert abs(x.mean()) < 4 * std / math.sqrt(x.size)
    if bound is not None:
        assert 0.99 * bound < np.abs(x).max() <= bound * (1 + 1e-6)


def test_constant_initialisation() -> None:
    w = nn.Parameter(minigrad.empty(2, 3))
    assert init.constant_(w, 0.25).tolist() == [[0.25] * 3] * 2
    assert init.zeros_(w).tolist() == [[0] * 3] * 2
    assert init.ones_(w).tolist() == [[1] * 3] * 2
    assert w.requires_grad
    assert w.is_leaf


def test_initialisation_errors() -> None:
    with pytest.raises(ValueError, match=r"xavier_uniform_: .* got shape \(3,\)"):
        init.xavier_uniform_(minigrad.empty(3))
    with pytest.raises(ValueError, match="mode must be"):
        init.kaiming_normal_(minigrad.empty(3, 3), mode="both")
    with pytest.raises(ValueError, match="no gain is known for 'cube'"):
        init.calculate_gain("cube")
    with pytest.raises(ValueError, match="must be a number"):
        init.calculate_gain("leaky_relu", True)


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)


# ---- Against PyTorch -------------------------------------------------------------------------------------------------


def test_gradients_of_an_mlp_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    ours = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    theirs = torch.nn.Sequential(
        torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)
    ).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({name: t.numpy() for name, t in theirs.state_dict().items()})
    x, y = rng.standard_normal((9, 5)), rng.integers(0, 3, 9)
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)(ours(minigrad.tensor(x)), minigrad.tensor(y))
    expected = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(theirs(torch.tensor(x)), torch.tensor(y))
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-14)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert p.grad is not None
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12, atol=1e-15)


# ---- Parameters as a vector ------------------------------------------------------------------------------------------


def test_parameters_as_a_vector() -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    memory = other.weight.detach().numpy()
    vector = nn.utils.parameters_to_vector(model.parameters())
    nn.utils.vector_to_parameters(vector, other.parameters())
    np.testing.assert_array_equal(memory, model.weight.detach().numpy())
    assert other.bias is not None
    assert model.bias is not None
    assert other.bias.tolist() == model.bias.tolist() == vector[6:].tolist()
    vector.sum().backward()
    assert model.weight.grad is not None
    assert model.weight.grad.tolist() == [[1.0] * 3] * 2
    with pytest.raises(ValueError, match=r"the parameters have 8 elements, got a vector of shape .*7"):
        nn.utils.vector_to_parameters(vector[1:], other.parameters())
    with pytest.raises(TypeError, match="must be a Tensor, got list"):
        nn.utils.vector_to_parameters([1.0], other.parameters())


def test_dictionaries_of_parts_can_be_read_and_written() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3))
    for name, part in net._modules.items():
        if isinstance(part, nn.ReLU):
            net._modules[name] = nn.Tanh()
    assert isinstance(net[1], nn.Tanh)
    del net._modules["1"]
    assert len(net) == 2
    assert net(minigrad.ones(2, 2)).shape == (2, 3)
    assert list(net[0]._parameters) == ["weight", "bias"]
    assert list(net[1]._buffers) == ["running_mean", "running_var", "num_batches_tracked"]
    net[0]._parameters["bias"] = None
    assert net[0].bias is None
    net[1]._buffers["more"] = minigrad.zeros(1)
    assert "2.more" in net.state_dict()
    with pytest.raises(KeyError):
        net._modules["nothing"]
    with pytest.raises(KeyError):
        del net._modules["training"]
    with pytest.raises(TypeError, match="cannot assign int as child module"):
        net._modules["0"] = 3


def test_conversions_as_pytorchs() -> None:
    def kinds(m: Any) -> list[str]:
        return [str(t.dtype).split(".")[1] for t in m.state_dict().values()]

    torch = pytest.importorskip("torch")
    said = []
    for lib in (torch, minigrad):
        m = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))
        (m(lib.ones(2, 2))).sum().backward()
        steps = [kinds(m), kinds(m.to(lib.float64, non_blocking=True)), kinds(m.half()), kinds(m.to(lib.ones(1)))]
        steps += [str(m[0].weight.grad.dtype).split(".")[1], kinds(m.type(lib.float64)), kinds(m.to("cpu"))]
        steps += [kinds(m.to(dtype=lib.float32, device="cpu")), kinds(m.to(memory_format=lib.contiguous_format))]
        steps.append(m.to_empty(device="cpu") is m)
        with pytest.raises(TypeError):
            m.to(lib.int64)
        said.append(steps)
    assert said[0] == said[1]
    with pytest.raises(TypeError, match="must be of floats"):
        nn.Linear(1, 1).type(minigrad.int64)
    with pytest.raises(RuntimeError, match="CPU only"):
        nn.Linear(1, 1).to_empty(device="meta")


def test_states_with_gradients_load() -> None:
    torch = pytest.importorskip("torch")
    theirs, ours = torch.nn.Linear(2, 3), nn.Linear(2, 3)
    ours.load_state_dict(dict(theirs.named_parameters()))
    np.testing.assert_array_equal(ours.weight.detach().numpy(), theirs.weight.detach().numpy())
