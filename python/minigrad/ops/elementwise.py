"""Operations on each element alone, with broadcasting.

Without broadcasting they are one-to-one, with it one-to-many: 《反向传播算法实现》, sections 3 and 4. The sweep, not the
rules, sums a cotangent over repeated elements.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _core, _dtype, graph
from .._formats import contiguous_format, preserve_format
from .._methods import KernelCall, TensorMethods, kernel_call, method
from ..batching import array_in, hands_on, is_batched, levels
from ..batching_rules import batched_call, level_of
from ..primitive import ELEMENTWISE, LEADING, LINEAR, ONE_TO_MANY, ONE_TO_ONE, Primitive, Rule, kernel_primitive
from ..tensor import Tensor, array_of

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
    "pow",
    "reciprocal",
    "relu",
    "sigmoid",
    "sign",
    "sin",
    "sqrt",
    "square",
    "sub",
    "tanh",
    "where",
]

ARTICLE = "《反向传播算法实现》"
DEFINITION = "definition"


def _unary(
    name: str, equation: str, vjp: Rule | None, source: str = DEFINITION, **record: Any
) -> Callable[..., Tensor]:
    """Make a function of one tensor, which is also a method and an in-place one."""
    rules = None if vjp is None else {"x": vjp}
    record.setdefault("promotion", "float")
    function = kernel_primitive(
        name,
        equation=f"out = {equation}",
        source=source,
        relation=ONE_TO_ONE,
        structure=ELEMENTWISE,
        vjp=rules,
        **record,
    )
    return method(function, in_place=True)


def _binary(
    name: str, equation: str, x: Rule | None, y: Rule | None, source: str = DEFINITION, **record: Any
) -> Callable[..., Tensor]:
    """Make a function of two tensors that broadcast."""
    rules = None if x is None or y is None else {"x": x, "y": y}
    return kernel_primitive(
        name,
        equation=f"out = {equation}",
        source=source,
        relation=ONE_TO_MANY,
        structure=ELEMENTWISE,
        vjp=rules,
        **record,
    )


# ----------------------------------------------------------------------------------------------------------------------
# Dtypes.


def promote(
    p: Primitive, inputs: tuple[Any, ...], attributes: tuple[Any, ...], run: Callable[..., Any] | None = None
) -> Any:
    """Run a primitive whose kernel did not take its operands as they are.

    Dtypes are brought to one that it takes; what `vmap` maps over goes to the batching rule. `run` is what is called
    with the new operands, the eager call unless given.
    """
    if p.name in ("sub", "neg"):
        _refuse_booleans(p.name, inputs)
    if levels and any(map(is_batched, inputs)):
        return batched_call(p, _promoted(p, inputs), attributes)
    run = run or p.eager
    if any(map(is_batched, inputs)):
        level_of(inputs)  # which is over, and says so
    types = getattr(p.run, "types", "T" * len(inputs))
    operands = [x for x, letter in zip(inputs, types, strict=True) if letter == "T"]
    try:
        target = _dtype.result_type(*operands)
    except TypeError as error:
        raise TypeError(f"{p.name}: {error}") from None
    if p.promotion == "float" and not target.is_floating_point:
        target = _dtype.get_default_dtype()
    if target is _dtype.float16 and not _takes(p, target):
        return _in_float32(inputs, attributes, types, run)
    cast_inputs = tuple(_to_dtype(x, target) if letter == "T" else x for x, letter in zip(inputs, types, strict=True))
    unchanged = all(a is b for a, b in zip(inputs, cast_inputs, strict=True))
    if p.promotion is None or unchanged or not _takes(p, target):
        got = ", ".join(str(getattr(x, "dtype", type(x).__name__)) for x in inputs)
        raise TypeError(f"{p.name}: not for operands of {got}")
    return run(*cast_inputs, *attributes)


def _refuse_booleans(name: str, terms: tuple[Any, ...]) -> None:
    """Raise a RuntimeError where something is taken off that is of bool, or from that, as PyTorch does."""
    if any(map(_is_boolean, terms)):
        got = " - ".join([str(getattr(x, "dtype", type(x).__name__)) for x in terms])
        raise RuntimeError(f"{name}: not for booleans, got {got}; ~x inverts a mask, x ^ y is where two differ")


def _is_boolean(x: Any) -> bool:
    return x.__class__ is bool or getattr(x, "dtype", None) in (_dtype.bool_, np.bool_)


def _promoted(p: Primitive, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return batched operands in the dtype of the result; by the shapes of examples, as it were without `vmap`."""
    if p.promotion is None:
        return inputs
    types = getattr(p.run, "types", "T" * len(inputs))
    operands = [x for x, letter in zip(inputs, types, strict=True) if letter == "T"]
    dtypes = {array_in(x).dtype for x in operands if hasattr(x, "dtype")}
    if len(dtypes) == 1 and next(iter(dtypes)).kind == "f":
        return inputs  # numbers take the dtype of the others
    try:
        target = _dtype.result_type(*operands)
    except TypeError as error:
        raise TypeError(f"{p.name}: {error}") from None
    if p.promotion == "float" and not target.is_floating_point:
        target = _dtype.get_default_dtype()
    return tuple([_to_dtype(x, target) if letter == "T" else x for x, letter in zip(inputs, types, strict=True)])


