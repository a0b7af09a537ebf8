"""Derivatives of functions: PyTorch's `torch.autograd.functional`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..grad_mode import enable_grad
from ..ops.joining import stack
from ..tensor import Tensor, wrap
from .gradients import grad, push, zeros

Function = Callable[..., Any]


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _like(x: Any, values: tuple[Any, ...]) -> Any:
    """Return the values as `x` was given: alone or as a tuple."""
    return values if isinstance(x, tuple) else values[0]


def _fresh_inputs(name: str, inputs: Any, create_graph: bool) -> tuple[Tensor, ...]:
    """Return inputs to differentiate by: views of the given ones, in their graph only under `create_graph`."""
    fresh = []
    for x in _tuple(inputs):
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise TypeError(f"{name}: inputs must be tensors of floats, got {x!r}")
        fresh.append(x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_())
    return tuple(fresh)


def _run(name: str, func: Function, inputs: Any, create_graph: bool) -> tuple[tuple[Tensor, ...], Any]:
    with enable_grad():
        fresh = _fresh_inputs(name, inputs, create_graph)
        outputs = func(*fresh)
    if not all(isinstance(y, Tensor) for y in _tuple(outputs)):
        raise TypeError(f"{name}: the function must return tensors, got {type(outputs).__name__}")
    return fresh, outputs


def _check_vectors(name: str, v: Any, like: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return one vector for each of `like`; ones are made up where all are scalars."""
    if v is None:
        if any(x._array.size != 1 for x in like):
            raise RuntimeError(f"{name}: v may be left out only for one-element tensors")
        return tuple(wrap(np.ones(x._array.shape, dtype=x._array.dtype)) for x in like)
    vs = _tuple(v)
    shapes = [x._array.shape for x in like]
    if [x._array.shape for x in vs] != shapes:
        raise RuntimeError(f"{name}: v must have shapes {shapes}, got {[x._array.shape for x in vs]}")
    return vs


def _finish(outputs: Any, create_graph: bool) -> Any:
    """Return the outputs, out of the graph unless it is wanted."""
    if create_graph:
        return outputs
    return _like(outputs, tuple(y.detach() for y in _tuple(outputs)))


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the outputs of a function and the product of a vector with its Jacobian.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple of Tensor
        Where.
    v : Tensor or tuple of Tensor, optional
        The cotangents of the outputs; not needed for an output with one element.
    create_graph : bool, default False
        Make the results differentiable.
    strict : bool, default False
        Raise where no output depends on an input.

    Returns
    -------
    outputs, vjp
        In the forms of the function's outputs and of `inputs`.

    Raises
    ------
    RuntimeError
        If the shapes of `v` are not those of the outputs.

    Notes
    -----
    vᵀ J, 《反向传播算法实现》 (1.5).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> minigrad.autograd.functional.vjp(lambda x: x * x, x, minigrad.tensor([1.0, 1.0]))[1]
    tensor([2., 4.])
    """
    fresh, outputs = _run("vjp", func, inputs, create_graph)
    outs = _tuple(outputs)
    vs = _check_vectors("vjp", v, outs)
    return _finish(outputs, create_graph), _like(inputs, _pull("vjp", outs, fresh, vs, create_graph, strict))


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the outputs of a function and the product of its Jacobian with a vector, by forward mode.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple of Tensor
        Where.
    v : Tensor or tuple of Tensor, optional
        The tangents of the inputs; not needed for an input with one element.
    create_graph : bool, default False
        Make the results differentiable.
    strict : bool, default False
        Raise where an output depends on no input.

    Returns
    -------
    outputs, jvp
        Both in the form of the function's outputs.

    Raises
    ------
    RuntimeError
        If the shapes of `v` are not those of the inputs.

    Notes
    -----
    J v = ∇f · v, the directional derivative: 《深度学习与梯度》 (3.5). Tangents are carried along the graph that running the
    function records, each node's in one step.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> minigrad.autograd.functional.jvp(lambda x: x * x, x, minigrad.tensor([1.0, 0.0]))[1]
    tensor([2., 0.])
    """
    fresh, outputs = _run("jvp", func, inputs, create_graph)
    vs = _check_vectors("jvp", v, fresh)
    tangents = _push("jvp", fresh, vs, _tuple(outputs), create_graph, strict)
    return _finish(outputs, create_graph), _like(outputs, tangents)


Tensors = tuple[Tensor, ...]


