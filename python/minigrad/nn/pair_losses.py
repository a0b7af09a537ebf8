"""Losses of pairs and triples, by their distances and order, as modules."""

from __future__ import annotations

from collections.abc import Callable

from ..tensor import Tensor
from . import functional as F
from ._loss import Loss, ReducedLoss
from .activations import PairwiseDistance

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class HingeEmbeddingLoss(Loss, function=F.hinge_embedding_loss):
    """The distance of alike pairs (target 1), by how much others (-1) are nearer than the margin.

    Parameters
    ----------
    margin : float, default 1.0
        How far pairs with target -1 should be apart.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.HingeEmbeddingLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, -1.0]))
    tensor(0.6250)
    """

    def __init__(
        self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(margin=margin, size_average=size_average, reduce=reduce, reduction=reduction)


class MarginRankingLoss(ReducedLoss, function=F.margin_ranking_loss):
    """By how much the first (target 1) or second (-1) input is not the larger one.

    Parameters
    ----------
    margin : float, default 0.0
        By how much the right one should be larger.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MarginRankingLoss()(minigrad.ones(2), minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, -1.0]))
    tensor(0.3750)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(margin=margin, size_average=size_average, reduce=reduce, reduction=reduction)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return self._compute(input1, input2, target)


class CosineEmbeddingLoss(ReducedLoss, function=F.cosine_embedding_loss):
    """1 minus the cosine of alike pairs (target 1), the cosine of others (-1) above the margin.

    Parameters
    ----------
    margin : float, default 0.0
        The cosine that pairs with target -1 may have.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.CosineEmbeddingLoss()(minigrad.ones(2, 2), minigrad.eye(2), minigrad.tensor([1.0, -1.0]))
    tensor(0.5000)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(margin=margin, size_average=size_average, reduce=reduce, reduction=reduction)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Return the loss."""
        return self._compute(input1, input2, target)


class TripletMarginLoss(ReducedLoss, function=F.triplet_margin_loss):
    """By how much the positive is not nearer to the anchor than the negative.

    Parameters
    ----------
    margin : float, default 1.0
        By how much the negative should be farther away.
    p : float, default 2.0
        The norm's order.
    eps : float, default 1e-6
        Added to each difference.
    swap : bool, default False
        Whether the distance from positive to negative counts where it is smaller.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.TripletMarginLoss()(minigrad.zeros(1, 2), minigrad.ones(1, 2), minigrad.ones(1, 2))
    tensor(1.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            margin=margin, p=p, eps=eps, swap=swap, size_average=size_average, reduce=reduce, reduction=reduction
        )

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return self._compute(anchor, positive, negative)


class TripletMarginWithDistanceLoss(ReducedLoss):
    """By how much the positive is not nearer to the anchor than the negative, with a distance of one's own.

    Parameters
    ----------
    distance_function : callable, optional
        From two tensors to their distances, :class:`PairwiseDistance` if not given.
    margin : float, default 1
        By how much the negative should be farther away.
    swap : bool, default False
        Whether the distance from positive to negative counts where it is smaller.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> loss = minigrad.nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: (x - y).abs().sum(1))
    >>> loss(minigrad.zeros(1, 2), minigrad.ones(1, 2), minigrad.ones(1, 2))
    tensor(1.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Return the loss."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
