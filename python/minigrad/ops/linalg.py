"""Products of vectors, matrices and batches of them. 《反向传播算法实现》, section 7."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._methods import method
from ..batching import levels
from ..batching_rules import aligned
from ..primitive import MANY_TO_MANY, MULTILINEAR, kernel_primitive
from ..tensor import Tensor, array_of, wrap
from .elementwise import _add, mul
from .records import ARTICLE
from .reduce import _sum
from .shape import _reshape, broadcast, matrix_transpose, reshape, unsqueeze

__all__ = [
    "bmm",
    "dot",
    "matmul",
    "mm",
    "mv",
    "outer",
    "vdot",
]

TENSOR_PRODUCTS = "《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》"

_matmul: Callable[..., Any] = kernel_primitive(
    "matmul",
    equation="out[..., i, j] = Σ a[..., i, k] b[..., k, j] over k; of two vectors Σ a[k] b[k]",
    source=f"{ARTICLE} section 7; {TENSOR_PRODUCTS}",
    relation=MANY_TO_MANY,
    structure=MULTILINEAR,
    broadcasts=True,
    vjp={
        "a": lambda g, b: _matmul(g, matrix_transpose(b)) if g.ndim else mul(g, b),
        "b": lambda g, a: _matmul(matrix_transpose(a), g) if g.ndim else mul(g, a),
    },
    batch=lambda level, values, batched: _batched_matmul(level, *values, *batched),
)


def _batched_matmul(level: Any, a: Any, b: Any, of_a: bool, of_b: bool) -> Any:
    if a.ndim - of_a == 1:  # vectors: rows and columns
        rows, columns = (_reshape(x, (*x.shape[:of_x], 1, x.shape[-1])) for x, of_x in ((a, of_a), (b, of_b)))
        return _reshape(_matmul(*aligned((rows, matrix_transpose(columns)), (of_a, of_b))), (level.size,))
    if of_a and not of_b and a.ndim == 3 and b.ndim == 2:  # all examples' rows are one matrix
        rows = _reshape(a, (level.size * a.shape[1], a.shape[2]))
        return _reshape(_matmul(rows, b), (level.size, a.shape[1], b.shape[1]))
    if of_b and not of_a and a.ndim == 2 and b.ndim == 3 and b.shape[2] == 1:  # so are their columns
        out = _matmul(_reshape(b, (level.size, b.shape[1])), matrix_transpose(a))
        return _reshape(out, (level.size, a.shape[0], 1))
    return _matmul(*aligned((a, b), (of_a, of_b)))


def _batched_linear(level: Any, x: Any, w: Any, b: Any, of_x: bool, of_w: bool, of_b: bool) -> Any:
    if of_x and not of_w and not of_b:
        rows = _reshape(x, (level.size * x.shape[1], x.shape[2]))
        return _reshape(_linear(rows, w, b), (*x.shape[:2], w.shape[0]))
    out = _matmul(x, matrix_transpose(w))
    if b.shape[of_b:] == (0,) and (of_x or of_w):
        return out
    return _add(out, _reshape(b, (level.size, 1, b.shape[1])) if of_b else b)


_linear = kernel_primitive(
    "linear",
    constants=(0,),  # no activation: it is an operation of its own, with a rule of its own
    equation="out = x wᵀ + b",
    source="《前向和反向传播》: ∇x = g w, ∇w = gᵀ x, ∇b = gᵀ 1",
    relation=MANY_TO_MANY,
    vjp={
        "x": lambda g, w: _matmul(g, w),
        "w": lambda g, x: _matmul(matrix_transpose(g), x),
        "b": lambda g: _sum(g, (0,), False),
    },
    jvp={
        "x": lambda t, w: _matmul(t, matrix_transpose(w)),
        "w": lambda t, x: _matmul(x, matrix_transpose(t)),
        "b": lambda t, x_shape, w_shape: broadcast(t, (x_shape[0], w_shape[0])),
    },
    batch=lambda level, values, batched: _batched_linear(level, *values, *batched),
)

_NO_BIAS = {d: wrap(np.zeros(0, dtype=d)) for d in (np.float16, np.float32, np.float64)}


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``input @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor
        Of shape (..., in).
    weight : Tensor
        Of shape (out, in).
    bias : Tensor, optional
        Of shape (out,).

    Returns
    -------
    Tensor
        Of shape (..., out).

    Raises
    ------
    RuntimeError
        If the inner sizes differ.

    Notes
    -----
    Y = X Wᵀ + b; ∇X = G W, ∇W = Gᵀ X, ∇b = Gᵀ 1 (《前向和反向传播》). Only X and W are kept for the backward pass.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> minigrad.nn.functional.linear(minigrad.ones(1, 2), w)
    tensor([[ 3.,  7., 11.]])
    """
    array = array_of("linear", input)
    if array.dtype.kind != "f":
        products = matmul(input, matrix_transpose(weight))
        return products if bias is None else products + bias
    if bias is None:
        bias = _NO_BIAS[array.dtype.type]
    if array.ndim == 2:
        return _linear(input, weight, bias)
    if array.ndim == 0:
        raise RuntimeError("linear: the input must have at least one dimension, got shape ()")
    rows = (
        reshape(input, -1, array.shape[-1])
        if array.size
        else reshape(input, math.prod(array.shape[:-1]), array.shape[-1])
    )
    out = _linear(rows, weight, bias)
    return _reshape(out, (*array.shape[:-1], out._array.shape[1]))


