"""Whether operations record a graph: a state of each thread."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from . import _core

F = TypeVar("F", bound=Callable[..., Any])


class _GradMode:
    """A context and a decorator that sets the thread's state and puts it back. It nests."""

    def __init__(self, mode: bool) -> None:
        self._mode = mode
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_core.set_grad_enabled(self._mode))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _core.set_grad_enabled(self._before.pop())

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with type(self)._of(self._mode):
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    @staticmethod
    def _of(mode: bool) -> _GradMode:
        return _GradMode(mode)


class no_grad(_GradMode):  # noqa: N801
    """Record no graph inside: a context, or a decorator.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """Return a context, or the decorated function where used as ``@no_grad`` without parentheses."""
        return object.__new__(cls) if function is None else no_grad()(function)

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_GradMode):  # noqa: N801
    """Record a graph inside, even within :class:`no_grad`: a context, or a decorator."""

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(_GradMode):  # noqa: N801
    """Record a graph from now on, or not; as a context, only inside.

    Parameters
    ----------
    mode : bool
        Whether to record.
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._at_call: bool | None = _core.set_grad_enabled(bool(mode))

    def __enter__(self) -> None:
        before = _core.set_grad_enabled(self._mode) if self._at_call is None else self._at_call
        self._at_call = None
        self._before.append(before)


def is_grad_enabled() -> bool:
    """Return whether operations of this thread record a graph."""
    return _core.grad_enabled()
