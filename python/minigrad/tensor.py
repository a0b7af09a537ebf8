"""The tensor: an array, where it came from, and how often its memory was written to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _core, _dtype, graph, hooks, sharing
from ._export import TensorExport
from ._facts import Size
from ._observers import observe, observers
from ._views import Steps, give_own_memory, overwritten, refresh
from .batching import BatchedArray, levels
from .graph import Array, Cell, Edge, Leaf, Node
from .inference import refuse_out_of_inference

if TYPE_CHECKING:
    from .handles import Hook, RemovableHandle

grad_enabled: Callable[[], bool] = _core.grad_enabled

#: ``wrap(array, edge=None, cell=None)``: a tensor of an array, made by `edge`, whose memory has the version `cell`.
wrap: Callable[..., Tensor] = _core.wrap

#: ``array_of(name, x, role="input")``: a tensor's array; TypeError, in the name of the operation, for what is no tensor.
array_of: Callable[..., Array] = _core.array_of


def float_array_of(name: str, x: Any) -> Array:
    """Return a tensor's array; RuntimeError where its elements are no floating-point numbers."""
    array = array_of(name, x)
    if array.dtype.kind != "f":
        raise RuntimeError(f"{name}: needs floating-point elements, got {x.dtype}; convert with .float()")
    return array


