"""What scripts set before they begin: here it holds already, or means nothing, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ._device import CPU, device, require_cpu
from .tensor import Tensor

__all__ = [
    "are_deterministic_algorithms_enabled",
    "compile",
    "get_default_device",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "set_default_device",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "typename",
    "use_deterministic_algorithms",
]

F = TypeVar("F", bound=Callable[..., Any])

_PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:  # noqa: ARG001
    """Do nothing: the same inputs always give the same bits, for any number of threads.

    Raises
    ------
    TypeError
        If `mode` is not a bool.
    """
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms: mode must be a bool, got {type(mode).__name__}")


def are_deterministic_algorithms_enabled() -> bool:
    """Return True: there are no others."""
    return True


def set_flush_denormal(mode: bool) -> bool:  # noqa: ARG001
    """Return False, for not done: numbers next to zero are computed with as they are, so that all machines agree."""
    return False


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 to be computed less exactly, which they never are.

    Parameters
    ----------
    precision : {"highest", "high", "medium"}
        The least precision that is allowed.

    Raises
    ------
    RuntimeError
        If there is no such precision.
    """
    if precision not in _PRECISIONS:
        raise RuntimeError(f"set_float32_matmul_precision: expected one of {', '.join(_PRECISIONS)}, got {precision!r}")


def get_float32_matmul_precision() -> str:
    """Return ``"highest"``: products of float32 are computed in float32."""
    return "highest"


def get_num_interop_threads() -> int:
    """Return 1: operations run one after the other, each on `get_num_threads` threads."""
    return 1


def set_num_interop_threads(num_threads: int) -> None:
    """Do nothing but check the number: operations run one after the other; RuntimeError where it is not positive."""
    if num_threads < 1:
        raise RuntimeError(f"set_num_interop_threads: needs a positive number of threads, got {num_threads}")


def typename(obj: Any) -> str:
    """Return the name of an object's type, of a tensor with its dtype: ``"minigrad.FloatTensor"``.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.typename(minigrad.ones(2))
    'minigrad.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return str(obj.type())
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def set_default_device(device: Any) -> None:
    """Accept the CPU; RuntimeError for any other device."""
    require_cpu("set_default_device", device)


def get_default_device() -> device:
    """Return the CPU."""
    return CPU


def compile(model: F | None = None, **options: Any) -> Any:  # noqa: A001
    """Return a function or module as it is: there is nothing to compile, calls are short already.

    Parameters
    ----------
    model : callable, optional
        What is to be compiled; without it, the decorator that does so is returned.
    **options
        PyTorch's, which stand for nothing here.

    Returns
    -------
    callable
        `model`.

    Raises
    ------
    TypeError
        If `model` is not callable.

    Examples
    --------
    >>> import minigrad
    >>> net = minigrad.nn.Linear(3, 2)
    >>> minigrad.compile(net) is net
    True
    """
    if model is None:
        return lambda function: compile(function, **options)
    if not callable(model):
        raise TypeError(f"compile: expected a function or a module, got {type(model).__name__}")
    return model
