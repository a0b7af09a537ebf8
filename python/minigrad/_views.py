"""Views and their bases, when memory is written to.

A view shares its base's memory and version cell. When the memory is written to, through the base or through any view,
the base's origin becomes a node that stands for the write, and the base counts it. A view whose own count is another one
has its origin made again from the base's when somebody asks for it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from . import _core, hooks
from ._observers import observe, observers
from .graph import Array, Edge, Node, next_sequence

if TYPE_CHECKING:
    from .primitive import Primitive
    from .tensor import Tensor

#: How to make a view again from its base: the steps to what it is a view of, and one more. None: it is the base itself.
Steps = tuple["Steps", "Primitive", tuple[Any, ...]] | None

#: The lock under which a tensor gets memory of its own, or a view an origin, so that it gets it only once.
_once = threading.RLock()


def replay(base: Any, steps: Steps) -> Any:
    """Return the view of `base`, a tensor or an array, that the steps make."""
    for primitive, attributes in in_order(steps):
        base = primitive.eager(base, *attributes)
    return base


def in_order(steps: Steps) -> list[tuple[Primitive, tuple[Any, ...]]]:
    """Return the primitives with their attributes, the first one first."""
    found = []
    while steps is not None:
        found.append(steps[1:])
        steps = steps[0]
    return found[::-1]


def give_own_memory(tensor: Tensor, addend: Array | None = None) -> None:
    """Give a tensor, no view, memory of its own in place of what it holds in common, and add the addend."""
    with _once:
        common = tensor._array  # this reference keeps other threads from taking the tensor for its last holder
        if _core.is_common(common):
            array = _core.own_copy(common, addend)
            for view in _core.living_views(tensor):
                view._array = replay(array, view._steps)
            tensor._array = array  # comes last, because other threads look at it alone


def refresh(view: Tensor, before: Edge | None) -> None:
    """Make the origin of a view, so far `before`, again from what its base now is."""
    with _once:
        writes = view._base._writes
        if view._writes != writes:
            view._edge = replay(view._base, view._steps)._edge
            view._writes = writes  # another thread may have written to the base meanwhile
            hooks.retain_still(view, before)


def overwritten(base: Tensor, steps: Steps, value: Tensor) -> Edge:
    """Return the origin of `base` after `value` was written into the view of it that the steps make."""
    from .primitive import registry

    node = Node()
    node.primitive = registry["overwrite"]
    node.operation = node.primitive.eager
    node.outputs = 1
    node.sequence = next_sequence()
    node.edges = (base._edge, value._edge)
    node.saved = (None, None, None, steps, base._array.shape, None)
    node.versions = ()
    if observers:
        observe(node, (), ())
    return node, 0
