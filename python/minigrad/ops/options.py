"""What PyTorch's functions that make tensors take besides, most of which means nothing on a CPU."""

from __future__ import annotations

from typing import Any

from .._device import require_cpu
from .._formats import contiguous_format, preserve_format, strided

#: What PyTorch's functions that make tensors take besides, and the values that mean nothing here.
_OPTIONS: dict[str, tuple[Any, ...]] = {
    "layout": (None, strided),
    "pin_memory": (None, False),
    "memory_format": (None, contiguous_format, preserve_format),
    "non_blocking": (None, False, True),
}


def check_options(name: str, device: Any, options: dict[str, Any]) -> None:
    """Raise for a device that is not the CPU, and for an option that is unknown or asks for what there is not.

    Raises
    ------
    TypeError
        If an option is unknown.
    RuntimeError
        If it has another value than PyTorch's default, or the device is not the CPU.
    """
    if device is not None:
        require_cpu(name, device)
    for option, value in options.items():
        if option not in _OPTIONS:
            raise TypeError(f"{name}() got an unexpected keyword argument {option!r}")
        if not any(value is known for known in _OPTIONS[option]):
            raise RuntimeError(f"{name}: {option}={value!r} is not supported")
