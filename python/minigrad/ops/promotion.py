"""Operands brought to the dtype that an operation computes in, and tensors to other dtypes.

The eager call brings plain operands to one dtype itself (src/bindings/promotion.cpp, where PyTorch's rules are written).
What it leaves, `promote` takes: arrays that `vmap` maps over, NumPy's numbers, float16, and what no kernel takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype, graph
from ..batching import array_in, hands_on, is_batched, levels
from ..batching_rules import batched_call, level_of, whole_call
from ..primitive import LEADING, LINEAR, ONE_TO_ONE, Primitive, kernel_primitive
from ..tensor import Tensor
from .records import DEFINITION


def promote(p: Primitive, inputs: tuple[Any, ...], attributes: tuple[Any, ...], whole: bool = False) -> Any:
    """Run a primitive whose kernel did not take its operands as they are; with `whole`, return private outputs as well.

    Dtypes are brought to one that it takes; what `vmap` maps over goes to the batching rule.
    """
    if p.promotion == "number":
        _refuse_booleans(p.name, inputs)
    if levels and (level := level_of(inputs)) is not None:
        return batched_call(p, level, _promoted(p, inputs), attributes, whole)
    run = whole_call(p) if whole else p.eager
    if any(map(is_batched, inputs)):
        level_of(inputs)  # which is over, and says so
    target = _target(p, inputs)
    takes = target.name in getattr(p.run, "dtypes", ())
    if target is _dtype.float16 and not takes:
        return _narrowed(run(*_in_dtype(p, inputs, _dtype.float32), *attributes))
    brought = _in_dtype(p, inputs, target)
    unchanged = all(a is b for a, b in zip(inputs, brought, strict=True))
    if p.promotion is None or unchanged or not takes:
        got = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in inputs)
        raise TypeError(f"{p.name}: not for operands of {got}")
    return run(*brought, *attributes)


def _refuse_booleans(name: str, terms: tuple[Any, ...]) -> None:
    """Raise a RuntimeError where something is taken off that is of bool, or from that, as PyTorch does."""
    if any(map(is_boolean, terms)):
        got = " - ".join([str(getattr(x, "dtype", type(x).__name__)) for x in terms])
        raise RuntimeError(f"{name}: not for booleans, got {got}; ~x inverts a mask, x ^ y is where two differ")


def is_boolean(x: Any) -> bool:
    """Return whether a tensor, an array or a number is of bool."""
    return x.__class__ is bool or getattr(x, "dtype", None) in (_dtype.bool_, np.bool_)


def _promoted(p: Primitive, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return batched operands in the dtype of the result; by the shapes of examples, as it were without `vmap`."""
    if p.promotion is None:
        return inputs
    dtypes = {array_in(x).dtype for x in _promoting(p, inputs) if hasattr(x, "dtype")}
    if len(dtypes) == 1 and next(iter(dtypes)).kind == "f":
        return inputs  # numbers take the dtype of the others
    return _in_dtype(p, inputs, _target(p, inputs))


def _types(p: Primitive) -> str:
    """Return a letter for each input of a primitive, "T" for those that are brought to one dtype."""
    types: str = getattr(p.run, "types", "T" * len(p.inputs))
    return types


def _promoting(p: Primitive, inputs: tuple[Any, ...]) -> list[Any]:
    return [x for x, letter in zip(inputs, _types(p), strict=True) if letter == "T"]


def _target(p: Primitive, inputs: tuple[Any, ...]) -> _dtype.dtype:
    """Return the dtype that a primitive computes in."""
    try:
        target = _dtype.result_type(*_promoting(p, inputs))
    except TypeError as error:
        raise TypeError(f"{p.name}: {error}") from None
    return _dtype.get_default_dtype() if p.promotion == "float" and not target.is_floating_point else target


def _in_dtype(p: Primitive, inputs: tuple[Any, ...], target: _dtype.dtype) -> tuple[Any, ...]:
    return tuple([operand_to(x, target) if letter == "T" else x for x, letter in zip(inputs, _types(p), strict=True)])


def _narrowed(out: Any) -> Any:
    """Return the results of operands of float16, which most kernels only move: they were computed in float32."""
    if isinstance(out, tuple):
        return tuple(map(_narrowed, out))
    return to_dtype(out, _dtype.float16) if out.dtype in (_dtype.float32, np.float32) else out


def operand_to(x: Any, target: _dtype.dtype) -> Any:
    """Return an operand in a dtype: a tensor or an array; a number takes the dtype of the others and stays."""
    if not isinstance(x, Tensor) and not graph.is_array(x):
        return x
    own = x.dtype if isinstance(x, Tensor) else _dtype.from_numpy_dtype(x.dtype)
    return x if own is target else to_dtype(x, target)


# ----------------------------------------------------------------------------------------------------------------------
# Conversion.

_cast_kernel = _core.kernels["cast"]

_cast: Callable[..., Any] = Primitive(
    "cast",
    run=hands_on(lambda x, code, _source: _cast_kernel(x, code)),
    inputs=("x",),
    attributes=("code", "source"),
    equation="out = x in another dtype",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=LINEAR,
    vjp={"x": lambda g, code, source: _cast(g, source, code)},
    promotion=None,
    batch=LEADING,
).eager

_convert = kernel_primitive(
    "convert",
    kernel="cast",
    equation="out = x in a dtype without gradients",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    promotion=None,
    batch=LEADING,
)


_core.connect(cast=_cast, convert=_convert, promote=promote)


def to_dtype(x: Any, target: _dtype.dtype) -> Any:
    """Return `x`, a tensor or an array, with elements of another dtype; between floats a differentiable operation."""
    source: _dtype.dtype = x.dtype if isinstance(x, Tensor) else _dtype.from_numpy_dtype(x.dtype)
    if target.is_floating_point and source.is_floating_point:
        return _cast(x, target.code, source.code)
    return _convert(x, target.code)


def number_tensor(number: float, target: _dtype.dtype) -> Tensor:
    """Return a number as a tensor without dimensions; an integer that is too large for the dtype wraps around."""
    from .creation import filled

    own = filled((), number, target if target.is_floating_point else _dtype.result_type(number))
    return own if own.dtype is target else to_dtype(own, target)
