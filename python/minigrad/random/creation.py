"""New tensors of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core, _dtype
from .._dtype import dtype as DType
from ..batching import bottom
from ..ops.creation import keeps_layout
from ..ops.options import check_options
from ..ops.shape import sizes_of
from ..tensor import Tensor, array_of, wrap
from .arrays import converted, floats, integers, scaled
from .generator import Generator

_clone = _core.kernels["clone"]


def _drawn(
    name: str,
    kernel: str,
    shape: tuple[int, ...],
    dtype: DType | None,
    generator: Generator | None,
    device: Any,
    requires_grad: bool,
    options: dict[str, Any],
    factor: float = 1.0,
    shift: float = 0.0,
) -> Tensor:
    """Return what the kernel draws times `factor`, plus `shift`, in the default dtype unless another is given."""
    if options or device is not None:
        check_options(name, device, options)
    wanted = _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)
    drawn = scaled(floats(kernel, shape, wanted, generator, name), factor, shift)
    out = wrap(drawn if wanted is not _dtype.float16 else converted(drawn, wanted))
    return out if requires_grad is False else out.requires_grad_(requires_grad)


def _laid_as(drawn: Tensor, array: np.ndarray[Any, Any], options: dict[str, Any]) -> Tensor:
    """Return new numbers so that they lie as the array does; which ones they are depends on the shape alone."""
    if not keeps_layout(array, options):
        return drawn
    laid = _clone.into(_core.empty_like(array, drawn.dtype.code), drawn._array)
    return wrap(laid).requires_grad_(drawn.requires_grad)


def rand(
    *args: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return numbers distributed uniformly over [0, 1).

    Parameters
    ----------
    *args, size : int or one sequence of int
        The shape.
    generator : Generator, optional
        Where the numbers come from, the default generator unless given.
    dtype : dtype, optional
        A floating-point dtype, the default dtype unless given.
    device : optional
        Only the CPU.
    requires_grad : bool, default False
        Whether the tensor is a leaf that gets a gradient.

    Returns
    -------
    Tensor
        Of shape `size`.

    Raises
    ------
    RuntimeError
        If a size is negative or the dtype is not a floating-point one.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.rand(2, 3)
    >>> x.shape, bool(((x >= 0) * (x < 1)).all())
    (minigrad.Size([2, 3]), True)
    """
    return _drawn("rand", "uniform", sizes_of(args, size), dtype, generator, device, requires_grad, options)


