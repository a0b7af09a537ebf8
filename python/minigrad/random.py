"""Random numbers: counter-based, so that a seed gives the same ones on every machine and for any number of threads.

A generator is a seed and a counter. The numbers that it gives are a function of the two (Philox: Salmon and others,
"Parallel Random Numbers: As Easy as 1, 2, 3"), and each call moves the counter on by as many as it used.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import _core, _dtype
from ._device import CPU
from ._device import device as Device  # noqa: N812
from ._dtype import dtype as DType  # noqa: N812
from ._methods import method
from .graph import Array
from .ops.creation import check_options, zeros
from .ops.shape import sizes_of
from .tensor import Tensor, array_of, wrap

__all__ = [
    "Generator",
    "bernoulli",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
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

    @property
    def device(self) -> Device:
        """The CPU."""
        return CPU

    def fork(self, stream: int) -> Generator:
        """Return another generator, whose seed is a function of this one's and of `stream`; this one does not move.

        Examples
        --------
        >>> import minigrad
        >>> g = minigrad.Generator().manual_seed(3)
        >>> g.fork(0).initial_seed() == g.fork(0).initial_seed() != g.fork(1).initial_seed()
        True
        """
        # Far from where numbers are drawn: nobody reserves 2^62 counters.
        place = np.array(2**62 + stream.__index__() % 2**61, np.int64)
        return Generator().manual_seed(int(_kernels["randint"](self._key, place, -(2**62), 2**62, (1,))[0]))

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


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:  # noqa: ARG001
    """Give the default generator its state back when the block ends.

    Parameters
    ----------
    devices : optional
        Accepted for PyTorch's sake: everything is on the CPU.
    enabled : bool, default True
        Whether to do it.
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


# ----------------------------------------------------------------------------------------------------------------------
# Arrays.

_kernels = _core.kernels


