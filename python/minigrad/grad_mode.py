"""Whether operations record a graph: a state of each thread."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from . import _core

F = TypeVar("F", bound=Callable[..., Any])


class GradMode(_core.ModeBase):
    """A context and a decorator that sets the thread's state and puts it back. It nests."""

    def again(self) -> GradMode:
        """Return another context of the same kind."""
        return GradMode(self._mode)

    def __reduce__(self) -> Any:
        """Return how a copy is made: a context of the same kind that nobody has entered."""
        return _copied, (type(self), self._mode), vars(self) or None

    def __call__(self, function: F) -> F:
        """Return the decorated function, or generator function."""
        if inspect.isgeneratorfunction(function):
            return self._of_generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    def _of_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the generator function with the state set while its body runs, and as it was while it waits."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                generator = function(*args, **kwargs)
            step, argument = generator.send, None
            while True:
                try:
                    with self.again():
                        value = step(argument)
                except StopIteration as end:
                    return end.value
                try:
                    step, argument = generator.send, (yield value)
                except GeneratorExit:
                    with self.again():
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001  the generator decides
                    step, argument = generator.throw, error

        return call


def _copied(kind: type[GradMode], mode: bool) -> GradMode:
    context = kind.__new__(kind)
    GradMode.__init__(context, mode)  # that of set_grad_enabled would set the mode
    return context


class no_grad(GradMode):  # noqa: N801
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


class enable_grad(GradMode):  # noqa: N801
    """Record a graph inside, even within :class:`no_grad`: a context, or a decorator.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.no_grad(), minigrad.enable_grad():
    ...     (2 * x).requires_grad
    True
    """

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(GradMode):  # noqa: N801
    """Record a graph from now on, or not; as a context, only inside.

    Parameters
    ----------
    mode : bool
        Whether to record.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.set_grad_enabled(False):
    ...     minigrad.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self._set_now()

    def __call__(self, function: F) -> F:
        """Return the decorated function; the state outside of it is as before."""
        self._put_back()
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Return whether operations of this thread record a graph.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.no_grad():
    ...     minigrad.is_grad_enabled()
    False
    """
    return _core.grad_enabled()
