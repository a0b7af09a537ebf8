"""In-place forms of views: the tensor itself gets another shape on the same memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from .._methods import method
from .._views import Steps, in_order, replay
from ..grad_mode import enable_grad
from ..graph import Array, Edge, Leaf, Node
from ..hooks import retain_still
from ..primitive import registry
from ..tensor import Tensor, grad_enabled, wrap
from .shape import squeeze, t, transpose, unsqueeze

__all__: list[str] = []

Shape = tuple[int, ...]

#: More steps than these are made fewer, so that calls without end leave no history without end.
_MANY = 8

_PERMUTE, _RESHAPE = registry["permute"], registry["reshape"]


def _become(self: Tensor, function: Callable[..., Tensor], *args: Any) -> Tensor:
    """Make `self` the view of its memory that ``function(self, *args)`` is; return it."""
    if self._edge is not None and isinstance(self._edge[0], Leaf):
        if grad_enabled():
            raise RuntimeError(f"{function.__name__}_: not for a leaf that requires a gradient; see detach()")
        raise RuntimeError(f"{function.__name__}_: a leaf that requires a gradient keeps its shape; set its data")
    if self._edge is None and not hasattr(self, "_base") and not _core.living_views(self):
        self._array = function(wrap(self._array), *args)._array
        return self
    _hand_over_base(self)
    before = self._edge
    with enable_grad():  # a tensor that requires a gradient still does
        view = function(self, *args)
        steps, edge = view._steps, view._edge
        if len(in_order(steps)) > _MANY:
            steps = _composed(self._base._array, steps)
            if edge is not None and _is_just_a_view(edge, self._base):
                edge = replay(self._base, steps)._edge
    self._array, self._edge, self._steps = view._array, edge, steps
    retain_still(self, before)
    return self


def _hand_over_base(self: Tensor) -> None:
    """Make `self`, if it is a base, a view of a new one, which its views then have for a base, too."""
    if hasattr(self, "_base"):
        return
    views = [*_core.living_views(self), self]
    base = wrap(self._array, self._edge, self._cell)
    base._writes = self._writes
    self._steps = None
    for view in views:
        view._base = base


def _is_just_a_view(edge: Edge | None, base: Tensor) -> bool:
    """Return whether nothing but views without hooks, which would go with them, leads from the base's edge to another."""
    while edge != base._edge:
        node = None if edge is None else edge[0]
        if type(node) is not Node or not node.primitive.view:
            return False
        edge = node.edges[0]
    return True


def _composed(base: Array, steps: Steps) -> Steps:
    """Return fewer steps to the same view: those that only move dims, or add and drop dims of size 1, become two at most."""
    result: Steps = None
    source = now = base
    dims = _large(base.shape)
    for primitive, attributes in in_order(steps):
        after = primitive.eager(now, *attributes)
        if primitive is _PERMUTE:
            at = dict(zip(_large(now.shape), dims, strict=True))
            dims = [at[d] for d in attributes[0] if d in at]
        elif primitive is not _RESHAPE or _without_ones(now.shape) != _without_ones(after.shape):
            result = (_moved(result, source, dims, now.shape), primitive, attributes)
            source, dims = after, _large(after.shape)
        now = after
    return _moved(result, source, dims, now.shape)


def _moved(steps: Steps, source: Array, dims: list[int], shape: Shape) -> Steps:
    """Return the steps to the source, and on to an array of `shape` whose dims of other sizes than 1 are those named."""
    moved = source.shape
    if dims != sorted(dims):
        order = (*dims, *[d for d in range(source.ndim) if d not in dims])
        steps, moved = (steps, _PERMUTE, (order,)), tuple(source.shape[d] for d in order)
    return steps if moved == shape else (steps, _RESHAPE, (shape,))


def _large(shape: Shape) -> list[int]:
    return [d for d, n in enumerate(shape) if n != 1]


def _without_ones(shape: Shape) -> list[int]:
    return [n for n in shape if n != 1]


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
