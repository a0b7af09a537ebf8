"""Operations on each element alone, with broadcasting.

Without broadcasting they are one-to-one, with it one-to-many: 《反向传播算法实现》, sections 3 and 4. The sweep, not the
rules, sums a cotangent over repeated elements.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core, _dtype, graph
from .._formats import contiguous_format, preserve_format
from .._methods import KernelCall, TensorMethods, kernel_call, method
from ..batching import Level
from ..batching_rules import reshape, spread
from ..primitive import ELEMENTWISE, MANY_TO_ONE, MULTILINEAR, ONE_TO_MANY, ONE_TO_ONE, Rule, kernel_primitive
from ..tensor import Tensor
from .promotion import is_boolean, number_tensor, operand_to
from .records import ARTICLE, DEFINITION, binary, document, unary

__all__ = [
    "abs",
    "add",
    "clone",
    "cos",
    "eq",
    "exp",
    "ge",
    "gt",
    "le",
    "log",
    "lt",
    "maximum",
    "minimum",
    "mul",
    "ne",
    "neg",
    "reciprocal",
    "relu",
    "sigmoid",
    "sign",
    "sin",
    "sqrt",
    "sub",
    "tanh",
    "where",
]

# ----------------------------------------------------------------------------------------------------------------------
# Arithmetic.

_add = binary("add", "x + y", lambda g: g, lambda g: g, f"{ARTICLE} section 4")
_sub = binary("sub", "x - y", lambda g: g, lambda g: neg(g), promotion="number")
mul: Callable[..., Tensor] = binary(
    "mul",
    "x y",
    lambda g, y: safe_mul(g, y),
    lambda g, x: safe_mul(g, x),
    f"{ARTICLE} section 4",
    vjp_summed={"x": lambda g, shape, y: _summed(g, y, shape), "y": lambda g, shape, x: _summed(g, x, shape)},
)
div = binary(
    "div",
    "x / y",
    lambda g, y: safe_div(g, y),
    lambda g, y, out: neg(safe_div(safe_mul(g, out), y)),
    promotion="float",
    vjp_summed={"y": lambda g, shape, y, out: neg(safe_div(_summed(g, out, shape), y))},
)
neg: Callable[..., Tensor] = unary("neg", "-x", lambda g: neg(g), promotion="number")

safe_mul: Callable[..., Tensor] = binary(
    "safe_mul",
    "x y, 0 where x or y is 0",
    lambda g, y: safe_mul(g, y),
    lambda g, x: safe_mul(g, x),
    "the product in which 0 times infinity or NaN is 0",
    vjp_summed={"x": lambda g, shape, y: _summed(g, y, shape), "y": lambda g, shape, x: _summed(g, x, shape)},
)
safe_div: Callable[..., Tensor] = binary(
    "safe_div",
    "x / y, 0 where x is 0",
    lambda g, y: safe_div(g, y),
    lambda g, x, y: neg(safe_div(safe_mul(g, safe_div(x, y)), y)),
    "the quotient in which 0 over 0 or NaN is 0",
)
safe_product: Callable[..., Tensor] = kernel_primitive(
    "safe_product",
    equation="out = x y z, 0 where one of them is 0",
    source="the product in which 0 times infinity or NaN is 0",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "x": lambda g, y, z: safe_product(g, y, z),
        "y": lambda g, x, z: safe_product(g, x, z),
        "z": lambda g, x, y: safe_product(g, x, y),
    },
)
safe_quotient: Callable[..., Tensor] = kernel_primitive(
    "safe_quotient",
    equation="out = x / (y z), 0 where x is 0",
    source="the quotient in which 0 over 0 or NaN is 0",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "x": lambda g, y, z: safe_quotient(g, y, z),
        "y": lambda g, x, y, z: _quotient_by_factor(g, x, y, z, y),
        "z": lambda g, x, y, z: _quotient_by_factor(g, x, y, z, z),
    },
)


def _quotient_by_factor(g: Any, x: Any, y: Any, z: Any, factor: Any) -> Any:
    return neg(safe_div(safe_mul(g, safe_quotient(x, y, z)), factor))


def _batched_sum(level: Level, values: Sequence[Any], batched: Sequence[bool], shape: tuple[int, ...]) -> Any:
    x, y = [spread(level, value, own) for value, own in zip(values, batched, strict=True)]
    kept = (level.size, *(1,) * (x.ndim - 1 - len(shape)), *shape)
    return reshape(product_sum_to(x, y, kept), (level.size, *shape))


#: The cotangent of a factor that was broadcast: no product is written.
product_sum_to: Callable[..., Any] = kernel_primitive(
    "product_sum_to",
    equation="out = safe_mul(x, y), summed over the dimensions that broadcasting `shape` to x's shape repeats",
    source=f"{ARTICLE} section 4",
    relation=MANY_TO_ONE,
    structure=MULTILINEAR,
    vjp={"x": lambda g, y: safe_mul(g, y), "y": lambda g, x: safe_mul(g, x)},
    batch=_batched_sum,
)


def _summed(x: Any, y: Any, shape: tuple[int, ...]) -> Any:
    """Return a product summed to `shape`, or, where one factor has to be repeated, the product itself."""
    return product_sum_to(x, y, shape) if x.shape == y.shape else safe_mul(x, y)


def _sum_calls(kernel: str, sign: float) -> tuple[KernelCall, ...]:
    return (
        kernel_call(kernel, 0, 1, other="any"),
        kernel_call("addcmul", 0, 1, 2, sign, other="any", alpha="keyword"),
    )


@method(in_place=_sum_calls("add", 1.0))
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Return the sum, ``input + alpha * other``.

    Parameters
    ----------
    input, other : Tensor or number
        The terms, whose shapes broadcast.
    alpha : number or Tensor, default 1
        What `other` is multiplied by, in the dtype of the result; a tensor has no dimensions and wants no gradient.

    Returns
    -------
    Tensor
        Of the broadcast shape and the promoted dtype.

    Raises
    ------
    RuntimeError
        If the shapes do not broadcast, or `alpha` is a float and the result is not.
    TypeError
        If `alpha` is no number.

    Notes
    -----
    out = x + alpha y, 《反向传播算法实现》 section 4. The gradient of each term is the cotangent, summed over the
    elements that broadcasting repeated.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.add(minigrad.tensor([1.0, 2.0]), 1)
    tensor([2., 3.])
    """
    return _add(input, other) if alpha.__class__ is int and alpha == 1 else _scaled_sum(_add, input, other, alpha)