def _takes(p: Primitive, d: _dtype.dtype) -> bool:
    return d.name in getattr(p.run, "dtypes", ())


def _in_float32(inputs: tuple[Any, ...], attributes: tuple[Any, ...], types: str, run: Callable[..., Any]) -> Any:
    """Run a primitive on float16 operands: most kernels only move such elements, so they are computed in float32."""
    wide = (_to_dtype(x, _dtype.float32) if letter == "T" else x for x, letter in zip(inputs, types, strict=True))
    out = run(*wide, *attributes)
    return tuple(map(_narrowed, out)) if isinstance(out, tuple) else _narrowed(out)


def _narrowed(out: Any) -> Any:
    return to_dtype(out, _dtype.float16) if out.dtype in (_dtype.float32, np.float32) else out


def _to_dtype(x: Any, target: _dtype.dtype) -> Any:
    if not isinstance(x, Tensor) and not graph.is_array(x):
        return x  # a number takes the dtype of the others
    own = x.dtype if isinstance(x, Tensor) else _dtype.from_numpy_dtype(x.dtype)
    return x if own is target else to_dtype(x, target)


_core.connect(promote=promote)

_cast_kernel = _core.kernels["cast"]

_cast: Callable[..., Any] = Primitive(
    "cast",
    run=hands_on(lambda x, code, source: _cast_kernel(x, code)),  # noqa: ARG005
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


_core.connect(cast=_cast, convert=_convert)


def to_dtype(x: Any, target: _dtype.dtype) -> Any:
    """Return `x`, a tensor or an array, with elements of another dtype; between floats a differentiable operation."""
    source: _dtype.dtype = x.dtype if isinstance(x, Tensor) else _dtype.from_numpy_dtype(x.dtype)
    if target.is_floating_point and source.is_floating_point:
        return _cast(x, target.code, source.code)
    return _convert(x, target.code)


# ----------------------------------------------------------------------------------------------------------------------
# Arithmetic.

_add = _binary("add", "x + y", lambda g: g, lambda g: g, f"{ARTICLE} section 4")
_sub = _binary("sub", "x - y", lambda g: g, lambda g: neg(g))
mul: Callable[..., Tensor] = _binary(
    "mul", "x y", lambda g, y: safe_mul(g, y), lambda g, x: safe_mul(g, x), f"{ARTICLE} section 4"
)
div = _binary(
    "div",
    "x / y",
    lambda g, y: safe_div(g, y),
    lambda g, y, out: neg(safe_div(safe_mul(g, out), y)),
    promotion="float",
)
neg: Callable[..., Tensor] = _unary("neg", "-x", lambda g: neg(g), promotion="common")

safe_mul: Callable[..., Tensor] = _binary(
    "safe_mul",
    "x y, 0 where x or y is 0",
    lambda g, y: safe_mul(g, y),
    lambda g, x: safe_mul(g, x),
    "the product in which 0 times infinity or NaN is 0",
)
safe_div: Callable[..., Tensor] = _binary(
    "safe_div",
    "x / y, 0 where x is 0",
    lambda g, y: safe_div(g, y),
    lambda g, x, y: neg(safe_div(safe_mul(g, safe_div(x, y)), y)),
    "the quotient in which 0 over 0 or NaN is 0",
)


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


def _times(x: Any, number: Any) -> Any:
    """Return a product with a number, which often is 1."""
    return x if number == 1 else mul(x, number)


#: Of which each product and the sum are rounded.
_addcmul: Any = kernel_primitive(
    "addcmul",
    equation="out = x + value y z",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "x": lambda g: g,
        "y": lambda g, z, value: _times(safe_mul(g, z), value),
        "z": lambda g, y, value: _times(safe_mul(g, y), value),
    },
)


