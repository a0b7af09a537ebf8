"""Writing for TensorBoard, by PyTorch's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from .._extras import require
from ..tensor import Tensor

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """tensorboardX's writer, which takes minigrad's tensors as well.

    Parameters
    ----------
    *args, **kwargs
        As for ``tensorboardX.SummaryWriter``: the first one is the folder, `log_dir`.

    Raises
    ------
    ImportError
        If tensorboardX is not installed: the extra ``tensorboard``.

    Examples
    --------
    >>> import tempfile
    >>> import minigrad
    >>> from minigrad.utils.tensorboard import SummaryWriter
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.add_scalar("loss", minigrad.tensor(0.5), 1)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._writer = require("tensorboardX", "tensorboard", "SummaryWriter").SummaryWriter(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return the writer's attribute; a method that takes arrays."""
        if name == "_writer":
            raise AttributeError(name)
        attribute = getattr(self._writer, name)
        return _with_arrays(attribute) if name.startswith("add_") else attribute

    @property
    def log_dir(self) -> str:
        """The folder."""
        return str(self._writer.logdir)

    def add_graph(self, *args: Any, **kwargs: Any) -> None:
        """Raise a RuntimeError: there is no traced graph."""
        raise RuntimeError("add_graph: minigrad does not trace modules; print the module, or follow a result's grad_fn")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._writer.close()


def _with_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*map(_array, args), **_array(kwargs))

    return call


def _array(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.numpy(force=True)
    return {key: _array(x) for key, x in value.items()} if isinstance(value, Mapping) else value
