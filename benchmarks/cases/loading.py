"""An epoch of batches out of tensors in memory, in a new random order."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from .tools import Run, library

ROWS, BATCH = 60_000, 128


def _epoch(peer: str, width: int) -> Run:
    lib, data = library(peer), importlib.import_module(f"{peer}.utils.data")
    rows = data.TensorDataset(lib.zeros(ROWS, width), lib.arange(ROWS))
    loader = data.DataLoader(rows, batch_size=BATCH, shuffle=True)

    def epoch() -> None:
        for _ in loader:
            pass

    return epoch


def cases() -> dict[str, Callable[[str], Run]]:
    """Return the cases by their names: an epoch of few columns, one of as many as MNIST's images have pixels."""
    return {
        f"loading: an epoch of 60,000×{width}, batch {BATCH}": lambda peer, width=width: _epoch(peer, width)
        for width in (64, 784)
    }
