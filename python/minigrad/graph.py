"""The graph: a node for each operation that was run, and the two sweeps over it.

A tensor that depends on a leaf has an edge ``(node, k)``: it is output k of that node. A node holds the edges of its
inputs and what its rules will read. Nodes are numbered as they are made, so a node's number is higher than those of
all nodes it depends on. Taking the highest number first is therefore a topological order, found without a search,
without recursion, and with one visit for each node.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from . import _core, sharing
from ._observers import announce, observers, observing
from .batching import ARRAYS, BatchedArray

if TYPE_CHECKING:
    from .handles import Hook, Hooks, RemovableHandle
    from .primitive import Primitive
    from .tensor import Tensor

Array = np.ndarray[Any, Any]
#: Output `index` of `node`: what a tensor knows of its own making.
Edge = tuple["Node | Leaf", int]
#: How often memory was written to (`version`). All views of one memory share it.
Cell = _core.Cell

next_sequence = _core.next_sequence

_add_into = _core.kernels["add"].into
_core.connect(copy=_core.kernels["clone"], add_into=_add_into)

#: The lock under which gradients grow, so that threads may share leaves. Sweeps add their shares in the order in which
#: they get it.
_accumulation = threading.RLock()

#: The hooks of leaves that have some, by their ids. Sweeps look for leaves with hooks only while this is not empty.
leaf_hooks: dict[int, weakref.ref[Hooks]] = {}

wrap: Callable[..., Tensor] = _core.wrap

# Functions that this module calls and later ones define: these set them when they are imported.
add: Callable[[Any, Any], Any]
sum_to: Callable[[Any, tuple[int, ...]], Any]
broadcast_to: Callable[[Any, tuple[int, ...]], Any]
batched_write: Callable[[Tensor, Tensor, str], Tensor]


class Name(str):
    """A node's name, which PyTorch has as a method: ``node.name`` and ``node.name()`` are the same."""

    __slots__ = ()

    def __call__(self) -> str:
        """Return the name itself."""
        return str(self)


class Leaf(_core.LeafBase):
    """Where a graph begins: a tensor that requires a gradient and was not computed from another one that does.

    Attributes
    ----------
    array : array or None
        The tensor's elements. None while it requires no gradient: then nothing accumulates, but hooks and `grad` stay.
    grad : Tensor or None
        What backward passes have accumulated.
    sequence : int
        Its number.
    """

    __slots__ = ()
    hooked = False

    def __init__(self, array: Array | None = None) -> None:
        self.sequence = next_sequence()
        self.array = array

    name = Name("AccumulateGrad")
    outputs = 1
    next_functions: tuple[tuple[Node | Leaf | None, int], ...] = ()

    def accumulate(self, g: Any) -> None:
        """Add the cotangent `g`, an array or under create_graph a tensor, to the gradient.

        It copies the first one. (An array that nobody else holds becomes the gradient as it is; the sweep does that itself.)
        """
        if self.array is None:
            return
        with _accumulation:
            if g.__class__ is BatchedArray:
                g = wrap(g)
            bare = isinstance(g, ndarray)
            if self.grad is None and self.take(g):
                return
            assert self.grad is not None
            if not bare or self.grad._edge is not None:
                self.grad = add(self.grad, wrap(g) if bare else g)
            else:
                if not _core.add_to_common(self.grad, g):
                    self.grad._own()
                    _add_into(self.grad._array, self.grad._array, g)
                self.grad._cell.version += 1

    def __repr__(self) -> str:
        return f"<{self.name}{'' if self.array is None else f' of shape {self.array.shape}'}>"


