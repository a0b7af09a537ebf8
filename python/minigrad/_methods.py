"""The methods that tensors get from operations.

An operation whose function is declared with ``@method`` (or made by a record that says so) becomes a method of the same
name here; the type stub beside this file is generated from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class TensorMethods:
    """What operations add to `Tensor`."""

    __slots__ = ()


def method(function: F, *names: str) -> F:
    """Make `function` a method of tensors, by its own name or by `names`, and return it."""
    for name in names or (function.__name__,):
        setattr(TensorMethods, name, function)
    return function
