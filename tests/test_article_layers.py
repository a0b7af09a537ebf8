"""What the articles and the repository name and the package leaves out, as the examples compose it.

Each test's name begins with the row of the acceptance table. The layers are those of `examples/layers.py`, the functions of
matrices those of `examples/matrix_functions.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import Tensor, autograd, nn
from test_examples import load
from worked import Array, assert_close, assert_equal, const, draw, gradients, leaf, softmax_of

LAYERS, MATRICES = load("layers"), load("matrix_functions")


def with_weights(module: nn.Module, seed: int = 1) -> nn.Module:
    """Return the module in float64, its parameters drawn by NumPy."""
    module.double()
    for i, p in enumerate(module.parameters()):
        p.data.copy_(const(0.5 * draw(*p.shape, seed=100 * seed + i)))
    return module


# ---- Functions of matrices --------------------------------------------------------------------------------------------


def signed(*parts: Tensor) -> tuple[Tensor, ...]:
    """Return a decomposition whose vectors have the signs that make the first row of the last matrix positive.

    Which signs LAPACK gives is left open, and may change with the last bits of its operand.
    """
    signs = parts[-1].detach()[..., :1, :].sign()
    return tuple(x * signs if x.ndim == signs.ndim else x for x in parts)


FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "inverse": (MATRICES.inverse, (2, 3, 3)),
    "logarithm of the determinant": (MATRICES.logdet, (2, 3, 3)),
    "determinant": (lambda a: MATRICES.logdet(a).exp(), (3, 3)),
    "eigenvectors": (lambda a: signed(*MATRICES.eigh(a + a.mT)), (2, 3, 3)),
    "singular vectors": (lambda a: signed(*MATRICES.svd(a)), (4, 3)),
    "singular vectors, square": (lambda a: signed(*MATRICES.svd(a)), (2, 3, 3)),
}


def distinct(*shape: int) -> Array:
    """Return matrices whose eigenvalues, and singular values, lie apart."""
    return 0.3 * draw(*shape) + np.eye(*shape[-2:]) * np.arange(1.0, shape[-1] + 1)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_A25_functions_of_matrices_with_distinct_spectra(name: str) -> None:
    function, shape = FUNCTIONS[name]
    a = leaf(distinct(*shape))
    assert autograd.gradcheck(function, a)
    assert autograd.gradgradcheck(function, a)


def test_A25_values_and_gradients_in_closed_form() -> None:
    a = distinct(4, 3)
    u, s, v = MATRICES.svd(leaf(a))
    assert_close((u * s) @ v.mT, a)
    square = distinct(3, 3)
    w, v = MATRICES.eigh(const(square + square.T))
    assert_close((v * w) @ v.mT, square + square.T)
    x = leaf(square)
    assert_close(gradients(MATRICES.logdet(x), x)[0], np.linalg.inv(square).T)
    assert_close(gradients(MATRICES.eigh(x + x.mT)[0].sum(), x)[0], 2 * np.eye(3))  # the trace of x + xᵀ
    assert_close(gradients(MATRICES.svd(x)[1].square().sum(), x)[0], 2 * square)  # the square of Frobenius' norm


# ---- Backward passes written by hand ----------------------------------------------------------------------------------


def each_window(x: Tensor, w: Tensor, conv: Any) -> Any:
    """Yield, for a convolution over one dimension, (n, o, t, c, k) and the place in x that they meet at, if it is in x."""
    (n, o), (c, k) = (len(x), len(w)), w.shape[1:]
    times = (x.shape[2] + 2 * conv.padding - conv.dilation * (k - 1) - 1) // conv.stride + 1
    for i, j, t, m, q in itertools.product(*map(range, (n, o, times, c, k))):
        place = t * conv.stride + q * conv.dilation - conv.padding
        if 0 <= place < x.shape[2]:
            yield i, j, t, m, q, place


def test_A26_linear_goes_back_as_written_by_hand() -> None:
    layer = with_weights(nn.Linear(3, 4))
    x, g = leaf(draw(5, 3)), draw(5, 4, seed=9)
    gx, gw, gb = gradients(layer(x), x, layer.weight, layer.bias, v=g)
    assert_close(gx, g @ layer.weight.detach().numpy())
    assert_close(gw, g.T @ x.detach().numpy())
    assert_close(gb, g.sum(0))


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 1, 2)])
def test_A26_R22_convolution_goes_forth_and_back_as_written_by_hand(stride: int, padding: int, dilation: int) -> None:
    conv = with_weights(LAYERS.Conv(2, 3, (3,), stride, padding, dilation))
    x = leaf(draw(2, 2, 9))
    out = conv(x)
    g = draw(*out.shape, seed=9)
    wanted = np.zeros(out.shape) + conv.bias.detach().numpy()[:, None]
    gx, gw = np.zeros(x.shape), np.zeros(conv.weight.shape)
    a, w = x.detach().numpy(), conv.weight.detach().numpy()
    for n, o, t, c, k, place in each_window(x, conv.weight, conv):
        wanted[n, o, t] += a[n, c, place] * w[o, c, k]
        gx[n, c, place] += g[n, o, t] * w[o, c, k]
        gw[o, c, k] += g[n, o, t] * a[n, c, place]
    assert_close(out, wanted)
    for found, right in zip(gradients(out, x, conv.weight, conv.bias, v=g), (gx, gw, g.sum((0, 2))), strict=True):
        assert_close(found, right)


def test_A26_an_rnn_goes_back_through_time_as_written_by_hand() -> None:
    rnn = with_weights(LAYERS.Recurrent("tanh", 2, 3))
    x, g = leaf(draw(4, 5, 2)), draw(4, 5, 3, seed=9)
    out, _ = rnn(x)
    w_x, w_h = (p.detach().numpy() for p in (rnn.weight_ih_l0, rnn.weight_hh_l0))
    a, h = x.detach().numpy(), out.detach().numpy()
    gx, gw_x, gw_h, gb = np.zeros(a.shape), np.zeros(w_x.shape), np.zeros(w_h.shape), np.zeros(3)
    later = np.zeros((5, 3))
    for t in reversed(range(4)):
        inner = (g[t] + later) * (1 - h[t] ** 2)
        gx[t], later = inner @ w_x, inner @ w_h
        gw_x += inner.T @ a[t]
        gb += inner.sum(0)
        gw_h += inner.T @ (h[t - 1] if t else np.zeros((5, 3)))
    inputs = x, rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0, rnn.bias_hh_l0
    for found, right in zip(gradients(out, *inputs, v=g), (gx, gw_x, gw_h, gb, gb), strict=True):
        assert_close(found, right)


class FusedAttention(autograd.Function):
    """Attention of one head as one operation, its backward pass derived by hand."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        ctx.save_for_backward(q, k, v)
        return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        q, k, v = ctx.saved_tensors
        p = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        gp = grad_outputs[0] @ v.mT
        scores = p * (gp - (gp * p).sum(-1, keepdim=True)) / q.shape[-1] ** 0.5
        return scores @ k, scores.mT @ q, p.mT @ grad_outputs[0]


