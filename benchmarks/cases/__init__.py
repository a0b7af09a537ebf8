"""What is timed, a module a group. PyTorch's script runs unchanged on minigrad; JAX and NumPy have their own.

A case is named `group: what`. Its maker is given the implementation's name and returns what one round calls; KeyError
says that this implementation has no such case.
"""

from __future__ import annotations

from collections.abc import Callable

from . import kernels, loading, overhead, products, rest, scaling, steps, transforms
from .tools import Run

IMPORT = "import: over import numpy"

#: Every case by its name, in the order in which they are printed.
CASES: dict[str, Callable[[str], Run]] = {
    **overhead.cases(),
    **kernels.cases(),
    **kernels.everyday_cases(),
    **rest.cases(),
    **products.cases(),
    **steps.cases(),
    **transforms.cases(),
    **loading.cases(),
    **scaling.cases(),
}


def group(case: str) -> str:
    """Return the group that a case belongs to."""
    return case.split(":", maxsplit=1)[0]
