"""How an operation runs on all examples at once: its batching rule, read from its record where that is possible.

A rule is handed the level, the inputs' values and which of these have examples along dimension 0, and the attributes. It
returns the outputs with the examples along dimension 0. It is written with primitives, so that where a value is a tensor
of an outer graph, that graph gets to know.

What a record says is enough for most: elementwise operations broadcast once the ranks of all examples are the same;
operations that speak of their dims by attributes (`dim`, `dims`, `shape`, `key`) do so one dimension further on; views
and others whose leading dims do not matter run as they are. A few have a rule of their own, in their record.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from . import _core, batching, graph
from ._views import replay
from .batching import BatchedArray, Level
from .grad_mode import is_grad_enabled
from .primitive import ALIGNED, ELEMENTWISE, LEADING, ONE_TO_ONE, Primitive, registry
from .tensor import Tensor, wrap

Values = Sequence[Any]
#: rule(level, values, batched, *attributes) -> output or outputs
BatchingRule = Callable[..., Any]

# ----------------------------------------------------------------------------------------------------------------------
# Levels.


def level_of(xs: Sequence[Any]) -> Level | None:
    """Return the innermost level that one of the tensors or arrays belongs to."""
    found: Level | None = None
    for x in xs:
        array = x._array if isinstance(x, Tensor) else x
        if array.__class__ is BatchedArray and (found is None or array.level.depth > found.depth):
            found = array.level
    if found is not None and not found.alive:
        raise RuntimeError("vmap: a tensor was taken out of the function that is mapped; return it instead")
    return found


def lifted(x: Any, level: Level) -> Any:
    """Return a tensor as one of `level`, whose graph does not know what it was computed from; others as they are."""
    if not isinstance(x, Tensor):
        return x
    array: Any = x._array
    if array.__class__ is BatchedArray and array.level is level:
        return x
    x._own()
    return of_level(level, x if x._edge is not None else x._array, False, x._cell)


def of_level(level: Level, value: Any, batched: bool = True, cell: Any = None) -> Tensor:
    """Return a tensor of a level, whose memory has the version `cell`."""
    return wrap(BatchedArray(level, value, batched), None, cell)


def split_level(xs: Sequence[Any], level: Level) -> tuple[list[Any], list[bool]]:
    """Return the values of tensors or arrays one level down, and which of them have an example each."""
    values: list[Any] = []
    batched: list[bool] = []
    for x in xs:
        array: Any = x._array if isinstance(x, Tensor) else x
        own = array.__class__ is BatchedArray and array.level is level
        values.append(array.value if own else x)
        batched.append(array.batched if own else False)
    return values, batched


# ----------------------------------------------------------------------------------------------------------------------
# Running a primitive.


def batched_call(
    p: Primitive, level: Level, inputs: Sequence[Any], attributes: Sequence[Any], whole: bool = False
) -> Any:
    """Run a primitive some of whose inputs are batched, and record it in the graph of their innermost level.

    With `whole` it returns the private outputs as well.
    """
    return _batched(p, whole)(*[lifted(x, level) for x in inputs], *attributes)


@cache
def _batched(p: Primitive, whole: bool) -> Callable[..., Any]:
    """Return the eager call for batched inputs."""
    inputs, arguments = len(p.inputs), len(p.inputs) + len(p.attributes)
    return p.operation(lambda *args: _run_values(p, args[:inputs], args[inputs:arguments]), whole=whole)


def call(p: Primitive, values: Values, attributes: Sequence[Any]) -> Any:
    """Run a primitive on values of one level; return all of its outputs."""
    return whole_call(p)(*values, *attributes)


@cache
def whole_call(p: Primitive) -> Callable[..., Any]:
    """Return the eager call that gives private outputs as well."""
    from .ops.promotion import promote

    if p.returned == len(p.outputs):
        return p.eager
    return p.operation(p.run, whole=True, promote=partial(promote, whole=True))


def _run_values(p: Primitive, inputs: Sequence[Any], attributes: Sequence[Any]) -> Any:
    level = level_of(inputs)
    assert level is not None
    values, batched = split_level(inputs, level)
    try:
        out = rule_of(p)(level, values, batched, *attributes) if True in batched else call(p, values, attributes)
    except (RuntimeError, IndexError) as error:
        error.add_note(f"This was inside vmap: dimension 0 of such shapes may be that of its {level.size} examples.")
        raise
    mapped = True in batched
    if isinstance(out, tuple):
        return tuple([BatchedArray(level, y, mapped) for y in out])
    return BatchedArray(level, out, mapped)


# ----------------------------------------------------------------------------------------------------------------------
# Rules.


@cache
def rule_of(p: Primitive) -> BatchingRule:
    """Return the batching rule of a primitive: its record's, the one derived from the record, or else a loop."""
    if callable(p.batch):
        return p.batch
    if p.batch == LEADING:
        return lambda _level, values, _batched, *attributes: call(p, values, attributes)
    if p.batch == ALIGNED or p.structure == ELEMENTWISE:
        return lambda _level, values, batched, *attributes: call(p, aligned(values, batched), attributes)
    return partial(_shifted if _SHIFTS.keys() & set(p.attributes) else looped, p)


