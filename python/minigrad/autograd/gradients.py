"""The two sweeps as users call them: `backward` and `grad`, and tangents carried forward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from .. import _core
from .._dtype import from_numpy_dtype
from ..batching import recording_below
from ..grad_mode import GradMode
from ..graph import Edge, Leaf, backward_sweep, forward_sweep, reachable
from ..tensor import Tensor, wrap
from .graph import GradientEdge

Tensors = Tensor | GradientEdge | Sequence[Tensor | GradientEdge]


def _several(x: Any) -> list[Any]:
    """Return one thing, or several, as a list."""
    return [x] if isinstance(x, Tensor | np.ndarray | GradientEdge) or not isinstance(x, Iterable) else list(x)


def _roots(name: str, outputs: Tensors, cotangents: Any, create_graph: bool) -> list[tuple[Edge, Any]]:
    """Return where a sweep begins: each output's edge and its cotangent."""
    if isinstance(outputs, Tensor) and cotangents is None:
        return [_root(name, outputs, None, create_graph)]
    outs = _several(outputs)
    gs = [None] * len(outs) if cotangents is None else _several(cotangents)
    if len(gs) != len(outs):
        raise RuntimeError(f"{name}: got {len(outs)} outputs but {len(gs)} gradients")
    return [_root(name, out, g, create_graph) for out, g in zip(outs, gs, strict=True)]


def _root(name: str, out: Tensor | GradientEdge, g: Tensor | None, create_graph: bool) -> tuple[Edge, Any]:
    if isinstance(out, GradientEdge):
        if g is None:
            raise RuntimeError(f"{name}: the gradient of an edge has to be given, since its shape is not known")
        _core.hold_given(g)
        return (out.node, out.output_nr), g if create_graph else g._array
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}: only tensors can be differentiated, got {type(out).__name__}")
    if out._edge is None:
        _refuse_constant(name, out)
    if g is None:
        if out._array.size != 1:
            raise RuntimeError(
                f"{name}: a gradient can be made up only for a scalar output, got shape {out._array.shape}; "
                "reduce the output or give a gradient of its shape"
            )
        return out._edge, _one(out, create_graph)
    if not isinstance(g, Tensor):
        raise TypeError(f"{name}: a gradient must be a tensor, got {type(g).__name__}")
    if g._array.shape != out._array.shape:
        raise RuntimeError(
            f"{name}: the gradient has shape {g._array.shape}, its output has shape {out._array.shape}; give one of the "
            "output's shape"
        )
    if g._array.dtype != out._array.dtype:
        raise RuntimeError(
            f"{name}: the gradient has dtype {g.dtype}, its output has dtype {out.dtype}; convert it with to({out.dtype})"
        )
    if create_graph:
        return out._edge, g
    _core.hold_given(g)
    return out._edge, g._array


def _refuse_constant(name: str, out: Tensor) -> NoReturn:
    """Raise a RuntimeError for an output that has no graph."""
    if out._array.dtype.kind != "f":
        raise RuntimeError(
            f"{name}: a tensor of {out.dtype} has no gradient, only floats have; argmax, comparisons and casts to integers "
            "end the graph: differentiate something that is computed without them"
        )
    more = " For a gradient of a gradient, compute the first with create_graph=True" if name == "grad" else ""
    raise RuntimeError(
        f"{name}: a tensor of shape {out._array.shape} does not require a gradient and has no graph; was it computed under "
        f"no_grad(), from detach(), or from tensors without requires_grad?{more}"
    )


def _common_one(dtype: Any) -> Any:
    one = _core.kernels["full"](1.0, (), from_numpy_dtype(np.dtype(dtype)).code)
    one.flags.writeable = False
    return one


#: The cotangent of a scalar loss, made once for each dtype, and held in common with whoever gets it.
_ONES = {d: _common_one(d) for d in (np.float16, np.float32, np.float64)}


