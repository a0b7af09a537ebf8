"""The tensor: an array, where it came from, and how often its memory was written to."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core, _dtype, graph, hooks, sharing
from ._device import CPU, device
from ._dtype import dtype as DType  # noqa: N812
from ._formats import strided
from ._methods import TensorMethods
from .batching import BatchedArray, is_batched, levels
from .graph import Array, Cell, Edge, Leaf, Node, inference_used, next_sequence

if TYPE_CHECKING:
    from .handles import Hook, RemovableHandle
    from .primitive import Primitive

grad_enabled: Callable[[], bool] = _core.grad_enabled

#: ``wrap(array, edge=None, cell=None)``: a tensor of an array, made by `edge`, whose memory has the version `cell`.
wrap: Callable[..., Tensor] = _core.wrap

#: ``array_of(name, x, role="input")``: a tensor's array; TypeError, in the name of the operation, for what is no tensor.
array_of: Callable[..., Array] = _core.array_of

#: Tensors get memory of their own under it, each once.
_owning = threading.RLock()

#: What the properties of that name return. The module that makes views sets them, being imported later.
view_properties: dict[str, Callable[[Tensor], Tensor]] = {}


class Size(_core.SizeBase):
    """A tensor's shape: a tuple that knows how many elements it means."""

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements."""
        n = 1
        for extent in self:
            n *= extent
        return n

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Size:
        return Size((*other, *self))

    def __mul__(self, count: Any) -> Size:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"minigrad.Size({list(self)})"


_FLAGS = (bool, np.bool)


class Tensor(TensorMethods):
    """A multi-dimensional array that remembers what it was computed from.

    Made by :func:`minigrad.tensor` and by operations, whose methods are documented with the functions of the same name.

    Parameters
    ----------
    *data : int, sequence, numpy.ndarray or Tensor
        As in PyTorch, integers are sizes, and anything else is data, which is converted to the default dtype.

    Attributes
    ----------
    grad : Tensor or None
        The gradient that backward passes have accumulated, if this is a leaf.
    """

    # The fields are laid out in src/bindings/objects.hpp.
    # _array: the elements. _edge: what computed them, None where no gradient is wanted. _cell: the memory's version.
    # _base, _steps: for a view, whose memory it is and how to make it again from there. _views: for a base, its views.
    # _retained: the gradient of a tensor that is no leaf. The last four are set only where they mean something.
    __slots__ = ()

    _array: Array
    _edge: Edge | None
    _cell: Cell
    _base: Tensor
    _steps: tuple[tuple[Primitive, tuple[Any, ...]], ...]
    _views: list[weakref.ref[Tensor]]
    _retained: Tensor | None

    __hash__ = object.__hash__

    def __init__(self, *data: Any) -> None:
        from .ops.creation import array_of_older_form

        given = data[0] if len(data) == 1 else None
        dtype = given.dtype if isinstance(given, Tensor) else _dtype.get_default_dtype()
        self._array = array_of_older_form("Tensor", dtype, data)

    # ------------------------------------------------------------------------------------------------------------------
    # What it is.

    # shape, dtype, requires_grad, is_leaf and grad, which every step asks for, are in src/bindings/objects.cpp. It leaves to
    # these what is not as usual.

    def _shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Size | int:
        """Return the shape, or the extent of dimension `dim`."""
        if dim is None:
            return self.shape
        shape = self._array.shape
        if not -len(shape) <= dim < len(shape):
            raise IndexError(f"size: dim {dim} out of range for shape {shape}")
        return int(shape[dim])

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        """Return the number of elements."""
        return self._array.size

    @property
    def T(self) -> Tensor:  # noqa: N802
        """A view with all dimensions in reverse order."""
        return view_properties["T"](self)

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """A view with the last two dimensions exchanged; RuntimeError where there are fewer."""
        if self._array.ndim < 2:
            raise RuntimeError(f"mT: needs at least two dimensions, got shape {self._array.shape}")
        return view_properties["mT"](self)

    def stride(self, dim: int | None = None) -> tuple[int, ...] | int:
        """Return how many elements apart neighbours along each dimension, or along `dim`, lie."""
        size = self._array.itemsize
        strides = tuple([s // size for s in self._array.strides])
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: Any = None) -> bool:  # noqa: ARG002
        """Return whether the elements lie one after the other in row-major order."""
        return self._array.flags.c_contiguous

    def _dtype(self) -> DType:
        return _dtype.from_numpy_dtype(self._array.dtype)

    @property
    def device(self) -> device:
        """Where the elements lie: on the CPU."""
        return CPU

    @property
    def is_cuda(self) -> bool:
        """False: the elements lie on the CPU."""
        return False

    @property
    def is_cpu(self) -> bool:
        """True: the elements lie on the CPU."""
        return True

    @property
    def is_sparse(self) -> bool:
        """False: all elements are stored."""
        return False

    @property
    def layout(self) -> Any:
        """``minigrad.strided``: all elements are stored."""
        return strided

    @property
    def real(self) -> Tensor:
        """The tensor itself: there are no complex ones."""
        return self

    @property
    def itemsize(self) -> int:
        """The size of an element, in bytes."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """The size of all elements, in bytes."""
        return self._array.nbytes

    def element_size(self) -> int:
        """Return the size of an element, in bytes."""
        return self._array.itemsize

    def nelement(self) -> int:
        """Return the number of elements."""
        return self._array.size

    def get_device(self) -> int:
        """Return -1: PyTorch's number for the CPU."""
        return -1

    def data_ptr(self) -> int:
        """Return the address of the first element. Gradients never share this memory from now on."""
        self._own()
        return _core.keep_apart(self._array)

    def storage_offset(self) -> int:
        """Return how many elements behind the first one of its base this view's first one lies; 0 for no view."""
        base: Tensor | None = getattr(self, "_base", None)
        if base is None:
            return 0
        first, own = (x._array.__array_interface__["data"][0] for x in (base, self))
        return int(own - first) // self._array.itemsize

    def _is_view(self) -> bool:
        return hasattr(self, "_base")

    def is_complex(self) -> bool:
        """Return False: there are no complex tensors."""
        return False

    def is_signed(self) -> bool:
        """Return whether the dtype has negative numbers."""
        return self._array.dtype.kind in "if"

    def is_floating_point(self) -> bool:
        """Return whether the elements are floats."""
        return bool(self._array.dtype.kind == "f")

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len: a tensor without dimensions has no length")
        return int(self._array.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iter: a tensor without dimensions cannot be iterated over")
        return iter(self.unbind())  # at once: the gradient of all of them is one pass

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __repr__(self) -> str:
        from ._printing import tensor_text

        return tensor_text(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self._array.ndim == 0 else repr(self)

    # ------------------------------------------------------------------------------------------------------------------
    # Leaving the world of tensors.

    def item(self) -> float | int | bool:
        """Return the only element as a Python number; RuntimeError where there is not exactly one."""
        if self._array.size != 1:
            raise RuntimeError(f"item: only a tensor with one element is a number, got shape {self._array.shape}")
        value: float | int | bool = self._array.item()
        return value

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self._array.tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """Return the elements as an array that shares this tensor's memory.

        Parameters
        ----------
        force : bool, default False
            Leave the graph where there is one, as ``detach().numpy()`` does.

        Raises
        ------
        RuntimeError
            If the tensor requires a gradient, which the array could not know of, and gradients are recorded: call
            ``detach()`` first.
        """
        if not force and (levels or self._edge is not None):
            self._refuse_export("numpy")
        return sharing.lend(self) if graph.observers else _core.lend(self, None)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        same = dtype is None or np.dtype(dtype) == self._array.dtype
        if copy or (copy is None and not same):  # nothing is given out
            self._refuse_export("__array__")
            return np.array(self._array, dtype=dtype)
        if not same:
            raise ValueError(f"__array__: elements of {self.dtype} cannot become {np.dtype(dtype)} without a copy")
        return self.numpy()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute a function of NumPy's: an operator as a tensor's, others by NumPy, which knows of no gradient."""
        if method == "__call__" and not options and ufunc in _OPERATORS:
            a, b = inputs
            name, reflected = _OPERATORS[ufunc]
            return getattr(a, name)(b) if isinstance(a, Tensor) else getattr(b, reflected)(a)
        if any(isinstance(x, Tensor) for x in options.get("out", ())):
            return NotImplemented  # which NumPy makes a TypeError of
        arrays = [x._elements(ufunc.__name__) if isinstance(x, Tensor) else x for x in inputs]
        result = getattr(ufunc, method)(*arrays, **options)
        if "out" in options:
            return result
        return tuple(map(_as_tensor, result)) if isinstance(result, tuple) else _as_tensor(result)

    def _elements(self, name: str) -> Array:
        """Return the array, to be read only."""
        self._refuse_export(name)
        return self._array

    def __dlpack__(self, **request: Any) -> Any:
        if request.get("copy"):
            self._refuse_export("__dlpack__")
            return self._array.copy().__dlpack__(**request)
        return self.numpy().__dlpack__(**request)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)  # the CPU, as DLPack counts

    def _refuse_export(self, name: str) -> None:
        if self._edge is not None and grad_enabled():
            raise RuntimeError(f"{name}: this tensor requires a gradient; call detach().numpy() to leave the graph")
        if levels and is_batched(self):
            self._array.refuse(name)  # type: ignore[attr-defined]

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise RuntimeError(f"bool: the truth of a tensor of shape {self._array.shape} is ambiguous")
        return bool(self._array)

    def __float__(self) -> float:
        return float(self._only("float"))

    def __int__(self) -> int:
        return int(self._only("int"))

    def __complex__(self) -> complex:
        return complex(self._only("complex"))

    def _only(self, name: str) -> Any:
        if self._array.size != 1:
            raise ValueError(f"{name}: only a tensor with one element is a number, got shape {self._array.shape}")
        return self._array.item()

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            given = f"{self.dtype} of shape {self._array.shape}"
            raise TypeError(f"index: only one integer in a tensor can be an index, got {given}")
        return int(self._array.item())

    # ------------------------------------------------------------------------------------------------------------------
    # Its place in the graph.

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this a leaf that accumulates a gradient, or a constant; return it.

        Raises
        ------
        RuntimeError
            If the dtype cannot carry a gradient, or if the tensor was computed from others, whose graph it would leave.
        """
        if not isinstance(requires_grad, _FLAGS):
            raise TypeError(f"requires_grad_: expected True or False, got {type(requires_grad).__name__}")
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError(
                f"requires_grad_: only floating-point tensors can require gradients, got {self.dtype}; convert it with "
                "to(float32)"
            )
        if requires_grad and inference_used and _core.inference_arrays():
            graph.refuse_inference(self, "requires_grad_")
        if not self.is_leaf:
            if requires_grad:
                return self
            raise RuntimeError("requires_grad_: this tensor was computed by the graph; use detach() to leave it")
        if not requires_grad:
            self._edge = None
        elif self._edge is None:
            self._own()
            self._edge = (Leaf(self._array), 0)
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed this tensor, None for a leaf."""
        return None if self._edge is None or isinstance(self._edge[0], Leaf) else self._edge[0]

    def _retained_grad(self) -> Tensor | None:
        retained: Tensor | None = getattr(self, "_retained", None)
        if retained is None and self._edge is not None and not hooks.retains_grad(self):
            warnings.warn(
                f"grad: this tensor of shape {self._array.shape} is no leaf, so that no backward pass fills its grad; call "
                "retain_grad() on it before, or read the grad of the leaf that is meant",
                UserWarning,
                stacklevel=2,
            )
        return retained

    def _set_grad(self, value: Tensor | None) -> None:
        if self._edge is None or not isinstance(self._edge[0], Leaf):
            if value is None:
                self._retained = None
                return
            raise RuntimeError("grad: only a leaf that requires a gradient holds one")
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"grad: must be a tensor of shape {self._array.shape}, got a {type(value).__name__}")
        if value is not None and value._array.shape != self._array.shape:
            raise RuntimeError(f"grad: must be a tensor of shape {self._array.shape}, got one of {value._array.shape}")
        if value is not None and value._array.dtype != self._array.dtype:
            raise RuntimeError(f"grad: must have dtype {self.dtype}, got {value.dtype}")
        self._edge[0].grad = value

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
            graph.backward(self, gradient, retain_graph, create_graph, inputs)

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
        """Leave the graph for good; RuntimeError for a view, whose base would stay. Return the tensor."""
        if hasattr(self, "_base"):
            raise RuntimeError("detach_: a view cannot leave the graph without its base; use detach()")
        self._edge = None
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
        if value._array.dtype != self._array.dtype and self._edge is not None:
            raise RuntimeError(f"data: must have dtype {self.dtype}, got {value.dtype}")
        self._move_to(value)
        if self._edge is not None and isinstance(self._edge[0], Leaf):
            self._edge[0].array = value._array

    def _move_to(self, value: Tensor) -> None:
        """Make this a tensor of another one's memory. Views of the old memory share it with each other alone."""
        self._own()
        value._own()
        sharing.wrote(self._cell)  # what was saved of the old memory is not what this tensor is now
        for view in [*living_views(self), self]:
            if hasattr(view, "_base"):
                del view._base, view._steps
        self._views = []
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
            before = base._edge
            if base is self and value._edge is not None:
                self._edge = value._edge
            else:
                base._edge = _overwritten(base, getattr(self, "_steps", ()), value)
            hooks.retain_still(base, before)
            refresh_views(base)
        return self

    def _refuse_write(self, name: str) -> None:
        """Raise a RuntimeError where this tensor's memory must not be written to; make it this tensor's own."""
        self._own()
        base: Tensor = getattr(self, "_base", self)
        if grad_enabled() and base._edge is not None and isinstance(base._edge[0], Leaf):
            what = "a leaf that requires a gradient" if base is self else "a view of a leaf that requires a gradient"
            raise RuntimeError(f"{name}: {what} cannot be changed in place; do it under no_grad() or on a clone()")
        if inference_used and _core.inference_arrays():
            graph.refuse_inference(self, name)
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
        if self.requires_grad:
            copied.requires_grad_()
            copied.grad = None if self.grad is None else self.grad.detach().clone()
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_leaf:
            raise RuntimeError("pickle: only leaves can be pickled; use detach()")
        self._own()
        return _rebuild, (type(self), self._array, self.requires_grad), getattr(self, "__dict__", None) or None


def _as_tensor(value: Any) -> Any:
    """Return what a function of NumPy's computed as a tensor, where there are tensors of its dtype."""
    known = isinstance(value, np.ndarray | np.generic) and _dtype.is_known(value.dtype)
    return wrap(np.asarray(value)) if known else value


#: NumPy's functions that are operators: the methods for a tensor on the left, and on the right.
_OPERATORS = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.true_divide: ("__truediv__", "__rtruediv__"),
    np.floor_divide: ("__floordiv__", "__rfloordiv__"),
    np.remainder: ("__mod__", "__rmod__"),
    np.power: ("__pow__", "__rpow__"),
    np.matmul: ("__matmul__", "__rmatmul__"),
    np.bitwise_and: ("__and__", "__rand__"),
    np.bitwise_or: ("__or__", "__ror__"),
    np.bitwise_xor: ("__xor__", "__rxor__"),
    np.left_shift: ("__lshift__", "__rlshift__"),
    np.right_shift: ("__rshift__", "__rrshift__"),
    np.equal: ("__eq__", "__eq__"),
    np.not_equal: ("__ne__", "__ne__"),
    np.less: ("__lt__", "__gt__"),
    np.less_equal: ("__le__", "__ge__"),
    np.greater: ("__gt__", "__lt__"),
    np.greater_equal: ("__ge__", "__le__"),
}


def _rebuild(cls: type[Tensor], array: Array, requires_grad: bool) -> Tensor:
    t = cls.__new__(cls)
    t._array = array
    return t.requires_grad_(requires_grad)


# ----------------------------------------------------------------------------------------------------------------------
# Views.
#
# A view shares its base's memory and version cell. When the memory is written to, through the base or through any view,
# the base's origin becomes a node that stands for the write, and each view's origin is made again from there.


link_view = _core.link_view


def replay(base: Any, steps: tuple[tuple[Primitive, tuple[Any, ...]], ...]) -> Any:
    """Return the view of `base`, a tensor or an array, that the steps make."""
    for primitive, attributes in steps:
        base = primitive.eager(base, *attributes)
    return base


def _part(tensor: Tensor, addend: Array | None = None) -> None:
    """Give a tensor, no view, memory of its own in place of what it holds in common, and add the addend."""
    with _owning:
        common = tensor._array  # held here, so that nobody else takes the tensor for its last holder
        if _core.is_common(common):
            array = _core.own_copy(common, addend)
            for view in living_views(tensor):
                view._array = replay(array, view._steps)
            tensor._array = array  # last: other threads ask for it alone


def living_views(base: Tensor) -> list[Tensor]:
    """Return the views of a tensor that are alive."""
    views = [ref() for ref in getattr(base, "_views", ())]
    return [v for v in views if getattr(v, "_base", None) is base]  # not those that left, for other data


def refresh_views(base: Tensor) -> None:
    """Make the origin of every view again from what `base` now is."""
    alive = living_views(base)
    for view in alive:
        before = view._edge
        view._edge = replay(base, view._steps)._edge
        hooks.retain_still(view, before)
    base._views = [weakref.ref(view) for view in alive]


def _overwritten(base: Tensor, steps: tuple[tuple[Primitive, tuple[Any, ...]], ...], value: Tensor) -> Edge:
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
    if graph.observers:
        graph.observe(node, (), ())
    return node, 0


_core.connect(
    Tensor=Tensor,
    Node=Node,
    Leaf=Leaf,
    Size=Size,
    BatchedArray=BatchedArray,
    seen=sharing.seen,
    observers=graph.observers,
    observe=graph.observe,
    levels=levels,
    leaf_hooks=graph.leaf_hooks,
    part=_part,
)
