"""What users hang on the graph: functions that see a cotangent on its way, and may put another one in its place.

A node without hooks knows nothing of them: its first one makes it an object of a class that does (`graph.extend`), and
the sweep asks for that alone.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from . import _core, graph
from .handles import Hook, Hooks, RemovableHandle

if TYPE_CHECKING:
    from .tensor import Tensor


#: The lock under which a node gets its hooks, so that none is missed where threads share a leaf.
_changing = threading.RLock()


class LeafHooks(Hooks):
    """Hooks of a leaf, which `graph.leaf_hooks` knows while there are any: sweeps look for hooked leaves only then."""

    __slots__ = ()

    def add(self, hook: Hook, *, first: bool = False) -> RemovableHandle:
        """Register a hook, as `Hooks.add` does."""
        with _changing:
            handle = super().add(hook, first=first)
            own = id(self)
            graph.leaf_hooks[own] = weakref.ref(self, lambda _: graph.leaf_hooks.pop(own, None))
            return handle

    def drop(self, number: int) -> None:
        """Take away the hook of that number, as `Hooks.drop` does."""
        with _changing:
            super().drop(number)
            if not self:
                graph.leaf_hooks.pop(id(self), None)


class NodeHooks:
    """The hooks of one node.

    Parameters
    ----------
    kind : type
        What a tensor's hooks and the like are kept in: `LeafHooks` for a leaf.

    Attributes
    ----------
    of_output : dict
        For each output's number, the tensor's hooks: they take its whole cotangent, before the node does.
    retained : dict
        For each output's number, the tensors whose ``grad`` the cotangent becomes, behind the tensors' hooks.
    before : Hooks
        Take the cotangents of all outputs, as a tuple.
    after : Hooks
        Take the cotangents of the inputs and those of the outputs, as tuples.
    accumulated : Hooks
        Of a leaf: called once its gradient has grown, each with the tensor, which it keeps alive.
    """

    __slots__ = ("accumulated", "after", "before", "kind", "of_output", "retained")

    def __init__(self, kind: type[Hooks]) -> None:
        self.kind = kind
        self.of_output: dict[int, Hooks] = {}
        self.retained: dict[int, list[weakref.ref[Tensor]]] = {}
        self.before, self.after, self.accumulated = kind(), kind(), kind()


class Hooked:
    """What hooks add to a node's class. Cotangents are arrays, tensors under ``create_graph``; hooks see tensors."""

    __slots__ = ()

    hooked = True
    hooks: NodeHooks

    def before(self, g: Any) -> Any:
        """Return the outputs' cotangents as the hooks leave them."""
        several = isinstance(g, tuple)
        gs = list(g) if several else [g]
        for index, hooks in list(self.hooks.of_output.items()):
            if gs[index] is not None:
                gs[index] = _run(hooks.all(), gs[index])
        for index, tensors in list(self.hooks.retained.items()):
            if gs[index] is not None:
                _retain(tensors, gs[index])
        for hook in self.hooks.before.all():
            gs = _replaced(hook, gs)
        return tuple(gs) if several else gs[0]

    def pullback(self, g: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the inputs' cotangents as the hooks leave them."""
        cotangents = list(super().pullback(g, values))  # type: ignore[misc]
        outputs = tuple(map(_tensor, g if isinstance(g, tuple) else (g,)))
        for hook in self.hooks.after.all():
            cotangents = _replaced(hook, cotangents, outputs)
        return tuple(cotangents)

    def accumulate(self, g: Any) -> None:
        """Add to the gradient, then tell the hooks; TypeError for one that returns neither None nor a tensor."""
        super().accumulate(g)  # type: ignore[misc]
        for hook in self.hooks.accumulated.all():
            returned = hook()
            if returned is not None:  # a tensor is what `lambda p: p.grad.mul_(2)` returns
                _core.array_of("register_post_accumulate_grad_hook", returned, "what a hook returns")


def hooks_of(node: Any) -> NodeHooks:
    """Return a node's hooks; from now on it has some."""
    with _changing:
        if not node.hooked:
            node.hooks = NodeHooks(LeafHooks if isinstance(node, graph.Leaf) else Hooks)
            graph.extend(node, Hooked)  # comes last, because sweeps of other threads look at it alone
    hooks: NodeHooks = node.hooks
    return hooks


# ----------------------------------------------------------------------------------------------------------------------
# Running them.


def _tensor(g: Any) -> Any:
    """Return a cotangent as a tensor that hooks may keep and write to, whatever the sweep does with the array."""
    return _core.shown(g) if graph.is_array(g) else g


def _left(seen: Any, g: Any) -> Any:
    """Return the cotangent `g` as a hook has left it: the hook has seen it as a tensor, and may have written to that."""
    return g if seen is g or _core.is_common(seen._array) else seen._array


def _like(result: Any, g: Any) -> Any:
    """Return a hook's result, which replaces the cotangent `g`, in g's form; RuntimeError where it does not fit."""
    if not hasattr(result, "_array"):
        raise TypeError(f"hook: must return a tensor or None, got {type(result).__name__}")
    if g is not None and (result.shape != g.shape or result._array.dtype != getattr(g, "_array", g).dtype):
        raise RuntimeError(
            f"hook: returned a gradient of shape {tuple(result.shape)} and {result.dtype} in place of one of shape "
            f"{tuple(g.shape)} and {_tensor(g).dtype}"
        )
    return result if _core.grad_enabled() else result._array


def _run(hooks: list[Hook], g: Any) -> Any:
    for hook in hooks:
        seen = _tensor(g)
        result = hook(seen)
        g = _left(seen, g) if result is None else _like(result, g)
    return g


def _replaced(hook: Hook, gs: list[Any], *more: Any) -> list[Any]:
    """Return the cotangents that a node's hook gives in place of `gs`: a tuple as long, or one tensor."""
    seen = tuple(map(_tensor, gs))
    results = hook(seen, *more)
    if results is None:
        return [_left(x, g) for x, g in zip(seen, gs, strict=True)]
    given = results if isinstance(results, tuple | list) else (results,)
    if len(given) != len(gs):
        raise RuntimeError(f"hook: returned {len(given)} gradients in place of {len(gs)}")
    return [None if r is None else _like(r, g) for r, g in zip(given, gs, strict=True)]


def _retain(tensors: list[weakref.ref[Tensor]], g: Any) -> None:
    for tensor in [t for t in (ref() for ref in tensors) if t is not None]:
        leaf = tensor._leaf = tensor._leaf or graph.Leaf()
        leaf.grad = _tensor(g) if leaf.grad is None else graph.add(leaf.grad, _tensor(g))


# ----------------------------------------------------------------------------------------------------------------------
# Registering them.


def _edge(tensor: Tensor, name: str) -> graph.Edge:
    if tensor._edge is None:
        raise RuntimeError(
            f"{name}: this tensor of shape {tensor._array.shape} does not require a gradient, so that no backward pass "
            "would ever reach it; call requires_grad_() first"
        )
    return tensor._edge


def register_hook(tensor: Tensor, hook: Hook) -> RemovableHandle:
    """Register a hook of a tensor; see `Tensor.register_hook`."""
    node, index = _edge(tensor, "register_hook")
    hooks = hooks_of(node)
    return hooks.of_output.setdefault(index, hooks.kind()).add(hook)


def retain_grad(tensor: Tensor) -> None:
    """Make a tensor that is no leaf keep its gradient; see `Tensor.retain_grad`."""
    node, index = _edge(tensor, "retain_grad")
    if not tensor.is_leaf and not retains_grad(tensor):
        hooks_of(node).retained.setdefault(index, []).append(weakref.ref(tensor))


def retain_still(tensor: Tensor, before: graph.Edge | None) -> None:
    """Let a tensor that came by another edge than `before`, by a write, retain the gradient of what it now is."""
    if before is None or not before[0].hooked or before == tensor._edge:
        return
    retaining = hooks_of(before[0]).retained.get(before[1], [])
    for ref in [ref for ref in retaining if ref() is tensor]:
        retaining.remove(ref)
        retain_grad(tensor)


def retains_grad(tensor: Tensor) -> bool:
    """Return whether a tensor that is no leaf keeps its gradient."""
    if tensor._edge is None or not tensor._edge[0].hooked:
        return False
    node, index = tensor._edge
    return any(ref() is tensor for ref in hooks_of(node).retained.get(index, ()))


def register_post_accumulate_grad_hook(tensor: Tensor, hook: Any) -> RemovableHandle:
    """Register a hook of a leaf; see `Tensor.register_post_accumulate_grad_hook`."""
    node, _ = _edge(tensor, "register_post_accumulate_grad_hook")
    if not tensor.is_leaf:
        raise RuntimeError(
            "register_post_accumulate_grad_hook: only leaves accumulate gradients; this one was computed"
        )
    return hooks_of(node).accumulated.add(partial(hook, tensor) if callable(hook) else hook)