class Node(_core.NodeBase):
    """One run of a primitive.

    Attributes
    ----------
    primitive : Primitive
        What was run.
    operation : Operation or None
        Its eager call, which knows the rules; None where `primitive.pullback` takes their place.
    edges : tuple
        For each input its edge, or None where it needs no gradient.
    saved : tuple or None
        What the rules may read, in the order of `primitive.slots`, None where it was not kept: arrays, never tensors.
        None once a sweep has freed it.
    versions : tuple
        For each input and output that was kept, its version cell and the version it then had.
    shapes : tuple or None
        The inputs' shapes, where broadcasting changed any.
    outputs : int
        How many outputs the primitive has.
    sequence : int
        Its number.

    Examples
    --------
    >>> import minigrad
    >>> y = minigrad.ones(2, requires_grad=True).exp()
    >>> y.grad_fn, y.grad_fn.next_functions
    (<ExpBackward saved: out (2,)>, ((<AccumulateGrad of shape (2,)>, 0),))
    """

    # The field `hooks` is set by the first hook (hooks.py), `notes` when `metadata` is first asked for.
    __slots__ = ()
    hooked = False

    primitive: Primitive
    edges: tuple[Edge | None, ...]
    saved: tuple[Any, ...] | None
    versions: tuple[tuple[Cell, sharing.Version] | None, ...]
    shapes: tuple[tuple[int, ...], ...] | None

    @property
    def name(self) -> Name:
        """The operation's name, as PyTorch writes it."""
        return Name("".join(part.capitalize() for part in self.primitive.name.split("_")) + "Backward")

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for notes about this node, the user's or those of `minigrad.autograd.detect_anomaly`."""
        notes: dict[str, Any] | None = getattr(self, "notes", None)
        if notes is None:
            notes = self.notes = {}
        return notes

    @property
    def next_functions(self) -> tuple[tuple[Node | Leaf | None, int], ...]:
        """The nodes that the cotangents go to, each with the number of its output."""
        return tuple((None, 0) if edge is None else edge for edge in self.edges)

    def __repr__(self) -> str:
        """Name the operation and what it kept: ``<MulBackward saved: y (2, 3)>``."""
        if self.saved is None:
            return f"<{self.name}, freed>"
        kept = [f"{name} {x.shape}" for name, x in zip(self.primitive.slots, self.saved, strict=True) if is_array(x)]
        return f"<{self.name}{' saved: ' + ', '.join(kept) if kept else ''}>"

    # ------------------------------------------------------------------------------------------------------------------
    # Reading what was kept.

    def _refuse_changed(self) -> None:
        """Raise a RuntimeError for the first kept array that was changed, if there is one."""
        for slot, (kept, array) in enumerate(zip(self.versions, self.saved or (), strict=False)):
            if kept is not None and sharing.changed(*kept, array):
                raise RuntimeError(
                    f"{self.primitive.name}: its {self.primitive.slots[slot]}, of shape {array.shape}, which the gradient "
                    f"needs, {sharing.history(*kept)}; change a clone() instead"
                )

    def read_tensors(self) -> tuple[Any, ...]:
        """Return what was kept with arrays as tensors: inputs with their edges, outputs as outputs of this node."""
        values, edges = list(self.read()), self.edges
        inputs = len(edges)
        for slot, kept in enumerate(self.versions):
            if not is_array(values[slot]):
                continue
            edge = edges[slot] if slot < inputs else (self, slot - inputs)
            values[slot] = wrap(values[slot], edge, None if kept is None else kept[0])
        return tuple(values)

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(grad_inputs, grad_outputs)``, tuples of tensors, once this node has computed the former.

        What the hook returns, a tuple as long, takes the place of `grad_inputs`; None leaves them.
        """
        from .hooks import hooks_of

        return hooks_of(self).after.add(hook)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(grad_outputs)``, a tuple of tensors, before this node computes. What it returns takes their place."""
        from .hooks import hooks_of

        return hooks_of(self).before.add(hook)

    # ------------------------------------------------------------------------------------------------------------------
    # Forwards. The way back, `pullback(g, values)`, is in src/bindings/node.cpp, as are `read()` and `free()`.

    def pushforward(self, tangents: Sequence[Any], values: tuple[Any, ...]) -> Any:
        """Return the outputs' tangents, given the inputs' (None where an input has none)."""
        if self.primitive.pushforward is not None:
            return self.primitive.pushforward(tangents, values)
        total: Any = None
        for i, t in enumerate(tangents):
            if t is not None:
                total = _add_tangents(total, self._push_one(i, t, values))
        return total

    def _push_one(self, i: int, t: Any, values: tuple[Any, ...]) -> Any:
        p = self.primitive
        if p.jvp[i] is not None:
            rule, reads = p.jvp[i]  # type: ignore[misc]
            return rule(t, *[values[slot] for slot in reads])
        if p.structure == "elementwise":
            rule, reads = p.vjp[i]  # type: ignore[misc]
            if self.shapes is not None:
                t = broadcast_to(t, np.broadcast_shapes(*self.shapes))
            return rule(t, *[values[slot] for slot in reads])
        if p.structure in ("linear", "multilinear"):
            inputs = list(values[: len(p.inputs)])
            inputs[i] = t
            first = len(p.inputs) + len(p.outputs)
            return p.eager(*inputs, *values[first : first + len(p.attributes)])
        raise NotImplementedError(f"{p.name}: no rule takes a tangent of its {p.inputs[i]} forward")


@cache
def _extended(plain: Any, behaviour: Any) -> type:
    return type(plain.__name__, (behaviour, plain), {"__slots__": (), "__doc__": plain.__doc__})


def extend(node: Any, behaviour: type) -> None:
    """Make a node an object of a class that does what `behaviour` says, and otherwise what its own one did.

    Nodes without hooks, packed values or somebody who watches them do not pay for these.
    """
    if not isinstance(node, behaviour):
        node.__class__ = _extended(type(node), behaviour)  # type: ignore[arg-type]


