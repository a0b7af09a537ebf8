"""Sequences of different lengths in one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..._absent import lookup
from ...ops.joining import stack
from ...ops.padding import pad
from ...tensor import Tensor

__all__ = ["pad_sequence"]

if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of different lengths, padded to the length of the longest.

    Parameters
    ----------
    sequences : sequence of Tensor
        Of shapes (length, ...) that differ in the length only.
    batch_first : bool, default False
        Whether the sequences are counted along the first dimension of the result or along its second.
    padding_value : float, default 0
        What the shorter sequences are padded with.
    padding_side : {"right", "left"}
        Whether that goes behind a sequence or before it.

    Returns
    -------
    Tensor
        Of shape (longest, sequences, ...), or (sequences, longest, ...) with `batch_first`.

    Raises
    ------
    RuntimeError
        If there are no sequences, or `padding_side` is neither.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.utils.rnn.pad_sequence([minigrad.ones(2), minigrad.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    parts = list(sequences)
    if not parts:
        raise RuntimeError("pad_sequence: needs at least one sequence")
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"pad_sequence: needs a sequence of tensors, got one of {type(part).__name__}")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"pad_sequence: padding_side must be 'left' or 'right', got {padding_side!r}")
    longest = max(s.shape[0] for s in parts)

    def padded(s: Tensor) -> Tensor:
        missing = longest - s.shape[0]
        sizes = (missing, 0) if padding_side == "left" else (0, missing)
        return pad(s, (*[0] * (2 * s.ndim - 2), *sizes), value=padding_value)

    return stack([padded(s) for s in parts], 0 if batch_first else 1)
