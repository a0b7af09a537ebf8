"""What layers and losses compute, as functions."""

from ..ops import activation
from ..ops.activation import *
from ..ops.elementwise import sigmoid, tanh
from ..ops.linalg import linear
from ..ops.loss import cross_entropy, mse_loss
from ..ops.softmax import log_softmax, softmax

__all__ = [
    "cross_entropy",
    "linear",
    "log_softmax",
    "mse_loss",
    "sigmoid",
    "softmax",
    "tanh",
]
__all__ += activation.__all__
