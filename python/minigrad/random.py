"""Random numbers: counter-based, so that a seed gives the same ones on every machine and for any number of threads.

A generator is a seed and a counter. The numbers that it gives are a function of the two (Philox: Salmon and others,
"Parallel Random Numbers: As Easy as 1, 2, 3"), and each call moves the counter on by as many as it used.
"""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import numpy as np

from . import _core, _dtype
from ._dtype import dtype as DType  # noqa: N812
from ._methods import method
from .graph import Array
from .ops.shape import sizes_of
from .tensor import Tensor, wrap

__all__ = [
    "Generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "set_rng_state",
]

_DEFAULT_SEED = 67280421310721  # PyTorch's, the largest factor of the sixth Fermat number
_STATE = np.dtype([("seed", "<u8"), ("offset", "<u8")])


class Generator:
    """A source of random numbers.

    Parameters
    ----------
    device : optional
        Accepted for PyTorch's sake: everything is on the CPU.

    Examples
    --------
    >>> import minigrad
    >>> g = minigrad.Generator().manual_seed(3)
    >>> first = minigrad.rand(4, generator=g)
    >>> bool((minigrad.rand(4, generator=g.manual_seed(3)) == first).all())
    True
    """

    def __init__(self, device: Any = None) -> None:  # noqa: ARG002
        self._lock = threading.Lock()
        self._set(_DEFAULT_SEED, 0)

    def _set(self, seed: int, offset: int) -> None:
        with self._lock:
            self._seed = seed
            self._key = np.array(seed, np.uint64).view(np.int64)
            self._offset = offset

    def manual_seed(self, seed: int) -> Generator:
        """Begin again with a seed; return the generator.

        Parameters
        ----------
        seed : int
            From -2⁶³ to 2⁶⁴ - 1; a negative one counts as 2⁶⁴ more.

        Raises
        ------
        TypeError
            If it is not an integer.
        RuntimeError
            If it is out of range.
        """
        try:
            number = seed.__index__()
        except AttributeError:
            raise TypeError(f"manual_seed: the seed must be an integer, got {seed!r}") from None
        if not -(2**63) <= number < 2**64:
            raise RuntimeError(f"manual_seed: the seed must be between -2**63 and 2**64 - 1, got {number}")
        self._set(number % 2**64, 0)
        return self

    def initial_seed(self) -> int:
        """Return the seed."""
        return self._seed

    def seed(self) -> int:
        """Begin again with a seed that the operating system draws; return it."""
        self._set(int.from_bytes(os.urandom(8), "little"), 0)
        return self._seed

    def get_state(self) -> Tensor:
        """Return the state: 16 bytes, seed and counter, in a uint8 tensor."""
        with self._lock:
            state = np.array((self._seed, self._offset), _STATE)
        return wrap(np.frombuffer(bytearray(state.tobytes()), np.uint8))

    def set_state(self, new_state: Tensor) -> None:
        """Go on from a state that :meth:`get_state` returned.

        Raises
        ------
        TypeError
            If it is not a tensor of dtype uint8.
        RuntimeError
            If it has not 16 elements.
        """
        kind = getattr(new_state, "dtype", type(new_state).__name__)
        if kind is not _dtype.uint8:
            raise TypeError(f"set_state: the state must be a uint8 tensor, got {kind}")
        if new_state._array.shape != (_STATE.itemsize,):
            raise RuntimeError(f"set_state: the state must have shape (16,), got {new_state._array.shape}")
        seed, offset = np.frombuffer(new_state._array.tobytes(), _STATE)[0].tolist()
        if offset >= 2**63:
            raise RuntimeError("set_state: these bytes are no state of a generator")
        self._set(seed, offset)

    def _reserve(self, counters: int) -> tuple[Array, Array]:
        """Return the key and the first counter for a call that uses so many."""
        with self._lock:
            offset = self._offset
            self._offset = offset + counters
            return self._key, np.array(offset, np.int64)

    def __repr__(self) -> str:
        return f"<minigrad.Generator seed={self._seed}>"


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, where numbers come from unless a call names another; return it.

    Parameters
    ----------
    seed : int
        From -2⁶³ to 2⁶⁴ - 1.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.manual_seed(0)
    <minigrad.Generator seed=0>
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator with a number that the operating system draws; return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """Return the default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the default generator's state; see :meth:`Generator.get_state`."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the default generator's state; see :meth:`Generator.set_state`."""
    default_generator.set_state(new_state)


# ----------------------------------------------------------------------------------------------------------------------
# Arrays.

_kernels = _core.kernels


