"""Libraries that only some of minigrad needs, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["require"]


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Return a module of a library that an extra brings.

    Parameters
    ----------
    module : str
        The module, with its package: ``"safetensors.numpy"``.
    extra : str
        The extra of minigrad that brings it.
    purpose : str
        What needs it, for the error: ``"save"``.

    Raises
    ------
    ImportError
        If it is not installed; the text names library and extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.split(".", maxsplit=1)[0]
        raise ImportError(
            f'{purpose}: needs {library}, which the extra "{extra}" brings: run  pip install ".[{extra}]"  in the '
            "checkout of minigrad",
            name=module,
        ) from error