def randn(
    *args: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return numbers of the normal distribution with mean 0 and variance 1; the arguments are those of :func:`rand`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.randn(2, 3, dtype=minigrad.float64).dtype
    minigrad.float64
    """
    return _drawn("randn", "normal", sizes_of(args, size), dtype, generator, device, requires_grad, options)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return numbers distributed uniformly over [0, 1) in the shape and, unless another is given, the dtype of `input`.

    See :func:`rand`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.rand_like(minigrad.ones(2, 3)).shape
    minigrad.Size([2, 3])
    """
    array, dtype = array_of("rand_like", input), dtype or input.dtype
    out = _drawn("rand_like", "uniform", array.shape, dtype, generator, device, requires_grad, options)
    return _laid_as(out, array, options)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return normally distributed numbers in the shape and, unless another is given, the dtype of `input`.

    See :func:`randn`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.randn_like(minigrad.ones(2, 3)).shape
    minigrad.Size([2, 3])
    """
    array, dtype = array_of("randn_like", input), dtype or input.dtype
    out = _drawn("randn_like", "normal", array.shape, dtype, generator, device, requires_grad, options)
    return _laid_as(out, array, options)


def randint(
    *args: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Return integers distributed uniformly over [low, high).

    Parameters
    ----------
    low : int, default 0
        The least: ``randint(high, size)`` is ``randint(0, high, size)``.
    high : int
        What they stay below.
    size : sequence of int
        The shape.
    generator : Generator, optional
        Where the numbers come from, the default generator unless given.
    dtype : dtype, default int64
        The dtype of the result.
    device : optional
        Only the CPU.
    requires_grad : bool, default False
        Whether the tensor is a leaf that gets a gradient, for which `dtype` must be a floating-point one.

    Returns
    -------
    Tensor
        Of shape `size`.

    Raises
    ------
    TypeError
        If an argument is missing or not an integer.
    RuntimeError
        If the range is empty or the dtype cannot hold it, or if a size is negative.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.randint(3, 4, (2,))
    tensor([3, 3])
    """
    if named or device is not None:
        options: dict[str, Any] = {name: named.pop(name) for name in ("layout", "pin_memory") if name in named}
        check_options("randint", device, options)
    low, high, shape = _randint_arguments(args, named)
    target = _dtype.int64 if dtype is None else _dtype.as_dtype(dtype)
    return wrap(integers("randint", low, high, shape, target, generator)).requires_grad_(requires_grad)


def _randint_arguments(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, int, tuple[int, ...]]:
    """Return low, high and size, given by position or by name, low perhaps not at all."""
    if not named and 2 <= len(args) <= 3:
        low, high = (0, args[0]) if len(args) == 2 else args[:2]
        plain = _core.sizes_of((args[-1],)) if isinstance(args[-1], (tuple, list)) else None
        if low.__class__ is int and high.__class__ is int and plain is not None:
            return low, high, plain
    names = ("low", "high", "size")
    by_position = names[3 - len(args) - ("size" in named) * 1 - ("high" in named) * 1 :] if len(args) < 3 else names
    values = {"low": 0, **dict(zip(by_position, args, strict=False)), **named}
    if set(values) != set(names) or len(args) + len(named) > 3:
        raise TypeError("randint: takes low (if not 0), high and size")
    size = values["size"]
    try:
        return values["low"].__index__(), values["high"].__index__(), tuple([n.__index__() for n in size])
    except (AttributeError, TypeError):
        raise TypeError(f"randint: low, high and the sizes must be integers, got {values}") from None


def randint_like(
    input: Tensor, *args: Any, dtype: DType | None = None, generator: Generator | None = None, **named: Any
) -> Tensor:
    """Return integers distributed uniformly over [low, high) in the shape and, unless another is given, dtype of `input`.

    ``randint_like(input, high)`` or ``randint_like(input, low, high)``; see :func:`randint`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.randint_like(minigrad.ones(2), 1)
    tensor([0., 0.])
    """
    array = array_of("randint_like", input)
    options = {"memory_format": named.pop("memory_format", None)}
    out = randint(*args, size=array.shape, dtype=dtype or input.dtype, generator=generator, **named)
    return _laid_as(out, array, options)


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, **settings: Any
) -> Tensor:
    """Return normally distributed numbers.

    Parameters
    ----------
    mean, std : Tensor or float
        Their means and standard deviations, a number for all or a tensor with one for each.
    size : sequence of int, optional
        The shape, where both are numbers.
    generator : Generator, optional
        Where the numbers come from, the default generator unless given.
    **settings
        dtype, device and requires_grad, where both are numbers.

    Returns
    -------
    Tensor
        Of the shape that `mean` and `std` broadcast to, or of `size`.

    Raises
    ------
    RuntimeError
        If a standard deviation is negative.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.normal(minigrad.zeros(3), 2.0).shape
    minigrad.Size([3])
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if (bottom(std._array) < 0).any() if isinstance(std, Tensor) else std < 0:
        raise RuntimeError(f"normal: std must not be negative, got {std}")
    if not tensors:
        if size is None:
            raise TypeError("normal: needs size where mean and std are numbers")
        given = [
            settings.pop(key, default) for key, default in (("dtype", None), ("device", None), ("requires_grad", False))
        ]
        dtype, device, requires_grad = given
        numbers = (float(std), float(mean))
        return _drawn(
            "normal", "normal", sizes_of((size,)), dtype, generator, device, requires_grad, settings, *numbers
        )
    if size is not None or settings:
        raise TypeError("normal: takes size and settings only where mean and std are numbers")
    shape = np.broadcast_shapes(*[x._array.shape for x in tensors])
    drawn = wrap(converted(floats("normal", shape, tensors[0].dtype, generator, "normal"), tensors[0].dtype))
    factor, shift = [x.detach() if isinstance(x, Tensor) else x for x in (std, mean)]
    return with_gradient_zero(drawn * factor + shift, *tensors)


def with_gradient_zero(drawn: Tensor, *parameters: Tensor) -> Tensor:
    """Return what was drawn, with the gradient 0 to the parameters of its distribution, as PyTorch has it."""
    for x in parameters:
        if x.requires_grad:
            drawn = drawn + x * 0.0
    return drawn
