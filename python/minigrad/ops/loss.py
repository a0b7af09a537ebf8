"""Losses. 《深度学习与梯度》, section 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _dtype
from ..primitive import MANY_TO_MANY, MANY_TO_ONE, kernel_primitive
from ..tensor import Tensor, array_of
from .elementwise import _add, _sub, mul, to_dtype
from .reduce import _sum, mean
from .reduce import sum as sum_
from .shape import _zeros
from .softmax import softmax_grad

_INT64 = np.dtype(np.int64)
REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}

# The probabilities are a residual that only rules see, but an output nevertheless, with a derivative of its own: they
# depend on x, and the second derivative of the loss goes through them.


def _cross_entropy_vjp(
    g: Any, probabilities: Any, target: Any, ignore_index: int, label_smoothing: float, reduction: int
) -> Any:
    of_loss, of_probabilities = g
    gx = None
    if of_loss is not None:
        gx = cross_entropy_grad(of_loss, probabilities, target, ignore_index, label_smoothing, reduction)
    if of_probabilities is None:
        return gx
    through = softmax_grad(of_probabilities, probabilities, 1)
    return through if gx is None else _add(gx, through)


def _cross_entropy_jvp(
    t: Any, probabilities: Any, target: Any, ignore_index: int, label_smoothing: float, reduction: int
) -> Any:
    gradient = cross_entropy_grad(_ones(t, reduction), probabilities, target, ignore_index, label_smoothing, reduction)
    of_loss = _sum(mul(gradient, t), (1,) if reduction == 0 else (), False)
    return of_loss, softmax_grad(t, probabilities, 1)


def _ones(like: Any, reduction: int) -> Any:
    """Return a cotangent of ones for the loss."""
    array = like._array if isinstance(like, Tensor) else like
    return np.ones(array.shape[:1] if reduction == 0 else (), dtype=array.dtype)


_cross_entropy = kernel_primitive(
    "cross_entropy",
    equation="loss = -Σ q ln p, with p = softmax(x) and q the smoothed target",
    source="《深度学习与梯度》 (5.10)",
    relation=MANY_TO_ONE,
    returned=1,
    vjp={"x": _cross_entropy_vjp},
    jvp={"x": _cross_entropy_jvp},
)

_Settings = tuple[int, float, int]


def _scaled(h: Any, g: Any, p: Any, target: Any, settings: _Settings) -> Any:
    """Return h times the factor that multiplies p in cross_entropy_grad: affine in p, less its value at p = 0."""
    return _sub(
        cross_entropy_grad(g, h, target, *settings),
        cross_entropy_grad(g, _zeros(p, p.shape), target, *settings),
    )


def _grad_of_g(h: Any, p: Any, target: Any, settings: _Settings) -> Any:
    gradient = cross_entropy_grad(_ones(p, settings[2]), p, target, *settings)
    return _sum(mul(h, gradient), (1,) if settings[2] == 0 else (), False)


cross_entropy_grad: Callable[..., Any] = kernel_primitive(
    "cross_entropy_grad",
    equation="out = g (p - q), divided by the number of targets for a mean",
    source="《深度学习与梯度》 (5.11)",
    relation=MANY_TO_MANY,
    vjp={
        "g": lambda h, probabilities, target, ignore_index, label_smoothing, reduction: _grad_of_g(
            h, probabilities, target, (ignore_index, label_smoothing, reduction)
        ),
        "probabilities": lambda h, g, probabilities, target, ignore_index, label_smoothing, reduction: _scaled(
            h, g, probabilities, target, (ignore_index, label_smoothing, reduction)
        ),
    },
    jvp={
        "g": lambda t, probabilities, target, ignore_index, label_smoothing, reduction: cross_entropy_grad(
            t, probabilities, target, ignore_index, label_smoothing, reduction
        ),
        "probabilities": lambda t, g, probabilities, target, ignore_index, label_smoothing, reduction: _scaled(
            t, g, probabilities, target, (ignore_index, label_smoothing, reduction)
        ),
    },
)


def reduction_code(name: str, reduction: str) -> int:
    """Return the number of a reduction; ValueError where there is none of this name."""
    code = REDUCTIONS.get(reduction)
    if code is None:
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    return code


def cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of logits against classes.

    Parameters
    ----------
    input : Tensor
        The logits, of shape (n, c) or (c,).
    target : Tensor
        The classes, integers in [0, c), of shape (n,) or ().
    ignore_index : int, default -100
        Targets of this value count for nothing.
    reduction : {"mean", "sum", "none"}
        What becomes of the n losses.
    label_smoothing : float in [0, 1], default 0
        How much of the target's probability is spread over all classes.

    Returns
    -------
    Tensor
        Of shape (), or (n,) for ``"none"``.

    Raises
    ------
    IndexError
        If a class is out of range.
    RuntimeError
        If the shapes do not fit.

    Notes
    -----
    loss = -ln softmax(x)[target], computed without overflow; its gradient is p - onehot(target)
    (《深度学习与梯度》 (5.10), (5.11)).

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.zeros(1, 3, requires_grad=True)
    >>> minigrad.nn.functional.cross_entropy(x, minigrad.tensor([0])).backward()
    >>> x.grad
    tensor([[-0.6667,  0.3333,  0.3333]])
    """
    code = REDUCTIONS.get(reduction)
    if code is None:
        code = reduction_code("cross_entropy", reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing}")
    array = array_of("cross_entropy", input)
    if array_of("cross_entropy", target, "target").dtype is not _INT64:
        target = _class_indices(target)
    if array.ndim == 1:
        if target._array.shape not in ((), (1,)):
            shapes = f"input {array.shape} and target {target._array.shape}"
            raise RuntimeError(f"cross_entropy: one row of logits needs a target of shape (), got {shapes}")
        loss = _cross_entropy(input.unsqueeze(0), target.reshape(1), ignore_index, label_smoothing, code)
        return loss.reshape(()) if code == 0 else loss  # type: ignore[no-any-return]
    return _cross_entropy(input, target, ignore_index, label_smoothing, code)  # type: ignore[no-any-return]


def _class_indices(target: Tensor) -> Tensor:
    if target._array.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy: the target must be integers, got {target.dtype}")
    return to_dtype(target, _dtype.int64)  # type: ignore[no-any-return]


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return the squared differences, or their mean or sum.

    Parameters
    ----------
    input, target : Tensor
        Of one shape: where they differ, the broadcast product of an (n, 1) and an (n,) tensor would be a silent error.
    reduction : {"mean", "sum", "none"}
        What becomes of them.

    Returns
    -------
    Tensor
        Of shape (), or the inputs' for ``"none"``.

    Raises
    ------
    RuntimeError
        If the shapes differ.

    Notes
    -----
    loss = (ŷ - y)², its gradient 2 (ŷ - y) (《深度学习与梯度》 (5.1), (5.2)).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.mse_loss(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 4.0]))
    tensor(2.)
    """
    code = reduction_code("mse_loss", reduction)
    if array_of("mse_loss", input).shape != array_of("mse_loss", target, "target").shape:
        raise RuntimeError(
            f"mse_loss: input and target must have one shape, got {input._array.shape} and {target._array.shape}"
        )
    difference = _sub(input, target)
    squares = mul(difference, difference)
    return squares if code == 0 else mean(squares) if code == 1 else sum_(squares)
