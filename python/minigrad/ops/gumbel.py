"""Choices that gradients can pass."""

from __future__ import annotations

from typing import Any

from ..batching import levels
from ..random.arrays import for_all_examples
from ..tensor import Tensor, array_of
from .creation import zeros_like
from .elementwise import log, neg
from .shape import normalise_dim
from .softmax import softmax

__all__ = ["gumbel_softmax"]


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:  # noqa: ARG001
    """Return a random choice along a dimension, relaxed so that it has a gradient.

    Parameters
    ----------
    logits : Tensor
        Logarithms of probabilities, up to a constant; of floats.
    tau : float, default 1
        The temperature: the lower, the closer is the result to a single 1 among zeros.
    hard : bool, default False
        Return the single 1 among zeros, with the gradient of the relaxed choice.
    eps : float
        Accepted for PyTorch's sake.
    dim : int, default -1
        The dimension along which there is one choice.

    Returns
    -------
    Tensor
        Of the same shape, with sum 1 along `dim`.

    Notes
    -----
    out = softmax((logits - ln e) / tau), where e is distributed exponentially (Jang, Gu & Poole 2017).

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.functional.gumbel_softmax(minigrad.tensor([0.0, 100.0]), hard=True)
    tensor([0., 1.])
    """
    array = array_of("gumbel_softmax", logits)
    d = normalise_dim("gumbel_softmax", dim, array.shape)
    if levels:
        logits = for_all_examples("gumbel_softmax", logits)
    noise: Any = neg(log(zeros_like(logits.detach()).exponential_()))
    out = softmax((logits + noise) / tau, d)
    if not hard:
        return out
    relaxed = out.detach()
    return zeros_like(relaxed).scatter_(d, relaxed.argmax(d, keepdim=True), 1.0) + (out - relaxed)
