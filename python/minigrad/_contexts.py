"""Contexts that change what their block sees, and put it back even if Ctrl-C comes.

Python raises KeyboardInterrupt between any two of its instructions: in the middle of an ``__enter__`` or ``__exit__`` written
in Python it would leave the change made, or half undone. So all contexts share an ``__enter__`` and ``__exit__`` written in
C++ (`ModeBase` in src/bindings/modes.cpp).
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import local
from typing import Any

from . import _core

#: A function in C, and its arguments.
Call = tuple[Any, ...]

#: What ``as`` names, the calls that make a change, and those that undo it.
Changes = tuple[Any, list[Call], list[Call]]

#: The values of the contexts that are entered now, each with its thread, None for all threads. Usually empty, and code
#: that asks looks for that first.
Entries = list[tuple[object, Any]]


class _Running(local):
    """An object for each thread, which stands for it: the number of a thread that has ended may go to another one."""

    def __init__(self) -> None:
        self.thread = object()


running = _Running()


class Context(_core.ModeBase):
    """A context whose method `_changes` describes what it changes, and changes nothing itself.

    Parameters
    ----------
    grad : bool, optional
        Whether to record a graph inside; by default as outside.
    """

    def __init__(self, grad: bool | None = None) -> None:
        super().__init__(grad, None, True)
        self._grad = grad

    def __reduce__(self) -> Any:
        """Return how a copy is made: a context of the same kind that nobody has entered."""
        return _copied, (type(self), self._grad), vars(self)

    def _changes(self) -> Changes:
        raise NotImplementedError


def _copied(kind: type[Context], grad: bool | None) -> Context:
    context = kind.__new__(kind)
    Context.__init__(context, grad)
    return context


class Changing(Context):
    """A context that makes the given calls and undoes them."""

    def __init__(self, make: Sequence[Call], undo: Sequence[Call]) -> None:
        super().__init__()
        self._given = None, list(make), list(undo)

    def _changes(self) -> Changes:
        return self._given


def entry(entries: Entries, value: Any) -> tuple[list[Call], list[Call]]:
    """Return the calls that let `innermost` find a value, and those that undo it."""
    added = (running.thread, value)
    return [(entries.append, added)], [(_core.drop, entries, added)]


def innermost(entries: Entries) -> Any:
    """Return the value of this thread's innermost context, None where it is in none.

    It looks at a copy: other threads add and drop theirs meanwhile, and a loop over a shrinking list would skip items.
    """
    if not entries:
        return None
    here = running.thread
    return next((value for thread, value in reversed(tuple(entries)) if thread == here), None)
