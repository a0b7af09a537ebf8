"""Losses as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.pointwise_loss import REDUCTIONS, reduction_code
from ..tensor import Tensor
from . import functional as F  # noqa: N812
from .activations import PairwiseDistance
from .function_module import FunctionModule
from .module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]

_NAMES = {code: name for name, code in REDUCTIONS.items()}


class _Reduced(FunctionModule):
    """A loss as a module; what PyTorch had before `reduction` becomes a reduction."""

    def __init__(
        self, reduction: str = "mean", size_average: bool | None = None, reduce: bool | None = None, **options: Any
    ) -> None:
        name = type(self).__name__
        if reduction != "batchmean" or name != "KLDivLoss" or size_average is not None or reduce is not None:
            reduction = _NAMES[reduction_code(name, reduction, size_average, reduce)]
        super().__init__(reduction=reduction, **options)


class _Loss(_Reduced):
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of `input` against `target`."""
        return self._compute(input, target)  # type: ignore[no-any-return]


class NLLLoss(_Loss, function=F.nll_loss):
    """The negative log likelihood of classes, given log probabilities.

    Parameters
    ----------
    weight : Tensor, optional
        A weight for each class.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    ignore_index : int, default -100
        Samples with this class do not count.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.NLLLoss()(minigrad.log(minigrad.tensor([[0.25, 0.75]])), minigrad.tensor([1]))
    tensor(0.2877)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            weight=weight, size_average=size_average, ignore_index=ignore_index, reduce=reduce, reduction=reduction
        )


class MultiMarginLoss(_Loss, function=F.multi_margin_loss):
    """By how much other classes' scores come near the right one's.

    Parameters
    ----------
    p : int, default 1
        The power of each miss, 1 or 2.
    margin : float, default 1.0
        By how much the right class's score should exceed the others'.
    weight : Tensor, optional
        A weight for each class.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MultiMarginLoss()(minigrad.tensor([[0.5, 0.25]]), minigrad.tensor([0]))
    tensor(0.3750)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            p=p, margin=margin, weight=weight, size_average=size_average, reduce=reduce, reduction=reduction
        )


class MultiLabelSoftMarginLoss(_Loss, function=F.multilabel_soft_margin_loss):
    """The mean over the classes of the binary cross-entropy with logits.

    Parameters
    ----------
    weight : Tensor, optional
        A weight for each class.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MultiLabelSoftMarginLoss()(minigrad.zeros(1, 3), minigrad.ones(1, 3))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight=weight, size_average=size_average, reduce=reduce, reduction=reduction)


class MultiLabelMarginLoss(_Loss, function=F.multilabel_margin_loss):
    """By how much scores of other classes come near those of the targets.

    Parameters
    ----------
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MultiLabelMarginLoss()(minigrad.tensor([[0.5, 0.25]]), minigrad.tensor([[0, -1]]))
    tensor(0.3750)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction)


class MSELoss(_Loss, function=F.mse_loss):
    """The squared error, (input - target)².

    Parameters
    ----------
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MSELoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.1562)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction)


class L1Loss(_Loss, function=F.l1_loss):
    """The absolute error, |input - target|.

    Parameters
    ----------
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.L1Loss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.3750)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction)


class SmoothL1Loss(_Loss, function=F.smooth_l1_loss):
    """The absolute error, a parabola near 0.

    Parameters
    ----------
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.
    beta : float, default 1.0
        Up to which error it is a parabola.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.SmoothL1Loss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.0781)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction, beta=beta)


class HuberLoss(_Loss, function=F.huber_loss):
    """The squared error, a line from a certain size on.

    Parameters
    ----------
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.
    delta : float, default 1.0
        Up to which error it is a parabola.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.HuberLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.0781)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, float | int):
            raise TypeError(f"HuberLoss: delta must be a number, got {type(delta).__name__}")
        super().__init__(reduction=reduction, delta=delta)