def is_array(x: Any) -> bool:
    """Return whether a value is a bare array, not a tensor."""
    return isinstance(x, ARRAYS)


def _add_tangents(a: Any, b: Any) -> Any:
    """Add tangents of outputs, of which there may be several, and any of which may be absent."""
    if isinstance(b, tuple):
        return b if a is None else tuple(_add_tangents(x, y) for x, y in zip(a, b, strict=True))
    if a is None or b is None:
        return b if a is None else a
    return add(a, b)


# ----------------------------------------------------------------------------------------------------------------------
# Backwards.


def backward_sweep(
    roots: Iterable[tuple[Edge, Any]],
    *,
    retain_graph: bool,
    create_graph: bool,
    targets: Sequence[Edge] | None = None,
) -> list[Any]:
    """Carry cotangents from the roots to the leaves, or to `targets`.

    Parameters
    ----------
    roots : iterable of (edge, cotangent)
        Where it begins: arrays, or tensors under `create_graph`.
    retain_graph : bool
        Keep what the nodes saved, for another sweep.
    create_graph : bool
        Record a graph of the sweep itself.
    targets : sequence of edges, optional
        Whose cotangents are wanted; only what leads to them is visited, and no leaf accumulates. Without it, every
        leaf accumulates.

    Returns
    -------
    list
        The cotangents of the targets, None where there is none.
    """
    roots = list(roots)
    starts = [edge for edge, _ in roots]
    if observers:
        announce(starts)
    found: list[Any] = [None] * len(targets or ())
    relevant = None if targets is None else leading_to(targets, starts)
    failed: list[Any] = [None]
    try:
        _core.sweep(roots, relevant, _places(targets or ()), found, failed, retain_graph, create_graph)
    except Exception as error:
        for observer in observing() if observers and failed[0] is not None else ():
            observer.failed(failed[0], error)
        raise
    return found


def _places(targets: Sequence[Edge]) -> dict[Node | Leaf, list[tuple[int, int]]]:
    """Return for each target's node which of its outputs are targets, each with its place among these."""
    places: dict[Node | Leaf, list[tuple[int, int]]] = {}
    for place, (node, index) in enumerate(targets):
        places.setdefault(node, []).append((index, place))
    return places


def leading_to(targets: Iterable[Edge], roots: Iterable[Edge]) -> set[Node | Leaf]:
    """Return the nodes between the roots and the targets, both included."""
    goals = {node for node, _ in targets}
    lowest = min((node.sequence for node in goals), default=0)
    order = reachable([node for node, _ in roots], lowest)
    leading = set(goals)
    for node in order:  # ascending: what a node depends on comes first
        if isinstance(node, Node) and any(e is not None and e[0] in leading for e in node.edges):
            leading.add(node)
    return leading


def reachable(roots: Iterable[Node | Leaf], lowest: int) -> list[Node | Leaf]:
    """Return all nodes that the roots depend on and whose number is at least `lowest`, in ascending order."""
    seen = {node for node in roots if node.sequence >= lowest}
    stack = list(seen)
    while stack:
        node = stack.pop()
        if isinstance(node, Leaf):
            continue
        for edge in node.edges:
            if edge is not None and edge[0] not in seen and edge[0].sequence >= lowest:
                seen.add(edge[0])
                stack.append(edge[0])
    return sorted(seen, key=lambda node: node.sequence)


# ----------------------------------------------------------------------------------------------------------------------
# Forwards.


def forward_sweep(inputs: Sequence[tuple[Edge, Any]], outputs: Sequence[Edge], *, create_graph: bool) -> list[Any]:
    """Carry tangents along a recorded graph from `inputs` to `outputs`.

    Parameters
    ----------
    inputs : sequence of (edge, tangent)
        Where it begins: arrays, or tensors under `create_graph`.
    outputs : sequence of edges
        Whose tangents are wanted.
    create_graph : bool
        Record a graph of the sweep itself.

    Returns
    -------
    list
        The outputs' tangents, None where an output depends on no input.
    """
    known: dict[Edge, Any] = {}
    for edge, t in inputs:
        known[edge] = t if edge not in known else add(known[edge], t)
    starts = {edge[0] for edge, _ in inputs}
    lowest = min((node.sequence for node in starts), default=0)
    for node in reachable([node for node, _ in outputs], lowest):
        if isinstance(node, Leaf) or node in starts:
            continue
        tangents = [None if edge is None else known.get(edge) for edge in node.edges]
        if all(t is None for t in tangents):
            continue
        values = node.read_tensors() if create_graph else node.read()
        result = node.pushforward(tangents, values)
        for index, t in enumerate(result if isinstance(result, tuple) else (result,)):
            if t is not None:
                known[node, index] = t
    return [known.get(edge) for edge in outputs]
