"""How the rules of normalisation see arrays, and what they are made of."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from .elementwise import _add, _sub, div, mul, sqrt
from .reduce import _sum
from .shape import _reshape

__all__: list[str] = []


def nothing(like: Any) -> Any:
    """Return a weight or a bias that is not there."""
    return np.zeros(0, dtype=like._array.dtype if isinstance(like, Tensor) else like.dtype)


_LONG = 16  # elements of a channel; kLongChannel of the kernels


class Frame(NamedTuple):
    """How arrays of one shape are seen by the rules: as (n, groups, channels of a group, elements of a channel)."""

    shape: tuple[int, ...]
    groups: int

    @property
    def whole_shape(self) -> tuple[int, int, int, int]:
        n, c = self.shape[:2]
        groups = self.groups or c
        return n, groups, c // max(groups, 1), math.prod(self.shape[2:])

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimensions along which lines lie."""
        return (2, 3) if self.groups else (0, 2, 3)

    @property
    def size(self) -> int:
        """How many elements a line has, at least 1."""
        return max(math.prod([self.whole_shape[d] for d in self.dims]), 1)

    def whole(self, x: Any) -> Any:
        return _reshape(x, self.whole_shape)

    def back(self, x: Any) -> Any:
        return _reshape(x, self.shape)

    def lines(self, v: Any) -> Any:
        """Return a vector with an element for each line so that it broadcasts."""
        n, groups, *_ = self.whole_shape
        return _reshape(v, (n if self.groups else 1, groups, 1, 1))

    def scale(self, variance: Any, eps: float) -> Any:
        """Return r, one for each line."""
        return div(1.0, sqrt(_add(self.lines(variance), eps)))

    def columns(self, w: Any) -> Any:
        """Return a vector with an element for each channel so that it broadcasts."""
        return _reshape(w, (1, *self.whole_shape[1:3], 1))

    def times(self, x: Any, w: Any) -> Any:
        """Return x times the weight, if there is one."""
        return mul(x, self.columns(w)) if w.shape != (0,) else x

    def total(self, x: Any) -> Any:
        """Return the sums along lines."""
        return _sum(x, self.dims, True)

    def of_lines(self, x: Any) -> Any:
        """Return the sums along lines as a vector."""
        return vector(self.total(x))

    def of_channels(self, x: Any) -> Any:
        """Return the sums over each channel of all samples, in the order of the kernels.

        The samples are added up first, and then a channel's elements; long channels of groups the other way round.
        """
        n, c = self.shape[:2]
        length = math.prod(self.shape[2:])
        if length == 1:
            return _sum(_reshape(x, (n, c)), (0,), False)
        first, second = ((2,), (0,)) if self.groups and length >= _LONG else ((0,), (1,))
        return _sum(_sum(_reshape(x, (n, c, length)), first, False), second, False)


def vector(x: Any) -> Any:
    return _reshape(x, (math.prod(x.shape),))


class Standard(NamedTuple):
    """A frame with the moments: distances d = x - mean, scales r of the lines, and u = d r."""

    frame: Frame
    d: Any
    r: Any

    @property
    def u(self) -> Any:
        return mul(self.d, self.r)

    @property
    def r_slope(self) -> Any:
        """The derivative of r by the variance."""
        return mul(mul(self.r, mul(self.r, self.r)), -0.5)

    @property
    def share(self) -> Any:
        """r² / n."""
        return mul(mul(self.r, self.r), 1 / self.frame.size)


def standard(x: Any, mean: Any, variance: Any, eps: float, groups: int) -> Standard:
    f = Frame(x.shape, groups)
    return Standard(f, _sub(f.whole(x), f.lines(mean)), f.scale(variance, eps))


def wide_tangent(t: Any, x: Any) -> Any:
    """Return the tangent of a weight or bias, zeros where there is none of them."""
    return t if t.shape != (0,) else np.zeros(x.shape[1], dtype=nothing(x).dtype)
