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


def test_dictionaries_of_parameters_are_pytorchs() -> None:
    def build(lib: Any) -> Any:
        made = lib.nn.ParameterDict({"a": lib.ones(2), "b": lib.zeros(3, 4)})
        made["c"] = 5
        made["d"] = lib.nn.Parameter(lib.ones(1), requires_grad=False)
        made.update([("a", lib.zeros(1))])
        del made["b"]
        made.setdefault("e", lib.ones(1, 1))
        return made | lib.nn.ParameterDict({"f": lib.ones(2)})

    theirs, ours = build(torch), build(mg)
    assert repr(ours).replace("minigrad.float32", "torch.FloatTensor") == repr(theirs)
    assert list(ours) == list(theirs) == list(ours.keys())
    assert list(reversed(ours)) == list(reversed(theirs))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [name for name, p in ours.named_parameters() if p.requires_grad] == ["a", "e", "f"]
    assert ours.get("z", 3) == theirs.get("z", 3) == 3
    assert ours.popitem()[0] == theirs.popitem()[0] == "f"
    assert ours.pop("c") == theirs.pop("c")
    assert ("a" in ours, "c" in ours, len(ours)) == ("a" in theirs, "c" in theirs, len(theirs))
    assert list(ours.fromkeys(["x", "y"], 1).items()) == [("x", 1), ("y", 1)]
    other = copy.deepcopy(ours)
    other["g"] = mg.ones(1)
    assert "g" not in ours
    ours.clear()
    assert list(ours.parameters()) == []
    with pytest.raises(KeyError):
        ours["forward"] = mg.ones(1)


def test_sequences_add_and_multiply_as_pytorchs() -> None:
    def build(lib: Any) -> list[Any]:
        nn = lib.nn
        net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        more = net + nn.Sequential(nn.Tanh())
        twice = 2 * net
        more *= 2
        net += nn.Sequential(nn.Identity())
        last = net.pop(-1)
        net.insert(1, nn.Sigmoid())
        listed = nn.ModuleList([nn.ReLU()]) + nn.ModuleList([nn.Tanh()])
        listed.insert(0, nn.Identity())
        return [net, more, twice, last, listed, listed[1:]]

    for ours, theirs in zip(build(mg), build(torch), strict=True):
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
    for lib in (torch, mg):
        net = lib.nn.Sequential(lib.nn.ReLU())
        with pytest.raises(ValueError, match=r"."):
            net * 0
        with pytest.raises(TypeError):
            net * 1.5


@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": -1}, {"max_norm": 1.0, "norm_type": 1.0}, {"scale_grad_by_freq": True}]
)
def test_embedding_is_pytorchs(options: dict[str, Any]) -> None:
    theirs, ours = both("Embedding", (6, 3), options)
    assert repr(ours) == repr(theirs)
    index = np.array([[0, 5, 2], [2, 2, 5]])
    expected, out = theirs(torch.from_numpy(index)), ours(mg.tensor(index))
    check_close(out, expected)
    check_close(ours.weight, theirs.weight)  # which max_norm shortens
    (expected**2).sum().backward()
    (out**2).sum().backward()
    check_close(ours.weight.grad, theirs.weight.grad)


def test_embedding_of_a_given_table() -> None:
    table = mg.rand(4, 2)
    layer = mg.nn.Embedding.from_pretrained(table, padding_idx=0)
    assert not layer.weight.requires_grad
    assert np.shares_memory(layer.weight.detach().numpy(), table.numpy())
    assert mg.nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    assert repr(layer) == repr(torch.nn.Embedding.from_pretrained(torch.rand(4, 2), padding_idx=0))
    with pytest.raises(ValueError, match="padding_idx"):
        mg.nn.Embedding(3, 2, padding_idx=3)
    with pytest.raises(IndexError, match="out of range"):
        layer(mg.tensor([4]))


OTHERS: list[tuple[str, tuple[Any, ...]]] = [
    ("Dropout", (0.3,)),
    ("Dropout1d", ()),
    ("Dropout2d", (0.1, True)),
    ("Dropout3d", ()),
    ("AlphaDropout", ()),
    ("FeatureAlphaDropout", (0.2,)),
    ("RReLU", ()),
    ("RReLU", (0.1, 0.2, True)),
    ("Unflatten", (1, (2, -1))),
    ("Flatten", (0, 1)),
    ("Identity", (3,)),
    ("Softmax2d", ()),
    ("Bilinear", (2, 3, 4, False)),
]


