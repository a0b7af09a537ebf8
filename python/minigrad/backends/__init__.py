"""What scripts ask and set about back ends: there are none besides minigrad's own."""

from __future__ import annotations

from . import cudnn, mps

__all__ = ["cudnn", "mps"]