def _pull(
    name: str, ys: Tensors, xs: Tensors, gs: Tensors, create_graph: bool, strict: bool, retain_graph: bool | None = None
) -> Tensors:
    """Carry cotangents of `ys` back to `xs`."""
    live = [(y, g) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
    found: tuple[Any, ...] = (None,) * len(xs)
    if live:
        found = grad([y for y, _ in live], xs, [g for _, g in live], retain_graph, create_graph, allow_unused=True)
    return _filled(name, found, xs, "the outputs do not depend on every input", strict)


def _push(name: str, xs: Tensors, ts: Tensors, ys: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """Carry tangents of `xs` on to `ys`."""
    return _filled(name, push(xs, ts, ys, create_graph), ys, "an output depends on no input", strict)


def _filled(name: str, found: Sequence[Tensor | None], like: Tensors, problem: str, strict: bool) -> Tensors:
    """Return what a sweep found, with zeros where it found nothing; under `strict` a RuntimeError."""
    if strict and any(x is None for x in found):
        raise RuntimeError(f"{name}: {problem}")
    return tuple([zeros(y) if x is None else x for x, y in zip(found, like, strict=True)])


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of a function.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor or a tuple of tensors.
    inputs : Tensor or tuple of Tensor
        Where.
    create_graph : bool, default False
        Make the result differentiable.
    strict : bool, default False
        Raise where an output does not depend on an input.
    vectorize : bool, default False
        Carry all rows, or all columns, at once, by `minigrad.func.vmap`: much faster, and takes the memory of all.
    strategy : {"reverse-mode", "forward-mode"}
        By rows, one backward pass for each output element, or by columns, one tangent for each input element.

    Returns
    -------
    Tensor or nested tuple
        Of shape (*output, *input); a tuple for several inputs, of such tuples for several outputs.

    Notes
    -----
    J[i, j] = ∂out[i] / ∂x[j], of n_outputs rows and n_inputs columns: 《深度学习与梯度》 (6.6).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.autograd.functional.jacobian(lambda x: x * x, minigrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(f"jacobian: strategy must be 'reverse-mode' or 'forward-mode', got {strategy!r}")
    fresh, outputs = _run("jacobian", func, inputs, create_graph)
    build = _rows if strategy == "reverse-mode" else _columns
    results = tuple([_like(inputs, build(y, fresh, create_graph, strict, vectorize)) for y in _tuple(outputs)])
    return _like(outputs, results)


def units_of(x: Tensor) -> Tensor:
    """Return the unit vectors of x's space, in x's shape, one behind the other."""
    n = x._array.size
    return wrap(np.eye(n, dtype=x._array.dtype).reshape(n, *x._array.shape))


def _each(function: Function, units: Tensor, vectorize: bool) -> list[Tensor]:
    """Return what `function` makes of each unit vector, stacked: of all of them at once, or one after the other."""
    from ..func.batching import vmap

    if vectorize:
        return list(vmap(function)(units))
    return [stack(column) for column in zip(*map(function, units.unbind()), strict=True)]


def _rows(y: Tensor, xs: tuple[Tensor, ...], create_graph: bool, strict: bool, vectorize: bool) -> tuple[Tensor, ...]:
    def pull(unit: Tensor) -> tuple[Tensor, ...]:
        return _pull("jacobian", (y,), xs, (unit,), create_graph, strict, retain_graph=True)

    if not y._array.size:
        return tuple([wrap(np.zeros((*y._array.shape, *x._array.shape), x._array.dtype)) for x in xs])
    rows = _each(pull, units_of(y), vectorize)
    return tuple([row.reshape((*y._array.shape, *x._array.shape)) for row, x in zip(rows, xs, strict=True)])


def _columns(
    y: Tensor, xs: tuple[Tensor, ...], create_graph: bool, strict: bool, vectorize: bool
) -> tuple[Tensor, ...]:
    results = []
    for x in xs:
        shape = (*y._array.shape, *x._array.shape)
        if not x._array.size:
            results.append(wrap(np.zeros(shape, y._array.dtype)))
            continue
        push_one = lambda unit, x=x: _push("jacobian", (x,), (unit,), (y,), create_graph, strict)
        (by_input,) = _each(push_one, units_of(x), vectorize)
        results.append(by_input.movedim(0, -1).reshape(shape))
    return tuple(results)


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of a function with one value: the Jacobian of its gradient.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor with one element.
    inputs : Tensor or tuple of Tensor
        Where.
    create_graph, strict, vectorize : bool
        As for :func:`jacobian`.
    outer_jacobian_strategy : {"reverse-mode", "forward-mode"}
        How the gradient is differentiated.

    Returns
    -------
    Tensor or tuple of tuples of Tensor
        H[i, j] = ∂²f / ∂x[i] ∂x[j], of shape (*input, *input); for several inputs, for each pair of them.

    Raises
    ------
    RuntimeError
        If the function's value has more than one element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.autograd.functional.hessian(lambda x: (x * x * x).sum(), minigrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def gradient(*xs: Tensor) -> Any:
        y = func(*xs)
        if not isinstance(y, Tensor) or y._array.size != 1:
            raise RuntimeError(f"hessian: the function must return one value, got {y!r}")
        return _like(inputs, _gradient(y.reshape(()), xs, strict))

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def _gradient(y: Tensor, xs: Tensors, strict: bool) -> Tensors:
    """Return the gradient of a value, in its graph; zeros for what it does not depend on, unless `strict`."""
    if not y.requires_grad:
        return tuple(map(zeros, xs))
    return grad(y, xs, create_graph=True, materialize_grads=not strict)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return a function's value and the product of its Hessian with a vector: forward over reverse.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor with one element.
    inputs, v : Tensor or tuple of Tensor
        Where, and the vector.
    create_graph : bool, default False
        Make the results differentiable.
    strict : bool, default False
        Raise where the gradient depends on no input.

    Returns
    -------
    value, hvp
        The latter in the form of `inputs`.
    """
    return _hessian_product(jvp, func, inputs, v, create_graph, strict)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return a function's value and the product of a vector with its Hessian: reverse over reverse.

    The parameters and results are those of :func:`hvp`, to which it is equal, the Hessian being symmetric.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> minigrad.autograd.functional.vhp(lambda x: (x * x * x).sum(), x, minigrad.tensor([1.0, 1.0]))[1]
    tensor([ 6., 12.])
    """
    return _hessian_product(vjp, func, inputs, v, create_graph, strict)


def _hessian_product(
    product: Function, func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    """Return the value, and what `product`, a vjp or a jvp, makes of the gradient."""
    values = []

    def gradient(*xs: Tensor) -> Any:
        y = func(*xs)
        values.append(y)
        return _like(inputs, _gradient(y, xs, False))

    result = product(gradient, inputs, v, create_graph, strict)[1]
    return _finish(values[0], create_graph), result