def rank(x: Any, batched: bool) -> int:
    """Return the number of dimensions of an example."""
    return getattr(x, "ndim", 0) - batched


def aligned(values: Values, batched: Sequence[bool]) -> list[Any]:
    """Return the values with dimensions of size 1 behind the examples', so that all examples have one rank."""
    ranks = [rank(x, b) for x, b in zip(values, batched, strict=True)]
    highest = max(ranks)
    return [
        reshape(x, (x.shape[0], *(1,) * (highest - r), *x.shape[1:])) if b and r < highest else x
        for x, b, r in zip(values, batched, ranks, strict=True)
    ]


def spread(level: Level, x: Any, batched: bool) -> Any:
    """Return a value with examples along dimension 0, repeated without copying where all share it; numbers as they are."""
    return x if batched or not hasattr(x, "shape") else expand(x, (level.size, *x.shape))


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    """Return a tensor or an array in another shape: a view where its memory allows it."""
    return registry["reshape"].eager(x, shape) if x.shape != shape else x


def expand(x: Any, shape: tuple[int, ...]) -> Any:
    """Return a tensor or an array repeated to a shape."""
    return registry["expand"].eager(x, shape)


def _next(_level: Level, dims: Any) -> Any:
    return dims + (dims >= 0) if isinstance(dims, int) else tuple([d + (d >= 0) for d in dims])


#: What becomes of the attributes that speak of dims.
_SHIFTS: dict[str, Callable[[Level, Any], Any]] = {
    "dim": _next,
    "dims": _next,
    "shape": lambda level, shape: (level.size, *shape),
    "key": lambda _level, key: (slice(None), *key),
}


@cache
def _shifts_of(p: Primitive) -> tuple[Callable[[Level, Any], Any], ...]:
    """Return what becomes of each attribute of a primitive."""
    return tuple([_SHIFTS.get(name, lambda _level, value: value) for name in p.attributes])


def _shifted(p: Primitive, level: Level, values: Values, batched: Sequence[bool], *attributes: Any) -> Any:
    """Run a primitive whose attributes say which dims it is about, one dimension further on."""
    ndim = max([rank(x, b) for x, b in zip(values, batched, strict=True)])
    if len(values) > 1:
        spreads = [spread(level, x, b) for x, b in zip(values, batched, strict=True)]
        values = aligned(spreads, [hasattr(x, "shape") for x in values])
    if "dims" in p.attributes and p.relation != ONE_TO_ONE:  # none of them stands for all
        pairs = zip(p.attributes, attributes, strict=True)
        attributes = tuple([tuple(range(ndim)) if pair == ("dims", ()) else pair[1] for pair in pairs])
    if ndim == 0 and ("dim" in p.attributes or "dims" in p.attributes):
        return _shifted_numbers(p, level, values, attributes)
    return call(p, values, [shift(level, v) for shift, v in zip(_shifts_of(p), attributes, strict=True)])


def _shifted_numbers(p: Primitive, level: Level, values: Values, attributes: Sequence[Any]) -> Any:
    """Do as `_shifted` where an example is a number, which gets a dimension for the primitive to go along."""
    lone = {"dims": (0,), "dim": 0, "shape": (1,)}
    named = [lone.get(name, value) for name, value in zip(p.attributes, attributes, strict=True)]
    xs = [reshape(x, (level.size, 1)) if hasattr(x, "shape") else x for x in values]
    out = call(p, xs, [shift(level, v) for shift, v in zip(_shifts_of(p), named, strict=True)])
    return tuple([reshape(y, (level.size,)) for y in out]) if isinstance(out, tuple) else reshape(out, (level.size,))


def looped(p: Primitive, level: Level, values: Values, batched: Sequence[bool], *attributes: Any) -> Any:
    """Run a primitive on one example after the other."""
    warnings.warn(f"vmap: {p.name} has no batching rule and runs once for each example", stacklevel=2)
    outs = []
    for n in range(level.size):
        one = [registry["index"].eager(x, (n, ...)) if b else x for x, b in zip(values, batched, strict=True)]
        outs.append(call(p, one, attributes))
    return _stacked(outs)


def _stacked(outs: list[Any]) -> Any:
    from .ops.joining import join

    if isinstance(outs[0], tuple):
        return tuple([join(list(parts), 0, True) for parts in zip(*outs, strict=True)])
    return join(outs, 0, True)


# ----------------------------------------------------------------------------------------------------------------------
# What arrays and tensors do by themselves.


def _viewed(name: str) -> Callable[[BatchedArray, Any], Any]:
    return lambda x, argument: _run_values(registry[name], (x,), (argument,))


