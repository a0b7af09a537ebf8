"""The base of modules that are a function with options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .module import Module


class FunctionModule(Module):
    """A function as a module: its options are attributes, read at each call.

    A subclass names the function and the options that its text shows; its constructor has the options as parameters and
    hands them on by name. Options that are tensors become buffers.
    """

    _function: ClassVar[Callable[..., Any]]
    _shown: ClassVar[tuple[str, ...]] = ()
    _options: tuple[str, ...]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None, shown: tuple[str, ...] = ()) -> None:
        super().__init_subclass__()
        if function is not None:
            cls._function = staticmethod(function)
            cls._shown = shown

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = tuple(options)
        for name, value in options.items():
            if name in ("weight", "pos_weight"):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def _compute(self, *inputs: Any) -> Any:
        """Return the function's value with the options as they are now."""
        own = self.__dict__
        return self._function(*inputs, **{name: own[name] for name in self._options})

    def extra_repr(self) -> str:
        """Return the options that matter."""
        shown = [f"{name}={getattr(self, name)!r}" for name in self._shown]
        if getattr(self, "inplace", False):
            shown.append("inplace=True")
        return ", ".join(shown)