class BCELoss(_Loss, function=F.binary_cross_entropy):
    """The cross-entropy of two classes, given the probability of one.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for each element's loss.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.BCELoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.4904)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight=weight, size_average=size_average, reduce=reduce, reduction=reduction)


class BCEWithLogitsLoss(_Loss, function=F.binary_cross_entropy_with_logits):
    """The cross-entropy of two classes, given a score of any size.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for each element's loss.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.
    pos_weight : Tensor, optional
        A factor for the positive class.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.BCEWithLogitsLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.6500)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(
            weight=weight, size_average=size_average, reduce=reduce, reduction=reduction, pos_weight=pos_weight
        )


class KLDivLoss(_Loss, function=F.kl_div):
    """The Kullback-Leibler divergence of target probabilities from the input, their logarithms.

    Parameters
    ----------
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"batchmean"``, ``"sum"`` or ``"none"``: what becomes of the losses.
    log_target : bool, default False
        Whether the target is the logarithm of probabilities.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.KLDivLoss()(minigrad.log(minigrad.tensor([0.5, 0.5])), minigrad.tensor([1.0, 0.0]))
    tensor(0.3466)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction, log_target=log_target)


class PoissonNLLLoss(_Reduced, function=F.poisson_nll_loss):
    """The negative log likelihood of counts, given their rate.

    Parameters
    ----------
    log_input : bool, default True
        Whether the input is the logarithm of the rate.
    full : bool, default False
        Whether Stirling's term is added.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    eps : float, default 1e-8
        Added to a rate before its logarithm.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.PoissonNLLLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(1.2164)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            log_input=log_input, full=full, size_average=size_average, eps=eps, reduce=reduce, reduction=reduction
        )

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of rates, or their logarithms, against counts."""
        return self._compute(log_input, target)  # type: ignore[no-any-return]


class GaussianNLLLoss(_Reduced, function=F.gaussian_nll_loss):
    """The negative log likelihood of normal distributions with the given means and variances.

    Parameters
    ----------
    full : bool, default False
        Whether the constant term is added.
    eps : float, default 1e-6
        The least variance.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.GaussianNLLLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]), minigrad.ones(2))
    tensor(0.0781)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(full=full, eps=eps, reduction=reduction)

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Return the loss."""
        return self._compute(input, target, var)  # type: ignore[no-any-return]


class SoftMarginLoss(_Loss, function=F.soft_margin_loss):
    """The logistic loss of targets 1 and -1.

    Parameters
    ----------
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.SoftMarginLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, -1.0]))
    tensor(0.6500)
    """

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average=size_average, reduce=reduce, reduction=reduction)


class HingeEmbeddingLoss(_Loss, function=F.hinge_embedding_loss):
    """The distance of alike pairs (target 1), by how much others (-1) are nearer than the margin.

    Parameters
    ----------
    margin : float, default 1.0
        How far pairs with target -1 should be apart.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
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


class MarginRankingLoss(_Reduced, function=F.margin_ranking_loss):
    """By how much the first (target 1) or second (-1) input is not the larger one.

    Parameters
    ----------
    margin : float, default 0.0
        By how much the right one should be larger.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
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
        return self._compute(input1, input2, target)  # type: ignore[no-any-return]


class CosineEmbeddingLoss(_Reduced, function=F.cosine_embedding_loss):
    """1 minus the cosine of alike pairs (target 1), the cosine of others (-1) above the margin.

    Parameters
    ----------
    margin : float, default 0.0
        The cosine that pairs with target -1 may have.
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
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
        return self._compute(input1, input2, target)  # type: ignore[no-any-return]


class TripletMarginLoss(_Reduced, function=F.triplet_margin_loss):
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
    size_average : bool, optional
        What PyTorch had before `reduction`; decides where given.
    reduce : bool, optional
        Likewise.
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
        return self._compute(anchor, positive, negative)  # type: ignore[no-any-return]


class CrossEntropyLoss(_Loss, function=F.cross_entropy):
    """The cross-entropy of classes, given scores of any size (logits).

    Parameters
    ----------
    weight : Tensor, optional
        A weight for each class.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
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

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing must be between 0 and 1, got {label_smoothing}")
        super().__init__(
            weight=weight,
            size_average=size_average,
            ignore_index=ignore_index,
            reduce=reduce,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )


class TripletMarginWithDistanceLoss(Module):
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
        super().__init__()
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap
        self.reduction = _NAMES[reduction_code("TripletMarginWithDistanceLoss", reduction)]

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
