"""The losses that estimators know by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..nn import functional as F
from ..ops.activation import softplus
from ..ops.elementwise import exp, relu
from ..tensor import Tensor

Function = Callable[[Tensor, Tensor], Tensor]


class Loss(NamedTuple):
    """A loss: its mean over a batch, and that of each sample; both of the network's output and the target.

    Where a sample has several outputs, their losses are added up.
    """

    mean: Function
    each: Function

    def weighted(self, output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the mean; with weights the mean of the weighted losses."""
        if weight is None:
            return self.mean(output, target)
        losses = self.each(output, target)
        if losses.shape != weight.shape:
            raise ValueError(
                f"loss: with weights it has to return one loss for each of the {len(weight)} samples, "
                f"got shape {tuple(losses.shape)}"
            )
        return (losses * weight).mean()


def over_outputs(losses: Tensor) -> Tensor:
    """Return one loss a sample: those of its outputs added up."""
    return losses.sum(dim=tuple(range(1, losses.ndim))) if losses.ndim > 1 else losses


def pointwise(function: Callable[..., Tensor], factor: float = 1.0, **settings: Any) -> Loss:
    """Return the loss that adds up `factor` times a function of each output, which has `reduction`."""

    def mean(output: Tensor, target: Tensor) -> Tensor:
        scale = factor * (output.shape[1] if output.ndim > 1 else 1)
        value = function(output, target, reduction="mean", **settings)
        return value if scale == 1 else value * scale

    def each(output: Tensor, target: Tensor) -> Tensor:
        losses = over_outputs(function(output, target, reduction="none", **settings))
        return losses if factor == 1 else losses * factor

    return Loss(mean, each)


def of_samples(each: Function) -> Loss:
    """Return a loss by what it is for each output or each sample."""
    return Loss(lambda output, target: over_outputs(each(output, target)).mean(), _summed(each))


def own(function: Function) -> Loss:
    """Return a user's loss: a function that returns a loss for each output or sample, or their mean."""

    def mean(output: Tensor, target: Tensor) -> Tensor:
        losses = function(output, target)
        return over_outputs(losses).mean() if losses.ndim else losses

    return Loss(mean, _summed(function))


def _summed(each: Function) -> Function:
    return lambda output, target: over_outputs(each(output, target))


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Return each sample's cross-entropy."""
    return F.cross_entropy(output, target, reduction="none")


def margins(output: Tensor, target: Tensor) -> Tensor:
    """Return each sample's hinge loss over several classes."""
    return F.multi_margin_loss(output, target, reduction="none")


def hinge(output: Tensor, target: Tensor) -> Tensor:
    """Return how far each output is from a margin of 1 on its side; targets are 0 and 1."""
    return relu(1 - output * (2 * target - 1))


def binary_focal(output: Tensor, target: Tensor) -> Tensor:
    """Return the focal loss (1 − p)² (−ln p) of each output, p the probability of what is right.

    Lin and others, "Focal Loss for Dense Object Detection", (5) with γ = 2.
    """
    wrong = softplus(-output * (2 * target - 1))
    return (1 - exp(-wrong)) ** 2 * wrong


def focal(output: Tensor, target: Tensor) -> Tensor:
    """Return each sample's focal loss over several classes."""
    wrong = cross_entropy(output, target)
    return (1 - exp(-wrong)) ** 2 * wrong


def log_cosh(output: Tensor, target: Tensor) -> Tensor:
    """Return ln cosh of each error, computed without overflow."""
    error = output - target
    return error + softplus(-2 * error) - 0.6931471805599453


# Of a class among several: scores for each, and the number of the right one.
OF_CLASSES = {
    "log_loss": Loss(F.cross_entropy, cross_entropy),
    "hinge": Loss(F.multi_margin_loss, margins),
    "focal": of_samples(focal),
}

# Of one class or another, or of each label alone: one score, and 0 or 1.
OF_LABELS = {
    "log_loss": pointwise(F.binary_cross_entropy_with_logits),
    "hinge": of_samples(hinge),
    "focal": of_samples(binary_focal),
}

# Of numbers. The factors are scikit-learn's; its Poisson deviance is that of an output whose exponential is the mean.
OF_NUMBERS = {
    "squared_error": pointwise(F.mse_loss, 0.5),
    "absolute_error": pointwise(F.l1_loss),
    "huber": pointwise(F.huber_loss),
    "log_cosh": of_samples(log_cosh),
    "poisson": pointwise(F.poisson_nll_loss, log_input=True, full=False),
}


def find(given: Any, known: dict[str, Loss]) -> Loss:
    """Return a loss by its name, or made from a user's function.

    Raises
    ------
    ValueError
        If there is no such loss.
    """
    if callable(given):
        return own(given)
    if given not in known:
        raise ValueError(f"loss must be one of {sorted(known)} or a function of output and target, got {given!r}")
    return known[given]