def _one(out: Tensor, create_graph: bool) -> Any:
    """Return the cotangent 1 of an output with one element."""
    array = out._array
    one = _ONES[array.dtype.type] if array.ndim == 0 else np.ones(array.shape, dtype=array.dtype)
    return wrap(one.copy()) if create_graph else one


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the leaves that they were computed from.

    Parameters
    ----------
    tensors : Tensor, GradientEdge or sequence of them
        What to differentiate.
    grad_tensors : Tensor or sequence of Tensor, optional
        For each of them its cotangent, of its shape and dtype; not needed for a tensor with one element.
    retain_graph : bool, optional
        Keep what the graph holds for another pass; by default as `create_graph` says.
    create_graph : bool, default False
        Record a graph of the gradients themselves, so that they can be differentiated.
    inputs : Tensor or sequence of Tensor, optional
        The tensors whose ``grad`` grows; all leaves by default. One that is no leaf retains its gradient from then on.

    Raises
    ------
    RuntimeError
        If a tensor has no graph, is no scalar and has no cotangent, or if its graph was freed by an earlier pass.

    Notes
    -----
    v_x = Jᵀ v_o for each operation, the later ones first: 《反向传播算法实现》 (1.5).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    retain = create_graph if retain_graph is None else bool(retain_graph)
    roots = _roots("backward", tensors, grad_tensors, create_graph)
    xs = None if inputs is None else _several(inputs)
    if xs is not None and (not xs or not all(isinstance(x, Tensor) and x._edge for x in xs)):
        raise RuntimeError("backward: inputs must be tensors that require gradients, and at least one")
    for x in xs or ():
        x.retain_grad()  # the sweep itself then keeps it for what is no leaf
    targets = None if xs is None else list(dict.fromkeys(x._edge for x in xs))
    with GradMode(create_graph or recording_below()):
        found = backward_sweep(roots, retain_graph=retain, create_graph=create_graph, targets=targets)
        for edge, g in zip(targets or (), found, strict=True):
            if g is not None and isinstance(edge[0], Leaf):
                edge[0].accumulate(g)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,  # noqa: ARG001
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """Return the gradients of `outputs` with respect to `inputs`; no leaf accumulates.

    Parameters
    ----------
    outputs, inputs : Tensor, GradientEdge or sequence of them
        What to differentiate, and by what: leaves or tensors computed on the way.
    grad_outputs : Tensor or sequence of Tensor, optional
        For each output its cotangent; not needed for an output with one element.
    retain_graph, create_graph : bool
        As for :func:`backward`.
    only_inputs : bool, default True
        Accepted for PyTorch's sake.
    allow_unused : bool, optional
        Return None for an input that no output depends on, instead of raising.
    is_grads_batched : bool, default False
        Each of `grad_outputs` has several cotangents along dimension 0, and so have the results: one pass, by
        :func:`minigrad.func.vmap`, for all of them.
    materialize_grads : bool, default False
        Return zeros for such an input.

    Returns
    -------
    tuple of Tensor
        For each input its gradient.

    Raises
    ------
    RuntimeError
        As for :func:`backward`, and if an input does not require a gradient or is unused.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor(3.0, requires_grad=True)
    >>> (dx,) = minigrad.autograd.grad(x**3, x, create_graph=True)
    >>> minigrad.autograd.grad(dx, x)
    (tensor(18.),)
    """
    if is_grads_batched:
        settings = {"retain_graph": retain_graph, "create_graph": create_graph, "allow_unused": allow_unused}
        return _batched_grad(outputs, inputs, grad_outputs, {**settings, "materialize_grads": materialize_grads})
    retain = create_graph if retain_graph is None else bool(retain_graph)
    xs = _several(inputs)
    if not xs:
        raise RuntimeError("grad: inputs must name at least one tensor, got none")
    for x in xs:
        if not isinstance(x, GradientEdge) and (not isinstance(x, Tensor) or x._edge is None):
            what = f"of shape {x._array.shape}" if isinstance(x, Tensor) else f"that is {type(x).__name__}, no tensor,"
            raise RuntimeError(
                f"grad: an input {what} does not require a gradient; call requires_grad_() before computing with it"
            )
    roots = _roots("grad", outputs, grad_outputs, create_graph)
    edges: list[Edge] = [(x.node, x.output_nr) if isinstance(x, GradientEdge) else x._edge for x in xs]
    unique = list(dict.fromkeys(edges))
    with GradMode(create_graph or recording_below()):
        found = backward_sweep(roots, retain_graph=retain, create_graph=create_graph, targets=unique)
    by_edge = dict(zip(unique, found, strict=True))
    return tuple(
        _result(x, by_edge[edge], bool(allow_unused), materialize_grads) for x, edge in zip(xs, edges, strict=True)
    )


