"""Keeping gradients from becoming too large."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ... import grad_mode
from ...ops.data import tensor
from ...ops.joining import stack
from ...ops.norms import vector_norm
from ...tensor import Tensor, wrap

Tensors = Tensor | Iterable[Tensor]


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,  # noqa: ARG001
) -> Tensor:
    """Return the norm of all elements of several tensors, as if they were one vector.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
        Of any shapes, of floats.
    norm_type : float, default 2
        The norm's order; ``inf`` for the largest magnitude.
    error_if_nonfinite : bool, default False
        Whether a norm that is infinite or NaN is an error.
    foreach : bool, optional
        Without effect.

    Returns
    -------
    Tensor
        Of shape (); 0 where there are no tensors.

    Raises
    ------
    RuntimeError
        If with `error_if_nonfinite` the norm is infinite or NaN.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.utils.get_total_norm([minigrad.tensor([3.0]), minigrad.tensor([[4.0]])])
    tensor(5.)
    """
    order = float(norm_type)
    with grad_mode.no_grad():
        norms = [vector_norm(t, order) for t in _listed(tensors)]
        if not norms:
            return tensor(0.0)
        total = norms[0] if len(norms) == 1 else vector_norm(_together(norms), order)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"get_total_norm: the norm of order {order} is {total.item()}; "
            "with error_if_nonfinite=False it would be used as it is"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensors,
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,  # noqa: ARG001
) -> None:
    """Multiply the parameters' gradients by ``max_norm / (total_norm + 1e-6)`` where that is below 1.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float
        The norm that all gradients together may have.
    total_norm : Tensor
        The norm that they have; see :func:`get_total_norm`.
    foreach : bool, optional
        Without effect.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.zeros(2, requires_grad=True)
    >>> w.grad = minigrad.tensor([3.0, 4.0])
    >>> minigrad.nn.utils.clip_grads_with_norm_(w, 1.0, minigrad.tensor(5.0))
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    with grad_mode.no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0).item()
        for grad in _gradients(parameters) if factor != 1 else ():
            grad.mul_(factor)


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the parameters' gradients down in place so that all together have at most the norm `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float
        The norm that is allowed.
    norm_type : float, default 2
        The norm's order; ``inf`` for the largest magnitude.
    error_if_nonfinite : bool, default False
        Whether a norm that is infinite or NaN is an error; nothing is scaled then.
    foreach : bool, optional
        Without effect.

    Returns
    -------
    Tensor
        The norm before, of shape ().

    Raises
    ------
    RuntimeError
        If with `error_if_nonfinite` the norm is infinite or NaN.

    Notes
    -----
    Pascanu, Mikolov and Bengio, "On the Difficulty of Training Recurrent Neural Networks", algorithm 1.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.nn.Parameter(minigrad.tensor([3.0, 4.0]))
    >>> (w * w).sum().backward()
    >>> minigrad.nn.utils.clip_grad_norm_(w, 1.0)
    tensor(10.)
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:  # noqa: ARG001
    """Clamp all elements of the parameters' gradients in place to [-clip_value, clip_value].

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    clip_value : float
        The magnitude that is allowed.
    foreach : bool, optional
        Without effect.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.nn.Parameter(minigrad.tensor([0.25, -4.0]))
    >>> (w * w).sum().backward()
    >>> minigrad.nn.utils.clip_grad_value_(w, 1.0)
    >>> w.grad
    tensor([ 0.5000, -1.0000])
    """
    bound = float(clip_value)
    with grad_mode.no_grad():
        for grad in _gradients(parameters):
            grad.clamp_(-bound, bound)


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _together(norms: list[Tensor]) -> Tensor:
    """Return numbers as one vector."""
    if len({n._array.dtype for n in norms}) > 1 or not all(isinstance(n._array, np.ndarray) for n in norms):
        return stack(norms)
    return wrap(np.array([n._array for n in norms]))


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [g for p in _listed(parameters) if (g := p.grad) is not None]