def _floats(kernel: str, shape: tuple[int, ...], dtype: DType, generator: Generator | None, name: str) -> Array:
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name}: only floating-point tensors can be filled, got {dtype}")
    if any(n < 0 for n in shape):
        raise RuntimeError(f"{name}: sizes must not be negative, got {shape}")
    drawn = _dtype.float64 if dtype is _dtype.float64 else _dtype.float32  # float16 has no arithmetic of its own
    in_a_counter = 4 if drawn is _dtype.float32 else 2
    key, offset = _source(generator, name)._reserve(-(-math.prod(shape) // in_a_counter))
    array: Array = _kernels[kernel](key, offset, shape, drawn.code)
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
    return _converted(_scaled(array, b - a, a), t.dtype)


def normal_array(t: Tensor, mean: float, std: float, generator: Generator | None, name: str) -> Array:
    """Return normally distributed numbers, in the tensor's shape and dtype."""
    if not std >= 0:
        raise RuntimeError(f"{name}: std must not be negative, got {std}")
    array = _floats("normal", t._array.shape, t.dtype, generator, name)
    return _converted(_scaled(array, std, mean), t.dtype)


def _integers(
    name: str, low: int, high: int, shape: tuple[int, ...], dtype: DType, generator: Generator | None
) -> Array:
    """Return integers distributed uniformly over [low, high)."""
    if low >= high:
        raise RuntimeError(f"{name}: low must be less than high, got {low} and {high}")
    if any(n < 0 for n in shape):
        raise RuntimeError(f"{name}: sizes must not be negative, got {shape}")
    _check_range(name, low, high - 1, dtype)
    key, offset = _source(generator, name)._reserve(-(-math.prod(shape) // 2))
    return _converted(_kernels["randint"](key, offset, low, high, shape), dtype)


def _converted(array: Array, dtype: DType) -> Array:
    return array if array.dtype == dtype.numpy else _kernels["cast"](array, dtype.code)


def _chances(p: Any, shape: tuple[int, ...], dtype: DType, generator: Generator | None, name: str) -> Array:
    """Return whether numbers uniform over [0, 1) are below the chances `p`, an array or a number."""
    array = p if isinstance(p, np.ndarray) else np.array(p, dtype.numpy)
    if not ((array >= 0) & (array <= 1)).all():
        raise RuntimeError(f"{name}: the probabilities must be between 0 and 1")
    u = _floats("uniform", shape, dtype, generator, name)
    below: Array = _kernels["lt"](u, array.astype(u.dtype, copy=False))
    return below


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
    if options or device is not None:
        check_options("rand", device, options)
    wanted = _float_dtype(dtype)
    array = _floats("uniform", sizes_of(args, size), wanted, generator, "rand")
    return wrap(_converted(array, wanted)).requires_grad_(requires_grad)


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
    if options or device is not None:
        check_options("randn", device, options)
    wanted = _float_dtype(dtype)
    array = _floats("normal", sizes_of(args, size), wanted, generator, "randn")
    return wrap(_converted(array, wanted)).requires_grad_(requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return numbers distributed uniformly over [0, 1) in the shape and, unless another is given, the dtype of `input`.

    See :func:`rand`.
    """
    shape, dtype = array_of("rand_like", input).shape, dtype or input.dtype
    return rand(shape, generator=generator, dtype=dtype, requires_grad=requires_grad, **options)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,  # noqa: ARG001
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """Return normally distributed numbers in the shape and, unless another is given, the dtype of `input`.

    See :func:`randn`.
    """
    shape, dtype = array_of("randn_like", input).shape, dtype or input.dtype
    return randn(shape, generator=generator, dtype=dtype, requires_grad=requires_grad, **options)


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
    options: dict[str, Any] = {name: named.pop(name) for name in ("layout", "pin_memory") if name in named}
    check_options("randint", device, options)
    low, high, shape = _randint_arguments(args, named)
    target = _dtype.int64 if dtype is None else _dtype.as_dtype(dtype)
    return wrap(_integers("randint", low, high, shape, target, generator)).requires_grad_(requires_grad)


def randint_like(
    input: Tensor, *args: Any, dtype: DType | None = None, generator: Generator | None = None, **named: Any
) -> Tensor:
    """Return integers distributed uniformly over [low, high) in the shape and, unless another is given, dtype of `input`.

    ``randint_like(input, high)`` or ``randint_like(input, low, high)``; see :func:`randint`.
    """
    shape = array_of("randint_like", input).shape
    named.pop("memory_format", None)
    return randint(*args, size=shape, dtype=dtype or input.dtype, generator=generator, **named)


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
    if (std._array < 0).any() if isinstance(std, Tensor) else std < 0:
        raise RuntimeError(f"normal: std must not be negative, got {std}")
    if not tensors:
        if size is None:
            raise TypeError("normal: needs size where mean and std are numbers")
        requires_grad = settings.pop("requires_grad", False)
        sample = zeros(size, **settings)
        sample.normal_(float(mean), float(std), generator=generator)
        return sample.requires_grad_(requires_grad)
    if size is not None or settings:
        raise TypeError("normal: takes size and settings only where mean and std are numbers")
    shape = np.broadcast_shapes(*[x._array.shape for x in tensors])
    drawn = wrap(_converted(_floats("normal", shape, tensors[0].dtype, generator, "normal"), tensors[0].dtype))
    factor, shift = [x.detach() if isinstance(x, Tensor) else x for x in (std, mean)]
    return _with_gradient_zero(drawn * factor + shift, *tensors)


def _with_gradient_zero(drawn: Tensor, *parameters: Tensor) -> Tensor:
    """Return what was drawn, with the gradient 0 to the parameters of its distribution, as PyTorch has it."""
    for x in parameters:
        if x.requires_grad:
            drawn = drawn + x * 0.0
    return drawn


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
        return wrap(_converted(_chances(p, array.shape, dtype, generator, "bernoulli"), input.dtype))
    if not input.is_floating_point():
        raise RuntimeError(f"bernoulli: the probabilities must be floats, got {input.dtype}")
    drawn = _converted(_chances(array, array.shape, input.dtype, generator, "bernoulli"), input.dtype)
    return _with_gradient_zero(wrap(drawn), input)


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
    weights = _weights(input, num_samples, replacement)
    rows = weights.reshape(-1, weights.shape[-1])
    if replacement:
        sums = np.cumsum(rows, axis=1)
        u = _floats("uniform", (len(rows), num_samples), _dtype.float64, generator, "multinomial") * sums[:, -1:]
        picked = [np.searchsorted(s, v, side="right") for s, v in zip(sums, u, strict=True)]
        last = rows.shape[1] - 1 - np.argmax(rows[:, ::-1] > 0, axis=1)
        drawn = np.minimum(np.array(picked).reshape(u.shape), last[:, None])
    else:
        u = _floats("uniform", rows.shape, _dtype.float64, generator, "multinomial")
        with np.errstate(divide="ignore"):
            keys = _kernels["neg"](_kernels["log"](1 - u)) / rows
        keys[rows == 0] = np.inf
        drawn = np.argsort(keys, axis=1, kind="stable")[:, :num_samples]
    return wrap(drawn.astype(np.int64).reshape(*weights.shape[:-1], num_samples))


def _weights(input: Tensor, num_samples: int, replacement: bool) -> Array:
    """Return the weights of a multinomial in float64."""
    array = array_of("multinomial", input)
    if array.ndim not in (1, 2) or array.shape[-1] == 0:
        raise RuntimeError(f"multinomial: the weights must be a vector or a matrix with columns, got {array.shape}")
    if array.dtype.kind != "f":
        raise RuntimeError(f"multinomial: the weights must be floats, got {input.dtype}")
    if num_samples <= 0:
        raise RuntimeError(f"multinomial: cannot draw {num_samples} samples")
    if not replacement and num_samples > array.shape[-1]:
        raise RuntimeError(f"multinomial: cannot draw {num_samples} of {array.shape[-1]} without replacement")
    if not (np.isfinite(array) & (array >= 0)).all():
        raise RuntimeError("multinomial: the weights must be finite and not negative")
    positive = (array > 0).sum(-1)
    if (positive < (1 if replacement else num_samples)).any():
        raise RuntimeError("multinomial: a row has too few positive weights")
    return array.astype(np.float64)


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
    return wrap(_converted(array, target))


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


@method
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 with chance `p`, a number or a tensor that broadcasts, and 0 otherwise; return the tensor."""
    dtype = self.dtype if self.is_floating_point() else _dtype.float32
    chances = _converted(p._array, dtype) if isinstance(p, Tensor) else p
    drawn = _chances(chances, self._array.shape, dtype, generator, "bernoulli_")
    return self._write(wrap(_converted(drawn, self.dtype)), "bernoulli_")


@method
def random_(self: Tensor, *args: int, generator: Generator | None = None, **named: int) -> Tensor:
    """Fill with integers distributed uniformly; return the tensor.

    ``random_(high)`` from 0, ``random_(low, high)`` from low, below high; without them over all that the dtype can count
    to.
    """
    limits = [*args, *[named[name] for name in ("from", "to") if name in named]]
    if len(limits) > 2 or not named.keys() <= {"from", "to"}:
        raise TypeError("random_: takes at most low and high")
    dtype = self.dtype
    if limits:
        low, high = (0, limits[0]) if len(limits) == 1 else limits
    elif dtype.is_floating_point:
        low, high = 0, 2 ** (np.finfo(dtype.numpy).nmant + 1) + 1
    else:
        low, high = 0, 2 if dtype is _dtype.bool_ else min(np.iinfo(dtype.numpy).max + 1, 2**63 - 1)
    drawn = _integers("random_", low, high, self._array.shape, dtype, generator)
    return self._write(wrap(drawn), "random_")


@method
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the exponential distribution, lambd exp(-lambd x); return the tensor."""
    if not lambd > 0:
        raise RuntimeError(f"exponential_: lambd must be positive, got {lambd}")
    u = _floats("uniform", self._array.shape, self.dtype, generator, "exponential_")
    drawn = _kernels["log"](_kernels["sub"](1.0, u))  # 1 - u is never 0
    return self._write(wrap(_converted(_scaled(drawn, -1.0 / lambd, 0.0), self.dtype)), "exponential_")


@method
def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers whose logarithms are normally distributed; return the tensor."""
    drawn = _floats("normal", self._array.shape, self.dtype, generator, "log_normal_")
    return self._write(wrap(_converted(_kernels["exp"](_scaled(drawn, std, mean)), self.dtype)), "log_normal_")