def _batched_grad(outputs: Tensors, inputs: Tensors, grad_outputs: Any, settings: dict[str, Any]) -> tuple[Tensor, ...]:
    from ..func.batching import vmap

    gs = [] if grad_outputs is None else _several(grad_outputs)
    if not any(isinstance(g, Tensor) for g in gs):
        raise RuntimeError("grad: is_grads_batched needs grad_outputs, with the cotangents along dimension 0")
    given = [n for n, g in enumerate(gs) if isinstance(g, Tensor)]
    missing: list[bool] = []

    def one(*parts: Tensor) -> Any:
        whole: list[Any] = [None] * len(gs)
        for n, part in zip(given, parts, strict=True):
            whole[n] = part
        found: Any = grad(outputs, inputs, whole, **settings)
        missing[:] = [g is None for g in found]
        return [g for g in found if g is not None]

    rows = iter(vmap(one)(*[gs[n] for n in given]))
    return tuple([None if absent else next(rows) for absent in missing])  # type: ignore[misc]


def _result(x: Tensor | GradientEdge, g: Any, allow_unused: bool, materialize: bool) -> Any:
    if g is not None:
        return g if isinstance(g, Tensor) else wrap(g)
    if materialize and isinstance(x, Tensor):
        return zeros(x)
    if allow_unused:
        return None
    what = f"of shape {x._array.shape}" if isinstance(x, Tensor) else f"{x}"
    raise RuntimeError(f"grad: no output depends on the input {what}; pass allow_unused=True to get None for it")


# ----------------------------------------------------------------------------------------------------------------------
# Forwards, and what transforms of functions ask for.


def push(
    inputs: tuple[Tensor, ...], tangents: tuple[Tensor, ...], outputs: tuple[Tensor, ...], create_graph: bool
) -> list[Tensor | None]:
    """Carry tangents along the graph from `inputs` to `outputs`; None where an output depends on no input."""
    for t in tangents:
        _core.hold_given(t)
    live = [y._edge for y in outputs if y._edge is not None]
    starts = [
        (x._edge, t if create_graph else t._array) for x, t in zip(inputs, tangents, strict=True) if x._edge is not None
    ]
    with GradMode(create_graph or recording_below()):
        found = forward_sweep(starts, live, create_graph=create_graph)
        _core.make_independent(found)
    known = iter([t if t is None or isinstance(t, Tensor) else wrap(t) for t in found])
    return [next(known) if y._edge is not None else None for y in outputs]


def reaches_out(tensors: Iterable[Any], fresh: Iterable[Tensor]) -> bool:
    """Return whether the tensors depend on a leaf that requires a gradient and is not among the fresh ones."""
    own = {x._edge[0] for x in fresh if x._edge is not None and isinstance(x._edge[0], Leaf)}
    roots = [y._edge[0] for y in tensors if isinstance(y, Tensor) and y._edge is not None]
    found = [node for node in reachable(roots, -1) if isinstance(node, Leaf)]
    return any(leaf.array is not None and leaf not in own for leaf in found)


def zeros(x: Tensor) -> Tensor:
    """Return zeros of x's shape and dtype."""
    return wrap(np.zeros(x._array.shape, dtype=x._array.dtype))
