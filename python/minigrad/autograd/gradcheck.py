"""Checking gradients against finite differences: PyTorch's `gradcheck` and `gradgradcheck`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..grad_mode import enable_grad
from ..graph import Array
from ..tensor import Tensor, wrap
from .gradients import grad, push


class GradcheckError(RuntimeError):
    """A gradient differs from the finite differences."""


def _outputs_of(func: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    with enable_grad():
        out = func(*inputs)
    outs = out if isinstance(out, tuple) else (out,)
    return tuple(y for y in outs if isinstance(y, Tensor) and y.is_floating_point())


def _checked_inputs(name: str, inputs: Any) -> tuple[Any, ...]:
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = [x for x in given if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError(f"{name}: no input requires a gradient, so there is nothing to check")
    if any(x._array.dtype != np.float64 for x in wanted):
        raise ValueError(f"{name}: inputs must be float64, in which finite differences are accurate")
    return given


def _central_difference(
    func: Callable[..., Any], inputs: tuple[Any, ...], x: Tensor, place: Any, eps: float
) -> list[Array]:
    """Return each output's derivative by one element of x, from five points: error O(eps⁴)."""
    before = x._array[place]
    values = []
    for k in (2, 1, -1, -2):
        x._array[place] = before + k * eps
        values.append([y._array.copy() for y in _outputs_of(func, inputs)])
    x._array[place] = before
    return [(8 * (b - c) - (a - d)) / (12 * eps) for a, b, c, d in zip(*values, strict=True)]


def _numerical(
    func: Callable[..., Any], inputs: tuple[Any, ...], x: Tensor, sizes: list[int], eps: float
) -> list[Array]:
    """Return for each output its Jacobian by x, outputs × inputs."""
    jacobians = [np.zeros((n, x._array.size)) for n in sizes]
    for column, place in enumerate(np.ndindex(x._array.shape)):
        for jacobian, difference in zip(jacobians, _central_difference(func, inputs, x, place, eps), strict=True):
            jacobian[:, column] = difference.reshape(-1)
    return jacobians


def _reverse(y: Tensor, x: Tensor) -> Array:
    """Return the Jacobian of one output by backward passes."""
    rows = np.zeros((y._array.size, x._array.size))
    for i in range(y._array.size if y.requires_grad else 0):
        unit = np.zeros(y._array.size)
        unit[i] = 1
        (g,) = grad(y, x, wrap(unit.reshape(y._array.shape)), retain_graph=True, allow_unused=True)
        if g is not None:
            rows[i] = g._array.reshape(-1)
    return rows


def _forward(ys: tuple[Tensor, ...], x: Tensor) -> list[Array]:
    """Return every output's Jacobian by forward mode."""
    columns = [np.zeros((y._array.size, x._array.size)) for y in ys]
    for j in range(x._array.size):
        unit = np.zeros(x._array.size)
        unit[j] = 1
        for column, t in zip(columns, push((x,), (wrap(unit.reshape(x._array.shape)),), ys, False), strict=True):
            if t is not None:
                column[:, j] = t._array.reshape(-1)
    return columns