@pytest.mark.parametrize("heads", [1, 2])
def test_A26_B15_attention_is_four_linears_two_products_and_a_softmax(heads: int) -> None:
    layer = with_weights(LAYERS.Attention(4, heads))
    x = leaf(draw(2, 3, 4))
    assert sorted(name for name, _ in layer.named_children()) == ["k", "out", "q", "v"]

    def fused(x: Tensor) -> Tensor:
        parts = [f(x).chunk(heads, -1) for f in (layer.q, layer.k, layer.v)]
        out: Tensor = layer.out(mg.cat([FusedAttention.apply(*qkv) for qkv in zip(*parts, strict=True)], -1))
        return out

    a = x.detach().numpy()[1] @ layer.q.weight.detach().numpy().T + layer.q.bias.detach().numpy()
    b = x.detach().numpy()[1] @ layer.k.weight.detach().numpy().T + layer.k.bias.detach().numpy()
    if heads == 1:  # the scores of one row, by hand
        p = softmax_of(a[0] @ b.T / 2)
        wanted = layer.out(const(p) @ layer.v(x[1]))
        assert_close(layer(x)[1, 0], wanted.detach().numpy())
    assert_close(layer(x), fused(x).detach().numpy())
    inputs, g = (x, *layer.parameters()), draw(2, 3, 4, seed=9)
    for composed, by_hand in zip(gradients(layer(x), *inputs, v=g), gradients(fused(x), *inputs, v=g), strict=True):
        assert_close(composed, by_hand)
    for function in (layer, fused):
        assert autograd.gradcheck(function, x)
        assert autograd.gradgradcheck(function, x)


