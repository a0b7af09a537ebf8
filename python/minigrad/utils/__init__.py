"""Tools around training."""

from . import data, hooks

__all__ = ["data", "hooks"]
