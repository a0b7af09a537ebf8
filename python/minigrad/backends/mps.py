"""What scripts ask about a graphics card of Apple's."""

from __future__ import annotations

__all__ = ["is_available", "is_built"]


def is_available() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False


def is_built() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False
