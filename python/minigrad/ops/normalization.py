"""Normalisation: layer, root mean square, group, instance and batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _dtype
from ..batching import is_batched
from ..batching_rules import call
from ..tensor import Tensor, array_of, float_array_of, wrap
from .elementwise import _add, mul
from .promotion import to_dtype
from .reduce import _mean
from .shape import _reshape
from .standardize import standardize, standardize_given
from .standardize_frame import nothing

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"]


def _shape_of(name: str, normalized_shape: int | Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return `normalized_shape` as a tuple; RuntimeError unless a shape ends with it."""
    own = (normalized_shape,) if isinstance(normalized_shape, int) else tuple([int(n) for n in normalized_shape])
    if not own or shape[-len(own) :] != own:
        raise RuntimeError(f"{name}: the input's shape must end with {own}, got {shape}")
    return own


def _vector_of(name: str, what: str, x: Tensor | None, shape: tuple[int, ...], like: Tensor) -> Any:
    """Return a weight or bias as a vector, without elements where there is none."""
    if x is None:
        return wrap(nothing(like))
    if array_of(name, x, what).shape != shape:
        raise RuntimeError(f"{name}: {what} must have shape {shape}, got {x._array.shape}")
    return x if len(shape) == 1 else _reshape(x, (math.prod(shape),))