def _scaled_sum(plain: Callable[..., Any], x: Any, y: Any, alpha: Any) -> Tensor:
    """Return x plus `alpha` times y, or minus that where `plain`, which is meant without `alpha`, subtracts."""
    try:
        return _with_alpha(plain, x, y, alpha)  # type: ignore[no-any-return]
    except (RuntimeError, TypeError):
        plain(x, y)  # which says what is wrong with the terms by the name that they know
        raise


def _with_alpha(plain: Callable[..., Any], x: Any, y: Any, alpha: Any) -> Any:
    if plain is _sub and (_is_boolean(x) or _is_boolean(y)):
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
    y = _to_dtype(y, target) if isinstance(y, Tensor) or graph.is_array(y) else number_tensor(y, target)
    return _add(x, mul(y, factor))


def _scale(plain: Callable[..., Any], alpha: Any) -> Any:
    """Return an `alpha` that is no plain number as one."""
    constant = isinstance(alpha, Tensor) and alpha.ndim == 0 and not alpha.requires_grad
    number = alpha.item() if constant or isinstance(alpha, np.generic) else alpha
    if not isinstance(number, int | float):
        raise TypeError(f"{plain.__name__}: alpha must be a number, got {type(alpha).__name__}")
    return number


@method(in_place=True)
def square(input: Tensor) -> Tensor:
    """Return the square of each element."""
    return integer_power(input, 2) if array_of("square", input).dtype.kind == "b" else mul(input, input)


@method(in_place=(kernel_call("div", 1.0, 0),))
def reciprocal(input: Tensor) -> Tensor:
    """Return one over each element."""
    return div(1.0, input)


_pow_kernel = _core.kernels["pow"]
#: Powers that are other functions or few products, as they are in PyTorch: the square root of -0 is -0, of -∞ NaN.
_KNOWN_POWERS: dict[float, Callable[[Any], Any]] = {
    1: _core.kernels["copy"],
    2: lambda x: _core.kernels["mul"](x, x),
    3: _core.kernels["cube"],
    -2: _core.kernels["inverse_square"],
    0.5: _core.kernels["sqrt"],
    -0.5: _core.kernels["rsqrt"],
    -1: lambda x: _core.kernels["div"](1.0, x),
}

_pow: Callable[..., Tensor] = _binary(
    "pow",
    "x ** y",
    lambda g, x, y: _pow_by_base(g, x, y),
    lambda g, x, y, out: _where(_zero_to_zero(x, y), 0.0, safe_mul(g, safe_mul(out, log(x)))),
    f"{ARTICLE} section 3",
)


def _zero_to_zero(x: Any, y: Any) -> Any:
    """Return where both are 0: x^y has no derivatives there, and all are taken as 0."""
    return mul(eq(x, 0.0), eq(y, 0.0))


def _pow_mixed(x: Any, y: Any) -> Any:
    """Return x^(y-1) (1 + y ln x), the mixed second derivative of x^y; in two terms it could be infinity less infinity."""
    product = safe_mul(_pow(x, _sub(y, 1.0)), _add(safe_mul(y, log(x)), 1.0))
    return _where(_zero_to_zero(x, y), 0.0, product)


_pow_by_base: Callable[..., Any] = Primitive(
    "pow_by_base",
    run=lambda g, x, y: safe_mul(g, safe_mul(y, _pow(x, _sub(y, 1.0)))),
    inputs=("g", "x", "y"),
    equation="out = g y x^(y-1)",
    source="derivative of x^y by x",
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    vjp={
        "g": lambda h, x, y: _pow_by_base(h, x, y),
        "x": lambda h, g, x, y: safe_mul(mul(h, g), safe_mul(mul(y, _sub(y, 1.0)), _pow(x, _sub(y, 2.0)))),
        "y": lambda h, g, x, y: safe_mul(mul(h, g), _pow_mixed(x, y)),
    },
).eager


