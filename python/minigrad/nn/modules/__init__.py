"""The modules of `minigrad.nn` where PyTorch has them as well."""

from .. import *
from . import activation as activation
from . import batchnorm as batchnorm
from . import container as container
from . import distance as distance
from . import dropout as dropout
from . import flatten as flatten
from . import instancenorm as instancenorm
from . import linear as linear
from . import loss as loss
from . import module as module
from . import normalization as normalization
from . import sparse as sparse
