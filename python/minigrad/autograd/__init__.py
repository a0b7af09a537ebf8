"""Gradients: PyTorch's `torch.autograd`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._absent import late
from .._legacy import Variable
from ..grad_mode import enable_grad, no_grad, set_grad_enabled
from ..inference import inference_mode
from . import graph
from .function import Function
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .gradients import backward, grad

__all__ = [
    "Function",
    "GradcheckError",
    "NotFinite",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "why_nan",
]

if TYPE_CHECKING:
    from . import forward_ad, functional
    from .anomaly import (
        NotFinite,
        detect_anomaly,
        is_anomaly_check_nan_enabled,
        is_anomaly_enabled,
        set_detect_anomaly,
        why_nan,
    )
else:
    _ANOMALY = ("NotFinite", "detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled")
    __getattr__, __dir__ = late(
        __name__,
        {"anomaly": (*_ANOMALY, "set_detect_anomaly", "why_nan"), "forward_ad": (), "functional": ()},
    )
