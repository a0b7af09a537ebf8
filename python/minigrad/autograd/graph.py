"""The recorded graph as users see it: walking it, and packing what it keeps.

A tensor's ``grad_fn`` is the node that computed it; ``next_functions`` leads on towards the leaves::

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> nodes = [(x.exp() * 3).sum().grad_fn]
    >>> for node in nodes:
    ...     print(node.name())
    ...     nodes += [parent for parent, _ in node.next_functions if parent is not None]
    SumBackward
    MulBackward
    ExpBackward
    AccumulateGrad
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from .. import _core, graph, sharing
from .._contexts import Changes, Context, Entries, entry, innermost
from .._observers import Observer, observers, observing
from ..grad_mode import no_grad
from ..graph import Array, Cell, Node
from ..handles import RemovableHandle
from ..tensor import Tensor, array_of, wrap
from .function import FunctionNode

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class _Packed:
    """What a node keeps in place of an array."""

    __slots__ = ("shape", "unpack", "value")

    def __init__(self, array: Array, cell: Cell | None, hooks: saved_tensors_hooks) -> None:
        self.shape = array.shape
        self.unpack = hooks.unpack_hook
        with no_grad():
            self.value = hooks.pack_hook(wrap(array, None, cell))

    def unpacked(self, name: str, cell: Cell | None, version: sharing.Version) -> Array:
        """Return the array; RuntimeError where its memory is the old one and was changed since."""
        with no_grad():
            x = self.unpack(self.value)
        if not isinstance(x, Tensor):
            raise TypeError(f"saved_tensors_hooks: the unpack hook must return a tensor, got {type(x).__name__}")
        if x._array.shape != self.shape:
            raise RuntimeError(
                f"saved_tensors_hooks: the unpack hook returned shape {x._array.shape} for what had {self.shape}"
            )
        if cell is not None and x._cell is cell and sharing.changed(cell, version, x._array):
            raise RuntimeError(
                f"{name}: a saved tensor of shape {self.shape}, which the gradient needs, "
                f"{sharing.history(cell, version)}; pack a clone()"
            )
        return x._array


class _PackedNode:
    """What packing adds to a node's class: nodes without packed values know nothing of it."""

    __slots__ = ()

    def read(self) -> tuple[Any, ...]:
        """Return what was kept, unpacked."""
        node: Any = self
        if node.saved is None:
            super().read()  # type: ignore[misc]
        values = list(node.saved)
        for slot, value in enumerate(values):
            if isinstance(value, _Packed):
                cell, version = (node.versions[slot] if slot < len(node.versions) else None) or (None, 0)
                values[slot] = value.unpacked(node.primitive.name, cell, version)
        return tuple(values)

    def free(self) -> None:
        """Let go of what was packed."""
        node: Any = self
        node.saved, node.versions = None, ()


_refusals: Entries = []


class disable_saved_tensors_hooks(Context):  # noqa: N801
    """Refuse to pack what operations keep: a context in which :class:`saved_tensors_hooks` raises a RuntimeError.

    Parameters
    ----------
    error_message : str
        What the error says.
    """

    def __init__(self, error_message: str) -> None:
        super().__init__()
        self._message = error_message

    def _changes(self) -> Changes:
        return None, *entry(_refusals, self._message)


