"""《前向和反向传播》: what it describes and works out by hand.

Each test's name begins with the row of the acceptance table.
"""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from helpers import in_threads

import minigrad as mg
from minigrad import autograd
from minigrad.graph import Node
from minigrad.nn import functional as F
from visits import visiting
from worked import assert_close, assert_equal, const, draw, gradients, leaf

# ---- 《前向和反向传播》 ----------------------------------------------------------------------------------------------

Y = np.array([0.1177, -0.4787, 1.1570, -0.7038, -0.3809])
Y2 = np.array([1.0282, 2.7791, 2.5685, -1.9691, 2.8020])
Y2_GRAD = np.array([1.8210, 6.5158, 2.8230, -2.5306, 6.3659])
W2 = np.array([0.10958, 1.97410, -1.45472, 0.40184])
Y1_GRAD = np.array(
    [
        [0.1996, 3.5949, -2.6491, 0.7318],
        [0.7140, 12.8628, -9.4787, 2.6183],
        [0.3094, 5.5730, -4.1067, 1.1344],
        [-0.2773, -4.9956, 3.6813, -1.0169],
        [0.6976, 12.5669, -9.2606, 2.5581],
    ]
)
X_TIMES_Y2_GRAD = np.array([24.2818, 1.7456, 2.0050])
W1_GRAD = np.array(
    [
        [2.6609, 47.9346, -35.3232, 9.7575],
        [0.1913, 3.4460, -2.5394, 0.7015],
        [0.2197, 3.9581, -2.9167, 0.8057],
    ]
)
B1_GRAD = np.array([1.6432, 29.6020, -21.8138, 6.0257])
ROUNDING = 3e-4  # the article prints four decimals


class ArticleMLP:
    """The article's network, y2 = (x w1 + b1) w2 + b2, at numbers that lead to those that it prints.

    It prints y, y2 and gradients, not x and w1. Here x is one that gives ``xᵀ ∂y2`` and, with ``w1 w2 = u``, y2; biases
    are 0. What follows from ∂y2 is held against four printed decimals, so ∂y2 is taken as printed, and y is
    ``y2 - ∂y2 / 2``.
    """

    def __init__(self, dtype: mg.dtype) -> None:
        g, c = Y2_GRAD, X_TIMES_Y2_GRAD
        u = c * (g @ Y2) / (c @ c)
        beside_g = Y2 - g * (g @ Y2) / (g @ g)
        x = np.outer(g, c) / (g @ g) + np.outer(beside_g, u) / (u @ u)
        self.x = mg.tensor(x, dtype=dtype)
        self.y = mg.tensor(Y2 - Y2_GRAD / 2, dtype=dtype)
        self.w1 = leaf(np.outer(u, W2) / (W2 @ W2), dtype)
        self.b1 = leaf(np.zeros(4), dtype)
        self.w2 = leaf(W2[:, None], dtype)
        self.b2 = leaf(np.zeros(1), dtype)
        self.y1 = self.x @ self.w1 + self.b1
        self.y2 = self.y1 @ self.w2 + self.b2
        self.loss = ((self.y - self.y2.squeeze()) ** 2).sum()


@pytest.fixture(params=[mg.float32, mg.float64], ids=str)
def mlp(request: pytest.FixtureRequest) -> ArticleMLP:
    return ArticleMLP(request.param)


def test_d1_update_only_after_gradients_exist() -> None:
    """《前向和反向传播》, the building blocks: forward, backward, then the optimiser's update."""
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    assert w.grad is None
    assert_equal(w.detach(), [1, 2])
    loss.backward()
    assert_equal(w.detach(), [1, 2])
    assert w.grad is not None
    with mg.no_grad():
        w -= 0.5 * w.grad
    assert_equal(w.detach(), [0, 0])


def test_d2_activations_go_layer_by_layer() -> None:
    """《前向和反向传播》, the pebble graph: what a layer kept is given up once its backward pass has run."""
    x = leaf(draw(3, 3))
    kept, y = [], x
    for _ in range(5):
        y = y.sin()
        node = y.grad_fn
        assert node is not None
        assert node.saved is not None
        kept.append(weakref.ref(node.saved[0]))
    loss = y.sum()
    del y, node
    alive = []

    def note(node: Node) -> None:
        if node.primitive.name == "sin":
            alive.append(sum(ref() is not None for ref in kept))

    with visiting(note):
        loss.backward()
    assert alive == [5, 4, 3, 2, 1]


def test_d2_gradients_are_ready_layer_by_layer() -> None:
    """《前向和反向传播》, the pebble graph: a layer's gradient is there before the pass comes to earlier layers."""
    weights = [leaf(draw(3, 3, seed=seed)) for seed in range(3)]
    y = const(draw(2, 3))
    for w in weights:
        y = y @ w
    loss = y.sum()
    events: list[str] = []
    for n, w in enumerate(weights):
        w.register_post_accumulate_grad_hook(lambda _, n=n: events.append(f"gradient {n}"))
    with visiting(lambda node: events.append("layer") if node.primitive.name == "matmul" else None):
        loss.backward()
    assert events == ["layer", "gradient 2", "layer", "gradient 1", "layer", "gradient 0"]


def test_d3_a_layer_keeps_its_input_and_its_weight() -> None:
    """《前向和反向传播》, the corrected picture: not its output, not its bias."""
    x, w, b = leaf(draw(5, 3)), leaf(draw(4, 3, seed=1)), leaf(draw(4, seed=2))
    out = F.linear(x, w, b)
    node = out.grad_fn
    assert node is not None
    assert node.saved is not None
    kept = [array for array in node.saved if isinstance(array, np.ndarray)]
    assert [array.shape for array in kept] == [(5, 3), (4, 3)]
    assert np.shares_memory(kept[0], x.detach().numpy())
    assert np.shares_memory(kept[1], w.detach().numpy())


