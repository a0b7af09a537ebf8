"""Draws from what a tensor says: chances, weights, an order."""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np

from .. import _dtype
from .._dtype import dtype as DType
from .._methods import method
from ..batching import below, bottom, for_each_example, levels, sizes_drawn
from ..graph import Array
from ..ops.options import check_options
from ..ops.shape import whole
from ..tensor import Tensor, array_of, wrap
from .arrays import chances, check_range, converted, floats, for_all_examples, kernels, reserved
from .creation import with_gradient_zero
from .generator import Generator


@method
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Return 1 with the chances that `input` holds, or with chance `p` everywhere, and 0 otherwise.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([0.0, 1.0]).bernoulli()
    tensor([0., 1.])
    """
    array = array_of("bernoulli", input)
    if p is not None:
        dtype = input.dtype if input.is_floating_point() else _dtype.float32
        return wrap(converted(chances(p, array.shape, dtype, generator, "bernoulli"), input.dtype))
    if not input.is_floating_point():
        raise RuntimeError(f"bernoulli: the probabilities must be floats, got {input.dtype}")
    drawn = converted(chances(array, array.shape, input.dtype, generator, "bernoulli"), input.dtype)
    return with_gradient_zero(wrap(drawn), input)


@method
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Return indices drawn with chances proportional to the weights in each row.

    Parameters
    ----------
    input : Tensor
        Weights, of shape (n,) or (m, n), not negative.
    num_samples : int
        How many to draw for each row.
    replacement : bool, default False
        Whether an index may be drawn again.
    generator : Generator, optional
        Where the numbers come from, the default generator unless given.

    Returns
    -------
    Tensor
        Of dtype int64 and shape (num_samples,) or (m, num_samples).

    Raises
    ------
    RuntimeError
        If a weight is negative or not finite, a row has no positive one, or there are too few to draw from.

    Notes
    -----
    With replacement by the inverse of the distribution; without by the least of u^(-1/w)'s logarithms, -log(u) / w
    (Efraimidis and Spirakis, "Weighted random sampling with a reservoir").

    Examples
    --------
    >>> import minigrad
    >>> minigrad.tensor([0.0, 1.0]).multinomial(2, replacement=True)
    tensor([1, 1])
    """
    if isinstance(num_samples, bool) or not hasattr(num_samples, "__index__"):
        raise TypeError(f"multinomial: num_samples must be an integer, got {type(num_samples).__name__}")
    num_samples = index(num_samples)
    shape = array_of("multinomial", input).shape
    if len(shape) not in (1, 2) or shape[-1] == 0:
        raise RuntimeError(f"multinomial: the weights must be a vector or a matrix with columns, got {shape}")
    if levels:
        return _multinomial_of_examples(input, num_samples, replacement, generator)
    return _drawn(input, num_samples, replacement, generator)


def _drawn(input: Tensor, num_samples: int, replacement: bool, generator: Generator | None) -> Tensor:
    """Draw for each row of weights."""
    weights = _weights(input, num_samples, replacement)
    rows = weights.reshape(-1, weights.shape[-1])
    if replacement:
        sums = kernels["cumsum"](rows, 1, False)
        u = floats("uniform", (len(rows), num_samples), _dtype.float64, generator, "multinomial") * sums[:, -1:]
        drawn = kernels["searchsorted"](sums, u, True)
        if drawn.size and int(kernels["max"](drawn, (), False)) == rows.shape[1]:  # a product was rounded up to the sum
            drawn = np.minimum(drawn, rows.shape[1] - 1 - np.argmax(rows[:, ::-1] > 0, axis=1)[:, None])
    else:
        u = floats("uniform", rows.shape, _dtype.float64, generator, "multinomial")
        with np.errstate(divide="ignore"):
            keys = kernels["neg"](kernels["log"](1 - u)) / rows
        keys[rows == 0] = np.inf
        drawn = kernels["topk"](keys, num_samples, 1, False, True)[1]  # the least, in order
    return wrap(drawn.astype(np.int64, copy=False).reshape(*weights.shape[:-1], num_samples))


def _multinomial_of_examples(input: Tensor, num_samples: int, replacement: bool, generator: Generator | None) -> Tensor:
    """Draw for all examples of `vmap` at once: their rows are those of one matrix."""
    sizes = sizes_drawn("multinomial", ())
    *rows, columns = shape = input._array.shape
    weights = bottom(for_all_examples("multinomial", input)._array)
    if weights.ndim != len(sizes) + len(shape):
        raise NotImplementedError(
            "multinomial: weights that differ from example to example need vmap(..., randomness='different')"
        )
    with below():
        matrix = wrap(weights.reshape(weights.size // columns, columns))
        drawn = _drawn(matrix, num_samples, replacement, generator)
    return wrap(for_each_example(drawn._array.reshape(*sizes, *rows, num_samples)))


def _weights(input: Tensor, num_samples: int, replacement: bool) -> Array:
    """Return the weights of a multinomial in float64."""
    array = array_of("multinomial", input)
    if array.dtype.kind != "f":
        raise RuntimeError(f"multinomial: the weights must be floats, got {input.dtype}")
    if num_samples <= 0:
        raise RuntimeError(f"multinomial: cannot draw {num_samples} samples")
    if not replacement and num_samples > array.shape[-1]:
        raise RuntimeError(f"multinomial: cannot draw {num_samples} of {array.shape[-1]} without replacement")
    if array.size > 0:
        known = kernels["cast"](array, _dtype.float32.code) if array.dtype == np.float16 else array
        last = (array.ndim - 1,)
        most = kernels["max"](known, last, False)  # of each row
        if not (_least(known) >= 0 and float(kernels["max"](most, (), False)) < np.inf):
            raise RuntimeError("multinomial: the weights must be finite and not negative")
        enough = _least(most) > 0 and (
            replacement or _least(kernels["count_nonzero"](array, last, False)) >= num_samples
        )
        if not enough:
            raise RuntimeError("multinomial: a row has too few positive weights")
    return kernels["cast"](array, _dtype.float64.code)


def _least(x: Array) -> float:
    return float(kernels["min"](x, (), False))


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return the integers from 0 to n - 1 in a random order.

    Parameters
    ----------
    n : int
        How many.
    generator : Generator, optional
        Where the order comes from, the default generator unless given.
    dtype : dtype, default int64
        The dtype of the result.
    device : optional
        Only the CPU.
    requires_grad : bool, default False
        Whether the tensor is a leaf that gets a gradient, which takes a floating-point dtype.

    Returns
    -------
    Tensor
        Of shape (n,).

    Raises
    ------
    RuntimeError
        If `n` is negative or the dtype cannot hold n - 1.

    Examples
    --------
    >>> import minigrad
    >>> sorted(minigrad.randperm(5).tolist())
    [0, 1, 2, 3, 4]
    """
    check_options("randperm", device, options)
    count = whole("randperm", "n", n)
    target = _dtype.int64 if dtype is None else _dtype.as_dtype(dtype)
    if count < 0:
        raise RuntimeError(f"randperm: n must not be negative, got {count}")
    check_range("randperm", 0, max(count - 1, 0), target)

    def permutation() -> Array:
        return kernels["permutation"](*reserved("randperm", (count,), 2, generator), count)

    if levels:
        sizes = sizes_drawn("randperm", (count,))
        rows = [permutation() for _ in range(math.prod(sizes[:-1]))]
        array = for_each_example(np.array(rows, np.int64).reshape(sizes))
    else:
        array = permutation()
    return wrap(converted(array, target)).requires_grad_(requires_grad)
