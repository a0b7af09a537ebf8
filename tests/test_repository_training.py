"""What other repositories' tests and defect lists ask of modules, losses, optimisers and training, row by row."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import autograd
from worked import gradient, leaf


@pytest.mark.parametrize(
    "layer",
    [
        mg.nn.Sigmoid(),
        mg.nn.Tanh(),
        mg.nn.ReLU(),
        mg.nn.ReLU(inplace=True),
        mg.nn.LeakyReLU(0.1),
        mg.nn.ELU(),
        mg.nn.Softplus(),
        mg.nn.Softmax(dim=1),
    ],
    ids=str,
)
def test_R27_activations_away_from_kinks(layer: mg.nn.Module) -> None:
    x = mg.tensor([[-1.5, -0.5, 0.25], [2.0, 1.0, -3.0]], dtype=mg.float64, requires_grad=True)
    assert autograd.gradcheck(lambda x: layer(x * 1), x)


def trace(optimizer: mg.optim.Optimizer, p: mg.Tensor, steps: int) -> list[list[float]]:
    """Return a parameter after each step down the gradient of sum(p^4) / 4."""
    values = []
    for _ in range(steps):
        p.grad = (p**3).detach()
        optimizer.step()
        values.append(p.tolist())
    return values


@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.1)])
def test_R30_sgd_with_momentum_and_decay(momentum: float, decay: float) -> None:
    p = mg.tensor([1.0, -0.5], dtype=mg.float64, requires_grad=True)
    found = trace(mg.optim.SGD([p], lr=0.1, momentum=momentum, weight_decay=decay), p, 10)
    x, b, expected = np.array([1.0, -0.5]), np.zeros(2), []
    for _ in range(10):
        b = momentum * b + x**3 + decay * x
        x = x - 0.1 * b
        expected.append(x)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_R30_an_l1_penalty_adds_0_at_0() -> None:
    p = mg.tensor([0.0, 2.0, -2.0], requires_grad=True)
    (0.5 * p.abs().sum()).backward()
    mg.optim.SGD([p], lr=1.0).step()
    assert p.tolist() == [0.0, 1.5, -1.5]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_R31_adam_element_by_element(decay: float) -> None:
    p = mg.tensor([1.0, -0.5], dtype=mg.float64, requires_grad=True)
    found = trace(mg.optim.Adam([p], lr=0.1, betas=(0.8, 0.9), eps=1e-3, weight_decay=decay), p, 10)
    x, m, v, expected = np.array([1.0, -0.5]), np.zeros(2), np.zeros(2), []
    for step in range(1, 11):
        g = x**3 + decay * x
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        x = x - 0.1 * (m / (1 - 0.8**step)) / (np.sqrt(v / (1 - 0.9**step)) + 1e-3)
        expected.append(x)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_X17_the_first_step_of_adam_is_the_learning_rate() -> None:
    p = mg.tensor([1.0, 2.0], dtype=mg.float64, requires_grad=True)
    p.grad = mg.tensor([1.0, 10.0], dtype=mg.float64)
    mg.optim.Adam([p], lr=0.1).step()
    np.testing.assert_allclose(p.tolist(), [0.9, 1.9], rtol=1e-8)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_X18_zero_grad_before_backward_does_nothing(set_to_none: bool) -> None:
    p = mg.ones(2, requires_grad=True)
    mg.optim.SGD([p]).zero_grad(set_to_none)
    assert p.grad is None


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, float("inf"), float("-inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_R32_X19_gradients_are_clipped_by_any_norm(order: float, max_norm: float) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in [(3, 4), (5,), ()]]
    ws = [mg.nn.Parameter(mg.tensor(a)) for a in arrays]
    sum((w * w).sum() for w in ws).backward()
    before = np.concatenate([2 * a.ravel() for a in arrays])
    norm = np.linalg.norm(before, order)
    given = mg.nn.utils.clip_grad_norm_(iter([*ws, mg.nn.Parameter(mg.ones(2))]), max_norm, order)
    after = np.concatenate([w.grad.numpy().ravel() for w in ws if w.grad is not None])
    np.testing.assert_allclose(given.item(), norm, rtol=1e-14)
    np.testing.assert_allclose(after, before * min(1, max_norm / (norm + 1e-6)), rtol=1e-14)
    assert np.linalg.norm(after, order) <= max(max_norm, 0 if norm > max_norm else norm)


def test_R32_gradients_are_clipped_by_value() -> None:
    w = mg.nn.Parameter(mg.tensor([0.25, -4.0, 3.0]))
    (w * w).sum().backward()
    mg.nn.utils.clip_grad_value_([w, mg.nn.Parameter(mg.ones(1))], 1)
    assert w.grad is not None
    assert w.grad.tolist() == [0.5, -1.0, 1.0]


def test_R32_a_norm_that_is_not_finite() -> None:
    w = mg.nn.Parameter(mg.ones(2))
    w.grad = mg.tensor([float("inf"), 1.0])
    with pytest.raises(RuntimeError, match=r"get_total_norm: the norm of order 2\.0 is inf"):
        mg.nn.utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    assert w.grad.tolist() == [float("inf"), 1.0]
    assert mg.nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_X18_zero_grad_before_a_backward_pass() -> None:
    model = mg.nn.Linear(2, 3)
    model.zero_grad()
    model.zero_grad(set_to_none=False)
    assert model.weight.grad is None


def test_X14_linear_of_a_leaf_that_needs_a_gradient() -> None:
    x = mg.ones(4, 2, requires_grad=True)
    layer = mg.nn.Linear(2, 3)
    layer(x).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), np.tile(layer.weight.detach().numpy().sum(axis=0), (4, 1)), rtol=1e-6)


@pytest.mark.parametrize("name", ["dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_alpha_dropout"])
def test_R25_dropout_keeps_the_mean_and_replays(name: str) -> None:
    function = getattr(mg.nn.functional, name)
    x = mg.randn(200, 100, *(1,) * (2 if name == "dropout2d" else 1), generator=mg.Generator().manual_seed(1))
    mg.manual_seed(3)
    out = function(x, 0.25, True)
    mg.manual_seed(3)
    assert function(x, 0.25, True).equal(out)
    assert abs(out.mean().item() - x.mean().item()) < 0.03
    assert abs((out != 0).float().mean().item() - (1 if "alpha" in name else 0.75)) < 0.02
    assert function(x, 0.25, False) is x
    with pytest.raises(ValueError, match="p must lie"):
        function(x, 1.5, True)


def test_R25_whole_channels_are_dropped() -> None:
    out = mg.nn.functional.dropout2d(mg.ones(10, 20, 3, 4), 0.5)
    assert set(out.sum((2, 3)).flatten().tolist()) == {0.0, 24.0}


def test_R25_dropout_in_place_and_its_gradient() -> None:
    x = leaf([1.0, 2.0, 3.0, 4.0])
    y = mg.nn.functional.dropout(x, 0.5)
    assert gradient(y.sum(), x) == (y / x).tolist()
    z = mg.ones(50)
    assert mg.nn.functional.dropout(z, 0.5, inplace=True) is z
    assert set(z.tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout"])
def test_X23_dropping_everything_gives_zeros(name: str) -> None:
    x = leaf([1.0, 2.0])
    y = getattr(mg.nn.functional, name)(x, 1.0, True)
    assert y.tolist() == [0.0, 0.0]
    assert gradient(y.sum(), x) == [0.0, 0.0]


LOSSES = {
    "cross_entropy": lambda x: mg.nn.functional.cross_entropy(x, mg.tensor([1, 0])),
    "nll_loss": lambda x: mg.nn.functional.nll_loss(x.log_softmax(1), mg.tensor([1, 0])),
    "mse_loss": lambda x: mg.nn.functional.mse_loss(x, mg.zeros(2, 3, dtype=x.dtype)),
    "binary_cross_entropy": lambda x: mg.nn.functional.binary_cross_entropy(
        x.sigmoid(), mg.full((2, 3), 0.25).double()
    ),
    "contrastive": lambda x: mg.nn.functional.hinge_embedding_loss(x**2, mg.tensor([[1, -1, 1], [-1, 1, -1]])),
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_R28_losses_honour_the_cotangent(name: str) -> None:
    x = leaf([[0.5, -0.25, 0.75], [0.125, 2.0, -0.5]])
    once, scaled = (np.array(gradient(factor * LOSSES[name](x), x)) for factor in (1, 10))
    np.testing.assert_allclose(scaled, 10 * once, rtol=1e-14)
    assert autograd.gradcheck(LOSSES[name], (x,))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: mg.nn.functional.pairwise_distance(x, mg.zeros(2, 3).double()),
        lambda x: mg.nn.functional.pairwise_distance(x, mg.zeros(2, 3).double(), eps=0.0),
        lambda x: mg.nn.functional.cosine_similarity(x, mg.ones(2, 3).double()),
        lambda x: mg.nn.functional.cosine_similarity(x, x),
        mg.nn.functional.normalize,
        lambda x: mg.nn.functional.normalize(x, p=1.0),
        lambda x: mg.nn.functional.normalize(x, p=3.0),
    ],
)
def test_R29_gradients_at_zero_vectors_are_finite(function) -> None:
    x = leaf(np.zeros((2, 3)))
    assert np.isfinite(gradient(function(x).sum(), x)).all()
    assert autograd.gradcheck(function, (leaf([[0.5, -0.25, 0.75], [0.125, 2.0, -1.0]]),))


def test_X5_the_loss_of_a_certain_error_is_finite() -> None:
    x = leaf([[0.0, 1000.0]])
    loss = mg.nn.functional.cross_entropy(x, mg.tensor([0]))
    assert loss.item() == 1000.0
    assert gradient(loss, x) == [[-1.0, 1.0]]


def test_X6_a_multiple_of_binary_cross_entropy() -> None:
    p = leaf([0.25, 0.5])
    loss = mg.nn.functional.binary_cross_entropy(p, mg.tensor([1.0, 0.0], dtype=mg.float64))
    np.testing.assert_allclose(gradient(10 * loss, p), [-20.0, 10.0], rtol=1e-14)


def test_X20_batch_norm_with_given_statistics_has_gradients_of_single_elements() -> None:
    x = leaf([[1.0, 10.0], [3.0, 30.0]])
    mean, variance = mg.tensor([2.0, 5.0], dtype=mg.float64), mg.tensor([4.0, 0.25], dtype=mg.float64)
    y = mg.nn.functional.batch_norm(x, mean, variance, eps=0.0)
    assert y.tolist() == [[-0.5, 10.0], [0.5, 50.0]]
    assert gradient(y.sum(), x) == [[0.5, 2.0], [0.5, 2.0]]


def test_R21_embedding_shares_of_gradients() -> None:
    table = leaf(np.arange(8.0).reshape(4, 2))
    index = mg.tensor([1, 1, 3, 0])
    rows = mg.nn.functional.embedding(index, table, padding_idx=-1)
    assert rows.tolist() == table[index].tolist()
    assert gradient(rows.sum(), table) == [[1.0, 1.0], [2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]
    rows = mg.nn.functional.embedding(index, table, scale_grad_by_freq=True)
    assert gradient(rows.sum(), table) == [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
    with pytest.raises(IndexError, match="out of range"):
        mg.nn.functional.embedding(mg.tensor([4]), table)


def test_R21_embedding_shortens_rows() -> None:
    table = mg.tensor([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    mg.nn.functional.embedding(mg.tensor([0, 1]), table, max_norm=1.0)
    np.testing.assert_allclose(table.numpy(), [[0.6, 0.8], [0.3, 0.4], [30.0, 40.0]], rtol=1e-6)


def test_R20_lists_of_modules_index_append_and_extend() -> None:
    layers = mg.nn.ModuleList([mg.nn.Linear(2, 3)])
    assert layers.append(mg.nn.Identity()) is layers
    layers.extend([mg.nn.Linear(3, 1), mg.nn.ReLU()])
    assert [type(layer).__name__ for layer in layers] == ["Linear", "Identity", "Linear", "ReLU"]
    assert layers[-2] is layers[2]
    assert [name for name, _ in layers.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    model = mg.nn.Sequential(*layers)
    assert len(list(model.parameters())) == 4
    assert model(mg.ones(5, 2)).shape == (5, 1)


def test_R24_batch_norm_tracks_the_unbiased_variance() -> None:
    layer = mg.nn.BatchNorm1d(1).double()
    layer(mg.tensor([[0.0], [2.0]], dtype=mg.float64))
    np.testing.assert_allclose(layer.running_var.numpy(), [1.1], rtol=1e-15)
    np.testing.assert_allclose(layer.running_mean.numpy(), [0.1], rtol=1e-15)
    assert layer.num_batches_tracked.item() == 1
    memory = layer.running_var.numpy().copy()
    layer.eval()(mg.tensor([[0.0], [9.0]], dtype=mg.float64))
    np.testing.assert_array_equal(layer.running_var.numpy(), memory)


def test_X20_a_batch_norm_layer_outside_training() -> None:
    layer = mg.nn.BatchNorm1d(2, eps=0.0).double().eval()
    layer.running_var.fill_(4.0)
    x = leaf([[1.0, 10.0], [3.0, 30.0]])
    assert gradient(layer(x).sum(), x) == [[0.5, 0.5], [0.5, 0.5]]


class _Net(mg.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.BatchNorm1d(4), mg.nn.ReLU())
        self.register_parameter("scale", mg.nn.Parameter(mg.ones(1)))
        self.register_parameter("shift", None)
        self.register_buffer("seen", mg.tensor(0), persistent=False)
        self.add_module("head", mg.nn.Linear(4, 2))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        self.seen += 1
        return self.head(self.layers(x)) * self.scale

    def extra_repr(self) -> str:
        return "two classes"


def test_R18_a_module_knows_its_parts() -> None:
    net = _Net()
    names = [
        "scale",
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.bias",
        "head.weight",
        "head.bias",
    ]
    assert [name for name, _ in net.named_parameters()] == names
    assert len(list(net.parameters())) == 7
    assert [name for name, _ in net.named_buffers()] == [
        "seen",
        *(f"layers.1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")),
    ]
    assert [name for name, _ in net.named_children()] == ["layers", "head"]
    assert [type(m).__name__ for m in net.modules()] == [
        "_Net",
        "Sequential",
        "Linear",
        "BatchNorm1d",
        "ReLU",
        "Linear",
    ]
    visited: list[str] = []
    assert net.apply(lambda m: visited.append(type(m).__name__)) is net
    assert visited == ["Linear", "BatchNorm1d", "ReLU", "Sequential", "Linear", "_Net"]
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())
    net.requires_grad_(False)
    assert not net(mg.rand(3, 3)).requires_grad
    assert net.seen.item() == 1
    assert repr(net) == (
        "_Net(\n"
        "  two classes\n"
        "  (layers): Sequential(\n"
        "    (0): Linear(in_features=3, out_features=4, bias=True)\n"
        "    (1): BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n"
        "    (2): ReLU()\n"
        "  )\n"
        "  (head): Linear(in_features=4, out_features=2, bias=True)\n"
        ")"
    )


def test_R19_states_say_what_is_missing_and_unexpected() -> None:
    net, other = _Net(), _Net()
    state = net.state_dict()
    assert "seen" not in state
    assert repr(other.load_state_dict(state)) == "<All keys matched successfully>"
    x = mg.rand(5, 3)
    assert_same = np.testing.assert_array_equal
    assert_same(other.eval()(x).detach().numpy(), net.eval()(x).detach().numpy())
    del state["head.bias"], state["scale"]
    state["head.scale"] = mg.ones(1)
    state["head.weight"] = mg.ones(4, 2)
    before = other.head.weight.detach().clone()
    with pytest.raises(RuntimeError) as caught:
        other.load_state_dict(state)
    for part in ("'scale'", "'head.bias'", "'head.scale'", "head.weight has shape (2, 4), but (4, 2) in the state"):
        assert part in str(caught.value)
    assert_same(other.head.weight.detach().numpy(), before.numpy())
    del state["head.weight"]
    keys = other.load_state_dict(state, strict=False)
    assert keys.missing_keys == ["scale", "head.weight", "head.bias"]
    assert keys.unexpected_keys == ["head.scale"]


def test_R20_parameters_and_sequences() -> None:
    p = mg.nn.Parameter(mg.ones(2))
    assert p.requires_grad
    assert p.is_leaf
    net = mg.nn.Sequential(mg.nn.Linear(2, 2))
    net.append(mg.nn.Tanh()).extend([mg.nn.Identity(), mg.nn.Linear(2, 1)])
    assert len(net) == 4
    assert isinstance(net[-1], mg.nn.Linear)
    assert [type(m).__name__ for m in net[1:3]] == ["Tanh", "Identity"]
    x = mg.rand(3, 2)
    np.testing.assert_array_equal(net[:3](x).detach().numpy(), net[0](x).tanh().detach().numpy())
    assert isinstance(net.pop(2), mg.nn.Identity)
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_R21_the_padding_row_of_an_embedding_is_not_learned() -> None:
    layer = mg.nn.Embedding(5, 3, padding_idx=2)
    assert layer.weight[2].tolist() == [0.0, 0.0, 0.0]
    layer(mg.tensor([[2, 0], [2, 4]])).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0]
    assert layer(mg.tensor([2])).tolist() == [[0.0, 0.0, 0.0]]


def test_R24_batch_norm_of_pictures() -> None:
    layer = mg.nn.BatchNorm2d(1, momentum=0.1)
    out = layer(mg.tensor([0.0, 2.0]).reshape(2, 1, 1, 1))
    np.testing.assert_allclose(out.detach().numpy().ravel(), [-1, 1], rtol=1e-5)
    assert layer.running_var.item() == pytest.approx(0.9 + 0.1 * 2)
    plain = mg.nn.BatchNorm2d(1, affine=False, track_running_stats=False)
    assert list(plain.state_dict()) == []
    with pytest.raises(ValueError, match="BatchNorm2d: needs 4 dimensions"):
        layer(mg.ones(2, 1))


@pytest.mark.parametrize("name", ["Dropout", "Dropout2d"])
def test_R25_dropout_layers_scale_and_rest(name: str) -> None:
    layer = getattr(mg.nn, name)(0.75)
    x = mg.ones(40, 30, 2, 2)
    out = layer(x).numpy()
    assert set(np.unique(out)) == {0.0, 4.0}
    assert abs(out.mean() - 1) < 0.2
    if name == "Dropout2d":
        assert (out == out[:, :, :1, :1]).all()
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\]"):
        getattr(mg.nn, name)(1.5)


@pytest.mark.parametrize(
    "name", ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"]
)
def test_X23_layers_that_drop_everything(name: str) -> None:
    rank = {"Dropout1d": 3, "Dropout3d": 5}.get(name, 4)
    x = mg.ones((2,) * rank, requires_grad=True)
    out = getattr(mg.nn, name)(1.0)(x)
    assert not out.any()
    out.sum().backward()
    assert x.grad is not None
    assert not x.grad.any()


@pytest.mark.parametrize("layer", [mg.nn.PairwiseDistance(), mg.nn.CosineSimilarity()], ids=repr)
def test_R29_distances_as_layers(layer: mg.nn.Module) -> None:
    x, y = (mg.rand(3, 4, dtype=mg.float64).requires_grad_() for _ in range(2))
    assert autograd.gradcheck(layer, (x, y))
    zero = mg.zeros(3, 4, requires_grad=True)
    layer(zero, zero * 1).sum().backward()
    assert zero.grad is not None
    assert zero.grad.isfinite().all()


def test_R37_initialisers_and_schedules_are_there() -> None:
    mg.manual_seed(0)
    w = mg.nn.init.kaiming_normal_(mg.empty(2000, 50), nonlinearity="relu")
    assert w.std().item() == pytest.approx((2 / 50) ** 0.5, rel=0.02)
    assert mg.nn.init.uniform_(mg.empty(99), -0.5, 0.5).abs().max().item() <= 0.5
    optimizer = mg.optim.SGD([mg.nn.Parameter(w)], lr=1.0)
    assert mg.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5).get_last_lr() == [1.0]
