"""Neural networks: modules, layers, losses and initialisation."""

from typing import TYPE_CHECKING

from .._absent import late
from . import (
    activations,
    channel_norms,
    dropout,
    functional,
    init,
    layers,
    losses,
    norms,
    pair_losses,
    regression_losses,
)
from .activations import *
from .channel_norms import *
from .containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .dropout import *
from .embedding import Embedding, EmbeddingBag
from .layers import *
from .losses import *
from .module import Module
from .norms import *
from .pair_losses import *
from .parameter import Buffer, Parameter, UninitializedParameter
from .regression_losses import *

__all__ = [
    "Buffer",
    "Embedding",
    "EmbeddingBag",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "UninitializedParameter",
]
__all__ += ["Sequential", "functional", "init", "modules", "utils"]
__all__ += activations.__all__
__all__ += channel_norms.__all__
__all__ += dropout.__all__
__all__ += layers.__all__
__all__ += losses.__all__
__all__ += norms.__all__
__all__ += pair_losses.__all__
__all__ += regression_losses.__all__

if TYPE_CHECKING:
    from . import modules as modules
    from . import utils as utils
else:
    __getattr__, __dir__ = late(__name__, {"modules": (), "utils": ()})
