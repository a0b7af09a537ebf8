"""States that travel between PyTorch and minigrad, and copies of modules, parameters and tensors."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors import numpy as of_numpy
from safetensors import torch as of_torch


def build(lib: Any) -> Any:
    """Return a network that has every module with parameters, of either library."""
    nn = lib.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList([nn.LayerNorm(8), nn.RMSNorm(8), nn.GroupNorm(2, 8)])
            self.ways = nn.ModuleDict({"left": nn.Linear(8, 8), "right": nn.Linear(8, 8, bias=False)})
            self.scales = nn.ParameterList([nn.Parameter(lib.ones(8)), nn.Parameter(lib.ones(1))])
            self.shifts = nn.ParameterDict({"a": nn.Parameter(lib.zeros(8))})
            self.register_buffer("seen", lib.zeros(()))
            self.register_buffer("scratch", lib.zeros(3), persistent=False)
            self.act = nn.PReLU(8)

        def forward(self, x: Any) -> Any:
            self.seen.add_(1)
            for norm in self.norms:
                x = x + norm(x)  # a residual
            left, right = self.ways["left"](x), self.ways["right"](x)
            return self.act(left * self.scales[0] + right * self.scales[1] + self.shifts["a"])

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(10, 8, padding_idx=0)
            self.block = Block()
            self.pair = nn.Bilinear(8, 8, 6)
            self.head = nn.Sequential(
                nn.BatchNorm1d(6), nn.GELU(), nn.Dropout(0.5), nn.utils.parametrizations.weight_norm(nn.Linear(6, 3))
            )

        def forward(self, index: Any) -> Any:
            x = self.table(index).mean(1)
            return self.head(self.pair(x, self.block(x)))

    return Net()


def outputs(theirs: Any, ours: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return what both make of the same indices, outside training, and check that gradients agree."""
    index = np.random.default_rng(1).integers(0, 10, (16, 5))
    expected, out = theirs.eval()(torch.from_numpy(index)), ours.eval()(mg.tensor(index))
    (expected**2).sum().backward()
    (out**2).sum().backward()
    for (name, a), (same, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == same
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-4, atol=1e-5)
    return out.detach().numpy(), expected.detach().numpy()


def moved(net: Any, lib: Any) -> Any:
    """Return a network whose statistics have moved."""
    index = np.random.default_rng(2).integers(0, 10, (16, 5))
    for _ in range(3):
        net(lib.tensor(index))
    return net


def test_a_state_of_pytorchs_loads_from_safetensors(tmp_path: Path) -> None:
    theirs, ours = moved(build(torch), torch), build(mg)
    path = tmp_path / "state.safetensors"
    of_torch.save_file(theirs.state_dict(), path)
    state = of_numpy.load_file(path)
    assert sorted(state) == sorted(ours.state_dict())
    assert str(ours.load_state_dict(state)) == "<All keys matched successfully>"
    assert list(ours.state_dict()) == list(theirs.state_dict())
    np.testing.assert_allclose(*outputs(theirs, ours), rtol=1e-5, atol=1e-6)