def _as_tensor(name: str, x: Any) -> Tensor:
    if isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray):
        return wrap(x)
    raise TypeError(f"{name}: expected tensors or arrays, got {type(x).__name__}")


def matmul(input: Any, other: Any) -> Tensor:
    """Return the matrix product.

    Parameters
    ----------
    input, other : Tensor
        Vectors (k,), matrices (m, k) and (k, n), or batches of matrices, whose leading dimensions broadcast.

    Returns
    -------
    Tensor
        Of shape (..., m, n), without m where `input` is a vector and without n where `other` is.

    Raises
    ------
    RuntimeError
        If the inner sizes differ, the batch dimensions do not broadcast, or an operand has no dimension.

    Notes
    -----
    out[i, j] = Σ a[i, k] b[k, j]; ∂a = g bᵀ, ∂b = aᵀ g (《反向传播算法实现》 section 7,
    《手撸神经网络系列之——梯度反传函数具体怎么写？（二）》).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.matmul(minigrad.ones(2, 3), minigrad.ones(3))
    tensor([3., 3.])
    """
    a, b = input, other
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        a, b = _as_tensor("matmul", a), _as_tensor("matmul", b)
    m, n = a._array.ndim, b._array.ndim
    if (m >= 2 and n >= 2) or m == n == 1:
        return _matmul(a, b)
    return _with_vector(a, b)


def _with_vector(a: Tensor, b: Tensor) -> Tensor:
    """Return the product of matrices and a vector, which is a row or a column."""
    left, right = a._array.shape, b._array.shape
    if not left or not right:
        raise RuntimeError(f"matmul: both operands must have at least one dimension, got {left} @ {right}")
    if left[-1] != right[-2 if len(right) > 1 else 0]:
        raise RuntimeError(f"matmul: inner sizes differ, got {left} @ {right}")
    unknown = a._edge is None and b._edge is None and not levels  # to any graph: its steps need no tensors
    x, y = (a._array, b._array) if unknown else (a, b)
    if len(right) == 1:
        out = _reshape(_matmul(x, _reshape(y, (*right, 1))), left[:-1])
    else:
        out = _reshape(_matmul(_reshape(x, (1, *left)), y), right[:-2] + right[-1:])
    return wrap(out) if unknown else out


method(matmul)
method(matmul, "__matmul__")
method(lambda self, other: matmul(other, self), "__rmatmul__")


