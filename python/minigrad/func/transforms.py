"""Derivatives of functions as functions, which nest.

A transform runs its function on fresh tensors: views of those that require gradients already, leaves of its own
otherwise. Where the results reach back to anything but those leaves, to an outer transform or to a tensor of the user
that requires a gradient, the sweep records a graph; otherwise it runs on arrays, and the results are plain tensors.

Inside `vmap` the leaves are of its level. What is outside, an outer graph knows by itself: see batching.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .. import autograd
from ..autograd.functional import units_of
from ..autograd.gradients import push, reaches_out, zeros
from ..batching import current_level
from ..batching_rules import lifted
from ..grad_mode import enable_grad, is_grad_enabled
from ..graph import Leaf
from ..tensor import Tensor, wrap
from .batching import vmap
from .tree import leaves_of, map_tree, rebuild

Function = Callable[..., Any]
ArgNums = int | tuple[int, ...]


def _fresh(name: str, tree: Any) -> Any:
    def one(x: Any) -> Tensor:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise TypeError(f"{name}: arguments to differentiate by must be tensors of floats, got {x!r}")
        level = current_level()
        own: Tensor = x if level is None else lifted(x, level)
        return own.view_as(own) if own.requires_grad else own._alias().requires_grad_()

    return map_tree(one, tree)


def _check_tensors(name: str, tree: Any) -> list[Tensor]:
    found = leaves_of(tree)
    if not all(isinstance(y, Tensor) for y in found):
        raise TypeError(f"{name}: the function must return tensors, got {tree!r}")
    return found


def _settle(tree: Any, fresh: list[Tensor], recording: bool) -> Any:
    """Return the tree with those tensors out of the graph that depend on nothing outside the transform, which ends."""

    def one(y: Any) -> Any:
        if not isinstance(y, Tensor) or (recording and reaches_out([y], fresh)):
            return y
        return y._alias() if recording else y.detach()

    settled = map_tree(one, tree)
    for x in fresh:
        if isinstance(x._edge[0], Leaf):  # type: ignore[index]
            x._edge[0].array = None  # type: ignore[index]  # nothing outside wants a gradient of it
    return settled


def _chosen(name: str, args: tuple[Any, ...], argnums: ArgNums) -> Any:
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(n, int) for n in numbers):
        raise RuntimeError(f"{name}: argnums must be an int or a tuple of ints, got {argnums!r}")
    if not all(-len(args) <= n < len(args) for n in numbers):
        raise RuntimeError(f"{name}: argnums {argnums} out of range for {len(args)} positional arguments")
    return tuple(args[n] for n in argnums) if isinstance(argnums, tuple) else args[argnums]


def _replaced(args: tuple[Any, ...], argnums: ArgNums, values: Any) -> tuple[Any, ...]:
    result = list(args)
    pairs = zip(argnums, values, strict=True) if isinstance(argnums, tuple) else [(argnums, values)]
    for n, value in pairs:
        result[n] = value
    return tuple(result)


def _run(name: str, call: Function, chosen: Any, has_aux: bool) -> tuple[list[Tensor], Any, Any]:
    """Return the fresh leaves of `chosen`, the outputs for them, and what else the function returns."""
    with enable_grad():
        fresh = _fresh(name, chosen)
        result = call(fresh)
    if has_aux and not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{name}: with has_aux the function must return a pair (output, aux), got {result!r}")
    outputs, aux = result if has_aux else (result, None)
    _check_tensors(name, outputs)
    return leaves_of(fresh), outputs, aux


def _pull(ys: list[Tensor], xs: list[Tensor], gs: list[Tensor], recording: bool) -> list[Tensor]:
    """Return the cotangents of xs, zeros where nothing depends on them; the graph stays."""
    live = [(y, g) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
    if not live:
        return [zeros(x) for x in xs]
    found = autograd.grad(
        [y for y, _ in live],
        xs,
        [g for _, g in live],
        retain_graph=True,
        create_graph=recording,
        materialize_grads=True,
    )
    return list(found)


def grad_and_value(func: Function, argnums: ArgNums = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of `func` and its value.

    Parameters
    ----------
    func : callable
        Returns a tensor without dimensions.
    argnums : int or tuple of int, default 0
        Which arguments to differentiate by: tensors, or nested dictionaries, lists and tuples of them.
    has_aux : bool, default False
        `func` returns a pair, of which the second is handed on.

    Returns
    -------
    callable
        Returns (gradient, value), or (gradient, (value, aux)).

    Raises
    ------
    RuntimeError
        If the value has dimensions.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.func.grad_and_value(lambda x: x**3)(minigrad.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        recording, chosen = is_grad_enabled(), _chosen("grad", args, argnums)
        xs, y, aux = _run("grad", lambda new: func(*_replaced(args, argnums, new), **kwargs), chosen, has_aux)
        if not isinstance(y, Tensor) or y.ndim != 0:
            raise RuntimeError(f"grad: the function must return a tensor without dimensions, got {y!r}")
        one = wrap(np.ones((), y._array.dtype))
        found = _pull([y], xs, [one], recording and reaches_out([y], xs))
        g, value, aux = _settle((rebuild(chosen, found), y, aux), xs, recording)
        return g, (value, aux) if has_aux else value

    return gradient


def grad(func: Function, argnums: ArgNums = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of `func`.

    The parameters are those of :func:`grad_and_value`; the function returns the gradient, or (gradient, aux).

    Examples
    --------
    >>> import minigrad
    >>> from minigrad.func import grad
    >>> grad(grad(lambda x: x**3))(minigrad.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        g, value = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return the output of a function and a function from its cotangent to those of `primals`.

    With `has_aux`, `func` returns a pair, of which the second comes third.

    Examples
    --------
    >>> import minigrad
    >>> y, pull = minigrad.func.vjp(lambda x: x * x, minigrad.tensor([1.0, 2.0]))
    >>> pull(minigrad.tensor([1.0, 1.0]))
    (tensor([2., 4.]),)
    """
    recording = is_grad_enabled()
    xs, outputs, aux = _run("vjp", lambda new: func(*new), primals, has_aux)
    ys = leaves_of(outputs)

    def pull(cotangents: Any) -> tuple[Any, ...]:
        gs = _check_tensors("vjp", cotangents)
        if [g.shape for g in gs] != [y.shape for y in ys]:
            raise RuntimeError(f"vjp: cotangents must have shapes {[y.shape for y in ys]}, got {[g.shape for g in gs]}")
        recording = is_grad_enabled()
        found = _pull(ys, xs, gs, recording and reaches_out([*ys, *gs], xs))
        result: tuple[Any, ...] = _settle(rebuild(primals, found), xs, recording)
        return result

    value, aux = _settle((outputs, aux), xs, recording)
    return (value, pull, aux) if has_aux else (value, pull)


