"""In-place forms of views: the tensor itself gets another shape on the same memory."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from .._methods import method
from .._views import living_views
from ..graph import Leaf
from ..tensor import Tensor, grad_enabled, wrap
from .shape import squeeze, t, transpose, unsqueeze

__all__: list[str] = []


def _become(self: Tensor, function: Callable[..., Tensor], *args: Any) -> Tensor:
    """Make `self` the view of its memory that ``function(self, *args)`` is; return it."""
    if self._edge is not None and isinstance(self._edge[0], Leaf):
        if grad_enabled():
            raise RuntimeError(f"{function.__name__}_: not for a leaf that requires a gradient; see detach()")
        raise RuntimeError(f"{function.__name__}_: a leaf that requires a gradient keeps its shape; set its data")
    if self._edge is None and not hasattr(self, "_base") and not getattr(self, "_views", ()):
        self._array = function(self.detach(), *args)._array
        return self
    _hand_over_base(self)
    view = function(self, *args)
    self._array, self._edge, self._steps = view._array, view._edge, view._steps
    return self


def _hand_over_base(self: Tensor) -> None:
    """Make `self`, if it is a base, a view of a new one, which its views then have for a base, too."""
    if hasattr(self, "_base"):
        return
    views = [*living_views(self), self]
    base = wrap(self._array, self._edge, self._cell)
    base._views = [weakref.ref(view) for view in views]
    self._views = []
    self._steps = ()
    for view in views:
        view._base = base


@method
def squeeze_(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Do as :func:`squeeze` does, to this tensor itself; return it."""
    return _become(input, squeeze, dim)


@method
def unsqueeze_(input: Tensor, dim: int) -> Tensor:
    """Do as :func:`unsqueeze` does, to this tensor itself; return it."""
    return _become(input, unsqueeze, dim)


@method
def t_(input: Tensor) -> Tensor:
    """Do as :func:`t` does, to this tensor itself; return it."""
    return _become(input, t)


def transpose_(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Do as :func:`transpose` does, to this tensor itself; return it."""
    return _become(input, transpose, dim0, dim1)


method(transpose_, "transpose_", "swapaxes_", "swapdims_")
