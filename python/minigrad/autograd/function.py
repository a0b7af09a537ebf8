"""Operations that users write: a forward pass and the way back, as one node of the graph.

A coarse layer, whose whole backward pass is one function as in caffe, is written so; the operations of minigrad itself
are fine-grained, as PyTorch's: 《反向传播算法实现》 compares the two.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _core, _dtype, graph, sharing
from .._observers import observe, observers
from ..batching import is_batched, levels
from ..grad_mode import no_grad
from ..graph import Cell, Edge, Node, next_sequence
from ..hooks import retain_still
from ..tensor import Tensor, wrap

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class _Kept(NamedTuple):
    """What is saved of a tensor: never the tensor itself, so that no cycle forms."""

    array: Any
    cell: Cell
    version: sharing.Version
    edge: Edge | None
    output: int | None  # the number of the operation's output, where it is one


class FunctionCtx:
    """What `forward` leaves for `backward`: tensors, by `save_for_backward`, and any other attributes.

    Attributes
    ----------
    needs_input_grad : tuple of bool
        For each argument of `forward`, whether its gradient is wanted.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self, name: str) -> None:
        self._name = name
        self._to_save: tuple[Tensor | None, ...] = ()
        self._kept: tuple[_Kept | None, ...] | None = ()
        self._constant: tuple[Tensor, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._materialize = True
        self._node: Callable[[], FunctionNode | None] = lambda: None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or other tensors for `backward`, which finds them in `saved_tensors`.

        Raises
        ------
        TypeError
            If one is neither a tensor nor None: keep other values as attributes.
        """
        for x in tensors:
            if x is not None and not isinstance(x, Tensor):
                raise TypeError(f"{self._name}: save_for_backward takes tensors, got {type(x).__name__}")
        self._to_save = tensors

    #: In forward mode the same tensors are read.
    save_for_forward = save_for_backward

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say that outputs have no gradient."""
        self._constant = outputs

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Say that inputs were changed in place; they have to be returned as well."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether `backward` gets zeros (as it does at first) or None for outputs without a cotangent."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved.

        Raises
        ------
        RuntimeError
            If an earlier backward pass has freed it, or one of the tensors was changed in place since.
        """
        if self._kept is None:
            raise RuntimeError(
                f"{self._name}: the graph was freed by an earlier backward pass; to go through it again, call "
                "backward(retain_graph=True) the first time"
            )
        return tuple(None if kept is None else self._unpacked(n, kept) for n, kept in enumerate(self._kept))

    def _unpacked(self, n: int, kept: _Kept) -> Tensor:
        node = self._node()
        edge = kept.edge if kept.output is None or node is None else (node, kept.output)
        if not graph.is_array(kept.array):
            return wrap(kept.array.unpacked(self._name, kept.cell, kept.version), edge, kept.cell)
        if sharing.changed(kept.cell, kept.version, kept.array):
            raise RuntimeError(
                f"{self._name}: saved tensor {n}, of shape {kept.array.shape}, "
                f"{sharing.history(kept.cell, kept.version)}; change a clone() instead"
            )
        return wrap(kept.array, edge, kept.cell)

    def _keep(self, outputs: Sequence[Tensor]) -> None:
        """Take what is to be saved apart, once it is known which tensors are outputs."""

        def kept(x: Tensor | None) -> _Kept | None:
            if x is None:
                return None
            _core.check_saved(self._name, x._array)
            output = next((k for k, out in enumerate(outputs) if out is x), None)
            return _Kept(
                x._array,
                x._cell,
                sharing.version_of(x._cell, x._array),
                None if output is not None else x._edge,
                output,
            )

        self._kept = tuple(map(kept, self._to_save))
        self._to_save = ()


class _Named(NamedTuple):
    """What a node asks of its primitive."""

    name: str
    slots: tuple[str, ...] = ()


class FunctionNode(Node):
    """One run of a `Function`."""

    __slots__ = ("__weakref__", "ctx", "forms_in", "forms_out", "function")

    function: type[Function]
    ctx: FunctionCtx
    #: The shape and dtype of each argument and of each output; () and float32 for what is no tensor.
    forms_in: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]
    forms_out: tuple[tuple[tuple[int, ...], np.dtype[Any]], ...]

    @property
    def name(self) -> graph.Name:
        """The function's name, as PyTorch writes it."""
        return graph.Name(f"{self.function.__name__}Backward")

    def read(self) -> tuple[Any, ...]:
        """Return nothing: `backward` reads what was saved from its context."""
        return ()

    read_tensors = read

    def free(self) -> None:
        """Let go of what was saved."""
        if self.ctx._kept:
            self.ctx._kept = None

    def pullback(self, g: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what `backward` returns, checked."""
        given = g if isinstance(g, tuple) else (g,)
        cotangents = [self._cotangent(x, *form) for x, form in zip(given, self.forms_out, strict=True)]
        results = self.function.backward(self.ctx, *cotangents)
        results = results if isinstance(results, tuple) else (results,)
        surplus = results[len(self.edges) :]
        if len(results) < len(self.edges) or any(r is not None for r in surplus):
            raise RuntimeError(
                f"{self.name}: backward must return a gradient or None for each of the {len(self.edges)} arguments of "
                f"forward, got {len(results)}"
            )
        return tuple(self._checked(n, r) for n, r in enumerate(results[: len(self.edges)]))

    def _cotangent(self, g: Any, shape: tuple[int, ...], dtype: Any) -> Tensor | None:
        if g is None:
            return wrap(np.zeros(shape, dtype)) if self.ctx._materialize else None
        return _core.shown(g) if graph.is_array(g) else g

    def _checked(self, n: int, result: Any) -> Any:
        """Return the gradient of argument `n` in the form that the sweep computes with."""
        if self.edges[n] is None or result is None:
            return None
        if not isinstance(result, Tensor):
            raise TypeError(f"{self.name}: backward must return tensors or None, got {type(result).__name__}")
        shape, dtype = self.forms_in[n]
        if result._array.shape != shape:
            result = self._summed(n, result, shape)
        if result._array.dtype != dtype:
            result = result.to(_dtype.from_numpy_dtype(dtype))
        return result if _core.grad_enabled() else result._array

    def _summed(self, n: int, result: Tensor, shape: tuple[int, ...]) -> Tensor:
        try:
            fits = np.broadcast_shapes(shape, result._array.shape) == result._array.shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"{self.name}: backward returned a gradient of shape {result._array.shape} for argument {n}, which has "
                f"shape {shape}"
            )
        return graph.sum_to(result, shape)

    def pushforward(self, tangents: Sequence[Any], values: tuple[Any, ...]) -> Any:
        """Return what `jvp` returns."""
        given = [wrap(t) if graph.is_array(t) else t for t in tangents]
        result = self.function.jvp(self.ctx, *given)
        results = result if isinstance(result, tuple) else (result,)
        if len(results) != self.outputs:
            raise RuntimeError(f"{self.name}: jvp must return {self.outputs} tangents, got {len(results)}")
        bare = tuple(r if r is None or _core.grad_enabled() else r._array for r in results)
        return bare if self.outputs > 1 else bare[0]


class Function:
    """An operation with a forward pass and a way back of its own.

    Subclasses define static methods; users call ``apply``.

    - ``forward(ctx, *args)`` computes, and saves for later with ``ctx.save_for_backward``. Or ``forward(*args)``
      computes alone and ``setup_context(ctx, inputs, output)`` saves.
    - ``backward(ctx, *grad_outputs)`` returns for each argument of `forward` its gradient, or None; it may be called `vjp`.
    - ``jvp(ctx, *grad_inputs)`` returns the outputs' tangents, for forward mode; optional.
    - ``vmap(info, in_dims, *args)`` returns the outputs and their batch dimensions; optional.

    Examples
    --------
    >>> import minigrad
    >>> class Cube(minigrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * g
    >>> x = minigrad.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: a tensor or a tuple, of which those that are tensors are differentiable."""
        raise NotImplementedError("Function: a subclass has to define forward")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what the way back needs, where `forward` takes no context."""
        raise NotImplementedError("Function: a subclass has to define setup_context")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradients of the arguments of `forward`."""
        raise NotImplementedError(f"{ctx._name}: a subclass of Function has to define backward")

    vjp = backward

    def __init_subclass__(cls) -> None:
        own = vars(cls)
        if "vjp" in own:
            if "backward" in own:
                raise RuntimeError(
                    f"{cls.__name__}: backward and vjp are two names of one function; define one of them"
                )
            cls.backward = own["vjp"]  # type: ignore[method-assign]

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Return the tangents of the outputs."""
        raise NotImplementedError("Function: a subclass has to define jvp to be used in forward mode")

    #: Whether `vmap` maps the methods themselves, where there is no static method `vmap`.
    generate_vmap_rule = False

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        """Return the outputs for all examples, and along which dims of them the examples lie (None for shared ones).

        `info` has ``batch_size`` and ``randomness``; `in_dims` says along which dims of `args` the examples lie.
        """
        raise NotImplementedError("Function: a subclass has to define vmap, or set generate_vmap_rule = True")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the operation. Where `forward` takes no context, names and defaults are resolved first."""
        if kwargs or _has_defaults(cls.forward):
            args = _resolved(cls, args, kwargs)
        ctx = FunctionCtx(cls.__name__)
        run = cls._run
        if levels and any(map(is_batched, args)):
            from .function_vmap import batched_forward, run_batched

            level, args = batched_forward(cls, args)
            on = _core.grad_enabled()
            run = lambda ctx, args: run_batched(cls, ctx, args, level, on)
        ctx.needs_input_grad = tuple(isinstance(x, Tensor) and x._edge is not None for x in args)
        recording = any(ctx.needs_input_grad) and _core.grad_enabled()
        before = _core.grad_enabled()
        try:
            _core.set_grad_enabled(False)
            output = run(ctx, args)
        finally:
            _core.set_grad_enabled(before)
        outputs = output if isinstance(output, tuple) else (output,)
        outputs = cls._attached(ctx, args, outputs, recording)
        return outputs if isinstance(output, tuple) else outputs[0]

    @classmethod
    def _run(cls, ctx: FunctionCtx, args: tuple[Any, ...]) -> Any:
        if cls.setup_context is Function.setup_context:
            return cls.forward(ctx, *args)
        output = cls.forward(*args)
        cls.setup_context(ctx, args, output)
        return output

    @classmethod
    def _attached(
        cls, ctx: FunctionCtx, args: tuple[Any, ...], outputs: tuple[Any, ...], recording: bool
    ) -> tuple[Any, ...]:
        """Return the outputs as outputs of a new node."""
        for x in ctx._dirty:
            if recording:
                cls._refuse_dirty(x)
            sharing.wrote(x._cell)
        fresh = tuple(_fresh(ctx, args, out) for out in outputs)
        if not recording:
            ctx._keep(())
            return fresh
        node = _node(cls, ctx, args, fresh)
        constant = [id(x) for x in ctx._constant]
        for k, (out, original) in enumerate(zip(fresh, outputs, strict=True)):
            if isinstance(out, Tensor) and id(original) not in constant and out._array.dtype.kind == "f":
                before = out._edge
                out._edge = (node, k)
                retain_still(out, before)
        for x in ctx._dirty:
            x._writes += 1
        if observers:
            tensors = tuple(x._array for x in args if isinstance(x, Tensor))
            observe(node, tuple(x for x in fresh if isinstance(x, Tensor)), tensors)
        return fresh

    @classmethod
    def _refuse_dirty(cls, x: Tensor) -> None:
        """Raise a RuntimeError for a tensor that a graph does not let the forward pass change in place."""
        if x.is_leaf and x.requires_grad:
            raise RuntimeError(f"{cls.__name__}: a leaf that requires a gradient was changed in place")
        if hasattr(x, "_base"):
            raise RuntimeError(f"{cls.__name__}: a view was changed in place; change its base, or a clone()")


@functools.lru_cache(maxsize=256)
def _has_defaults(forward: Callable[..., Any]) -> bool:
    return any(p.default is not p.empty for p in inspect.signature(forward).parameters.values())


def _resolved(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return all arguments of `forward` by position, defaults too, where it takes no context."""
    if cls.setup_context is Function.setup_context:
        if kwargs:
            raise TypeError(f"{cls.__name__}: apply() takes names only where setup_context is defined")
        return args
    bound = inspect.signature(cls.forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args


def _fresh(ctx: FunctionCtx, args: tuple[Any, ...], out: Any) -> Any:
    """Return an output that may get an origin of its own: an input given back becomes another tensor, unless dirty."""
    if isinstance(out, Tensor) and any(out is x for x in args) and not any(out is x for x in ctx._dirty):
        return out._alias()
    return out


def _node(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> FunctionNode:
    node = FunctionNode()
    node.function, node.ctx = cls, ctx
    node.primitive = _Named(cls.__name__)  # type: ignore[assignment]
    node.outputs = len(outputs)
    node.edges = tuple(x._edge if isinstance(x, Tensor) else None for x in args)
    node.saved, node.versions = (), ()
    node.forms_in, node.forms_out = tuple(map(_form, args)), tuple(map(_form, outputs))
    ctx._keep(outputs)
    ctx._node = weakref.ref(node)
    node.sequence = next_sequence()
    return node


def _form(x: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    return (x._array.shape, x._array.dtype) if isinstance(x, Tensor) else ((), np.dtype(np.float32))


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Declare that the gradients which a `backward` returns cannot be differentiated again.

    It then runs without recording; a second backward pass through what it returned raises a RuntimeError.

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.autograd.function import once_differentiable
    >>> class Double(minigrad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = minigrad.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    @functools.wraps(backward)
    def call(ctx: FunctionCtx, *grad_outputs: Any) -> Any:
        before = _core.grad_enabled()
        with no_grad():
            results = backward(ctx, *grad_outputs)
        if not before or not any(
            isinstance(g, Tensor) and g.requires_grad for g in (*grad_outputs, *ctx.saved_tensors)
        ):
            return results
        name = ctx._name
        return tuple(_Undifferentiable.apply(name, r, _one_that_requires_grad()) if r is not None else None
                     for r in (results if isinstance(results, tuple) else (results,)))  # fmt: skip

    return call


def _one_that_requires_grad() -> Tensor:
    return wrap(np.zeros((), np.float32)).requires_grad_()


class _Undifferentiable(Function):
    """Hands a gradient on whose own gradient nobody knows."""

    @staticmethod
    def forward(ctx: Any, name: str, x: Tensor, _: Tensor) -> Tensor:
        ctx.name = name
        return x

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise RuntimeError(f"{ctx.name}: its backward is marked once_differentiable and cannot be differentiated again")