@pytest.mark.parametrize(("name", "args"), OTHERS)
def test_texts_and_results_outside_training(name: str, args: tuple[Any, ...]) -> None:
    theirs, ours = both(name, args, {})
    assert repr(ours) == repr(theirs)
    if name != "Bilinear":
        x = np.random.default_rng(0).standard_normal((3, 4, 5) + ((2,) if name in ("Dropout2d", "Dropout3d") else ()))
        check_close(ours.eval()(mg.tensor(x)), theirs.eval()(torch.from_numpy(x)))


def test_rrelu_draws_a_slope_for_each_element() -> None:
    mg.manual_seed(0)
    x = -mg.ones(4000, dtype=mg.float64)
    x.requires_grad_()
    out = mg.nn.RReLU(0.1, 0.5)(x)
    slopes = -out.detach().numpy()
    assert 0.1 <= slopes.min() < 0.11
    assert 0.49 < slopes.max() <= 0.5
    assert abs(slopes.mean() - 0.3) < 0.01
    out.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), slopes)
    y = mg.tensor([-1.0, 2.0])
    assert mg.nn.RReLU(0.5, 0.5, inplace=True)(y) is y
    assert y.tolist() == [-0.5, 2.0]
    with pytest.raises(RuntimeError, match="lower must not exceed upper"):
        mg.nn.functional.rrelu(y, 0.5, 0.1)


def test_a_padding_row_inside_transforms() -> None:
    table = mg.rand(5, 3, dtype=mg.float64)
    index = mg.tensor([[0, 1, 1], [2, 4, 0]])

    def loss(table: Any, index: Any) -> Any:
        return (mg.nn.functional.embedding(index, table, padding_idx=1) ** 2).sum()

    per_sample = mg.func.vmap(mg.func.grad(loss), in_dims=(None, 0))(table, index)
    one_by_one = mg.stack([mg.func.grad(loss)(table, i) for i in index])
    check_close(per_sample, one_by_one)
    assert not per_sample[:, 1].any()
    stacked = mg.func.vmap(mg.func.grad(loss))(mg.stack([table, 2 * table]), index)
    check_close(stacked[1], 2 * one_by_one[1])
    rows = mg.func.jacfwd(lambda t: mg.nn.functional.embedding(index[0], t, padding_idx=1))(table)
    assert not rows[:, :, 1].any()
    assert rows[0, :, 0].sum().item() == 3


WEIGHTED = [
    *("BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss"),
    *("MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss"),
]


def test_what_users_derive_losses_from() -> None:
    bases = mg.nn.modules.loss

    class Smoothed(bases._WeightedLoss):
        def __init__(self, weight: Any = None, reduction: str = "mean", smoothing: float = 0.0) -> None:
            super().__init__(weight=weight, reduction=reduction)
            self.smoothing, self.weight, self.reduction = smoothing, weight, reduction

        def forward(self, input: mg.Tensor, target: mg.Tensor) -> mg.Tensor:
            moved = target * (1 - self.smoothing) + 0.5 * self.smoothing
            return mg.nn.functional.binary_cross_entropy_with_logits(
                input, moved, self.weight, reduction=self.reduction
            )

    class Root(bases._Loss):
        def forward(self, input: mg.Tensor, target: mg.Tensor) -> mg.Tensor:
            return mg.nn.functional.mse_loss(input, target, reduction=self.reduction) ** 0.5

    loss = Smoothed(mg.tensor([1.0, 2.0]), "sum", 0.2)  # of logit 0 every target costs log 2
    assert loss(mg.zeros(2), mg.tensor([0.0, 1.0])).item() == pytest.approx(3 * np.log(2))
    assert list(loss.state_dict()) == ["weight"]
    assert Smoothed().weight is None
    assert Root(None, None, "sum")(mg.tensor([3.0, 4.0]), mg.zeros(2)).item() == pytest.approx(5)
    assert Root(reduce=False).reduction == "none"
    for lib in (mg, torch):
        nn = lib.nn
        weighted = {name for name in WEIGHTED if issubclass(getattr(nn, name), nn.modules.loss._WeightedLoss)}
        assert weighted == set(WEIGHTED) - {"BCEWithLogitsLoss", "MSELoss"}
        losses = [name for name in mg.nn.__all__ if name.endswith("Loss")]
        assert len(losses) > 15
        assert [name for name in losses if not issubclass(getattr(nn, name), nn.modules.loss._Loss)] == []


def test_the_base_by_which_batch_normalisation_is_known() -> None:
    for lib in (mg, torch):
        base = lib.nn.modules.batchnorm._BatchNorm
        assert [issubclass(getattr(lib.nn, f"BatchNorm{n}d"), base) for n in (1, 2, 3)] == [True] * 3
        assert not issubclass(lib.nn.InstanceNorm1d, base)
