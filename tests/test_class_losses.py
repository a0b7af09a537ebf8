"""Losses against classes, with weights, ignored classes, several targets a sample: in closed form."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import minigrad

Array = np.ndarray[Any, Any]


def by_hand(name: str, x: Array, target: Array, weight: Array, ignored: int, smoothing: float, reduction: str) -> Array:
    """Return a loss of logits or logarithms (n, c, ...) against classes, from its definition."""
    log_p = x if name == "nll_loss" else x - np.log(np.exp(x).sum(1, keepdims=True))
    losses, weights = np.zeros(target.shape), np.zeros(target.shape)
    for place in np.ndindex(*target.shape):
        n, rest, t = place[0], place[1:], target[place]
        if t == ignored:
            continue
        weights[place] = weight[t]
        own = -weight[t] * log_p[(n, t, *rest)]
        all_classes = -sum(weight[k] * log_p[(n, k, *rest)] for k in range(len(weight)))
        losses[place] = (1 - smoothing) * own + smoothing / len(weight) * all_classes
    if reduction == "none":
        return losses
    return losses.sum() / (weights.sum() if reduction == "mean" else 1)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize(("name", "smoothing"), [("nll_loss", 0.0), ("cross_entropy", 0.0), ("cross_entropy", 0.3)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4), (2, 3, 2, 3)])
def test_losses_of_classes_by_hand(
    shape: tuple[int, ...], weighted: bool, name: str, smoothing: float, reduction: str
) -> None:
    draw = np.random.default_rng(5)
    x, target = draw.standard_normal(shape), draw.integers(0, 3, shape[:1] + shape[2:])
    target.flat[0] = 1
    weight = draw.uniform(0.5, 2, 3) if weighted else np.ones(3)
    options: dict[str, Any] = {"weight": minigrad.tensor(weight)} if weighted else {}
    if smoothing:
        options["label_smoothing"] = smoothing

    def loss(x: Any) -> Any:
        function = getattr(minigrad.nn.functional, name)
        return function(x, minigrad.tensor(target), ignore_index=2, reduction=reduction, **options)

    expected = by_hand(name, x, target, weight, 2, smoothing, reduction)
    np.testing.assert_allclose(loss(minigrad.tensor(x)).numpy(), expected, rtol=1e-13)
    assert minigrad.autograd.gradcheck(loss, (minigrad.tensor(x, requires_grad=True),))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_weights_of_classes_have_gradients(reduction: str) -> None:
    draw = np.random.default_rng(6)
    target = minigrad.tensor(draw.integers(0, 3, (2, 4)))
    x, weight = (minigrad.tensor(draw.uniform(0.5, 2, s), requires_grad=True) for s in ((2, 3, 4), (3,)))

    def loss(x: Any, weight: Any) -> Any:
        return minigrad.nn.functional.nll_loss(x, target, weight, reduction=reduction)

    assert minigrad.autograd.gradcheck(loss, (x, weight), check_forward_ad=True)
    assert minigrad.autograd.gradgradcheck(loss, (x, weight))


def test_a_mean_by_weights_in_closed_form_at_every_order() -> None:
    target = minigrad.tensor([0, 2, 2, 1, -100])
    x, weight = minigrad.arange(15.0, dtype=minigrad.float64).view(5, 3), minigrad.tensor(np.array([0.5, 2.0, 1.5]))

    def loss(x: Any, weight: Any) -> Any:
        return minigrad.nn.functional.nll_loss(x, target, weight)

    def composed(x: Any, weight: Any) -> Any:
        weights = weight[target[:4]]
        return -(weights * x[range(4), target[:4]]).sum() / weights.sum()

    func = minigrad.func
    many = minigrad.stack([weight, 3 - weight])
    for first, second, third in itertools.product((0, 1), repeat=3):
        for outer, inner in itertools.product((func.jacrev, func.jacfwd), repeat=2):
            derivatives = [outer(inner(func.grad(f, first), second), third) for f in (loss, composed)]
            np.testing.assert_allclose(*(f(x, weight).numpy() for f in derivatives), rtol=1e-12, atol=1e-13)
            by_vmap = [func.vmap(f, (None, 0))(x, many).numpy() for f in derivatives]
            np.testing.assert_allclose(*by_vmap, rtol=1e-12, atol=1e-13)


def test_smoothing_over_no_classes_adds_nothing() -> None:
    loss = minigrad.nn.functional.cross_entropy
    assert loss(minigrad.ones(2, 0), minigrad.ones(2, 0), label_smoothing=0.1).item() == 0
    target = minigrad.zeros(2, 3, dtype=minigrad.int64)
    none = loss(minigrad.ones(2, 0, 3), target, ignore_index=0, label_smoothing=1, reduction="none")
    assert none.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_weight_of_a_likelihood_of_0_that_is_not_the_target() -> None:
    x = minigrad.tensor([[-np.inf, -1.0]], requires_grad=True)
    weight = minigrad.ones(2, dtype=minigrad.float64, requires_grad=True)
    minigrad.nn.functional.nll_loss(x.double(), minigrad.tensor([1]), weight, reduction="sum").backward()
    assert weight.grad is not None
    np.testing.assert_array_equal(weight.grad.numpy(), [0.0, 1.0])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
@pytest.mark.parametrize("weights", ["none", "one", "each"])
@pytest.mark.parametrize("inner", [(), (4,)])
def test_losses_of_classes_of_many_examples_at_once(
    inner: tuple[int, ...], weights: str, name: str, reduction: str
) -> None:
    draw = np.random.default_rng(7)
    x = minigrad.tensor(draw.standard_normal((3, 5, 4, *inner)))
    target = draw.integers(0, 4, (3, 5, *inner))
    target[1, 0] = -100  # examples differ in how many of their targets count
    weight = {"none": None, "one": draw.uniform(0.5, 2, 4), "each": draw.uniform(0.5, 2, (3, 4))}[weights]
    given = [x, minigrad.tensor(target), *([] if weight is None else [minigrad.tensor(weight)])]

    def loss(*args: Any) -> Any:
        return getattr(minigrad.nn.functional, name)(*args, reduction=reduction)

    def gradient(*args: Any) -> Any:
        return minigrad.func.grad(lambda *args: loss(*args).sum())(*args)

    for function in (loss, gradient):
        many = minigrad.func.vmap(function, in_dims=(0, 0, *([0 if weights == "each" else None] * (len(given) - 2))))
        shared = [] if weight is None else [given[2][i] if weights == "each" else given[2] for i in range(3)]
        one = [function(x[i], given[1][i], *shared[i : i + 1]) for i in range(3)]
        np.testing.assert_allclose(many(*given).numpy(), np.stack([y.numpy() for y in one]), rtol=1e-12, atol=1e-15)
