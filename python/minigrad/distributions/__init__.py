"""Probability distributions: PyTorch's `torch.distributions`, as far as they need no gamma function and no decomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._absent import lookup
from . import constraints, kl, transforms
from .composed import *
from .continuous import *
from .discrete import *
from .distribution import Distribution
from .kl import kl_divergence, register_kl
from .relaxed import *
from .transforms import *

from . import composed, continuous, discrete, relaxed  # isort: skip

__all__ = ["Distribution", "constraints", "kl", "kl_divergence", "register_kl", "transforms"]
__all__ += composed.__all__
__all__ += continuous.__all__
__all__ += discrete.__all__
__all__ += relaxed.__all__
__all__ += transforms.__all__

if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
