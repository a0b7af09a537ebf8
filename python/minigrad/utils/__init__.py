"""Tools around training."""

from typing import TYPE_CHECKING

from .._absent import lookup
from . import checkpoint, data, dlpack, hooks, tensorboard

__all__ = ["checkpoint", "data", "dlpack", "hooks", "tensorboard"]

if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
