"""Losses of classifiers as modules."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional as F
from ._loss import Loss, PlainLoss, WeightedLoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "KLDivLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
]


class NLLLoss(WeightedLoss, function=F.nll_loss):
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


class MultiMarginLoss(WeightedLoss, function=F.multi_margin_loss):
    """By how much other classes' scores come near the right one's.

    Parameters
    ----------
    p : int, default 1
        The power of each miss, 1 or 2.
    margin : float, default 1.0
        By how much the right class's score should exceed the others'.
    weight : Tensor, optional
        A weight for each class.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
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


class MultiLabelSoftMarginLoss(WeightedLoss, function=F.multilabel_soft_margin_loss):
    """The mean over the classes of the binary cross-entropy with logits.

    Parameters
    ----------
    weight : Tensor, optional
        A weight for each class.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
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


class MultiLabelMarginLoss(PlainLoss, function=F.multilabel_margin_loss):
    """By how much scores of other classes come near those of the targets.

    Parameters
    ----------
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
    reduction : str, default "mean"
        ``"mean"``, ``"sum"`` or ``"none"``: what becomes of the losses.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.MultiLabelMarginLoss()(minigrad.tensor([[0.5, 0.25]]), minigrad.tensor([[0, -1]]))
    tensor(0.3750)
    """


class BCELoss(WeightedLoss, function=F.binary_cross_entropy):
    """The cross-entropy of two classes, given the probability of one.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for each element's loss.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
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


class BCEWithLogitsLoss(Loss, function=F.binary_cross_entropy_with_logits):
    """The cross-entropy of two classes, given a score of any size.

    Parameters
    ----------
    weight : Tensor, optional
        A factor for each element's loss.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
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


class KLDivLoss(Loss, function=F.kl_div):
    """The Kullback-Leibler divergence of target probabilities from the input, their logarithms.

    Parameters
    ----------
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; decide where given.
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


class CrossEntropyLoss(WeightedLoss, function=F.cross_entropy):
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
