"""Memory that arrays outside can write to: those that tensors gave out, and those that tensors were made of.

A write through a tensor raises its memory's version; a write through an array tells nobody. So while such an array
lives, the version of the memory is counted from `SHARED`, far below 0, and whoever saves elements of it takes their
digest as well, which is compared when they are read again. Of other memory a save asks only whether its version is
negative.

Whether an array that was given out still lives is seen from a weak reference: it is made so that every array made from
it keeps it alive (`lent_view`).
"""

from __future__ import annotations

import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _core, graph

if TYPE_CHECKING:
    from .graph import Array, Cell
    from .tensor import Tensor

#: What versions of memory that arrays outside share are counted from.
SHARED = -(1 << 62)


def bare(array: Any) -> Array:
    """Return an array; inside vmap, that of all examples."""
    while not isinstance(array, np.ndarray):
        array = array.array
    return array


def _digest(array: Any) -> int:
    return _core.digest(array if array.__class__ is np.ndarray else bare(array))


#: Loans begin and end under it: arrays are given out, and go, in any thread.
_lending = threading.RLock()


class Seen(NamedTuple):
    """A version of shared memory, and what the elements that were saved of it were then."""

    version: int
    digest: int


class _Loan(weakref.ref["Array"]):
    """A reference to an array that was given out; what it shows; what that was, if anything saved depends on it."""

    __slots__ = ("array", "cell", "digest", "line")

    array: Array
    cell: Cell
    digest: int | None
    line: str | None

    def written(self) -> bool:
        """Return whether somebody has written through the array since this was last asked."""
        if self.digest is None:
            return False
        before, self.digest = self.digest, _digest(self.array)
        return before != self.digest


def wrote(cell: Cell) -> None:
    """Take note that memory was written to."""
    cell.version += 1
    if graph.observers:
        note_write(cell)


def note_write(cell: Cell) -> None:
    """Tell those who watch this thread that memory was written to, whose version is raised already."""
    for observer in graph.observing():
        observer.wrote(cell)


def version(cell: Cell) -> int:
    """Return how often memory was written to."""
    return cell.version if cell.version >= 0 else cell.version - SHARED


def version_of(cell: Cell, array: Array) -> int | Seen:
    """Return what is to be remembered of memory whose elements `array` are saved."""
    return cell.version if cell.version >= 0 else seen(cell, array)


def seen(cell: Cell, array: Array) -> Seen:
    """Return the version of shared memory with the digest of `array`."""
    _look(cell)
    return Seen(version(cell), _digest(array))


def changed(cell: Cell, then: int | Seen, array: Array) -> bool:
    """Return whether `array`, which was saved at version `then`, is no longer what it was."""
    _look(cell)
    if isinstance(then, Seen):
        return version(cell) != then.version or _digest(array) != then.digest
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
        return next((_given_out(loan) for loan in _loans(cell) if loan.line is not None), None)
    return cell.line


def _given_out(loan: _Loan) -> str:
    return f"changed through an array that was given out at {loan.line}"


# ----------------------------------------------------------------------------------------------------------------------
# Giving arrays out.


def foreign() -> Cell:
    """Return the version cell of memory that arrays outside share for good."""
    return _core.Cell(SHARED)


def lend(t: Tensor) -> Array:
    """Return an array that shares a tensor's memory."""
    t._own()
    array: Array = _core.lent_view(t._array)
    cell = t._cell
    with _lending:
        loans = [] if cell.loans is None else cell.loans
        if cell.version < 0 and not loans:  # foreign: all that was ever saved of it has its digest
            return array
        loan = _Loan(array, _returned)
        loan.digest = _digest(t._array) if _is_saved(t, cell, len(loans)) else None
        loan.array, loan.cell = t._array, cell
        loan.line = graph.users_line() if graph.observers else None
        loans.append(loan)
        if cell.version >= 0:
            cell.version += SHARED
            cell.loans = loans
    return array


def _loans(cell: Cell) -> list[_Loan]:
    return [] if cell.loans is None else cell.loans


def _look(cell: Cell) -> None:
    """Raise the version of memory that was written to through an array."""
    written = [loan for loan in _loans(cell) if loan.written()]
    if written:
        _raise(cell, written[0])


def _raise(cell: Cell, loan: _Loan) -> None:
    cell.version += 1
    if loan.line is not None:
        note(cell, _given_out(loan))


def _returned(loan: _Loan) -> None:
    """Take note that an array which was given out is gone; without any, nobody outside can write."""
    cell = loan.cell
    with _lending:
        loans = _loans(cell)
        if loan.digest is not None and loan.written():
            _raise(cell, loan)
        loans.remove(loan)
        if not loans:
            cell.version -= SHARED
            cell.loans = None


def _is_saved(t: Tensor, cell: Cell, loans: int) -> bool:
    """Return whether anybody but its loans and the tensors known to share it refers to a cell: such as a node."""
    count = _references(cell) - _OWN - loans
    if count <= 1:
        return False
    if not hasattr(t, "_base") and not hasattr(t, "_views"):
        return True
    base = getattr(t, "_base", t)
    sharing = {id(t): t, id(base): base}
    for view in getattr(base, "_views", ()):
        sharing[id(view())] = view()
    holders = len([x for x in sharing.values() if x is not None and x._cell is cell])
    return count > holders


def _references(cell: Cell) -> int:
    return sys.getrefcount(cell)


def _references_of_frames() -> int:
    """Return by how much a cell's count is larger in `_is_saved` than the number of those who hold it for good."""

    def of(cell: Cell) -> int:
        return _references(cell)

    holder = [_core.Cell()]
    cell = holder[0]
    return of(cell) - len(holder)


_OWN = _references_of_frames()
