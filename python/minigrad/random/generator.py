"""Generators: a seed and a counter, of which the numbers that they give are a function."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ContextDecorator
from typing import Any

import numpy as np

from .. import _core, _dtype
from .._contexts import Changes, Context
from .._device import CPU, require_cpu
from .._device import device as Device
from ..tensor import Tensor, wrap

_DEFAULT_SEED = 67280421310721  # PyTorch's, the largest factor of the sixth Fermat number
_STATE = np.dtype([("seed", "<u8"), ("offset", "<u8")])


class Generator(_core.GeneratorBase):
    """A source of random numbers.

    Parameters
    ----------
    device : optional
        Only the CPU.

    Raises
    ------
    RuntimeError
        If it is another device.

    Examples
    --------
    >>> import minigrad
    >>> g = minigrad.Generator().manual_seed(3)
    >>> first = minigrad.rand(4, generator=g)
    >>> bool((minigrad.rand(4, generator=g.manual_seed(3)) == first).all())
    True
    """

    def __init__(self, device: Any = None) -> None:
        require_cpu("Generator", device)
        self._place(_DEFAULT_SEED, 0)

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
        self._place(number % 2**64, 0)
        return self

    def initial_seed(self) -> int:
        """Return the seed."""
        return self._state()[0]

    def seed(self) -> int:
        """Begin again with a seed that the operating system draws; return it."""
        drawn = int.from_bytes(os.urandom(8), "little")
        self._place(drawn, 0)
        return drawn

    def get_state(self) -> Tensor:
        """Return the state: 16 bytes, seed and counter, in a uint8 tensor."""
        state = np.array(self._state(), _STATE)
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
        self._place(seed, offset)

    __setstate__ = set_state

    def __reduce__(self) -> Any:
        """Return how a copy is made, which goes on from the same state."""
        return type(self), (), self.get_state()

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
        place = 2**62 + stream.__index__() % 2**61
        key = int(np.uint64(self.initial_seed()).view(np.int64))
        return Generator().manual_seed(int(_core.kernels["randint"](key, place, -(2**62), 2**62, (1,))[0]))

    def __repr__(self) -> str:
        return f"<minigrad.Generator seed={self.initial_seed()}>"


default_generator = Generator()


def source_of(generator: Generator | None, name: str) -> Generator:
    """Return the generator that was given, or the default one."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"{name}: generator must be a Generator, got {type(generator).__name__}")
    return generator


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
    """Seed the default generator with a number that the operating system draws; return it.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.seed() == minigrad.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """Return the default generator's seed.

    Examples
    --------
    >>> import minigrad
    >>> _ = minigrad.manual_seed(7)
    >>> minigrad.initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Return the default generator's state; see :meth:`Generator.get_state`.

    Examples
    --------
    >>> import minigrad
    >>> state = minigrad.get_rng_state()
    >>> first = minigrad.rand(2)
    >>> minigrad.set_rng_state(state)
    >>> minigrad.equal(minigrad.rand(2), first)
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the default generator's state; see :meth:`Generator.set_state`."""
    default_generator.set_state(new_state)


class Kept(Context):
    """Give generators their states back when the block ends."""

    def __init__(self, generators: Sequence[Generator]) -> None:
        super().__init__()
        self._generators = generators

    def _changes(self) -> Changes:
        return None, [], [(generator._place, *generator._state()) for generator in self._generators]


class fork_rng(Kept, ContextDecorator):  # noqa: N801
    """Give the default generator its state back when the block ends.

    Parameters
    ----------
    devices : optional
        Of which other devices PyTorch would restore the generators; there are none here.
    enabled : bool, default True
        Whether to do it.
    """

    def __init__(self, devices: Any = None, enabled: bool = True) -> None:
        super().__init__([default_generator] if enabled else [])
