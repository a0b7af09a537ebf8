"""The modules of `minigrad.nn` where PyTorch has them as well."""

from .. import *
from . import module as module
