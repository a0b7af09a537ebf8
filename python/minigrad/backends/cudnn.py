"""Switches that scripts set for a graphics card's library; here they stand for nothing."""

from __future__ import annotations

__all__ = ["is_available", "version"]

allow_tf32 = False
benchmark = False
deterministic = True
enabled = False


def is_available() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False


def version() -> int | None:
    """Return None: there is no such library."""
    return None