def _product(name: str, left: int, right: int, a: Tensor, b: Tensor) -> Tensor:
    first, second = array_of(name, a), array_of(name, b, "the second operand")
    if first.ndim != left or second.ndim != right:
        shapes = f"{first.shape} and {second.shape}"
        raise RuntimeError(f"{name}: needs operands of {left} and {right} dimensions, got {shapes}")
    return matmul(a, b)


@method
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices; see :func:`matmul`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.mm(minigrad.tensor([[1.0, 2.0]]), minigrad.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    return _product("mm", 2, 2, input, mat2)


@method
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix and a vector; see :func:`matmul`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.mv(minigrad.tensor([[1.0, 2.0], [3.0, 4.0]]), minigrad.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    return _product("mv", 2, 1, input, vec)


@method
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two equally long batches of matrices; see :func:`matmul`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.bmm(minigrad.ones(3, 1, 2), minigrad.ones(3, 2, 4)).shape
    minigrad.Size([3, 1, 4])
    """
    if (
        array_of("bmm", input).ndim == 3
        and array_of("bmm", mat2, "mat2").ndim == 3
        and input._array.shape[0] != mat2._array.shape[0]
    ):
        raise RuntimeError(f"bmm: batch sizes differ, got {input._array.shape} @ {mat2._array.shape}")
    return _product("bmm", 3, 3, input, mat2)


@method
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the product of two vectors of one length; see :func:`matmul`.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.dot(minigrad.tensor([1.0, 2.0]), minigrad.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return _product("dot", 1, 1, input, tensor)


@method
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Return the product of two vectors of one length, which for real numbers is :func:`dot`."""
    return _product("vdot", 1, 1, input, other)


@method
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the products of each element of one vector with each of another, of shape (n, m).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.outer(minigrad.tensor([1.0, 2.0]), minigrad.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    first, second = array_of("outer", input), array_of("outer", vec2, "vec2")
    if first.ndim != 1 or second.ndim != 1:
        raise RuntimeError(f"outer: needs two vectors, got shapes {first.shape} and {second.shape}")
    return mul(unsqueeze(input, 1), vec2)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return for each weight matrix W the product ``input1 @ W @ input2`` of vectors, plus a bias.

    Parameters
    ----------
    input1, input2 : Tensor
        Of shapes (..., in1) and (..., in2).
    weight : Tensor
        Of shape (out, in1, in2).
    bias : Tensor, optional
        Of shape (out,).

    Returns
    -------
    Tensor
        Of shape (..., out).

    Raises
    ------
    RuntimeError
        If the shapes do not fit.

    Notes
    -----
    out[k] = Σ x1[i] W[k, i, j] x2[j] + b[k] over i and j.

    Examples
    --------
    >>> import minigrad
    >>> x, y = minigrad.tensor([1.0, 2.0]), minigrad.tensor([3.0, 4.0])
    >>> minigrad.nn.functional.bilinear(x, y, minigrad.ones(1, 2, 2))
    tensor([21.])
    """
    name = "bilinear"
    x1, x2, w = array_of(name, input1).shape, array_of(name, input2).shape, array_of(name, weight).shape
    if not x1 or x1[:-1] != x2[:-1] or len(w) != 3 or w[1:] != (x1[-1], x2[-1]):
        raise RuntimeError(f"{name}: inputs of shapes {x1} and {x2} do not fit a weight of shape {w}")
    if bias is not None and array_of(name, bias).shape != w[:1]:
        raise RuntimeError(f"{name}: bias must have shape {w[:1]}, got {bias._array.shape}")
    count = math.prod(x1[:-1])
    left = matmul(reshape(input1, count, w[1]), reshape(weight.transpose(0, 1), w[1], w[0] * w[2]))
    out = matmul(reshape(left, count, w[0], w[2]), reshape(input2, count, w[2], 1))
    out = reshape(out, *x1[:-1], w[0])
    return out if bias is None else _add(out, bias)