@method(in_place=_sum_calls("sub", -1.0))
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Return the difference, ``input - alpha * other``; see :func:`add`."""
    return _sub(input, other) if alpha.__class__ is int and alpha == 1 else _scaled_sum(_sub, input, other, alpha)


#: Of which each product and the sum are rounded.
_addcmul: Any = kernel_primitive(
    "addcmul",
    equation="out = x + value y z",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "x": lambda g: g,
        "y": lambda g, z, value: safe_product(g, z, value),
        "z": lambda g, y, value: safe_product(g, y, value),
    },
)


def _scaled_sum(plain: Callable[..., Any], x: Any, y: Any, alpha: Any) -> Tensor:
    """Return x plus `alpha` times y, or minus that where `plain`, which is meant without `alpha`, subtracts."""
    try:
        return _with_alpha(plain, x, y, alpha)
    except (RuntimeError, TypeError):
        plain(x, y)  # which says what is wrong with the terms by the name that they know
        raise


def _with_alpha(plain: Callable[..., Any], x: Any, y: Any, alpha: Any) -> Any:
    if plain is _sub and (is_boolean(x) or is_boolean(y)):
        return plain(x, y)  # which refuses them
    if alpha.__class__ is not float and alpha.__class__ is not int:
        alpha = _scale(plain, alpha)
    factor = -alpha if plain is _sub else alpha
    if isinstance(x, Tensor) and x._array.dtype.kind == "f" and alpha.__class__ is not bool:
        return _addcmul(x, y, factor, 1.0)
    try:
        target = _dtype.result_type(x, y)
    except TypeError:
        return plain(x, y)
    if alpha.__class__ is bool and target is not _dtype.bool_:
        raise RuntimeError(f"{plain.__name__}: a boolean alpha is for booleans only, not for a result of {target}")
    if target.is_floating_point:
        return _addcmul(x, y, factor, 1.0)
    if alpha.__class__ is float:
        raise RuntimeError(f"{plain.__name__}: alpha must be an integer for a result of {target}, got {alpha}")
    if target is _dtype.bool_:
        return plain(x, y) if plain is _sub or alpha else _add(x, mul(y, False))
    return _add_integers(x, y, factor, target)


def _add_integers(x: Any, y: Any, factor: int, target: _dtype.dtype) -> Any:
    """Return x + factor y modulo the range of `target`, to which y is brought before it is multiplied."""
    y = operand_to(y, target) if isinstance(y, Tensor) or graph.is_array(y) else number_tensor(y, target)
    return _add(x, mul(y, factor))


def _scale(plain: Callable[..., Any], alpha: Any) -> Any:
    """Return an `alpha` that is no plain number as one."""
    constant = isinstance(alpha, Tensor) and alpha.ndim == 0 and not alpha.requires_grad
    number = alpha.item() if constant or isinstance(alpha, np.generic) else alpha
    if not isinstance(number, (int, float)):
        raise TypeError(f"{plain.__name__}: alpha must be a number, got {type(alpha).__name__}")
    return number


@method(in_place=(kernel_call("div", 1.0, 0),))
def reciprocal(input: Tensor) -> Tensor:
    """Return one over each element.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.reciprocal(minigrad.tensor([2.0, 4.0]))
    tensor([0.5000, 0.2500])
    """
    return div(1.0, input)


# ----------------------------------------------------------------------------------------------------------------------
# Functions.

sqrt = unary("sqrt", "sqrt(x)", lambda g, out: safe_quotient(g, out, 2.0))
exp = unary("exp", "e^x", lambda g, out: safe_mul(g, out), f"{ARTICLE} section 3")
log: Callable[..., Tensor] = unary("log", "ln x", lambda g, x: safe_div(g, x), f"{ARTICLE} section 3")
sin = unary("sin", "sin x", lambda g, x: safe_mul(g, cos(x)), f"{ARTICLE} (3.2)")
cos: Callable[..., Tensor] = unary("cos", "cos x", lambda g, x: safe_product(g, sin(x), -1.0))
tanh = unary("tanh", "tanh x", lambda g, out: tanh_grad(g, out))
sigmoid = unary("sigmoid", "1 / (1 + e^-x)", lambda g, out: sigmoid_grad(g, out), f"{ARTICLE} (3.6)")
relu = unary("relu", "max(x, 0)", lambda g, out: relu_grad(g, out), f"{ARTICLE} (3.8)", promotion="common")
abs = unary("abs", "|x|", lambda g, x: times_sign(g, x), promotion="common")  # noqa: A001
sign: Callable[..., Tensor] = unary(
    "sign", "-1, 0 or 1 with the sign of x", lambda g: safe_mul(g, 0.0), promotion="common"
)
times_sign: Callable[..., Tensor] = binary(
    "times_sign", "x times the sign of y, 0 where x is 0", lambda g, y: times_sign(g, y), lambda g: safe_mul(g, 0.0)
)
method(abs, "absolute", in_place=True)


def _derivative(name: str, equation: str, g: Rule, result: Rule, source: str = DEFINITION) -> Callable[..., Tensor]:
    """Make a function of a cotangent `g` and an operation's result: that operation's vjp, fused.

    Every training step runs these. They are primitives like any other.
    """
    return kernel_primitive(
        name,
        equation=f"out = {equation}",
        source=source,
        relation=ONE_TO_MANY,
        structure=ELEMENTWISE,
        vjp={"g": g, "result": result},
    )


relu_grad: Callable[..., Tensor] = _derivative(
    "relu_grad",
    "0 where result ≤ 0, else g",
    lambda h, result: relu_grad(h, result),
    lambda h: safe_mul(h, 0.0),
    f"{ARTICLE} (3.9)",
)
tanh_grad: Callable[..., Tensor] = _derivative(
    "tanh_grad",
    "g (1 - result²), 0 where g is 0",
    lambda h, result: tanh_grad(h, result),
    lambda h, g, result: mul(mul(h, g), mul(result, -2.0)),
)
sigmoid_grad: Callable[..., Tensor] = _derivative(
    "sigmoid_grad",
    "g result (1 - result), 0 where g is 0",
    lambda h, result: sigmoid_grad(h, result),
    lambda h, g, result: mul(mul(h, g), _sub(1.0, mul(result, 2.0))),
    f"{ARTICLE} (3.7)",
)

maximum_share = binary("maximum_share", "0 where x < y, 1/2 where x = y, else 1", None, None)
maximum = binary(
    "maximum",
    "max(x, y)",
    lambda g, x, y: safe_mul(g, maximum_share(x, y)),
    lambda g, x, y: safe_mul(g, maximum_share(y, x)),
)
minimum = binary(
    "minimum",
    "min(x, y)",
    lambda g, x, y: safe_mul(g, maximum_share(y, x)),
    lambda g, x, y: safe_mul(g, maximum_share(x, y)),
)

# ----------------------------------------------------------------------------------------------------------------------
# Comparisons: booleans, without gradients.

eq = binary("eq", "x = y", None, None)
ne = binary("ne", "x ≠ y", None, None)
lt = binary("lt", "x < y", None, None)
le = binary("le", "x ≤ y", None, None)
gt = binary("gt", "x > y", None, None)
ge = binary("ge", "x ≥ y", None, None)

_where: Callable[..., Any] = kernel_primitive(
    "where",
    equation="out = x where condition, else y",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={"x": lambda g, condition: _where(condition, g, 0.0), "y": lambda g, condition: _where(condition, 0.0, g)},
)

_copy = kernel_primitive(
    "copy",
    equation="out = x, row-major",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g: g},
    promotion=None,
)

_clone = kernel_primitive(
    "clone",
    equation="out = x, as x lies in memory",
    source=DEFINITION,
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": lambda g: g},
    promotion=None,
)


@method
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """Return a copy, whose gradient goes to the original.

    Parameters
    ----------
    input : Tensor
        Of any dtype.
    memory_format : optional
        `contiguous_format` for a row-major copy; otherwise it lies as `input` does, without gaps.

    Returns
    -------
    Tensor
        Of `input`'s shape and dtype, with memory of its own.

    Raises
    ------
    RuntimeError
        If the memory format is another than `contiguous_format` or `preserve_format`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.clone(minigrad.tensor([1, 2]))
    tensor([1, 2])
    """
    if memory_format is not None and memory_format not in (contiguous_format, preserve_format):
        raise RuntimeError(f"clone: memory_format={memory_format!r} is not supported")
    return (_copy if memory_format is contiguous_format else _clone)(input)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Return `input` where `condition` is true and `other` elsewhere; alone, the indices where `condition` is true.

    Parameters
    ----------
    condition : Tensor
        Booleans; PyTorch's older uint8 with a warning.
    input, other : Tensor or number
        What to choose from; all three shapes broadcast.

    Returns
    -------
    Tensor or tuple of Tensor
        Of the broadcast shape and the promoted dtype of `input` and `other`; without them ``nonzero(condition,
        as_tuple=True)``.

    Notes
    -----
    The gradient of the branch not taken is 0, whatever that branch computed.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([-1.0, 2.0])
    >>> minigrad.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if input is None and other is None:
        from .search import nonzero

        return nonzero(condition, as_tuple=True)
    kind = condition.dtype if isinstance(condition, Tensor) else condition  # type: ignore[redundant-expr]
    if kind is _dtype.uint8:
        warnings.warn("where: a condition of uint8 is deprecated; use booleans", UserWarning, stacklevel=2)
        condition = ne(condition, 0)
    elif kind is not _dtype.bool_:
        raise TypeError(f"where: the condition must be a tensor of bool, got {kind}")
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        from .creation import full

        input = full((), input, dtype=_dtype.result_type(input, other))
    if other.__class__ is int or input.__class__ is int:
        number, tensor = (other, input) if other.__class__ is int else (input, other)
        _dtype.held("where", number, tensor.dtype.numpy)
    return _where(condition, input, other)


# ----------------------------------------------------------------------------------------------------------------------
# What the functions that records made say of themselves: a summary, an example and its result.

_DOCUMENTED: dict[Callable[..., Any], tuple[str, str, str]] = {
    mul: (
        "Return the product of each pair of elements.",
        "minigrad.mul(minigrad.tensor([1.0, 2.0]), 3)",
        "tensor([3., 6.])",
    ),
    neg: ("Return each element with the other sign.", "minigrad.neg(minigrad.tensor([1, -2]))", "tensor([-1,  2])"),
    sqrt: (
        "Return the square root of each element, NaN of negative ones.",
        "minigrad.sqrt(minigrad.tensor([4.0, 9.0]))",
        "tensor([2., 3.])",
    ),
    exp: (
        "Return the exponential of each element.",
        "minigrad.exp(minigrad.tensor([0.0, 1.0]))",
        "tensor([1.0000, 2.7183])",
    ),
    log: (
        "Return the natural logarithm of each element: NaN of negative ones, -inf of 0.",
        "minigrad.log(minigrad.tensor([1.0, 2.0]))",
        "tensor([0.0000, 0.6931])",
    ),
    sin: (
        "Return the sine of each element, in radians.",
        "minigrad.sin(minigrad.tensor([0.0, 1.0]))",
        "tensor([0.0000, 0.8415])",
    ),
    cos: (
        "Return the cosine of each element, in radians.",
        "minigrad.cos(minigrad.tensor([0.0, 1.0]))",
        "tensor([1.0000, 0.5403])",
    ),
    tanh: (
        "Return the hyperbolic tangent of each element.",
        "minigrad.tanh(minigrad.tensor([0.0, 1.0]))",
        "tensor([0.0000, 0.7616])",
    ),
    sigmoid: (
        "Return the logistic function of each element.",
        "minigrad.sigmoid(minigrad.tensor([0.0, 2.0]))",
        "tensor([0.5000, 0.8808])",
    ),
    relu: (
        "Return the larger of each element and 0.",
        "minigrad.relu(minigrad.tensor([-1.0, 2.0]))",
        "tensor([0., 2.])",
    ),
    abs: ("Return the absolute value of each element.", "minigrad.abs(minigrad.tensor([-1, 2]))", "tensor([1, 2])"),
    sign: (
        "Return -1, 0 or 1 with the sign of each element.",
        "minigrad.sign(minigrad.tensor([-2, 0, 3]))",
        "tensor([-1,  0,  1])",
    ),
    maximum: (
        "Return the larger of each pair of elements, NaN where either is NaN.",
        "minigrad.maximum(minigrad.tensor([1, 5]), minigrad.tensor([3, 2]))",
        "tensor([3, 5])",
    ),
    minimum: (
        "Return the smaller of each pair of elements, NaN where either is NaN.",
        "minigrad.minimum(minigrad.tensor([1, 5]), minigrad.tensor([3, 2]))",
        "tensor([1, 2])",
    ),
    eq: ("Return where the elements are equal.", "minigrad.eq(minigrad.tensor([1, 2]), 2)", "tensor([False,  True])"),
    ne: ("Return where the elements differ.", "minigrad.ne(minigrad.tensor([1, 2]), 2)", "tensor([ True, False])"),
    lt: (
        "Return where the first element is less than the second.",
        "minigrad.lt(minigrad.tensor([1, 2]), 2)",
        "tensor([ True, False])",
    ),
    le: (
        "Return where the first element is not greater than the second.",
        "minigrad.le(minigrad.tensor([1, 2]), 2)",
        "tensor([True, True])",
    ),
    gt: (
        "Return where the first element is greater than the second.",
        "minigrad.gt(minigrad.tensor([1, 2]), 1)",
        "tensor([False,  True])",
    ),
    ge: (
        "Return where the first element is not less than the second.",
        "minigrad.ge(minigrad.tensor([1, 2]), 2)",
        "tensor([False,  True])",
    ),
}


document(_DOCUMENTED)

# The sweep adds cotangents up.
graph.add = _add
_core.connect(add=_add)

# ----------------------------------------------------------------------------------------------------------------------
# Methods and operators.

for _function in (maximum, minimum):
    method(_function)
for _function in (mul, eq, ne, lt, le, gt, ge):
    method(_function, in_place=True)
method(mul, "multiply", in_place=True)
method(neg, "negative", in_place=True)

_OPERATORS: dict[str, Callable[..., Any]] = {
    "__add__": _add,
    "__radd__": _add,
    "__sub__": _sub,
    "__rsub__": lambda self, other: _sub(other, self),
    "__mul__": mul,
    "__rmul__": mul,
    "__neg__": neg,
    "__pos__": lambda self: self,
    "__abs__": abs,
    "__lt__": lt,
    "__le__": le,
    "__gt__": gt,
    "__ge__": ge,
}
for _name, _operator in _OPERATORS.items():
    setattr(TensorMethods, _name, _operator)
