"""What `vmap` puts in the place of an array: one value for each example, that looks like the array of a single one.

Inside ``vmap(f)``, a tensor's array is a `BatchedArray`. It has the shape of an example, and holds the values of all of
them, in an array with one dimension more in front. No kernel takes it: a kernel that is handed one returns
``NotImplemented``, as for dtypes that it does not take, and the call goes on with the operation's batching rule
(batching_rules.py), which runs the operation once on all examples. Calls without such arrays never ask whether there are
any.

Nested `vmap`s are levels. What an array of a level holds is an array, or a tensor where an outer graph has to know of
what is computed with it: the value may itself be of a lower level, and so on down to arrays. Graphs of different levels
know nothing of each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from types import BuiltinFunctionType
from typing import Any, NoReturn, TypeVar

import numpy as np

from . import _core
from ._contexts import Changes, Changing, Context, Entries, entry, innermost


class Level(Context):
    """One call of a function that `vmap` made.

    Attributes
    ----------
    depth : int
        How many such calls it runs in, itself included.
    size : int
        The number of examples.
    randomness : str
        What random draws do: "error", "different" or "same".
    alive : bool
        Whether the call still runs.
    """

    def __init__(self, size: int, randomness: str) -> None:
        super().__init__()
        self.size = size
        self.randomness = randomness
        self.depth = 0
        self.alive = False

    def _changes(self) -> Changes:
        stack = _stack()
        self.depth = len(stack) + 1
        make, undo = entry(levels, (*stack, self))
        write = vars(self).__setitem__
        return self, [*make, (write, "alive", True)], [*undo, (write, "alive", False)]


#: For each `vmap` that runs now, the levels of its thread up to it, the outermost first. Usually empty: code outside of
#: `vmap` looks only at that.
levels: Entries = []


def _stack() -> tuple[Level, ...]:
    """Return the levels of this thread, the outermost first."""
    return innermost(levels) or ()


def current_level() -> Level | None:
    """Return the innermost level of this thread."""
    stack = _stack()
    return stack[-1] if stack else None


def recording_below() -> bool:
    """Return whether a sweep that records no graph itself has to let outer graphs know of what it computes.

    This is so inside `vmap`, where its operands may hold tensors of outer graphs. On arrays nothing is recorded anyway.
    """
    return bool(levels) and _core.grad_enabled()


#: The shape operations of arrays, by their names: function(array, argument). batching_rules.py sets them.
views: dict[str, Callable[[BatchedArray, Any], Any]] = {}
#: What NumPy's functions do with such arrays, where the engine calls them.
numpy_functions: dict[Any, Callable[..., Any]] = {}


class BatchedArray:
    """What a tensor holds inside `vmap` in place of an array: one example's array to those who look at its shape and dtype.

    Attributes
    ----------
    level : Level
        Whose examples they are.
    value : array, BatchedArray of a lower level, or Tensor of lower levels
        All examples along dimension 0; or, where not `batched`, what all examples share.
    batched : bool
        Whether there is one for each example.
    shape, dtype
        An example's.
    """

    __slots__ = ("batched", "dtype", "level", "shape", "value")
    __array_ufunc__ = None
    __batched__ = True  # tells the kernels to return NotImplemented

    def __init__(self, level: Level, value: Any, batched: bool) -> None:
        array = value if value.__class__ is np.ndarray else array_in(value)
        self.level = level
        self.value = value
        self.batched = batched
        self.dtype: np.dtype[Any] = array.dtype
        self.shape: tuple[int, ...] = array.shape[1:] if batched else array.shape

    @property
    def array(self) -> Any:
        """The value as an array, without the graph that it may be part of."""
        return array_in(self.value)

    @property
    def ndim(self) -> int:
        """The number of dimensions of an example."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements of an example."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """The size of an element, in bytes."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The size of an example, in bytes."""
        return self.size * self.dtype.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """How far apart neighbours of an example lie, in bytes."""
        strides: tuple[int, ...] = self.array.strides
        return strides[1:] if self.batched else strides

    @property
    def flags(self) -> Any:
        """How an example lies in memory."""
        array = self.array
        return array[0].flags if self.batched and array.shape[0] and array.ndim > 1 else array.flags

    # ------------------------------------------------------------------------------------------------------------------
    # Views, as an array makes them.

    def reshape(self, *shape: Any) -> Any:
        """Return the examples in another shape."""
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if -1 in sizes:
            known = -math.prod(sizes)
            sizes = tuple([self.size // known if n == -1 else n for n in sizes])
        return views["reshape"](self, sizes)

    def transpose(self, dims: tuple[int, ...]) -> Any:
        """Return the examples with their dimensions in another order."""
        return views["permute"](self, dims)

    @property
    def mT(self) -> Any:  # noqa: N802
        """The examples with the last two dimensions exchanged."""
        n = self.ndim
        return views["permute"](self, (*range(n - 2), n - 1, n - 2))

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if any(hasattr(k, "dtype") for k in parts):
            self.refuse("choosing elements by an array")
        return views["index"](self, parts)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Return the examples with elements of another dtype."""
        return self if self.dtype == dtype and not copy else views["astype"](self, np.dtype(dtype))

    def copy(self, order: str = "K") -> Any:
        """Return a copy."""
        return views["copy"](self, None)

    def detached(self) -> BatchedArray:
        """Return the same out of the graphs of all levels."""
        value = self.value
        if value.__class__ is BatchedArray:
            value = value.detached()
        elif value.__class__ is not np.ndarray:
            value = value.detach()
        return BatchedArray(self.level, value, self.batched)

    # ------------------------------------------------------------------------------------------------------------------
    # What would need the elements.

    def refuse(self, what: str) -> NoReturn:
        """Raise the RuntimeError for `what`, which needs the elements."""
        raise RuntimeError(
            f"vmap: {what} needs the elements of a tensor of shape {self.shape}, which differ from example to example; "
            "write it with operations on tensors, such as where(), or take it out of the function that is mapped"
        )

    def _number(self, kind: Callable[[Any], Any], what: str) -> Any:
        return self.refuse(what) if self.batched or not self.level.alive else kind(self.array)

    def __bool__(self) -> bool:
        return bool(self._number(bool, "data-dependent control flow (if, while, and, or, bool())"))

    def __int__(self) -> int:
        return int(self._number(int, "int()"))

    def __float__(self) -> float:
        return float(self._number(float, "float()"))

    def item(self) -> Any:
        """Return the only element, if all examples share it."""
        return self._number(lambda array: array.item(), "item()")

    def tolist(self) -> Any:
        """Return the elements as lists, if all examples share them."""
        return self._number(lambda array: array.tolist(), "tolist()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._number(lambda array: np.array(array, dtype=dtype, copy=copy), "numpy()")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        known = numpy_functions.get(func)
        return self.refuse(f"numpy.{func.__name__}") if known is None else known(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"BatchedArray has no attribute {name!r}")
        return self.refuse(f"{name}()")

    def __lt__(self, other: Any) -> Any:
        return self.refuse("a comparison")

    __le__ = __gt__ = __ge__ = __lt__

    def __repr__(self) -> str:
        what = f"{self.level.size} examples" if self.batched else "shared by all examples,"
        return f"<{what} of shape {self.shape}, {self.dtype}, inside vmap:\n{self.array!r}>"


def refuse_ragged(name: str, x: Any) -> None:
    """Raise a RuntimeError where `x`, on whose elements the shape of a result depends, is batched."""
    if is_batched(x):
        raise RuntimeError(
            f"{name}: inside vmap the result would have another shape for each example; keep all elements, with where() or "
            "a product with the mask"
        )


def below(level: Level | None = None) -> Changing:
    """Compute, in the block, as if this thread were not in a level or those inside it; by default, in none."""
    return Changing(*entry(levels, () if level is None else _stack()[: level.depth - 1]))


# ----------------------------------------------------------------------------------------------------------------------
# Random draws.


def sizes_drawn(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of what has to be drawn, inside `vmap`, for examples of `shape` to draw as they are to.

    Raises
    ------
    RuntimeError
        If a level has ``randomness="error"``.
    """
    stack = _stack()
    if any(level.randomness == "error" for level in stack):
        raise RuntimeError(f"{name}: vmap: the function draws random numbers; say randomness='different' or 'same'")
    return (*[level.size for level in stack if level.randomness == "different"], *shape)


def for_each_example(array: Any) -> Any:
    """Return an array of the shape that `sizes_drawn` said as that of one example."""
    different = [level for level in _stack() if level.randomness == "different"]
    return of_levels(array, different)


def of_levels(array: Any, nested: list[Level]) -> Any:
    """Return an array whose leading dims are the examples of levels, the outermost first, as that of one example."""
    for level in nested:
        array = BatchedArray(level, array, True)
    return array


def bottom(x: Any) -> Any:
    """Return the array that an array's elements lie in, whatever its level."""
    while x.__class__ is BatchedArray:
        x = x.array
    return x


#: What a tensor's array may be.
ARRAYS = (np.ndarray, BatchedArray)


F = TypeVar("F", bound=Callable[..., Any])


def hands_on(run: F) -> F:
    """Declare that a primitive's `run` hands its inputs to a kernel, whose ``NotImplemented`` it returns; return it."""
    run.declines = True  # type: ignore[attr-defined]
    return run


def declining(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a primitive's `run` so that it declines batched arrays, as kernels and C++'s functions do by themselves."""
    if isinstance(run, BuiltinFunctionType) or hasattr(run, "types") or hasattr(run, "declines"):
        return run

    @wraps(run)
    def call(*args: Any) -> Any:
        if levels and any(x.__class__ is BatchedArray for x in args):
            return NotImplemented
        return run(*args)

    return call


def array_in(x: Any) -> Any:
    """Return a tensor's array; what is no tensor as it is."""
    return x if x.__class__ is BatchedArray else getattr(x, "_array", x)


def is_batched(x: Any) -> bool:
    """Return whether a tensor, an array or a number has, or is, a batched array."""
    return array_in(x).__class__ is BatchedArray
