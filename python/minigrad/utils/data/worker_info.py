"""What a worker knows of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["WorkerInfo", "get_worker_info"]


@dataclass
class WorkerInfo:
    """What a worker knows of itself.

    Attributes
    ----------
    id : int
        Its number, from 0.
    num_workers : int
        How many there are.
    seed : int
        What its default generator was seeded with: another number in each epoch and for each worker.
    dataset : Dataset
        Its copy of the data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


current: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return what a worker of a :class:`DataLoader` knows of itself, in the worker; None in any other process.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.utils.data.get_worker_info() is None
    True
    """
    return current
