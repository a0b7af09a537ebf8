"""Handles by which hooks are taken away again."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any, Self

Hook = Callable[..., Any]

_ids = itertools.count()


class RemovableHandle:
    """What registering a hook returns: it takes the hook away, once or at the end of a ``with`` block.

    Parameters
    ----------
    hooks : dict
        Where the hook is, by the handle's `id`. The handle does not keep it alive.

    Attributes
    ----------
    id : int
        The hook's number: hooks run in the order of their numbers.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.ones(1, requires_grad=True)
    >>> with x.register_hook(lambda g: 10 * g):
    ...     x.sum().backward()
    >>> x.grad
    tensor([10.])
    """

    def __init__(self, hooks: Hooks) -> None:
        self.id = next(_ids)
        self._hooks = weakref.ref(hooks)

    def remove(self) -> None:
        """Take the hook away; nothing happens where it is gone already."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.drop(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Hooks(dict[int, Hook]):
    """Hooks by their numbers, in the order in which they were registered."""

    __slots__ = ("__weakref__",)

    def add(self, hook: Hook, *, first: bool = False) -> RemovableHandle:
        """Register a hook, behind all others or before them; TypeError where it cannot be called."""
        if not callable(hook):
            raise TypeError(f"hook: expected something that can be called, got {type(hook).__name__}")
        handle = RemovableHandle(self)
        if first:
            others = list(self.items())
            self.clear()
            self[handle.id] = hook
            self.update(others)
        else:
            self[handle.id] = hook
        return handle

    def drop(self, number: int) -> None:
        """Take away the hook of that number; nothing happens where it is gone already."""
        self.pop(number, None)

    def all(self) -> list[Hook]:
        """Return the hooks as they are now, so that one may take itself away while they run."""
        return list(self.values())