def test_a_state_of_ours_loads_in_pytorch(tmp_path: Path) -> None:
    ours, theirs = moved(build(mg), mg), build(torch)
    path = tmp_path / "state.safetensors"
    of_numpy.save_file({key: value.numpy() for key, value in ours.state_dict().items()}, path)
    assert str(theirs.load_state_dict(of_torch.load_file(path))) == "<All keys matched successfully>"
    np.testing.assert_allclose(*outputs(theirs, ours), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("assign", [False, True])
def test_a_state_loads_from_the_other_library_at_once(assign: bool) -> None:
    theirs, ours = moved(build(torch), torch), build(mg)
    ours.load_state_dict(theirs.state_dict(), assign=assign)
    np.testing.assert_allclose(*outputs(theirs, ours), rtol=1e-5, atol=1e-6)
    theirs, ours = build(torch), moved(build(mg), mg)
    theirs.load_state_dict({key: torch.from_numpy(value.numpy()) for key, value in ours.state_dict().items()})
    np.testing.assert_allclose(*outputs(theirs, ours), rtol=1e-5, atol=1e-6)


def test_assigned_states() -> None:
    layer = mg.nn.Linear(3, 2)
    frozen = mg.nn.Linear(3, 2).requires_grad_(False)
    old = layer.weight
    state = {"weight": mg.ones(2, 3, dtype=mg.float64), "bias": mg.nn.Parameter(mg.zeros(2), requires_grad=False)}
    layer.load_state_dict(state, assign=True)
    assert layer.weight is not old
    assert isinstance(layer.weight, mg.nn.Parameter)
    assert layer.weight.dtype is mg.float64
    assert layer.weight.requires_grad
    assert layer.bias is state["bias"]
    assert layer.bias.requires_grad
    frozen.load_state_dict({"weight": mg.ones(2, 3), "bias": mg.zeros(2)}, assign=True)
    assert not frozen.weight.requires_grad
    with pytest.raises(RuntimeError, match=r"weight has shape \(2, 3\), but \(3, 2\)"):
        layer.load_state_dict({"weight": mg.ones(3, 2), "bias": mg.zeros(2)}, assign=True)


def test_old_states_of_batch_norm_have_no_count() -> None:
    state = {"weight": mg.ones(2), "bias": mg.zeros(2), "running_mean": mg.ones(2), "running_var": mg.ones(2)}
    layer = mg.nn.BatchNorm1d(2)
    assert str(layer.load_state_dict(state)) == "<All keys matched successfully>"
    del state["running_var"]
    with pytest.raises(RuntimeError, match="missing keys: 'running_var'"):
        layer.load_state_dict(state)


def test_more_state_than_tensors() -> None:
    class Counting(mg.nn.Module):
        calls = 0

        def get_extra_state(self) -> Any:
            return {"calls": self.calls}

        def set_extra_state(self, state: Any) -> None:
            self.calls = state["calls"]

    net = mg.nn.Sequential(mg.nn.Linear(1, 1), Counting())
    net[1].calls = 7
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1._extra_state"]
    other = mg.nn.Sequential(mg.nn.Linear(1, 1), Counting())
    other.load_state_dict(state)
    assert other[1].calls == 7
    del state["1._extra_state"]
    with pytest.raises(RuntimeError, match=r"missing keys: '1\._extra_state'"):
        other.load_state_dict(state)


# ----------------------------------------------------------------------------------------------------------------------
# Copies.

COPIES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
TENSORS: list[Callable[[Any], Any]] = [
    lambda lib: lib.ones(2, 3),
    lambda lib: lib.ones(2, requires_grad=True),
    lambda lib: lib.arange(12).reshape(3, 4).t(),
    lambda lib: lib.zeros(0, 3),
    lambda lib: lib.tensor(3.5),
    lambda lib: lib.tensor([True, False]),
    lambda lib: lib.nn.Parameter(lib.ones(3)),
    lambda lib: lib.nn.Parameter(lib.ones(3), requires_grad=False),
]


@pytest.mark.parametrize("make", TENSORS)
@pytest.mark.parametrize("duplicate", COPIES)
def test_copies_of_tensors_are_pytorchs(make: Callable[[Any], Any], duplicate: Callable[[Any], Any]) -> None:
    said = []
    for lib in (torch, mg):
        x = make(lib)
        if x.requires_grad:
            (x * 2).sum().backward()
        y = duplicate(x)
        shared = x.numel() > 0 and np.shares_memory(x.detach().numpy(), y.detach().numpy())
        form = (type(y).__name__, tuple(y.shape), str(y.dtype).split(".")[1], y.requires_grad, y.is_leaf)
        said.append((*form, y.detach().tolist(), y.grad is not None, shared, y is x))
    assert said[0] == said[1]


@pytest.mark.parametrize("duplicate", COPIES[:2])
def test_what_the_graph_computed_cannot_be_copied(duplicate: Callable[[Any], Any]) -> None:
    y = mg.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="only leaves can be copied"):
        duplicate(y)


def test_a_shallow_copys_writes_are_seen_by_the_graph() -> None:
    x, w = mg.ones(2), mg.ones(2, requires_grad=True)
    y = (x * w).sum()
    copy.copy(x).fill_(3.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_tied_parameters_stay_tied_in_copies() -> None:
    net = mg.nn.Sequential(mg.nn.Linear(3, 3, bias=False), mg.nn.Linear(3, 3, bias=False))
    net[1].weight = net[0].weight
    net(mg.rand(2, 3)).sum().backward()
    for duplicate in COPIES[1:]:
        other = duplicate(net)
        assert other[0].weight is other[1].weight
        assert len(list(other.parameters())) == 1
        assert not np.shares_memory(other[0].weight.detach().numpy(), net[0].weight.detach().numpy())
    assert copy.deepcopy(net)[0].weight.grad is None  # as in PyTorch
    shallow = copy.copy(net)
    assert shallow[0] is net[0]


def test_copies_of_a_whole_network_compute_the_same_bits() -> None:
    net = moved(build(mg), mg).eval()
    index = mg.tensor([[1, 2, 3]])
    other = copy.deepcopy(net)
    np.testing.assert_array_equal(other(index).detach().numpy(), net(index).detach().numpy())
    assert repr(other) == repr(net)
    assert list(other.state_dict()) == list(net.state_dict())
    assert "block.scratch" in dict(other.named_buffers())


def test_buffers_of_their_own_class() -> None:
    for lib in (torch, mg):
        m = lib.nn.Module()
        m.a = lib.nn.Buffer(lib.ones(2))
        m.b = lib.nn.Buffer(lib.ones(2), persistent=False)
        assert [name for name, _ in m.named_buffers()] == ["a", "b"]
        assert list(m.state_dict()) == ["a"]
        assert list(m.parameters()) == []
        other = copy.deepcopy(m)
        assert list(other.state_dict()) == ["a"]
        m.a = lib.zeros(2)
        assert list(m.state_dict()) == ["a"]
        m.a = None
        assert list(m.state_dict()) == []
    buffer = mg.nn.Buffer(mg.ones(1), persistent=False)
    for duplicate in COPIES:
        assert duplicate(buffer).persistent is False
    with pytest.raises(TypeError, match="Buffer: data must be a Tensor"):
        mg.nn.Buffer([1.0])


class Wrapper(mg.nn.Module):
    def __init__(self, module: mg.nn.Module) -> None:
        super().__init__()
        self.module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


@pytest.mark.parametrize("duplicate", COPIES)
def test_copies_of_modules_that_hand_attributes_on(duplicate: Callable[[Any], Any]) -> None:
    other = duplicate(Wrapper(mg.nn.Linear(3, 2)))
    assert other.out_features == 2
    assert list(other.state_dict()) == ["module.weight", "module.bias"]