def _of_rows(
    name: str, input: Tensor, own: tuple[int, ...], weight: Any, bias: Any, eps: float, centred: bool
) -> Tensor:
    shape = input._array.shape
    w, b = _vector_of(name, "weight", weight, own, input), _vector_of(name, "bias", bias, own, input)
    if len(shape) == 2 and len(own) == 1:
        return standardize(input, w, b, eps, 1, centred)
    rows = _reshape(input, (math.prod(shape[: len(shape) - len(own)]), math.prod(own)))
    return _reshape(standardize(rows, w, b, eps, 1, centred), shape)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 over its last dimensions, times a weight, plus a bias.

    Parameters
    ----------
    input : Tensor
        Of a shape that ends with `normalized_shape`.
    normalized_shape : int or sequence of int
        The sizes of the last dimensions.
    weight, bias : Tensor, optional
        Of shape `normalized_shape`.
    eps : float, default 1e-5
        What is added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If the shapes do not fit or the elements are not floats.

    Notes
    -----
    out = (x - mean) / sqrt(variance + eps) w + b, where the variance is divided by the number of elements (Ba, Kiros and
    Hinton, Layer Normalization).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.layer_norm(minigrad.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    own = _shape_of("layer_norm", normalized_shape, float_array_of("layer_norm", input).shape)
    return _rounded(_of_rows("layer_norm", input, own, weight, bias, eps, True), input)


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Return the input with mean square 1 over its last dimensions, times a weight.

    Parameters
    ----------
    input : Tensor
        Of a shape that ends with `normalized_shape`.
    normalized_shape : int or sequence of int
        The sizes of the last dimensions.
    weight : Tensor, optional
        Of shape `normalized_shape`.
    eps : float, optional
        What is added to the mean square; unless given, the epsilon of the dtype, of float32 for float16.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If the shapes do not fit or the elements are not floats.

    Notes
    -----
    out = x / sqrt(mean of x² + eps) w (Zhang and Sennrich, Root Mean Square Layer Normalization).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.rms_norm(minigrad.tensor([[3.0, -3.0]]), (2,))
    tensor([[ 1., -1.]])
    """
    own = _shape_of("rms_norm", normalized_shape, float_array_of("rms_norm", input).shape)
    if eps is None:
        eps = float(np.finfo(np.result_type(input._array.dtype, np.float32)).eps)
    return _rounded(_of_rows("rms_norm", input, own, weight, None, eps, False), input)


def _per_channel(name: str, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Any, Any]:
    """Return weight and bias of the channels, without elements where there are none."""
    channels = (x._array.shape[1],)
    return _vector_of(name, "weight", weight, channels, x), _vector_of(name, "bias", bias, channels, x)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 over each group of channels, times a weight, plus a bias.

    Parameters
    ----------
    input : Tensor
        Of shape (n, c, ...).
    num_groups : int
        How many groups the channels are divided into.
    weight, bias : Tensor, optional
        Of shape (c,).
    eps : float, default 1e-5
        What is added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    RuntimeError
        If the channels cannot be divided so, or the shapes do not fit.
    ValueError
        If there is only one value in a group.

    Notes
    -----
    See :func:`layer_norm` (Wu and He, Group Normalization).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.group_norm(minigrad.tensor([[1.0, 3.0, 10.0, 14.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    name = "group_norm"
    shape = float_array_of(name, input).shape
    if len(shape) < 2:
        raise RuntimeError(f"{name}: the input must have shape (n, c, ...), got {shape}")
    if num_groups <= 0 or shape[1] % num_groups:
        raise RuntimeError(f"{name}: {shape[1]} channels cannot be divided into {num_groups} groups")
    each = shape[1] // num_groups * math.prod(shape[2:])
    if shape[0] * each == 1:
        raise ValueError(f"{name}: needs more than one value in a group, got input of shape {shape}")
    w, b = _per_channel(name, input, weight, bias)
    return _rounded(standardize(input, w, b, eps, num_groups, True), input)


def _follow(running: Tensor | None, now: Any, momentum: float) -> None:
    """Move running statistics towards what is now, in place."""
    if running is not None:
        new = wrap(_add(mul(running._array, 1 - momentum), mul(now, momentum)))
        if is_batched(new) and not is_batched(running):
            raise RuntimeError(
                "batch_norm, instance_norm: inside vmap, running statistics that all examples share cannot follow each "
                "of them; use eval(), track_running_stats=False or a normalisation within an example (group_norm)"
            )
        running.detach().copy_(new)


def _check_statistics(name: str, running: Tensor | None, what: str, channels: int) -> None:
    if running is not None and array_of(name, running, what).shape != (channels,):
        raise RuntimeError(f"{name}: {what} must have shape ({channels},), got {running._array.shape}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 in each channel, times a weight, plus a bias.

    Parameters
    ----------
    input : Tensor
        Of shape (n, c) or (n, c, ...).
    running_mean, running_var : Tensor or None
        Of shape (c,). While training they are moved, in place, towards the batch's mean and unbiased variance;
        otherwise they take the place of these.
    weight, bias : Tensor, optional
        Of shape (c,).
    training : bool, default False
        Whether the batch's own mean and variance are used.
    momentum : float, default 0.1
        How far running statistics are moved.
    eps : float, default 1e-5
        What is added to the variance.

    Returns
    -------
    Tensor
        Of the input's shape.

    Raises
    ------
    ValueError
        If there is only one value in a channel while training, or `eps` is negative, or 0 while training.
    RuntimeError
        If the shapes do not fit, or running statistics are missing where they are needed.

    Notes
    -----
    out = (x - mean) / sqrt(variance + eps) w + b (Ioffe and Szegedy, Batch Normalization). While training the gradient
    goes through the batch's mean and variance; otherwise each element has a gradient of its own.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> minigrad.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    name = "batch_norm"
    shape = float_array_of(name, input).shape
    if shape == (0,):
        return mul(input, 1.0)
    if len(shape) < 2:
        raise RuntimeError(f"{name}: the input must have shape (n, c, ...), got {shape}")
    channels = shape[1]
    _check_statistics(name, running_mean, "running_mean", channels)
    _check_statistics(name, running_var, "running_var", channels)
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"{name}: eps must be positive, or 0 outside training, got {eps}")
    if not training:
        return _rounded(_with_statistics(name, input, running_mean, running_var, weight, bias, eps), input)
    count = math.prod(shape) // channels if channels else 0
    if count == 1:
        raise ValueError(f"{name}: needs more than one value in a channel while training, got input of shape {shape}")
    if not count or (running_mean is None and running_var is None):
        w, b = _per_channel(name, input, weight, bias)
        return _rounded(standardize(input, w, b, eps, 0, True), input)
    out, mean, variance = _with_moments(name, input, weight, bias, eps, 0)
    _follow(running_mean, mean, momentum)
    _follow(running_var, mul(variance, count / (count - 1)), momentum)
    return _rounded(out, input)


def _with_moments(
    name: str, input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, groups: int
) -> tuple[Tensor, Any, Any]:
    """Return the input normalised, in float32 if it is float16, and the arrays of mean and variance of each line."""
    wide = to_dtype(input, _dtype.float32) if input.dtype is _dtype.float16 else input
    operands = (wide, *_per_channel(name, input, weight, bias))
    out, mean, variance = call(standardize.primitive, operands, (eps, groups, True))  # type: ignore[attr-defined]
    return out, mean._array, variance._array


def _rounded(out: Tensor, like: Tensor) -> Tensor:
    return out if out.dtype is like.dtype else to_dtype(out, like.dtype)


def _with_statistics(
    name: str,
    input: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """Return the input normalised by given means and variances of its channels."""
    if mean is None or variance is None:
        raise RuntimeError(f"{name}: needs running_mean and running_var unless the batch's own statistics are used")
    w, b = _per_channel(name, input, weight, bias)
    return standardize_given(input, w, b, mean, variance, eps, 0, True)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 in each channel of each sample, times a weight, plus a bias.

    The arguments are those of :func:`batch_norm`; `use_input_stats` stands for `training`, and running statistics follow
    the samples' averages.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.instance_norm(minigrad.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    name = "instance_norm"
    shape = float_array_of(name, input).shape
    if len(shape) < 2:
        raise RuntimeError(f"{name}: the input must have shape (n, c, d1, ...), got {shape}")
    _check_statistics(name, running_mean, "running_mean", shape[1])
    _check_statistics(name, running_var, "running_var", shape[1])
    if not use_input_stats:
        return _rounded(_with_statistics(name, input, running_mean, running_var, weight, bias, eps), input)
    count = math.prod(shape[2:])
    if count == 1:
        raise ValueError(f"{name}: needs more than one value in a channel of a sample, got input of shape {shape}")
    groups = max(shape[1], 1)
    if not shape[0] * count or (running_mean is None and running_var is None):
        w, b = _per_channel(name, input, weight, bias)
        return _rounded(standardize(input, w, b, eps, groups, True), input)
    out, *moments = _with_moments(name, input, weight, bias, eps, groups)
    mean, variance = (_mean(_reshape(x, shape[:2]), (0,), False) for x in moments)
    _follow(running_mean, mean, momentum)
    _follow(running_var, mul(variance, count / (count - 1)), momentum)
    return _rounded(out, input)
