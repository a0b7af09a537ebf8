"""Memory that arrays outside can write to: those that tensors gave out, and those that tensors were made of.

A write through a tensor raises its memory's version; a write through an array tells nobody. So while such an array
lives, the version of the memory is counted from `SHARED`, far below 0, and whoever saves elements of it takes their
digest as well, which is compared when they are read again. Of other memory a save asks only whether its version is
negative.

How an array that was given out tells that it and all that was made of it are gone: src/bindings/lending.cpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import _core
from ._observers import observers, observing, users_line
from .batching import bottom

if TYPE_CHECKING:
    from .graph import Array, Cell

#: What versions of memory that arrays outside share are counted from.
SHARED = _core.SHARED


class Seen(NamedTuple):
    """A version of shared memory, and what the elements that were saved of it were then."""

    version: int
    digest: int


def wrote(cell: Cell) -> None:
    """Take note that memory was written to."""
    cell.version += 1
    if observers:
        note_write(cell)


def note_write(cell: Cell) -> None:
    """Tell those who watch this thread that memory was written to, whose version is raised already."""
    for observer in observing():
        observer.wrote(cell)


def version(cell: Cell) -> int:
    """Return how often memory was written to."""
    return cell.version if cell.version >= 0 else cell.version - SHARED


def version_of(cell: Cell, array: Array) -> int | Seen:
    """Return what is to be remembered of memory whose elements `array` are saved."""
    return cell.version if cell.version >= 0 else seen(cell, array)


def seen(cell: Cell, array: Array) -> Seen:
    """Return the version of shared memory with the digest of `array`."""
    _core.note_writes(cell)
    return Seen(version(cell), _core.digest(bottom(array)))


def changed(cell: Cell, then: int | Seen, array: Array) -> bool:
    """Return whether `array`, which was saved at version `then`, is no longer what it was."""
    _core.note_writes(cell)
    if isinstance(then, Seen):
        return version(cell) != then.version or _core.digest(bottom(array)) != then.digest
    return version(cell) != then


def history(cell: Cell, then: int | Seen) -> str:
    """Return what is known of how memory that was saved at version `then` changed."""
    before = then.version if isinstance(then, Seen) else then
    if version(cell) == before:
        return "was changed in place through an array that shares its memory, as numpy() gives and from_numpy() takes"
    return f"was changed in place: it is at version {version(cell)}, but was saved at version {before}"


# ----------------------------------------------------------------------------------------------------------------------
# Lines: a cell has that of the last write, while somebody looks for anomalies.


def note(cell: Cell, line: str) -> None:
    """Remember which line changed memory."""
    cell.line = line


def noted(cell: Cell, then: int | Seen) -> str | None:
    """Return the line that changed memory after it was saved at version `then`, where one is known."""
    if isinstance(then, Seen) and version(cell) == then.version:
        return cell.lent_at
    return cell.line


# ----------------------------------------------------------------------------------------------------------------------
# Giving arrays out.


def foreign() -> Cell:
    """Return the version cell of memory that arrays outside share for good."""
    return _core.Cell(SHARED)


def lend(t: _core.TensorBase) -> Array:
    """Return an array that shares a tensor's memory."""
    line = f"changed through an array that was given out at {users_line()}" if observers else None
    return _core.lend(t, line)