def _pushed(xs: list[Tensor], ts: list[Tensor], ys: list[Tensor], recording: bool) -> list[Tensor]:
    found = push(tuple(xs), tuple(ts), tuple(ys), recording)
    return [zeros(y) if t is None else t for t, y in zip(found, ys, strict=True)]


def jvp(
    func: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """Return the output of a function and its tangent, by forward mode.

    With `has_aux`, `func` returns a pair, of which the second comes third.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.func.jvp(lambda x: x * x, (minigrad.tensor(3.0),), (minigrad.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    if any(isinstance(given, Tensor) for given in (primals, tangents)):
        raise TypeError("jvp: primals and tangents must be tuples, one tensor (x,)")
    recording, ts = is_grad_enabled(), _check_tensors("jvp", tangents)
    if [t.shape for t in ts] != [x.shape for x in leaves_of(primals)]:
        raise RuntimeError("jvp: tangents must have the form and the shapes of the primals")
    xs, outputs, aux = _run("jvp", lambda new: func(*new), tuple(primals), has_aux)
    ys = leaves_of(outputs)
    on = recording and reaches_out([*ys, *ts], xs)
    pushed = rebuild(outputs, _pushed(xs, ts, ys, on))
    value, tangent, aux = _settle((outputs, pushed, aux), xs, recording)
    return (value, tangent, aux) if has_aux else (value, tangent)


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """Return the output of a function and its derivative there: a function from tangents to the output's tangent.

    `func` runs once; each call of the derivative is a sweep along the graph that it recorded.

    Examples
    --------
    >>> import minigrad
    >>> y, derivative = minigrad.func.linearize(lambda x: x * x, minigrad.tensor(3.0))
    >>> derivative(minigrad.tensor(1.0))
    tensor(6.)
    """
    recording = is_grad_enabled()
    xs, outputs, _ = _run("linearize", lambda new: func(*new), primals, False)
    ys = leaves_of(outputs)

    def derivative(*tangents: Any) -> Any:
        ts = _check_tensors("linearize", tangents)
        if [t.shape for t in ts] != [x.shape for x in xs]:
            raise RuntimeError(f"linearize: tangents must have shapes {[x.shape for x in xs]}")
        recording = is_grad_enabled()
        found = _pushed(xs, ts, ys, recording and reaches_out([*ys, *ts], xs))
        return _settle(rebuild(outputs, found), xs, recording)

    return _settle(outputs, xs, recording), derivative


def _by_rows(ys: list[Tensor], xs: list[Tensor], recording: bool, chunk_size: int | None = None) -> list[list[Tensor]]:
    """Return for each output its Jacobian by each input: one backward pass for all output elements at once."""
    table = []
    for y in ys:
        pull = vmap(lambda g, y=y: _pull([y], xs, [g], recording), chunk_size=chunk_size)
        rows = pull(units_of(y)) if y.numel() else [wrap(np.zeros((0, *x.shape), x._array.dtype)) for x in xs]
        table.append([r.reshape((*y.shape, *x.shape)) for r, x in zip(rows, xs, strict=True)])
    return table


def _by_columns(
    ys: list[Tensor], xs: list[Tensor], recording: bool, chunk_size: int | None = None
) -> list[list[Tensor]]:
    """Return the same by tangents, those of an input's elements at once."""
    table: list[list[Tensor]] = [[] for _ in ys]
    for x in xs:
        push = vmap(lambda t, x=x: _pushed([x], [t], ys, recording), out_dims=-1, chunk_size=chunk_size)
        columns = push(units_of(x)) if x.numel() else [wrap(np.zeros((*y.shape, 0), y._array.dtype)) for y in ys]
        for row, c, y in zip(table, columns, ys, strict=True):
            row.append(c.reshape((*y.shape, *x.shape)))
    return table


def _jacobian(
    name: str, func: Function, argnums: ArgNums, has_aux: bool, build: Function, chunk_size: int | None = None
) -> Function:
    @wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        recording, chosen = is_grad_enabled(), _chosen(name, args, argnums)
        xs, outputs, aux = _run(name, lambda new: func(*_replaced(args, argnums, new), **kwargs), chosen, has_aux)
        ys = leaves_of(outputs)
        on = recording and reaches_out(ys, xs)
        with enable_grad() if recording else autograd.no_grad():
            table = build(ys, xs, on, chunk_size)
        result = rebuild(outputs, [rebuild(chosen, row) for row in table])
        result, aux = _settle((result, aux), xs, recording)
        return (result, aux) if has_aux else result

    return jacobian


def jacrev(func: Function, argnums: ArgNums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Function:
    """Return a function that computes the Jacobian of `func` in reverse mode, all rows of an output in one pass.

    Each output is replaced by its Jacobian, of shape (*output, *input), in the form of the arguments chosen by
    `argnums`. With `has_aux`, `func` returns a pair, of which the second is handed on. `chunk_size` rows are computed at
    the same time, all of them by default.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.func.jacrev(lambda x: x * x)(minigrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _jacobian("jacrev", func, argnums, has_aux, _by_rows, chunk_size)


def jacfwd(
    func: Function,
    argnums: ArgNums = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",  # noqa: ARG001
) -> Function:
    """Return a function that computes the Jacobian of `func` in forward mode, all columns of an input in one pass.

    The parameters are those of :func:`jacrev`; `randomness` is accepted for PyTorch's sake: `func` itself runs once.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.func.jacfwd(minigrad.square)(minigrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    return _jacobian("jacfwd", func, argnums, has_aux, _by_columns)


def hessian(func: Function, argnums: ArgNums = 0) -> Function:
    """Return a function that computes the Hessian of `func`: `jacfwd` of `jacrev`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.func.hessian(lambda x: (x * x * x).sum())(minigrad.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