class saved_tensors_hooks(Context, Observer):  # noqa: N801
    """Pack what operations of this thread keep for the backward pass: a context.

    Parameters
    ----------
    pack_hook : callable
        Takes each tensor that an operation keeps, and returns anything. It runs without recording.
    unpack_hook : callable
        Takes what `pack_hook` returned, once the backward pass needs it, and returns a tensor of the same elements.

    Notes
    -----
    Contexts nest: the innermost one packs. Where unpacking gives back the memory that was packed, changes of it in place
    are noticed, as without hooks; a copy may be kept to allow them.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> with minigrad.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().tolist(), minigrad.tensor):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def _changes(self) -> Changes:
        refusal = innermost(_refusals)
        if refusal is not None:
            raise RuntimeError(refusal)
        return None, *entry(observers, self)

    def recorded(self, node: Node, outputs: tuple[Any, ...], inputs: tuple[Any, ...]) -> None:
        """Pack what the node keeps, unless a context further inside is to do it."""
        if next(o for o in reversed(observing()) if isinstance(o, saved_tensors_hooks)) is not self:
            return
        if isinstance(node, FunctionNode):
            kept = node.ctx._kept or ()
            node.ctx._kept = tuple(k and k._replace(array=_Packed(k.array, k.cell, self)) for k in kept)
        elif any(map(graph.is_array, node.saved or ())):
            cells = [None if v is None else v[0] for v in node.versions] + [None] * len(node.saved or ())
            node.saved = tuple(
                _Packed(x, cell, self) if graph.is_array(x) else x
                for x, cell in zip(node.saved or (), cells, strict=False)
            )
            graph.extend(node, _PackedNode)


class allow_mutation_on_saved_tensors(saved_tensors_hooks):  # noqa: N801
    """Let what operations keep be changed in place: a context, inside which they keep copies.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> with minigrad.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.exp()
    ...     z = y * y
    ...     _ = y.zero_()
    >>> z.sum().backward()
    >>> x.grad
    tensor([ 14.7781, 109.1963])
    """

    def __init__(self) -> None:
        super().__init__(lambda x: x.clone(), lambda x: x)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Raise the versions of tensors whose memory was written to in a way that nothing here knows of.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.ones(2)
    >>> minigrad.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for x in [tensor] if isinstance(tensor, Tensor) else tensor:
        sharing.wrote(x._cell)


class GradientEdge(NamedTuple):
    """Where a cotangent goes: output `output_nr` of `node`.

    `autograd.grad` and `autograd.backward` take it for the tensor that the node computed, which need not live any more.
    """

    node: Node | graph.Leaf
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Return the edge of a tensor; RuntimeError where it requires no gradient.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> edge = minigrad.autograd.graph.get_gradient_edge(2 * x)
    >>> edge.node, edge.output_nr
    (<MulBackward>, 0)
    """
    if tensor._edge is None:
        raise RuntimeError("get_gradient_edge: this tensor does not require a gradient, so that it has no edge")
    return GradientEdge(*tensor._edge)


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """Keep copies for the backward pass: a context. All memory being the CPU's, only the copying is left of PyTorch's.

    Inside, what operations keep may be changed in place.

    Parameters
    ----------
    pin_memory, device_type
        Ignored.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> with minigrad.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda x: x.clone(), lambda x: x)


class _Handles(RemovableHandle):
    """Takes several hooks away at once."""

    def __init__(self, handles: list[RemovableHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], Any], *, mode: str = "all"
) -> RemovableHandle:
    """Register a hook that sees the gradients of several tensors together.

    Parameters
    ----------
    tensors : sequence of Tensor
        Whose gradients it sees.
    fn : callable
        Gets a list of them, None for tensors that the backward pass did not reach; it is not called where it reached none.
        It must not change them, and what it returns is ignored.
    mode : {"all", "any"}, default "all"
        ``"any"``: `fn` gets the first gradient alone, as soon as it is known.

    Returns
    -------
    RemovableHandle
        Its method ``remove()`` takes the hook away; in a ``with`` statement it does so at the end.

    Raises
    ------
    RuntimeError
        If a tensor requires no gradient; with ``"any"`` such a one is passed over.
    ValueError
        For other modes.

    Notes
    -----
    With ``"all"`` it is called at the end of the backward pass, once every gradient is known. PyTorch calls as soon as the
    last one of these tensors is.

    Examples
    --------
    >>> import minigrad
    >>> x, y = minigrad.ones(1, requires_grad=True), minigrad.ones(1, requires_grad=True)
    >>> handle = minigrad.autograd.graph.register_multi_grad_hook((x, y), print)
    >>> (2 * x + 3 * y).backward()
    [tensor([2.]), tensor([3.])]
    >>> x.exp().backward()
    [tensor([2.7183]), None]
    >>> handle.remove()
    """
    if mode not in ("all", "any"):
        raise ValueError(f"register_multi_grad_hook: mode must be 'all' or 'any', got {mode!r}")
    if not callable(fn):
        raise TypeError(f"register_multi_grad_hook: fn must be callable, got {type(fn).__name__}")
    xs = list(tensors)
    for place, x in enumerate(xs):
        array_of("register_multi_grad_hook", x, f"tensor {place}")
        if mode == "all" and not x.requires_grad:
            raise RuntimeError(f"register_multi_grad_hook: tensor {place} requires no gradient")

    count = len(xs)  # hooks that knew the tensors would keep them alive

    def end(gs: list[Tensor | None]) -> None:
        if mode == "all":
            fn(gs)

    def hook_of(place: int) -> Callable[[Tensor], None]:
        def hook(g: Tensor) -> None:
            endings = _core.endings()
            first = end not in endings
            endings.setdefault(end, [None] * count)[place] = g
            if mode == "any" and first:
                fn(g)

        return hook

    return _Handles([x.register_hook(hook_of(place)) for place, x in enumerate(xs) if x.requires_grad])
