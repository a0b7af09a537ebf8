"""Where minigrad's modules differ from PyTorch's on purpose: each row with its reason."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """What is not compared, and why."""

    modules: str
    stage: str
    message: str  # what the mismatch says, in part
    reason: str


DELIBERATE = [
    Difference(
        "CrossEntropyLoss",
        "errors raised",
        "CrossEntropyLoss: label_smoothing must be between 0 and 1",
        "the constructor says so already, with ValueError; PyTorch's first call does, with RuntimeError",
    ),
    Difference(
        "CrossEntropyLoss",
        "second order",
        "expected np.float64(nan), got np.float64(0.0)",
        "where all targets are ignored, the gradient is 0 whatever the cotangent is: so is its derivative by that",
    ),
    Difference(
        "MultiMarginLoss",
        "errors raised",
        "needs a target of shape (5,), got target (3,)",
        "a target for another number of rows is a ValueError, as PyTorch has it for cross-entropy alone",
    ),
]

# Of the database, what belongs to networks that minigrad does not have.
_OUT_OF_SCOPE = """
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d
    AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d
    FractionalMaxPool2d FractionalMaxPool3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
    LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d
    ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d
    ZeroPad1d ZeroPad2d ZeroPad3d CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
    LocalResponseNorm LinearCrossEntropyLoss CTCLoss
    RNN GRU LSTM RNNCell GRUCell LSTMCell
    Transformer TransformerEncoder TransformerEncoderLayer TransformerDecoderLayer MultiheadAttention
"""
OUT_OF_SCOPE = set(_OUT_OF_SCOPE.split())


def is_deliberate(name: str, stage: str, message: str) -> bool:
    """Return whether the table has a row for this."""
    return any(name in row.modules.split() and stage == row.stage and row.message in message for row in DELIBERATE)
