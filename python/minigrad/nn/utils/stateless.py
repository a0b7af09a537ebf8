"""PyTorch's older place for `minigrad.func.functional_call`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...tensor import Tensor
from ..module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Return what a module computes with other parameters and buffers: :func:`minigrad.func.functional_call`."""
    from ...func import functional_call as call  # late: it stands above modules

    return call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
