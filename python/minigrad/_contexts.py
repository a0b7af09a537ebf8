"""Contexts that change what their block sees, and put it back whenever Ctrl-C comes.

Python raises KeyboardInterrupt between its own instructions: amid an ``__enter__`` or ``__exit__`` in Python it would leave
the change made, or half undone. So these two are C++ for all contexts (`ModeBase` in src/bindings/modes.cpp).
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

#: What contexts have put where the code that asks finds it, each with its thread, None for all. Empty as a rule.
Entries = list[tuple[object, Any]]


class _Running(local):
    """Knows the thread that asks by an object of its own: the number of a thread that has ended goes to another one."""

    def __init__(self) -> None:
        self.thread = object()


running = _Running()


class Context(_core.ModeBase):
    """A context whose method `_changes` tells what it changes, and changes nothing itself.

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
    """A context of given calls."""

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

    It looks at a copy: other threads add and drop theirs meanwhile, and a loop over a list that shrinks passes items over.
    """
    if not entries:
        return None
    here = running.thread
    return next((value for thread, value in reversed(tuple(entries)) if thread == here), None)