class Tensor(TensorExport):
    """A multi-dimensional array that remembers what it was computed from.

    Made by :func:`minigrad.tensor` and by operations, whose methods are documented with the functions of the same name.

    Parameters
    ----------
    *data : int, sequence, numpy.ndarray or Tensor
        As in PyTorch, integers are sizes, and anything else is data, which is converted to the default dtype.

    Attributes
    ----------
    grad : Tensor or None
        The gradient that backward passes have accumulated, if this is a leaf, or that was set, whatever this is. Freezing
        the tensor, ``requires_grad_(False)``, leaves it, and optimisers step on it.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.Tensor([3.0, 4.0])
    >>> x.requires_grad_().norm().backward()
    >>> x.grad
    tensor([0.6000, 0.8000])
    """

    # The fields are laid out in src/bindings/objects.hpp.
    # _array: the elements. _edge: what computed them, None where no gradient is wanted. _cell: the memory's version.
    # _base, _steps: for a view, whose memory it is and how to make it again from there; set only where they mean
    # something. A base knows its views: _core.living_views. _writes: for a base, how many writes its origin stands
    # for; for a view, how many its own does. _leaf: where the gradient and the hooks are; the tensor keeps it while it
    # is a constant, and None stands for it until there is one.
    __slots__ = ()

    _array: Array
    _edge: Edge | None
    _cell: Cell
    _base: Tensor
    _steps: Steps
    _writes: int
    _leaf: Leaf | None

    __hash__ = object.__hash__

    def __init__(self, *data: Any) -> None:
        from .ops.creation import array_of_older_form

        given = data[0] if len(data) == 1 else None
        dtype = given.dtype if isinstance(given, Tensor) else _dtype.get_default_dtype()
        self._array = array_of_older_form("Tensor", dtype, data)

    def __repr__(self) -> str:
        from ._printing import tensor_text

        return tensor_text(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self._array.ndim == 0 else object.__format__(self, spec)

    # ------------------------------------------------------------------------------------------------------------------
    # Its place in the graph.

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this a leaf that accumulates a gradient, or a constant, which keeps gradient and hooks; return it.

        Raises
        ------
        RuntimeError
            If the dtype cannot carry a gradient, or if the tensor was computed from others, whose graph it would leave.
        """
        _dtype.expect_flag("requires_grad_", "requires_grad", requires_grad)
        if requires_grad and self._edge is not None:
            return self
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError(
                f"requires_grad_: only floating-point tensors can require gradients, got {self.dtype}; convert it with "
                "to(float32)"
            )
        if requires_grad:
            refuse_out_of_inference(self, "requires_grad_")
            self._own()
            leaf = self._leaf or Leaf()
            leaf.array = self._array
            self._edge = (leaf, 0)
        elif self.is_leaf:
            self._become_constant()
        else:
            raise RuntimeError("requires_grad_: this tensor was computed by the graph; use detach() to leave it")
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed this tensor, None for a leaf."""
        return None if self._edge is None or isinstance(self._edge[0], Leaf) else self._edge[0]

    def _become_constant(self) -> None:
        if self._leaf is not None:
            self._leaf.array = None
        self._edge = None

    def _no_grad(self) -> None:
        if not hooks.retains_grad(self):
            warnings.warn(
                f"grad: this tensor of shape {self._array.shape} is no leaf, so that no backward pass fills its grad; call "
                "retain_grad() on it before, or read the grad of the leaf that is meant",
                UserWarning,
                stacklevel=2,
            )

    def _set_grad(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"grad: must be a tensor of shape {self._array.shape}, got a {type(value).__name__}")
        if value is self:
            raise RuntimeError("grad: a tensor cannot be its own gradient")
        if value._array.shape != self._array.shape:
            raise RuntimeError(f"grad: must be a tensor of shape {self._array.shape}, got one of {value._array.shape}")
        if value._array.dtype != self._array.dtype:
            raise RuntimeError(f"grad: must have dtype {self.dtype}, got {value.dtype}")
        self._leaf = self._leaf or Leaf()
        self._leaf.grad = value

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Tensor] | Tensor | None = None,
    ) -> None:
        """Add the gradients of this tensor to the leaves that it was computed from.

        See :func:`minigrad.autograd.backward`.
        """
        usual = not create_graph and inputs is None
        if not (usual and _core.backward(self, gradient, retain_graph)):
            from .autograd import backward

            backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Run `hook` whenever a backward pass has computed this tensor's gradient.

        Parameters
        ----------
        hook : callable
            Takes the gradient, a tensor, before it goes on to earlier operations or is accumulated. What it returns, of
            the same shape and dtype, takes the gradient's place; None leaves it.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook away.

        Raises
        ------
        RuntimeError
            If the tensor does not require a gradient.

        Examples
        --------
        >>> import minigrad
        >>> x = minigrad.ones(2, requires_grad=True)
        >>> handle = x.register_hook(lambda g: 10 * g)
        >>> x.sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        return hooks.register_hook(self, hook)

    def register_post_accumulate_grad_hook(self, hook: Hook) -> RemovableHandle:
        """Run ``hook(tensor)`` whenever a backward pass has added to the gradient of this leaf.

        Raises
        ------
        RuntimeError
            If the tensor is no leaf or does not require a gradient.
        """
        return hooks.register_post_accumulate_grad_hook(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in ``grad``, although it is no leaf; RuntimeError where it requires none."""
        hooks.retain_grad(self)

    @property
    def retains_grad(self) -> bool:
        """Whether this tensor is no leaf and keeps its gradient in ``grad``."""
        return hooks.retains_grad(self)

    def detach(self) -> Tensor:
        """Return a tensor that shares this one's memory and versions but has no part in the graph."""
        array: Any = self._array
        if array.__class__ is BatchedArray:
            return wrap(array.detached(), None, self._cell)
        return self._alias()

    def detach_(self) -> Tensor:
        """Leave the graph, with the gradient; RuntimeError for a view, whose base would stay. Return the tensor."""
        if hasattr(self, "_base"):
            raise RuntimeError("detach_: a view cannot leave the graph without its base; use detach()")
        for view in _core.living_views(self):
            view._edge = view._edge  # made from the origin that is about to go
        self._become_constant()
        return self

    @property
    def output_nr(self) -> int:
        """Which output of its `grad_fn` this is; 0 for a leaf."""
        return 0 if self._edge is None else self._edge[1]

    @property
    def data(self) -> Tensor:
        """The same as :meth:`detach`: unlike PyTorch's, it shares versions, so that no change goes unseen."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        array_of("data", value, "value")
        if value._array.dtype != self._array.dtype and self._edge is not None:
            raise RuntimeError(f"data: must have dtype {self.dtype}, got {value.dtype}")
        self._move_to(value)
        if self._edge is not None and isinstance(self._edge[0], Leaf):
            self._edge[0].array = value._array

    def _move_to(self, value: Tensor) -> None:
        """Make this a tensor of another one's memory. Views of the old memory share it with each other alone."""
        self._own()
        value._own()
        sharing.wrote(self._cell)  # a node that saved the old elements must not read the new ones
        for view in [*_core.living_views(self), self]:
            if hasattr(view, "_base"):
                view._edge = view._edge  # made from a base that it is about to leave
                del view._base, view._steps
        self._array = value._array
        self._cell = value._cell

    def is_inference(self) -> bool:
        """Return whether this tensor was made in :class:`minigrad.inference_mode`, or is a view of one that was."""
        return _core.is_inference(self._array)

    @property
    def _version(self) -> int:
        """How often the memory was written to through tensors."""
        return sharing.version(self._cell)

    # ------------------------------------------------------------------------------------------------------------------
    # Writing into its memory.

    def _write(self, value: Tensor, name: str) -> Tensor:
        """Give this tensor the elements and the origin of `value`, which has its shape; return it."""
        if _core.set_items(self, ..., value):  # no graph has to know
            return self
        self._refuse_write(name)
        if levels:
            value = graph.batched_write(self, value, name)
        else:
            _core.copy_into(self._array, value._array)
        sharing.wrote(self._cell)
        base: Tensor = getattr(self, "_base", self)
        if (base._edge is not None or value._edge is not None) and grad_enabled():
            before, old = self._edge, base._edge
            if base is self and value._edge is not None:
                self._edge = value._edge
            else:
                base._edge = overwritten(base, getattr(self, "_steps", None), value)
            base._writes += 1
            hooks.retain_still(base, old)
            hooks.retain_still(self, before)
        return self

    def _refuse_write(self, name: str) -> None:
        """Raise a RuntimeError where this tensor's memory must not be written to; make it this tensor's own."""
        self._own()
        for x in (self, getattr(self, "_base", self)) if grad_enabled() else ():
            if x._edge is not None and isinstance(x._edge[0], Leaf):
                what = "a leaf that requires a gradient" if x is self else "a view of a leaf that requires a gradient"
                raise RuntimeError(f"{name}: {what} cannot be changed in place; do it under no_grad() or on a clone()")
        refuse_out_of_inference(self, name)
        if not self._array.flags.writeable:
            raise RuntimeError(f"{name}: this tensor's memory is read-only; change a clone() instead")
        if (
            0 in self._array.strides
            and self._array.size
            and any(step == 0 and n > 1 for step, n in zip(self._array.strides, self._array.shape, strict=True))
        ):
            raise RuntimeError(f"{name}: several elements of this expanded tensor share one place; clone() it first")

    # ------------------------------------------------------------------------------------------------------------------
    # Copies.

    def __copy__(self) -> Tensor:
        """Return another tensor of the same memory and versions, a leaf with a gradient of its own."""
        if not self.is_leaf:
            raise RuntimeError("copy: only leaves can be copied; use clone() or detach()")
        self._own()
        copied = _rebuild(type(self), self._array, self.requires_grad)
        copied._cell = self._cell
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError("deepcopy: only leaves can be copied deeply; use clone() or detach()")
        copied = type(self).__new__(type(self))
        copied._array = self._array.copy("K")
        memo[id(self)] = copied
        copied.requires_grad_(self.requires_grad)
        copied.grad = None if self.grad is None else self.grad.detach().clone()
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise RuntimeError("pickle: only leaves can be pickled; use detach()")
        self._own()
        return _rebuild, (type(self), self._array, self.requires_grad), getattr(self, "__dict__", None) or None


def _rebuild(cls: type[Tensor], array: Array, requires_grad: bool) -> Tensor:
    t = cls.__new__(cls)
    t._array = array
    return t.requires_grad_(requires_grad)


_core.connect(
    Tensor=Tensor,
    Node=Node,
    Leaf=Leaf,
    Size=Size,
    BatchedArray=BatchedArray,
    observers=observers,
    observe=observe,
    levels=levels,
    leaf_hooks=graph.leaf_hooks,
    give_own_memory=give_own_memory,
    refresh=refresh,
)