def _compare(what: str, analytical: Array, numerical: Array, atol: float, rtol: float) -> None:
    if np.allclose(analytical, numerical, rtol=rtol, atol=atol, equal_nan=True):
        return
    worst = np.unravel_index(np.nanargmax(np.abs(analytical - numerical) + 0), analytical.shape)
    raise GradcheckError(
        f"{what}: the derivative of output element {worst[0]} by input element {worst[1]} is {analytical[worst]:.12g}, "
        f"finite differences say {numerical[worst]:.12g}"
    )


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-3,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    raise_exception: bool = True,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
) -> bool:
    """Check the gradients of a function against finite differences.

    Parameters
    ----------
    func : callable
        Takes `inputs` and returns a tensor or a tuple of tensors. It must give the same value every time.
    inputs : Tensor or sequence
        Those that require gradients, in float64, are checked; others are handed on as they are.
    eps : float, default 1e-3
        The step of the differences, whose error is of the order eps⁴: they use five points.
    atol, rtol : float
        How far apart the two may lie.
    raise_exception : bool, default True
        Raise where they differ, rather than returning False.
    check_forward_ad, check_backward_ad : bool
        Which mode is checked.

    Returns
    -------
    bool
        Whether every derivative agrees.

    Raises
    ------
    GradcheckError
        Naming the element that differs most.
    ValueError
        If no input requires a gradient, or one is not float64.

    Notes
    -----
    f'(x) ≈ (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12 h, from the Taylor series up to h⁴.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.5, 1.5], dtype=minigrad.float64, requires_grad=True)
    >>> minigrad.autograd.gradcheck(minigrad.sin, x)
    True
    """
    given = _checked_inputs("gradcheck", inputs)
    try:
        for n, x in enumerate(given):
            if isinstance(x, Tensor) and x.requires_grad:
                _check_input(func, given, n, eps, atol, rtol, check_forward_ad, check_backward_ad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_input(
    func: Callable[..., Any],
    inputs: tuple[Any, ...],
    n: int,
    eps: float,
    atol: float,
    rtol: float,
    forward: bool,
    backward: bool,
) -> None:
    # The differences change this copy, which nobody else sees.
    x = wrap(inputs[n]._array.copy()).requires_grad_()
    arguments = (*inputs[:n], x, *inputs[n + 1 :])
    ys = _outputs_of(func, arguments)
    if backward:
        reverse = [_reverse(y, x) for y in ys]
    if forward:
        pushed = _forward(ys, x)
    numerical = _numerical(func, arguments, x, [y._array.size for y in ys], eps)
    for k in range(len(ys)):
        if backward:
            _compare(f"gradcheck: input {n}, output {k}", reverse[k], numerical[k], atol, rtol)
        if forward:
            _compare(f"gradcheck in forward mode: input {n}, output {k}", pushed[k], numerical[k], atol, rtol)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-3,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    raise_exception: bool = True,
    check_fwd_over_rev: bool = False,
) -> bool:
    """Check the second derivatives of a function: :func:`gradcheck` of its gradient.

    Parameters
    ----------
    func, inputs, eps, atol, rtol, raise_exception
        As for :func:`gradcheck`.
    grad_outputs : Tensor or sequence of Tensor, optional
        The cotangents of the outputs, which are differentiated by too where they require gradients. Fixed numbers
        between 0.5 and 1.5 by default.
    check_fwd_over_rev : bool, default False
        Check forward mode over reverse mode as well.

    Returns
    -------
    bool
        Whether every second derivative agrees.

    Raises
    ------
    GradcheckError
        Naming the element that differs most.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.3, 0.7], dtype=minigrad.float64, requires_grad=True)
    >>> minigrad.autograd.gradgradcheck(minigrad.sin, (x,))
    True
    """
    given = _checked_inputs("gradgradcheck", inputs)
    if grad_outputs is None:
        draw = np.random.default_rng(0)
        cotangents = [
            wrap(np.asarray(draw.uniform(0.5, 1.5, y._array.shape))).requires_grad_() for y in _outputs_of(func, given)
        ]
    else:
        cotangents = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)

    return gradcheck(
        lambda *arguments: _gradients(func, arguments[: len(given)], arguments[len(given) :]),
        (*given, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        check_forward_ad=check_fwd_over_rev,
    )


def _gradients(func: Callable[..., Any], xs: tuple[Any, ...], gs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return the gradients of a function at xs for the cotangents gs, as tensors of a graph."""
    wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
    live = [(y, g) for y, g in zip(_outputs_of(func, xs), gs, strict=True) if y.requires_grad]
    found: tuple[Tensor | None, ...] = grad(
        [y for y, _ in live], wanted, [g for _, g in live], create_graph=True, allow_unused=True
    )
    return tuple(g for g in found if g is not None)
