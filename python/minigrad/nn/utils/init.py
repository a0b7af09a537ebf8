"""Modules that are not initialised."""

from __future__ import annotations

from typing import Any, TypeVar

from ..init import skipped
from ..module import Module

M = TypeVar("M", bound=Module)

__all__ = ["skip_init"]


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """Return a module whose parameters nobody has drawn: for one that loads its state anyway.

    Parameters
    ----------
    module_cls : type
        The module's class.
    *args, **kwargs
        What its constructor takes. Functions of ``nn.init`` do nothing meanwhile, and no random numbers are used up.

    Returns
    -------
    Module
        An instance.

    Raises
    ------
    RuntimeError
        If it is no class of modules.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.nn.utils.skip_init(minigrad.nn.Linear, 3, 2)
    Linear(in_features=3, out_features=2, bias=True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"skip_init: expected a class of modules, got {module_cls}")  # noqa: TRY004  (PyTorch's)
    with skipped():
        return module_cls(*args, **kwargs)
