"""Watching a backward sweep from outside, with what users have: observers and hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from minigrad import graph
from minigrad._observers import Observer, observers
from minigrad.graph import Edge, Node


class _Visits(Observer):
    def __init__(self, note: Callable[[Node], object]) -> None:
        self.note = note

    def sweeping(self, roots: Sequence[Edge]) -> None:
        for node in graph.reachable([node for node, _ in roots], 0):
            if isinstance(node, Node):
                node.register_prehook(lambda _, node=node: self.note(node) and None)


@contextmanager
def visiting(note: Callable[[Node], object]) -> Iterator[None]:
    """Call `note` with every node that a backward sweep visits, before its rules run."""
    entry = (None, _Visits(note))
    observers.append(entry)
    try:
        yield
    finally:
        observers.remove(entry)