def test_d4_linear_layer() -> None:
    """《前向和反向传播》, Y = X W + b. Erratum: b is a row of m numbers; an m × 1 matrix cannot be added to n × m."""
    X, W, b = leaf(draw(5, 3)), leaf(draw(3, 4, seed=1)), leaf(draw(4, seed=2))
    G = draw(5, 4, seed=3)
    of_X, of_W, of_b = gradients(X @ W + b, X, W, b, v=G)
    assert_close(of_X, G @ W.detach().numpy().T, 1e-14)
    assert_close(of_W, X.detach().numpy().T @ G, 1e-14)
    assert_close(of_b, G.T @ np.ones(5), 1e-14)
    fused = F.linear(X, W.t(), b)
    assert_close(fused, (X @ W + b).detach().numpy(), 1e-14)
    for separate, one in zip((of_X, of_W, of_b), gradients(fused, X, W, b, v=G), strict=True):
        assert_close(one, separate, 1e-14)
    with pytest.raises(RuntimeError, match=r"^add: .*\(5, 4\).*\(4, 1\)"):
        X @ W + b.unsqueeze(1)


def test_d5_loss_and_gradient_of_y2() -> None:
    """《前向和反向传播》, the example: ∂y2 = 2 (y2 - y), from the printed y and y2."""
    y, y2 = const(Y), leaf(Y2[:, None])
    loss = ((y - y2.squeeze()) ** 2).sum()
    assert loss.item() == pytest.approx(25.1672, abs=1e-3)
    (g,) = autograd.grad(loss, y2, retain_graph=True)
    assert g.shape == (5, 1)
    assert_close(g.squeeze(), Y2_GRAD, ROUNDING)
    loss.backward()
    assert y2.grad is not None
    assert_equal(y2.grad, g.numpy())


def test_d5_example_leads_to_the_printed_numbers(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example as a whole, forwards."""
    assert_close(mlp.y2.squeeze(), Y2, ROUNDING)
    assert_close(mlp.y, Y, ROUNDING)
    assert mlp.loss.item() == pytest.approx(25.1672, abs=1e-3)
    (g,) = autograd.grad(mlp.loss, mlp.y2)
    assert_close(g.squeeze(), Y2_GRAD, ROUNDING)


def test_d6_gradient_of_y1(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example: ∂y1 = ∂y2 w2ᵀ."""
    (g,) = autograd.grad(mlp.loss, mlp.y1, retain_graph=True)
    assert g.shape == (5, 4)
    assert_close(g[0], [0.1996, 3.5949, -2.6491, 0.7318], ROUNDING)
    assert_close(g, Y1_GRAD, ROUNDING)
    (of_y2,) = autograd.grad(mlp.loss, mlp.y2)
    assert_close(of_y2 @ mlp.w2.detach().t(), g.numpy(), 1e-6)


def test_d7_gradient_of_w1(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example: ∂w1 = xᵀ ∂y1."""
    assert_close(mlp.x.t() @ mg.tensor(Y2_GRAD, dtype=mlp.x.dtype), X_TIMES_Y2_GRAD, 1e-4)
    mlp.loss.backward()
    assert mlp.w1.grad is not None
    assert_close(mlp.w1.grad, W1_GRAD, ROUNDING)


def test_d8_gradients_of_b1_and_b2(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example: ∂b1 = ∂y1ᵀ 1, ∂b2 = ∂y2ᵀ 1."""
    mlp.loss.backward()
    assert mlp.b1.grad is not None
    assert mlp.b2.grad is not None
    assert_close(mlp.b1.grad, B1_GRAD, ROUNDING)
    assert_close(mlp.b2.grad, [14.995], ROUNDING)


def test_d9_grad_after_backward_names_the_remedy(mlp: ArticleMLP) -> None:
    """《前向和反向传播》, the example. Erratum: after l.backward() the graph is freed, and autograd.grad raises."""
    before = autograd.grad(mlp.loss, mlp.y1, retain_graph=True)[0]
    mlp.loss.backward()
    for x in (mlp.y2, mlp.y1):
        with pytest.raises(RuntimeError, match=r"freed.*retain_graph=True"):
            autograd.grad(mlp.loss, x, retain_graph=True)
    assert_close(before, Y1_GRAD, ROUNDING)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_d10_workers_are_one_worker_on_the_concatenated_batch(dtype: type) -> None:
    """《前向和反向传播》. To the bit where the batch is cut into the same shards, whoever computes them."""
    x, w = draw(24, 5).astype(dtype), draw(5, 3).astype(dtype)
    shards = np.split(x, 6)

    def gradient(rows: np.ndarray) -> np.ndarray:
        own = mg.tensor(w, requires_grad=True)
        (mg.tensor(rows) @ own).tanh().sum().backward()
        assert own.grad is not None
        return own.grad.numpy()

    def added_up(workers: int) -> np.ndarray:
        """Each worker takes every so many-th shard; the sum goes by the shards' order, not by the workers'."""
        parts = in_threads(*(lambda k=k: list(map(gradient, shards[k::workers])) for k in range(workers)))
        return sum(parts[n % workers][n // workers] for n in range(len(shards)))

    alone = added_up(1)
    assert alone.dtype == dtype
    assert all(np.array_equal(added_up(workers), alone) for workers in (2, 3, 6))
    np.testing.assert_allclose(alone, gradient(x), rtol=1e-12 if dtype is np.float64 else 1e-4)
