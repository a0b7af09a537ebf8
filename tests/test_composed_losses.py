"""Losses made of several primitives against PyTorch: value, gradient and second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch")

N, C = 5, 4
DRAW = np.random.default_rng(7)
ROWS = DRAW.standard_normal((N, C))
OTHER = DRAW.standard_normal((N, C))
THIRD = DRAW.standard_normal((N, C))
CLASSES = DRAW.integers(0, C, N)
SIGNS = DRAW.choice([-1.0, 1.0], (N, C))
WEIGHT = DRAW.uniform(0.5, 2, C)
CHANCES = DRAW.dirichlet(np.ones(C), N)
POSITIVE = DRAW.uniform(0.5, 2, (N, C))

Loss = Callable[..., Any]

# Each takes nn.functional, what makes a tensor, and the input.
LOSSES: dict[str, Loss] = {
    "cross_entropy, weight": lambda f, t, x, **r: f.cross_entropy(x, t(CLASSES), t(WEIGHT), **r),
    "cross_entropy, weight, smoothing": lambda f, t, x, **r: f.cross_entropy(
        x, t(CLASSES), t(WEIGHT), ignore_index=1, label_smoothing=0.1, **r
    ),
    "cross_entropy, probabilities": lambda f, t, x, **r: f.cross_entropy(x, t(CHANCES), **r),
    "cross_entropy, probabilities, weight, smoothing": lambda f, t, x, **r: f.cross_entropy(
        x, t(CHANCES), t(WEIGHT), label_smoothing=0.1, **r
    ),
    "nll_loss": lambda f, t, x, **r: f.nll_loss(x.log_softmax(1), t(CLASSES), t(WEIGHT), **r),
    "multi_margin_loss": lambda f, t, x, **r: f.multi_margin_loss(x, t(CLASSES), weight=t(WEIGHT), **r),
    "multi_margin_loss, p 2": lambda f, t, x, **r: f.multi_margin_loss(x, t(CLASSES), p=2, **r),
    "binary_cross_entropy, weight": lambda f, t, x, **r: f.binary_cross_entropy(
        x.sigmoid(), t(CHANCES), t(WEIGHT), **r
    ),
    "binary_cross_entropy_with_logits, pos_weight": lambda f, t, x, **r: f.binary_cross_entropy_with_logits(
        x, t(CHANCES), t(WEIGHT), pos_weight=t(WEIGHT), **r
    ),
    "kl_div": lambda f, t, x, **r: f.kl_div(x.log_softmax(1), t(CHANCES), **r),
    "kl_div, log_target": lambda f, t, x, **r: f.kl_div(x.log_softmax(1), t(np.log(CHANCES)), log_target=True, **r),
    "gaussian_nll_loss": lambda f, t, x, **r: f.gaussian_nll_loss(x, t(OTHER), t(POSITIVE), full=True, **r),
    "gaussian_nll_loss, variance": lambda f, t, x, **r: f.gaussian_nll_loss(t(OTHER), t(THIRD), x.exp(), **r),
    "poisson_nll_loss": lambda f, t, x, **r: f.poisson_nll_loss(x, t(POSITIVE), full=True, **r),
    "poisson_nll_loss, no logarithm": lambda f, t, x, **r: f.poisson_nll_loss(
        x.exp(), t(POSITIVE), log_input=False, **r
    ),
    "soft_margin_loss": lambda f, t, x, **r: f.soft_margin_loss(x, t(SIGNS), **r),
    "hinge_embedding_loss": lambda f, t, x, **r: f.hinge_embedding_loss(x * x, t(SIGNS), margin=0.7, **r),
    "margin_ranking_loss": lambda f, t, x, **r: f.margin_ranking_loss(x * x, t(OTHER), t(SIGNS), margin=0.1, **r),
    "triplet_margin_loss": lambda f, t, x, **r: f.triplet_margin_loss(x, t(OTHER), t(THIRD), margin=3.0, **r),
    "triplet_margin_loss, p 3, swap": lambda f, t, x, **r: f.triplet_margin_loss(
        x, t(OTHER), t(THIRD), margin=3.0, p=3, swap=True, **r
    ),
    "cosine_embedding_loss": lambda f, t, x, **r: f.cosine_embedding_loss(
        x, t(OTHER), t(SIGNS[:, 0]), margin=-0.9, **r
    ),
    "multilabel_soft_margin_loss": lambda f, t, x, **r: f.multilabel_soft_margin_loss(x, t(CHANCES), t(WEIGHT), **r),
}


def torch_results(loss: Loss, reduction: str) -> list[Any]:
    x = torch.tensor(ROWS, requires_grad=True)
    value = loss(torch.nn.functional, torch.tensor, x, reduction=reduction)
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    results = [value, first]
    try:
        results += torch.autograd.grad((first * torch.tensor(THIRD)).sum() + 0 * x.sum(), x)
    except RuntimeError as error:
        assert "not implemented" in str(error)  # noqa: PT017
    return [y.detach().numpy() for y in results]


def minigrad_results(loss: Loss, reduction: str) -> list[Any]:
    x = mg.tensor(ROWS, requires_grad=True)
    value = loss(mg.nn.functional, mg.tensor, x, reduction=reduction)
    (first,) = mg.autograd.grad(value.sum(), x, create_graph=True)
    (second,) = mg.autograd.grad((first * mg.tensor(THIRD)).sum() + 0 * x.sum(), x)
    return [y.detach().numpy() for y in (value, first, second)]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.filterwarnings("ignore:reduction")
def test_value_gradient_and_second_order(name: str, reduction: str) -> None:
    found, expected = (results(LOSSES[name], reduction) for results in (minigrad_results, torch_results))
    for order, (mine, theirs) in enumerate(zip(found, expected, strict=False)):
        assert mine.shape == theirs.shape
        # In the second derivative of binary_cross_entropy PyTorch adds 1e-12 to denominators.
        relative = 1e-9 if name.startswith("binary_cross_entropy,") and order == 2 else 1e-11
        np.testing.assert_allclose(mine, theirs, rtol=relative, atol=1e-12)
    x = mg.tensor(ROWS, requires_grad=True)
    assert mg.autograd.gradgradcheck(lambda x: LOSSES[name](mg.nn.functional, mg.tensor, x, reduction=reduction), (x,))


AT_KINKS: dict[str, tuple[Loss, list[Any]]] = {
    "hinge_embedding_loss": (lambda f, t, x: f.hinge_embedding_loss(x, t([-1.0, 1.0])), [1.0, 1.0]),
    "margin_ranking_loss": (lambda f, t, x: f.margin_ranking_loss(x, t([1.0, 0.0]), t([1.0, -1.0])), [1.0, 0.0]),
    "multi_margin_loss": (lambda f, t, x: f.multi_margin_loss(x, t([0])), [[1.0, 0.0]]),
    "triplet_margin_loss": (
        lambda f, t, x: f.triplet_margin_loss(x, t([[1.0, 0]]), t([[0, 2.0]]), eps=0.0),
        [[0.0, 0.0]],
    ),
    "cosine_embedding_loss": (lambda f, t, x: f.cosine_embedding_loss(x, t([[1.0, -1.0]]), t([-1])), [[1.0, 1.0]]),
    "l1_loss": (lambda f, t, x: f.l1_loss(x, t([0.0, 1.0])), [0.0, 2.0]),
    "smooth_l1_loss": (lambda f, t, x: f.smooth_l1_loss(x, t([0.0, 0.0])), [1.0, -1.0]),
    "huber_loss": (lambda f, t, x: f.huber_loss(x, t([0.0, 0.0]), delta=0.5), [0.5, -0.5]),
    "binary_cross_entropy": (lambda f, t, x: f.binary_cross_entropy(x, t([1.0, 1.0])), [0.0, 1.0]),
}


@pytest.mark.parametrize("name", list(AT_KINKS))
def test_gradients_at_kinks(name: str) -> None:
    loss, data = AT_KINKS[name]
    found = []
    for lib in (mg, torch):
        x = lib.tensor(data, requires_grad=True)
        loss(lib.nn.functional, lib.tensor, x).backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(
    "counts",
    [(0, 1, 7, 3, 0, 2), (0,) * 6, (7,) * 6, (1, 0, 0, 0, 0, 0), (5, 6, 7, 5, 4, 5), (3, 4, 4, 4, 4, 4)],
    ids=str,
)
def test_multilabel_margins_of_any_number_of_targets(counts: tuple[int, ...], reduction: str, times: int) -> None:
    draw = np.random.default_rng(3)
    scores = draw.standard_normal((6 * times, 7))
    targets = np.stack([np.where(np.arange(7) < n, draw.permutation(7), -1) for n in counts * times])
    found = []
    for lib in (mg, torch):
        x = lib.tensor(scores, requires_grad=True)
        loss = lib.nn.functional.multilabel_margin_loss(x, lib.tensor(targets), reduction=reduction)
        loss.sum().backward()
        found.append((loss.detach().numpy(), x.grad.numpy()))
    for mine, right in zip(*found, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dims", [(0, 0), (None, 0), (0, None)])
@pytest.mark.parametrize("rows", [(), (3,)])
def test_multilabel_margins_of_many_examples(
    rows: tuple[int, ...], dims: tuple[int | None, int | None], reduction: str
) -> None:
    draw = np.random.default_rng(4)
    scores = draw.standard_normal((5, *rows, 6))
    ends = draw.integers(0, 7, (5, *rows, 1))
    targets = np.where(np.arange(6) < ends, draw.permuted(np.broadcast_to(np.arange(6), scores.shape), axis=-1), -1)

    def function(x: mg.Tensor, target: mg.Tensor) -> mg.Tensor:
        return mg.nn.functional.multilabel_margin_loss(x, target, reduction=reduction).sum()

    given = [mg.tensor(a if d == 0 else a[0]) for a, d in zip((scores, targets), dims, strict=True)]
    found = mg.func.vmap(mg.func.grad_and_value(function), dims)(*given)
    for i in range(5):
        right = mg.func.grad_and_value(function)(*(x[i] if d == 0 else x for x, d in zip(given, dims, strict=True)))
        for mine, alone in zip(found, right, strict=True):
            np.testing.assert_allclose(mine[i].numpy(), alone.numpy(), rtol=1e-12, atol=1e-12)


def test_multilabel_margins_refuse_what_is_no_class() -> None:
    loss = mg.nn.functional.multilabel_margin_loss
    x, wrong = mg.zeros(2, 3), mg.tensor([[0, 3, -1], [1, -1, 7]])
    for call in (loss, mg.func.vmap(loss)):
        with pytest.raises(IndexError, match="multilabel_margin_loss: a target is out of range for 3 classes"):
            call(x, wrong)
    assert loss(x, mg.tensor([[0, -1, 3], [1, -1, 7]])).item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (2, 2, 2), ()])
def test_multilabel_margins_of_no_classes(shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError, match="multilabel_margin_loss: needs"):
        mg.nn.functional.multilabel_margin_loss(mg.zeros(*shape), mg.zeros(*shape, dtype=mg.int64))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights_of_elements(name: str, reduction: str) -> None:
    mine, right = [
        getattr(lib.nn.functional, name)(
            *map(lib.tensor, (ROWS, OTHER)), reduction=reduction, weight=lib.tensor(POSITIVE)
        )
        for lib in (mg, torch)
    ]
    np.testing.assert_allclose(mine.numpy(), right.numpy(), rtol=1e-13)
