"""The bases of losses as modules."""

from __future__ import annotations

from typing import Any

from ..ops.pointwise_loss import REDUCTIONS, reduction_code
from ..tensor import Tensor
from .function_module import FunctionModule

_NAMES = {code: name for name, code in REDUCTIONS.items()}


class ReducedLoss(FunctionModule):
    """A loss as a module; what PyTorch had before `reduction` becomes a reduction."""

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", **options: Any
    ) -> None:
        name = type(self).__name__
        if isinstance(size_average, Tensor):
            raise TypeError(
                f"{name}: size_average must be a bool, got a Tensor; {name}() makes a loss, which takes tensors"
            )
        if reduction != "batchmean" or name != "KLDivLoss" or size_average is not None or reduce is not None:
            reduction = _NAMES[reduction_code(name, reduction, size_average, reduce)]
        super().__init__(reduction=reduction, **options)


class Loss(ReducedLoss):
    """A loss of an input against a target."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of `input` against `target`."""
        return self._compute(input, target)


class PlainLoss(Loss):
    """A loss of an input against a target that has no options but the reduction."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)


class WeightedLoss(Loss):
    """A loss that takes a weight for each class or element."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        **options: Any,
    ) -> None:
        super().__init__(size_average, reduce, reduction, weight=weight, **options)
