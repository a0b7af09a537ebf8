"""What scripts ask before they use an accelerator, of whatever kind: there is none."""

from __future__ import annotations

from ._device import device

__all__ = ["current_accelerator", "device_count", "is_available"]


def is_available() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def current_accelerator(check_available: bool = False) -> device | None:  # noqa: ARG001
    """Return None: there is none."""
    return None
