"""What scripts ask about the version, and about what it was built for."""

from __future__ import annotations

from ._config import __version__

__all__ = ["__version__", "cuda", "debug", "hip"]

cuda: str | None = None
hip: str | None = None
debug = False
