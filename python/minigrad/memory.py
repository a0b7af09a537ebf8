"""What arrays take of the machine's memory, and how much of it is kept for the next ones.

A freed array's memory is kept, because memory that is fresh from the system costs a page fault for every 4 KiB: for large
results four fifths of the time of an addition. At most 1 GiB is kept, or what the environment variable
``MINIGRAD_CACHE_LIMIT`` says when minigrad is imported: a number of bytes, or one with ``K``, ``M`` or ``G`` behind it.

All threads share what is kept. A forked child has its parent's and goes on alone.
"""

from __future__ import annotations

import os

from . import _core

__all__ = ["empty_cache", "reset_peak", "set_cache_limit", "stats"]

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def stats() -> dict[str, int]:
    """Return bytes: in use by arrays now, the most that was, kept for later, and the most that is kept.

    Returns
    -------
    dict
        With the keys ``in_use``, ``peak``, ``cached`` and ``limit``. Arrays count as the buffers that they lie in, which
        are up to a fifth larger. Memory that NumPy or anyone else allocated does not count.

    Examples
    --------
    >>> import minigrad
    >>> before = minigrad.memory.stats()["in_use"]
    >>> x = minigrad.ones(256, 256) + 1
    >>> minigrad.memory.stats()["in_use"] - before
    262144
    """
    return _core.memory_statistics()


def empty_cache() -> None:
    """Give all memory that is kept for later back to the system.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.memory.empty_cache()
    >>> minigrad.memory.stats()["cached"]
    0
    """
    _core.empty_cache()


def reset_peak() -> None:
    """Take what is in use now for the peak, in order to find that of what follows.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.memory.reset_peak()
    >>> minigrad.memory.stats()["peak"] == minigrad.memory.stats()["in_use"]
    True
    """
    _core.reset_peak()


def set_cache_limit(limit: int | str) -> None:
    """Keep at most so much memory for later.

    Parameters
    ----------
    limit : int or str
        Bytes, or a text as in ``MINIGRAD_CACHE_LIMIT``: ``"512M"``. If more is kept now, all of it is given back.

    Raises
    ------
    ValueError
        If it is no such number, or negative.

    Examples
    --------
    >>> import minigrad
    >>> limit = minigrad.memory.stats()["limit"]
    >>> minigrad.memory.set_cache_limit(1 << 20)
    >>> minigrad.memory.stats()["limit"]
    1048576
    >>> minigrad.memory.set_cache_limit(limit)
    """
    _core.set_cache_limit(_bytes("set_cache_limit", limit))


def _bytes(name: str, limit: int | str) -> int:
    text = str(limit).strip().upper()
    number = text[:-1] if text[-1:] in _UNITS else text
    if not number.isdecimal():
        raise ValueError(f"{name}: needs bytes, or a number with K, M or G behind it, got {limit!r}")
    return int(number) * _UNITS.get(text[-1], 1)


if _given := os.environ.get("MINIGRAD_CACHE_LIMIT"):
    _core.set_cache_limit(_bytes("MINIGRAD_CACHE_LIMIT", _given))
