"""Methods that fill a tensor with random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _dtype
from .._methods import method
from ..tensor import Tensor, wrap
from .arrays import chances, computed, converted, fill, floats, integers, normal_numbers, scaled, uniform_numbers
from .generator import Generator


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
    kernel, factor, shift = uniform_numbers("uniform_", a, b)
    return fill(self, kernel, factor, shift, generator, "uniform_")


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
    kernel, factor, shift = normal_numbers("normal_", mean, std)
    return fill(self, kernel, factor, shift, generator, "normal_")


@method
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 with chance `p`, a number or a tensor that broadcasts, and 0 otherwise; return the tensor."""
    dtype = self.dtype if self.is_floating_point() else _dtype.float32
    given = converted(p._array, dtype) if isinstance(p, Tensor) else p
    drawn = chances(given, self._array.shape, dtype, generator, "bernoulli_")
    return self._write(wrap(converted(drawn, self.dtype)), "bernoulli_")


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
        low, high = 0, min(_dtype.integer_range(dtype.numpy)[1] + 1, 2**63 - 1)
    drawn = integers("random_", low, high, self._array.shape, dtype, generator)
    return self._write(wrap(drawn), "random_")


@method
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the exponential distribution, lambd exp(-lambd x); return the tensor."""
    if not lambd > 0:
        raise RuntimeError(f"exponential_: lambd must be positive, got {lambd}")
    u = floats("uniform", self._array.shape, self.dtype, generator, "exponential_")
    drawn = computed("log", computed("sub", 1.0, u))  # 1 - u is never 0
    return self._write(wrap(converted(scaled(drawn, -1.0 / lambd, 0.0), self.dtype)), "exponential_")


@method
def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the Cauchy distribution, sigma / (π (sigma² + (x - median)²)); return the tensor."""
    if not sigma > 0:
        raise RuntimeError(f"cauchy_: sigma must be positive, got {sigma}")
    u = floats("uniform", self._array.shape, self.dtype, generator, "cauchy_")
    drawn = computed("tan", scaled(u, math.pi, -math.pi / 2))
    return self._write(wrap(converted(scaled(drawn, sigma, median), self.dtype)), "cauchy_")


@method
def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fill with how many trials a first success takes whose chance is `p`, at least 1; return the tensor."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_: p must lie between 0 and 1, got {p}")
    u = floats("uniform", self._array.shape, _dtype.float64, generator, "geometric_")
    logs = computed("log", computed("sub", 1.0, u))  # 1 - u is never 0
    drawn = computed("add", computed("floor", scaled(logs, 1 / math.log1p(-p), 0.0)), 1.0)
    return self._write(wrap(converted(drawn, self.dtype)), "geometric_")


@method
def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers whose logarithms are normally distributed; return the tensor."""
    drawn = floats("normal", self._array.shape, self.dtype, generator, "log_normal_")
    return self._write(wrap(converted(computed("exp", scaled(drawn, std, mean)), self.dtype)), "log_normal_")
