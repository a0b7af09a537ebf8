"""Handles by which hooks are taken away again."""

from ..handles import RemovableHandle

__all__ = ["RemovableHandle"]
