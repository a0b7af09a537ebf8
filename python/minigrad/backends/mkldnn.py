"""What scripts ask about Intel's library of layers."""

from __future__ import annotations

__all__ = ["is_available"]

enabled = False


def is_available() -> bool:
    """Return False: minigrad's kernels are its own."""
    return False