def _pow_rule(g: Any, x: Any, exponent: float) -> Any:
    if exponent == 0:
        return safe_mul(g, 0.0)
    if exponent == 1:
        return g
    if exponent == 2:
        return safe_mul(g, mul(x, 2.0))
    return safe_mul(g, mul(_pow_number(x, exponent - 1), exponent))


@hands_on
def _run_pow_number(x: Any, exponent: float) -> Any:
    known = _KNOWN_POWERS.get(exponent)
    return _pow_kernel(x, exponent) if known is None or x.dtype.kind != "f" else known(x)


_pow_number = Primitive(
    "pow_number",
    run=_run_pow_number,
    inputs=("x",),
    attributes=("exponent",),
    equation="out = x ** exponent",
    source=f"{ARTICLE} section 3",
    relation=ONE_TO_ONE,
    structure=ELEMENTWISE,
    vjp={"x": _pow_rule},
    promotion=None,
).eager


#: The pairs of kinds that make an integer to an integer power: booleans count, but not two of them.
_INTEGER_KINDS = frozenset(a + b for a in "biu" for b in "biu") - {"bb"}


def _run_pow_integers(x: Any, y: Any) -> Any:
    if x.dtype != y.dtype or x.dtype.kind not in "iu":
        return NotImplemented
    try:
        out = np.asarray(np.power(x, np.maximum(y, 0)))
    except ValueError:
        raise RuntimeError(f"pow: shapes {x.shape} and {y.shape} do not broadcast") from None
    if x.dtype.kind == "i":
        # What is left of a fraction: only 1 and -1 have whole reciprocals, which are themselves.
        np.copyto(out, np.where(np.abs(x) == 1, np.where(y % 2 == 0, 1, x), 0), where=y < 0)
    return out


# What promotion may bring the operands to.
_run_pow_integers.dtypes = ("uint8", "int8", "int16", "int32", "int64")  # type: ignore[attr-defined]

_pow_integers: Callable[..., Tensor] = Primitive(
    "pow_integers",
    run=_run_pow_integers,
    inputs=("x", "y"),
    equation="out = x ** y of integers, rounded towards 0; it wraps around",
    source=DEFINITION,
    relation=ONE_TO_MANY,
    structure=ELEMENTWISE,
    promotion="common",
).eager


@method(in_place=True)
def pow(input: Any, exponent: Any) -> Tensor:  # noqa: A001
    """Return ``input ** exponent``.

    Parameters
    ----------
    input, exponent : Tensor or number
        At least one of them a tensor; their shapes broadcast.

    Returns
    -------
    Tensor
        Of the broadcast shape. Integers to a whole, non-negative power stay integers.

    Notes
    -----
    out = x^y; dx = g y x^(y-1), 0 for y = 0 even at x = 0; dy = g x^y log x, 0 where x^y is 0 and for 0^0.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.pow(minigrad.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    input, exponent = _plain_number(input), _plain_number(exponent)
    if isinstance(input, Tensor) and isinstance(exponent, int | float):
        return _power_of_number(input, exponent)
    if isinstance(input, int | float) and isinstance(exponent, Tensor):
        input = number_tensor(input, _dtype.result_type(input, exponent))
    kinds = _kind(input) + _kind(exponent)
    return _pow_integers(input, exponent) if kinds in _INTEGER_KINDS else _pow(input, exponent)


def _plain_number(x: Any) -> Any:
    """Return Python's number for one of NumPy's, anything else as it is."""
    return x.item() if isinstance(x, np.generic) else x


def number_tensor(number: float, target: _dtype.dtype) -> Tensor:
    """Return a number as a tensor without dimensions; an integer that is too large for the dtype wraps around."""
    from .creation import full

    own = full((), number, dtype=target if target.is_floating_point else None)
    return own if own.dtype is target else to_dtype(own, target)


def _kind(x: Any) -> str:
    """Return NumPy's letter for the kind of a tensor's or an array's elements, "?" for what is neither."""
    array = getattr(x, "_array", x)
    return array.dtype.kind if graph.is_array(array) else "?"


def _power_of_number(x: Tensor, exponent: Any) -> Tensor:
    if x.dtype.is_floating_point:
        return _pow_number(x, exponent)  # type: ignore[no-any-return]
    if isinstance(exponent, float):
        return _pow_number(to_dtype(x, _dtype.get_default_dtype()), exponent)  # type: ignore[no-any-return]
    if exponent < 0:
        raise RuntimeError("pow: integers cannot be raised to negative integer powers; convert to a float first")
    return integer_power(x, exponent)


