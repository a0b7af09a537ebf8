"""Those who watch the engine: nodes being recorded, writes, sweeps."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from ._contexts import Entries, running

if TYPE_CHECKING:
    from . import _core
    from .graph import Edge, Leaf, Node

#: Those who watch nodes being recorded, each with the thread it watches, None for all threads. Usually empty: calls look
#: only at that.
observers: Entries = []


class Observer:
    """Watches nodes being recorded, writes and sweeps; see `observers`."""

    def recorded(self, node: Node, outputs: tuple[Any, ...], inputs: tuple[Any, ...]) -> None:
        """Take note of a new node, the tensors that it made and what it made them of."""

    def wrote(self, cell: _core.Cell) -> None:
        """Take note that memory was written to."""

    def sweeping(self, roots: Sequence[Edge]) -> None:
        """Take note that a backward sweep is about to begin."""

    def failed(self, node: Node | Leaf, error: Exception) -> None:
        """Take note that a backward sweep failed at a node."""


def observing() -> list[Observer]:
    """Return those who watch this thread, in the order in which they began."""
    here = running.thread
    return [observer for thread, observer in tuple(observers) if thread is None or thread == here]


def observe(node: Node, outputs: tuple[Any, ...], inputs: tuple[Any, ...]) -> None:
    """Show a new node to those who watch this thread."""
    for observer in observing():
        observer.recorded(node, outputs, inputs)


def announce(roots: Sequence[Edge]) -> None:
    """Tell those who watch this thread that a sweep is about to begin."""
    for observer in observing():
        observer.sweeping(roots)


def users_line() -> str:
    """Return the innermost line outside minigrad that is being run: its file, number, function and text."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        frame = frame.f_back
    code, number = frame.f_code, frame.f_lineno
    text = linecache.getline(code.co_filename, number).strip()
    return f"{code.co_filename}:{number}, in {code.co_name}" + (f": {text}" if text else "")


def _is_ours(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__"))
    return module.partition(".")[0] == __name__.partition(".")[0]
