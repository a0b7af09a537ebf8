"""Memory that arrays outside can write to: those that tensors gave out, and those that tensors were made of.

A write through a tensor raises its memory's version; a write through an array tells nobody. So while such an array
lives, the version of the memory is counted from `SHARED`, far below 0, and whoever saves elements of it takes their
digest as well, which is compared when they are read again. Of other memory a save asks only whether its version is
negative.

How an array that was given out tells that it and all that was made of it are gone: src/bindings/lending.cpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core
from ._observers import observers, observing, users_line

if TYPE_CHECKING:
    from .graph import Array, Cell

#: What versions of memory that arrays outside share are counted from.
SHARED = _core.SHARED

#: What is remembered of memory whose elements are saved: its version; of shared memory also the elements' digest.
Version = int | tuple[int, int]

version_of = _core.version_of
changed = _core.changed


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


def history(cell: Cell, then: Version) -> str:
    """Return what is known of how memory that was saved at version `then` changed."""
    before = then[0] if isinstance(then, tuple) else then
    if version(cell) == before:
        return "was changed in place through an array that shares its memory, as numpy() gives and from_numpy() takes"
    return f"was changed in place: it is at version {version(cell)}, but was saved at version {before}"


# ----------------------------------------------------------------------------------------------------------------------
# Lines: a cell has that of the last write, while somebody looks for anomalies.


def note(cell: Cell, line: str) -> None:
    """Remember which line changed memory."""
    cell.line = line


def noted(cell: Cell, then: Version) -> str | None:
    """Return the line that changed memory after it was saved at version `then`, where one is known."""
    if isinstance(then, tuple) and version(cell) == then[0]:
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
