"""What scripts ask about OpenMP: threads are minigrad's own."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available() -> bool:
    """Return False: minigrad's kernels are its own."""
    return False
