"""The methods that tensors get from operations.

An operation whose function is declared with ``@method`` (or made by a record that says so) becomes a method of the same
name here; with ``in_place=True`` the method with ``_`` behind its name, which stores the result in the tensor's own
memory, comes with it. The type stub beside this file is generated from them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, TypeVar

from . import _core

F = TypeVar("F", bound=Callable[..., Any])

#: The functions that have an in-place form, by that form's name.
in_place_forms: dict[str, Callable[..., Any]] = {}


class TensorMethods(_core.TensorBase):
    """What operations add to `Tensor`."""

    __slots__ = ()


def method(function: F | None = None, *names: str, in_place: bool = False) -> Any:
    """Make `function` a method of tensors, by its own name or by `names`, and return it.

    With `in_place` it gets an in-place form for each name as well. Without `function`, return the decorator.
    """
    if function is None:
        return partial(method, in_place=in_place)
    for name in names or (function.__name__,):
        setattr(TensorMethods, name, function)
        if in_place:
            in_place_forms[f"{name}_"] = function
            setattr(TensorMethods, f"{name}_", _in_place_form(function, f"{name}_"))
    return function


def numpy_names(function: F) -> F:
    """Let `function` take NumPy's `axis` and `keepdims` for `dim` and `keepdim`, as PyTorch's reductions do."""
    call = _core.MethodDeflection(function, tuple(_NUMPY_NAMES), _renamed)
    return update_wrapper(call, function)  # type: ignore[return-value]


_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def _renamed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    for numpys, own in _NUMPY_NAMES.items():
        if numpys in kwargs and own not in kwargs:
            kwargs[own] = kwargs.pop(numpys)
    return function(*args, **kwargs)


def operator(sign: str, function: Callable[..., Any], in_place: str | None = None) -> None:
    """Make `function` the operator ``__sign__`` and its reflected form, and the method `in_place` ``__isign__``."""
    setattr(TensorMethods, f"__{sign}__", function)
    setattr(TensorMethods, f"__r{sign}__", lambda self, other: function(other, self))
    if in_place is not None:
        setattr(TensorMethods, f"__i{sign}__", getattr(TensorMethods, in_place))


def _in_place_form(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._compute_in_place(function, name, args, kwargs)

    call.__name__ = name
    call.__dict__["__wrapped__"] = function  # whose signature it has
    call.__doc__ = f"Do as `{name.rstrip('_')}` does, writing the result into this tensor's memory; return it."
    return call
