"""Losses as modules."""

from __future__ import annotations

from ..ops.loss import cross_entropy
from ..ops.pointwise_loss import mse_loss
from ..tensor import Tensor
from .module import Module

REDUCTIONS = ("none", "mean", "sum")


def _check_reduction(name: str, reduction: str) -> str:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    return reduction


class CrossEntropyLoss(Module):
    """The cross-entropy of classes, given scores of any size (logits).

    Parameters
    ----------
    ignore_index : int, default -100
        Samples with this class do not count.
    reduction : {"mean", "sum", "none"}
        What becomes of the samples' losses.
    label_smoothing : float, default 0
        How much of the target is spread evenly over all classes, from 0 to 1.

    Raises
    ------
    ValueError
        If the reduction is not known or the label smoothing is not between 0 and 1.

    Notes
    -----
    Called with scores x (n, c) and classes y (n,): loss_i = -Σ_k q_ik log softmax(x_i)_k, where q_ik is
    (1 - ε) [k = y_i] + ε / c. See :func:`minigrad.nn.functional.cross_entropy`.

    Examples
    --------
    >>> import minigrad
    >>> loss = minigrad.nn.CrossEntropyLoss()
    >>> loss(minigrad.zeros(2, 4), minigrad.tensor([0, 3]))
    tensor(1.3863)
    """

    def __init__(self, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing must be between 0 and 1, got {label_smoothing}")
        self.ignore_index = ignore_index
        self.reduction = _check_reduction("CrossEntropyLoss", reduction)
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of the scores `input` (n, c) for the classes `target` (n,)."""
        return cross_entropy(
            input,
            target,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class MSELoss(Module):
    """The squared error, (input - target)².

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        What becomes of the elements' errors.

    Raises
    ------
    ValueError
        If the reduction is not known.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MSELoss()(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = _check_reduction("MSELoss", reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the error of `input` against `target`, which has its shape."""
        return mse_loss(input, target, reduction=self.reduction)