def integer_power(x: Tensor, exponent: int) -> Tensor:
    """Return an integer tensor to a whole power, by repeated squaring; it wraps around."""
    result = x * 0 + 1
    while exponent:
        if exponent & 1:
            result = mul(result, x)
        x, exponent = mul(x, x), exponent >> 1
    return result


# ----------------------------------------------------------------------------------------------------------------------
# Functions.

sqrt = _unary("sqrt", "sqrt(x)", lambda g, out: safe_div(mul(g, 0.5), out))
exp = _unary("exp", "e^x", lambda g, out: safe_mul(g, out), f"{ARTICLE} section 3")
log: Callable[..., Tensor] = _unary("log", "ln x", lambda g, x: safe_div(g, x), f"{ARTICLE} section 3")
sin = _unary("sin", "sin x", lambda g, x: safe_mul(g, cos(x)), f"{ARTICLE} (3.2)")
cos: Callable[..., Tensor] = _unary("cos", "cos x", lambda g, x: neg(safe_mul(g, sin(x))))
tanh = _unary("tanh", "tanh x", lambda g, out: tanh_grad(g, out))
sigmoid = _unary("sigmoid", "1 / (1 + e^-x)", lambda g, out: sigmoid_grad(g, out), f"{ARTICLE} (3.6)")
relu = _unary("relu", "max(x, 0)", lambda g, out: relu_grad(g, out), f"{ARTICLE} (3.8)", promotion="common")
abs = _unary("abs", "|x|", lambda g, x: safe_mul(g, sign(x)), promotion="common")  # noqa: A001
sign: Callable[..., Tensor] = _unary(
    "sign", "-1, 0 or 1 with the sign of x", lambda g: safe_mul(g, 0.0), promotion="common"
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

maximum_share = _binary("maximum_share", "0 where x < y, 1/2 where x = y, else 1", None, None)
maximum = _binary(
    "maximum",
    "max(x, y)",
    lambda g, x, y: mul(g, maximum_share(x, y)),
    lambda g, x, y: mul(g, maximum_share(y, x)),
)
minimum = _binary(
    "minimum",
    "min(x, y)",
    lambda g, x, y: mul(g, maximum_share(y, x)),
    lambda g, x, y: mul(g, maximum_share(x, y)),
)

# ----------------------------------------------------------------------------------------------------------------------
# Comparisons: booleans, without gradients.

eq = _binary("eq", "x = y", None, None)
ne = _binary("ne", "x ≠ y", None, None)
lt = _binary("lt", "x < y", None, None)
le = _binary("le", "x ≤ y", None, None)
gt = _binary("gt", "x > y", None, None)
ge = _binary("ge", "x ≥ y", None, None)

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
    return (_copy if memory_format is contiguous_format else _clone)(input)  # type: ignore[no-any-return]


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
        from .order import nonzero

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


def _docstring(p: Primitive, summary: str, call: str, result: str) -> str:
    """Return a public function's docstring, from its record."""
    unary = len(p.inputs) == 1
    converted = "; integers become floats of the default dtype" if p.promotion == "float" else ""
    return f"""{summary}

    Parameters
    ----------
    {"input : Tensor" if unary else "input, other : Tensor or number"}
        Of any shape{"" if unary else ", which must broadcast"}{converted}.

    Returns
    -------
    Tensor
        Of the {"same" if unary else "broadcast"} shape.

    Raises
    ------
    {"TypeError" if unary else "RuntimeError"}
        If {"`input` is not a tensor of numbers" if unary else "the shapes do not broadcast"}.

    Notes
    -----
    {p.equation}{"" if p.source == DEFINITION else f"; {p.source}"}.

    Examples
    --------
    >>> import minigrad
    >>> {call}
    {result}
    """


def document(texts: dict[Callable[..., Any], tuple[str, str, str]]) -> None:
    """Give functions that records made their docstrings."""
    for function, (summary, call, result) in texts.items():
        function.__doc__ = _docstring(function.primitive, summary, call, result)  # type: ignore[attr-defined]


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
    "__pow__": pow,
    "__rpow__": lambda self, other: pow(other, self),
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
