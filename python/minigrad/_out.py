"""``out=``: storing a function's result in a tensor that the caller gives.

PyTorch's functions that take it are wrapped, in the public modules alone, so that methods, operators and rules call the
plain functions. The wrapper hands a call without ``out`` straight on (`_core.Deflection`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from . import _core
from ._methods import kernel_calls, public
from .grad_mode import no_grad
from .ops.inplace import can_hold
from .ops.promotion import to_dtype
from .tensor import Tensor

#: The functions of `minigrad` that take it, as those of the same names in PyTorch do.
NAMES = [
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "addmm", "addmv", "all", "amax", "amin",
    "aminmax", "any", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin",
    "asin", "asinh", "atan", "atan2", "atanh", "baddbmm", "bernoulli", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bmm", "bucketize", "cat", "ceil", "clamp",
    "clip", "column_stack", "concat", "concatenate", "copysign", "cos", "cosh", "cross", "cummax", "cummin",
    "cumprod", "cumsum", "deg2rad", "diag", "div", "divide", "dot", "dstack", "eq", "erf", "erfc", "erfinv", "exp", "exp2", "expm1",
    "fix", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "gather", "gcd", "ge", "greater",
    "greater_equal", "gt", "heaviside", "histc", "histogram", "hstack", "hypot", "index_add", "index_copy",
    "index_reduce", "index_select", "inner", "isin", "isneginf", "isposinf", "kron", "kthvalue", "le", "lerp",
    "lcm", "ldexp", "less", "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logcumsumexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logit", "logsumexp", "lt", "masked_select", "matmul",
    "matrix_power", "max", "maximum", "mean", "min", "minimum", "mm", "mode", "msort", "mul", "multinomial",
    "multiply", "mv",
    "nan_to_num", "nanmean", "nanquantile", "ne", "neg", "negative", "nonzero", "norm", "not_equal", "outer", "pow",
    "prod", "quantile", "rad2deg", "reciprocal", "remainder", "renorm", "round", "row_stack", "rsqrt", "scatter",
    "scatter_add", "searchsorted", "sgn", "sigmoid", "sign", "signbit", "sin", "sinc", "sinh", "softmax", "sort", "sqrt",
    "square", "stack", "std", "sub", "subtract", "sum", "take", "take_along_dim", "tan", "tanh", "topk", "tril",
    "triu", "true_divide", "trunc", "var", "vdot", "vstack", "where", "xlogy",
]  # fmt: skip

#: Those that make a tensor of nothing: its dtype is that of ``out``.
MAKERS = [
    "arange", "empty", "eye", "full", "linspace", "logspace", "normal", "ones", "rand", "randint", "randn",
    "randperm", "zeros",
]  # fmt: skip
_MAKERS = frozenset(MAKERS)


def publish(namespace: dict[str, Any], out: Sequence[str] = ()) -> None:
    """Let the operations of a public module be as users call them, those with a name in `out` with ``out=`` as well."""
    for name in namespace["__all__"]:
        function: Any = namespace.get(name)  # not what is imported later
        if name not in out and not (getattr(function, "__module__", None) or "").startswith(_OPERATIONS):
            continue
        wrapped = public(function, name, _core.Deflection, ("out",) if name in out else (), _store)
        if wrapped is not function:
            wrapped.__dict__.update(__qualname__=name, __module__=namespace["__name__"])
            namespace[name] = wrapped


_OPERATIONS = tuple([f"{__package__}.{module}" for module in ("ops.", "random.", "special", "linalg")])


def _store(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return `out`, a tensor or a tuple of them, holding the results of a function."""
    name, out = function.__name__, kwargs.pop("out")
    if not kwargs and isinstance(out, Tensor) and _computed_into(function, args, out):
        return out
    if out is None:
        return function(*args, **kwargs)
    outs = tuple(out) if isinstance(out, tuple | list) else (out,)
    _check_outs(name, outs, args, kwargs)
    if name in _MAKERS and kwargs.get("dtype") is None:
        kwargs["dtype"] = outs[0].dtype
    result = function(*args, **kwargs)
    if isinstance(result, Tensor) and isinstance(out, Tensor):
        _check_kind(name, out, result)
        _write(name, out, result)
        return out
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(outs):
        raise TypeError(f"{name}: out must be {len(results)} tensors, got {len(outs)}")
    for x, value in zip(outs, results, strict=True):
        _check_kind(name, x, value)
    for x, value in zip(outs, results, strict=True):
        _write(name, x, value)
    return out if result is results[0] else type(result)(outs)


def _computed_into(function: Callable[..., Any], args: tuple[Any, ...], out: Tensor) -> bool:
    """Let a kernel that is all of a function's call write into `out`; False, with nothing done, where none may.

    None may where a gradient is recorded.
    """
    call = _whole_calls(function).get(len(args))
    if call is None or not isinstance(args[0], Tensor) or bool in map(type, args) or not out._array.flags.c_contiguous:
        return False
    kernel, operands = call
    values = args if operands is None else tuple([args[i] if type(i) is int else i for i in operands])
    return _core.compute_into(kernel, out, values)


@cache
def _whole_calls(function: Callable[..., Any]) -> dict[int, tuple[Any, tuple[Any, ...] | None]]:
    """Return, by the number of arguments, the kernel that does a call and its operands, None where those are the arguments."""
    return {
        len(names): (kernel, None if operands == tuple(range(len(names))) else operands)
        for kernel, operands, names, kinds in reversed(kernel_calls(function))
        if not set(kinds) & set("knb")
    }


def _check_outs(name: str, outs: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Raise where `outs` are no tensors, or where a gradient would be wanted of the call."""
    for x in outs:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: out must be a tensor, got {type(x).__name__}")
    if _core.grad_enabled() and (_has_edge(args) or _has_edge(outs) or (kwargs and _has_edge(kwargs.values()))):
        raise RuntimeError(
            f"{name}: with out= no gradient is recorded, but one of the arguments requires one; leave out= out, or call it "
            "under no_grad()"
        )


def _has_edge(args: Iterable[Any]) -> bool:
    """Return whether one of the tensors among arguments, or in their sequences, is in the graph."""
    for x in args:
        if x._edge is not None if isinstance(x, Tensor) else isinstance(x, tuple | list) and _has_edge(x):
            return True
    return False


def _check_kind(name: str, out: Tensor, value: Tensor) -> None:
    if value.dtype is not out.dtype and not can_hold(out, value):
        raise RuntimeError(f"{name}: a result of {value.dtype} cannot be stored in out, which has {out.dtype}")


def _write(name: str, out: Tensor, value: Tensor) -> None:
    if value.dtype is not out.dtype:
        value = to_dtype(value, out.dtype)
    if value._array.shape == out._array.shape:
        if _core.set_items(out, ..., value):
            return
        with no_grad():
            out._write(value, name)
        return
    if out._array.size > 0:
        warnings.warn(
            f"{name}: out has shape {out._array.shape} and gets new memory for a result of shape {value._array.shape}; give "
            "one of that shape, or an empty one",
            UserWarning,
            stacklevel=3,
        )
    out._move_to(value.clone())  # which may be an argument's view