def _astype(x: BatchedArray, dtype: Any) -> BatchedArray:
    from ._dtype import from_numpy_dtype
    from .ops.promotion import to_dtype

    return BatchedArray(x.level, to_dtype(x.value, from_numpy_dtype(dtype)), x.batched)


batching.views.update(
    reshape=_viewed("reshape"),
    permute=_viewed("permute"),
    index=_viewed("index"),
    astype=_astype,
    copy=lambda x, _: BatchedArray(x.level, registry["copy"].eager(x.value), x.batched),
)


batching.numpy_functions[np.may_share_memory] = lambda a, b, **_: np.may_share_memory(
    batching.bottom(a), batching.bottom(b)
)
batching.numpy_functions[np.shape] = lambda x: x.shape


def write(self: Tensor, value: Tensor, name: str) -> Tensor:
    """Copy the elements of `value`, of the same shape, into `self`, either of which may be batched.

    Returns
    -------
    Tensor
        The value as one of self's level, for its graph.
    """
    own: Any = self._array
    level = level_of((self, value))
    if level is None:
        np.copyto(own, value._array, casting="same_kind")
        return value
    held = own.__class__ is BatchedArray and own.level is level
    value = lifted(value, level)
    array: Any = value._array
    source, batched = array.value, array.batched
    if not held and not batched and value._edge is not None and is_grad_enabled():
        _enter(self, level)
        own, held = self._array, True
    if batched and not (held and own.batched):
        raise RuntimeError(
            f"{name}: inside vmap, a tensor of shape {own.shape} that all examples share cannot be changed in place by "
            "values that differ from example to example; make it by zeros_like(), new_zeros() or clone() of a tensor that "
            "is mapped over"
        )
    if not held:
        self._write(source if isinstance(source, Tensor) else wrap(source), name)
        return value
    if _may_have_graph(source) and not isinstance(own.value, Tensor):
        _give_graph(self)
        own = self._array
    target = own.value if isinstance(own.value, Tensor) else wrap(own.value)
    if not batched and own.batched:
        source = expand(source, (level.size, *own.shape))  # a number that is assigned has no dims
    target._write(source if isinstance(source, Tensor) else wrap(source), name)
    return value


def _may_have_graph(value: Any) -> bool:
    """Return whether a value is a tensor, on whatever level."""
    while value.__class__ is BatchedArray:
        value = value.value
    return isinstance(value, Tensor)


def _give_graph(x: Tensor) -> None:
    """Let x's value, and those of all views of the same memory, be tensors that an outer graph can know of."""
    own: Any = getattr(x, "_base", x)._array
    _hold(x, BatchedArray(own.level, wrap(own.value), own.batched))


def _enter(x: Tensor, level: Level) -> None:
    """Let x and all views of the same memory be of a level, whose graph can then know of them."""
    base: Tensor = getattr(x, "_base", x)
    outer = base._array if base._edge is None else wrap(base._array, base._edge, base._cell)
    base._edge = None
    _hold(x, BatchedArray(level, outer, False))


def _hold(x: Tensor, array: BatchedArray) -> None:
    """Put an array in the place of the one that x and all views of the same memory are of."""
    base: Tensor = getattr(x, "_base", x)
    base._array = array  # type: ignore[assignment]
    for view in _core.living_views(base):
        view._array = replay(base, view._steps)._array


def made_like(new: Tensor, like: Tensor) -> Tensor:
    """Return a new tensor without a graph for each example where `like` has one for each."""
    chain = []
    array: Any = like._array
    while array.__class__ is BatchedArray:
        if array.batched:
            chain.append(array.level)
        array = array.array
    if not chain:
        return new
    sizes = [level.size for level in reversed(chain)]
    value: Any = _core.kernels["copy"](np.broadcast_to(new._array, (*sizes, *new._array.shape)))
    return wrap(batching.of_levels(value, chain[::-1])).requires_grad_(new.requires_grad)


def writable_copy(x: Tensor, *others: Any) -> Tensor:
    """Return a copy of `x` that can take what is made of `others`: one for each example where they are batched."""
    out: Tensor = registry["copy"].eager(x)
    level = level_of((x, *others)) if batching.levels else None
    if level is None:
        return out
    values, batched = split_level(others, level)
    out = lifted(out, level)
    array: Any = out._array
    grows = any(batched) and not array.batched
    if grows or level_of(values) is not None:
        whole = array.value if isinstance(array.value, Tensor) else wrap(array.value)
        whole = expand(whole, (level.size, *array.shape)) if grows else whole
        out._array = BatchedArray(level, writable_copy(whole, *values), grows or array.batched)  # type: ignore[assignment]
    return out


def copy_values(x: Any) -> Any:
    """Return a copy of an array, batched or not."""
    return x.copy() if x.__class__ is BatchedArray else _core.kernels["clone"](x)


graph.batched_write = write
