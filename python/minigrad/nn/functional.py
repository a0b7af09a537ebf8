"""What layers and losses compute, as functions."""

from typing import TYPE_CHECKING

from .._absent import lookup
from .._out import publish
from ..ops import (
    activation,
    distance,
    loss,
    margin_loss,
    normalization,
    padding,
    probability_loss,
    regression_loss,
)
from ..ops import dropout as _dropout
from ..ops import embedding as _embedding
from ..ops.activation import *
from ..ops.distance import *
from ..ops.dropout import *
from ..ops.elementwise import sigmoid, tanh
from ..ops.embedding import *
from ..ops.gumbel import gumbel_softmax
from ..ops.linalg import bilinear, linear
from ..ops.loss import *
from ..ops.margin_loss import *
from ..ops.normalization import *
from ..ops.padding import *
from ..ops.probability_loss import *
from ..ops.regression_loss import *
from ..ops.softmax import functional_log_softmax as log_softmax
from ..ops.softmax import functional_softmax as softmax
from ..ops.softmax import softmin

__all__ = ["bilinear", "gumbel_softmax", "linear", "log_softmax", "sigmoid", "softmax", "softmin", "tanh"]
__all__ += activation.__all__
__all__ += distance.__all__
__all__ += _dropout.__all__
__all__ += _embedding.__all__
__all__ += loss.__all__
__all__ += margin_loss.__all__
__all__ += normalization.__all__
__all__ += padding.__all__
__all__ += probability_loss.__all__
__all__ += regression_loss.__all__

publish(globals())

if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
