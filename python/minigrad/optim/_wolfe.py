"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..tensor import Tensor

#: How much of the slope's promise the loss must keep, and how flat the slope must have become.
_DECREASE, _CURVATURE = 1e-4, 0.9


class Point(NamedTuple):
    """A point of the line: how far along, the loss, the gradient, and the loss's slope along the line."""

    t: float
    loss: float
    grad: Tensor
    slope: float


Evaluate = Callable[[float], Point]


def strong_wolfe(
    evaluate: Evaluate, start: Point, t: float, size: float, tolerance: float, most: int
) -> tuple[Point, int]:
    """Return a point with enough decrease and a flat enough slope, or the best one found, and how many were evaluated.

    Nocedal and Wright, "Numerical Optimization", algorithms 3.5 and 3.6, with the steps chosen by cubic interpolation.

    Parameters
    ----------
    evaluate : callable
        From how far along to the point there.
    start : Point
        Where the line begins.
    t : float
        How far along the first point is.
    size : float
        The greatest element of the direction.
    tolerance : float
        The search ends where it moves no element farther than this.
    most : int
        How many points may be evaluated, besides the first one.
    """
    search = _Search(evaluate, start, most)
    point = search.evaluate(t)
    bracket = search.bracket(point)
    if len(bracket) == 2:
        bracket = [search.zoom(bracket, size, tolerance)]
    return bracket[0], search.evaluated


class _Search:
    def __init__(self, evaluate: Evaluate, start: Point, most: int) -> None:
        self._evaluate = evaluate
        self.start = start
        self.most = most
        self.evaluated = 0

    def evaluate(self, t: float) -> Point:
        self.evaluated += 1
        return self._evaluate(t)

    @property
    def exhausted(self) -> bool:
        return self.evaluated > self.most

    def decreases(self, point: Point) -> bool:
        return not point.loss > self.start.loss + _DECREASE * point.t * self.start.slope

    def is_flat(self, point: Point) -> bool:
        return abs(point.slope) <= -_CURVATURE * self.start.slope

    def bracket(self, point: Point) -> list[Point]:
        """Go along from `point` until a good point, which is returned alone, lies behind or between two points."""
        before = self.start
        while not self.exhausted:
            if not self.decreases(point) or (self.evaluated > 2 and point.loss >= before.loss):
                return [before, point]
            if self.is_flat(point):
                return [point]
            if point.slope >= 0:
                return [before, point]
            least, most = point.t + 0.01 * (point.t - before.t), 10 * point.t
            t = cubic_minimum(before, point, least, most)
            before, point = point, self.evaluate(t)
        return [self.start, point]

    def zoom(self, ends: list[Point], size: float, tolerance: float) -> Point:
        """Narrow the bracket down to a good point; `low` is the better end, and slopes down towards `high`."""
        low, high = _by_loss(*ends)
        stuck = False
        while not self.exhausted and not abs(ends[1].t - ends[0].t) * size < tolerance:
            t, stuck = _inside(ends, stuck)
            point = self.evaluate(t)
            if not self.decreases(point) or point.loss >= ends[low].loss:
                ends[high] = point
                low, high = _by_loss(*ends)
                continue
            if self.is_flat(point):
                return point
            if point.slope * (ends[high].t - ends[low].t) >= 0:
                ends[high] = ends[low]
            ends[low] = point
        return ends[low]


def _by_loss(a: Point, b: Point) -> tuple[int, int]:
    return (0, 1) if a.loss <= b.loss else (1, 0)


def _inside(ends: list[Point], stuck: bool) -> tuple[float, bool]:
    """Return where to look within a bracket, and whether that is close to an end.

    A second time close to an end, or at it, the bracket would hardly shrink: then look a tenth away from there.
    """
    least, most = sorted((ends[0].t, ends[1].t))
    t = cubic_minimum(ends[0], ends[1], least, most)
    margin = 0.1 * (most - least)
    if not min(most - t, t - least) < margin:
        return t, False
    if not stuck and least < t < most:
        return t, True
    return (most - margin if abs(t - most) < abs(t - least) else least + margin), False


def cubic_minimum(a: Point, b: Point, least: float, most: float) -> float:
    """Return the minimum of the cubic through two points with their slopes, or the middle where it has none.

    Nocedal and Wright, eq. 3.59.
    """
    if a.t > b.t:
        a, b = b, a
    middle = (least + most) / 2
    if a.t == b.t:
        return middle
    chord = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = chord**2 - a.slope * b.slope
    if not square >= 0:
        return middle
    root = math.sqrt(square)
    under = b.slope - a.slope + 2 * root
    if under == 0:
        return middle
    return min(max(b.t - (b.t - a.t) * ((b.slope + root - chord) / under), least), most)