def _floats(kernel: str, shape: tuple[int, ...], dtype: DType, generator: Generator | None, name: str) -> Array:
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name}: only floating-point tensors can be filled, got {dtype}")
    if any(n < 0 for n in shape):
        raise RuntimeError(f"{name}: sizes must not be negative, got {shape}")
    in_a_counter = 4 if dtype is _dtype.float32 else 2
    key, offset = _source(generator, name)._reserve(-(-math.prod(shape) // in_a_counter))
    array: Array = _kernels[kernel](key, offset, shape, dtype.code)
    return array


def _source(generator: Generator | None, name: str) -> Generator:
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"{name}: generator must be a Generator, got {type(generator).__name__}")
    return generator


def uniform_array(t: Tensor, a: float, b: float, generator: Generator | None, name: str) -> Array:
    """Return numbers distributed uniformly over [a, b), in the tensor's shape and dtype."""
    if not (math.isfinite(a) and math.isfinite(b) and a <= b):
        raise RuntimeError(f"{name}: needs a finite range from low to high, got {a} and {b}")
    array = _floats("uniform", t._array.shape, t.dtype, generator, name)
    return _scaled(array, b - a, a)


def normal_array(t: Tensor, mean: float, std: float, generator: Generator | None, name: str) -> Array:
    """Return normally distributed numbers, in the tensor's shape and dtype."""
    if not std >= 0:
        raise RuntimeError(f"{name}: std must not be negative, got {std}")
    return _scaled(_floats("normal", t._array.shape, t.dtype, generator, name), std, mean)


def _scaled(array: Array, factor: float, shift: float) -> Array:
    if factor != 1:
        _kernels["mul"].into(array, array, float(factor))
    if shift != 0:
        _kernels["add"].into(array, array, float(shift))
    return array


# ----------------------------------------------------------------------------------------------------------------------
# Tensors.


def _float_dtype(dtype: DType | None) -> DType:
    return _dtype.get_default_dtype() if dtype is None else _dtype.as_dtype(dtype)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers distributed uniformly over [0, 1).

    Parameters
    ----------
    *size : int or one sequence of int
        The shape.
    generator : Generator, optional
        Where the numbers come from, the default generator unless given.
    dtype : dtype, optional
        A floating-point dtype, the default dtype unless given.
    device : optional
        Accepted for PyTorch's sake: everything is on the CPU.
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
    array = _floats("uniform", sizes_of(size), _float_dtype(dtype), generator, "rand")
    return wrap(array).requires_grad_(requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers of the normal distribution with mean 0 and variance 1; the arguments are those of :func:`rand`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.randn(2, 3, dtype=minigrad.float64).dtype
    minigrad.float64
    """
    array = _floats("normal", sizes_of(size), _float_dtype(dtype), generator, "randn")
    return wrap(array).requires_grad_(requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers distributed uniformly over [0, 1) in the shape and, unless another is given, the dtype of `input`.

    See :func:`rand`.
    """
    return rand(input._array.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
    requires_grad: bool = False,
) -> Tensor:
    """Return normally distributed numbers in the shape and, unless another is given, the dtype of `input`.

    See :func:`randn`.
    """
    return randn(input._array.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint(
    *args: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
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
        Accepted for PyTorch's sake: everything is on the CPU.

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
    low, high, shape = _randint_arguments(args, named)
    target = _dtype.int64 if dtype is None else _dtype.as_dtype(dtype)
    if low >= high:
        raise RuntimeError(f"randint: low must be less than high, got {low} and {high}")
    if any(n < 0 for n in shape):
        raise RuntimeError(f"randint: sizes must not be negative, got {shape}")
    _check_range("randint", low, high - 1, target)
    key, offset = _source(generator, "randint")._reserve(-(-math.prod(shape) // 2))
    array = _kernels["randint"](key, offset, low, high, shape)
    return wrap(array if target is _dtype.int64 else _kernels["cast"](array, target.code))


def _randint_arguments(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, int, tuple[int, ...]]:
    """Return low, high and size, given by position or by name, low perhaps not at all."""
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


def _check_range(name: str, least: int, largest: int, dtype: DType) -> None:
    if dtype.is_floating_point:
        return
    limits = (0, 1) if dtype is _dtype.bool_ else (np.iinfo(dtype.numpy).min, np.iinfo(dtype.numpy).max)
    if least < limits[0] or largest > limits[1]:
        raise RuntimeError(f"{name}: {dtype} cannot hold the integers from {least} to {largest}")


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
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
        Accepted for PyTorch's sake: everything is on the CPU.

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
    count = n.__index__()
    target = _dtype.int64 if dtype is None else _dtype.as_dtype(dtype)
    if count < 0:
        raise RuntimeError(f"randperm: n must not be negative, got {count}")
    _check_range("randperm", 0, max(count - 1, 0), target)
    key, offset = _source(generator, "randperm")._reserve(-(-count // 2))
    array = _kernels["permutation"](key, offset, count)
    return wrap(array if target is _dtype.int64 else _kernels["cast"](array, target.code))


# ----------------------------------------------------------------------------------------------------------------------
# Methods.


@method
def uniform_(self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers distributed uniformly over [a, b); return the tensor.

    Parameters
    ----------
    a, b : float
        The range. The largest numbers may be rounded to b.
    generator : Generator, optional
        Where the numbers come from, the default generator unless given.

    Raises
    ------
    RuntimeError
        If the range is empty, the elements are not floats, or the tensor is a leaf that requires a gradient.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(2, 3).uniform_(-1, 1).shape
    minigrad.Size([2, 3])
    """
    return self._write(wrap(uniform_array(self, a, b, generator, "uniform_")), "uniform_")


@method
def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with normally distributed numbers; return the tensor.

    Parameters
    ----------
    mean, std : float
        Their mean and standard deviation.
    generator : Generator, optional
        Where the numbers come from, the default generator unless given.

    Raises
    ------
    RuntimeError
        If `std` is negative, the elements are not floats, or the tensor is a leaf that requires a gradient.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.zeros(2, 3).normal_().shape
    minigrad.Size([2, 3])
    """
    return self._write(wrap(normal_array(self, mean, std, generator, "normal_")), "normal_")
