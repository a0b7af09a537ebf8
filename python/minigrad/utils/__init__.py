"""Tools around training."""

from . import checkpoint, data, dlpack, hooks, tensorboard

__all__ = ["checkpoint", "data", "dlpack", "hooks", "tensorboard"]
