"""What scripts ask before they use a graphics card: there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._absent import lookup
from . import amp

__all__ = [
    "amp",
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "reset_peak_memory_stats",
    "synchronize",
]


def is_available() -> bool:
    """Return False: minigrad computes on the CPU."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def is_initialized() -> bool:
    """Return False: there is no graphics card."""
    return False


def is_bf16_supported() -> bool:
    """Return False: there is no graphics card."""
    return False


def memory_allocated(device: object = None) -> int:  # noqa: ARG001
    """Return 0, as PyTorch does where there is no graphics card; see :mod:`minigrad.memory`."""
    return 0


def max_memory_allocated(device: object = None) -> int:  # noqa: ARG001
    """Return 0, as PyTorch does where there is no graphics card; see :mod:`minigrad.memory`."""
    return 0


def reset_peak_memory_stats(device: object = None) -> None:
    """Do nothing: there is no graphics card; see :mod:`minigrad.memory`."""


def manual_seed(seed: int) -> None:
    """Do nothing, as PyTorch does where there is no graphics card; ``minigrad.manual_seed`` seeds the CPU."""


def manual_seed_all(seed: int) -> None:
    """Do nothing, as PyTorch does where there is no graphics card; ``minigrad.manual_seed`` seeds the CPU."""


def empty_cache() -> None:
    """Do nothing, as PyTorch does where there is no graphics card; see ``minigrad.memory.empty_cache``."""


def synchronize(device: object = None) -> None:  # noqa: ARG001
    """Raise a RuntimeError: there is no graphics card to wait for."""
    raise RuntimeError("cuda.synchronize: minigrad computes on the CPU only; there is nothing to wait for")


if not TYPE_CHECKING:
    __getattr__ = lookup(__name__, "minigrad computes on the CPU only")