# ---- Layers of the repository -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
@pytest.mark.parametrize("size", [(3,), (3, 2), (1, 3)], ids=str)
def test_R22_convolutions_are_pytorchs(
    size: tuple[int, ...], stride: int, padding: int, dilation: int, bias: bool
) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    conv = with_weights(LAYERS.Conv(2, 3, size, stride, padding, dilation, bias))
    theirs = getattr(torch.nn, f"Conv{len(size)}d")(2, 3, size, stride, padding, dilation, bias=bias).double()
    theirs.load_state_dict({name: torch.from_numpy(p.numpy()) for name, p in conv.state_dict().items()})
    a = draw(2, 2, *([7] * len(size)))
    x, y = leaf(a), torch.tensor(a, requires_grad=True)
    out, wanted = conv(x), theirs(y)
    assert_close(out, wanted.detach().numpy())
    out.square().sum().backward()
    wanted.square().sum().backward()
    assert_close(x.grad, y.grad.numpy())
    for p, q in zip(conv.parameters(), theirs.parameters(), strict=True):
        assert_close(p.grad, q.grad.numpy(), atol=1e-11)


def test_R23_gradients_of_overlapping_windows_add() -> None:
    x = leaf([[[1.0, 4.0, 2.0, 3.0, 0.0]]])
    assert_equal(LAYERS.max_pool(x, (3,), 1).detach(), [[[4, 4, 3]]])
    assert_equal(gradients(LAYERS.max_pool(x, (3,), 1), x, v=[[[1, 2, 4]]])[0], [[[0, 3, 0, 4, 0]]])
    assert_close(LAYERS.avg_pool(x, (3,), 1), [[[7 / 3, 3, 5 / 3]]])
    assert_close(gradients(LAYERS.avg_pool(x, (3,), 1), x, v=[[[3, 6, 12]]])[0], [[[1, 3, 7, 6, 4]]])
    pictures = leaf(np.arange(16.0).reshape(1, 1, 4, 4))
    assert_equal(LAYERS.max_pool(pictures, (2, 2), 2).detach(), [[[[5, 7], [13, 15]]]])
    assert_equal(LAYERS.avg_pool(pictures, (2, 2), 2).detach(), [[[[2.5, 4.5], [10.5, 12.5]]]])
    corners, middles = (
        gradients(LAYERS.avg_pool(pictures, (3, 3), 1).sum() * 9, pictures)[0][0, 0, i, i] for i in (0, 1)
    )
    assert (corners, middles) == pytest.approx((1, 4))
    ties = leaf([[[2.0, 2.0]]])
    assert_equal(gradients(LAYERS.max_pool(ties, (2,), 1), ties)[0], [[[1, 0]]])


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["tanh", "relu", "gru", "lstm"])
def test_R26_recurrent_layers_are_pytorchs(kind: str, layers: int, batch_first: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    ours = with_weights(LAYERS.Recurrent(kind, 2, 3, layers, batch_first))
    make = getattr(torch.nn, kind.upper() if kind in {"gru", "lstm"} else "RNN")
    options = {} if kind in {"gru", "lstm"} else {"nonlinearity": kind}
    theirs = make(2, 3, layers, batch_first=batch_first, **options).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict({name: torch.from_numpy(p.numpy()) for name, p in ours.state_dict().items()})
    a = draw(4, 5, 2)
    x, y = leaf(a), torch.tensor(a, requires_grad=True)
    (out, last), (wanted, state) = ours(x), theirs(y)
    assert_close(out, wanted.detach().numpy())
    assert_close(last, (state[0] if kind == "lstm" else state).detach().numpy())
    out.square().sum().backward()
    wanted.square().sum().backward()
    assert_close(x.grad, y.grad.numpy())
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(p.grad, q.grad.numpy(), atol=1e-11)


@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
def test_R26_back_through_time_is_the_derivative(kind: str) -> None:
    layer = with_weights(LAYERS.Recurrent(kind, 2, 2, layers=2))
    assert autograd.gradcheck(layer, leaf(draw(3, 2, 2)))


def test_R26_dropout_between_layers_is_there_while_training_alone() -> None:
    mg.manual_seed(0)
    with_it, without = (LAYERS.Recurrent("tanh", 2, 8, layers=2, dropout=p) for p in (0.5, 0.0))
    without.load_state_dict(with_it.state_dict())
    x = mg.randn(3, 4, 2)
    assert not mg.equal(with_it(x)[0], without(x)[0])
    assert mg.equal(with_it(x)[1][0], without(x)[1][0])  # not before the first layer
    assert mg.equal(with_it.eval()(x)[0], without(x)[0])


def test_R36_transforms_of_pictures_are_expressions_and_replay_from_a_seed() -> None:
    """torchvision's classes are no part of PyTorch: each is one expression, and any function will do as a `transform`."""

    def to_tensor(picture: Array) -> Tensor:
        return mg.from_numpy(picture).permute(2, 0, 1) / 255

    steps: dict[str, Callable[[Tensor], Tensor]] = {
        "Grayscale": lambda x: mg.tensordot(mg.tensor([0.299, 0.587, 0.114]), x, dims=1)[None],
        "CenterCrop": lambda x: x[:, 1:5, 1:5],
        "RandomHorizontalFlip": lambda x: x.flip(-1) if mg.rand(()) < 0.5 else x,
        "RandomVerticalFlip": lambda x: x.flip(-2) if mg.rand(()) < 0.5 else x,
        "RandomCrop": lambda x: x[:, (i := int(mg.randint(2, ()))) : i + 3, :3],
        "RandomMask": lambda x: x * (mg.rand(x.shape) > 0.25),
        "Normalize": lambda x: (x - 0.5) / 0.5,
    }

    def compose(picture: Array) -> Tensor:
        x = to_tensor(picture)
        for step in steps.values():
            x = step(x)
        return x

    picture = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    gray = steps["Grayscale"](to_tensor(picture))
    np.testing.assert_allclose(gray[0], picture @ np.array([0.299, 0.587, 0.114]) / 255, rtol=1e-6)
    seen = set()
    for seed in range(8):
        mg.manual_seed(seed)
        first = compose(picture)
        mg.manual_seed(seed)
        assert mg.equal(compose(picture), first)
        assert first.shape == (1, 3, 3)
        assert first.min().item() >= -1
        seen.add(first.numpy().tobytes())
    assert len(seen) > 4


# ---- Defects of the repository ----------------------------------------------------------------------------------------


def test_X15_a_convolution_without_padding() -> None:
    conv = with_weights(LAYERS.Conv(1, 1, (2,), padding=0, bias=False))
    conv.weight.data.copy_(const([[[1.0, 10.0]]]))
    assert_equal(conv(const([[[1.0, 2.0, 3.0]]])).detach(), [[[21, 32]]])


def test_X16_a_first_convolution_without_a_bias_has_a_gradient() -> None:
    conv = with_weights(LAYERS.Conv(1, 1, (2, 2), bias=False))
    x = const(np.arange(9.0).reshape(1, 1, 3, 3))
    conv(x).sum().backward()
    assert_equal(conv.weight.grad, [[[[8, 12], [20, 24]]]])
    assert conv.bias is None
    assert list(conv.state_dict()) == ["weight"]


def test_A26_the_pieces_of_a_network_of_patches_fit() -> None:
    model = LAYERS.ByPatches().double()
    x = leaf(0.1 * draw(2, 8, 8))
    F.cross_entropy(model(x), mg.tensor([3, 7])).backward()
    assert x.grad is not None
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
