"""PyTorch's names for mixed precision, so that scripts run which use it where they can.

Everything is computed in the dtypes that it is given in: :class:`autocast` warns where it is asked for more, and goes on
without. :class:`GradScaler` scales losses and gradients as PyTorch's does on the CPU.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ._absent import lookup
from .grad_mode import no_grad
from .tensor import Tensor

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available", "is_autocast_enabled"]


def is_autocast_available(device_type: str) -> bool:  # noqa: ARG001
    """Return False: no device computes in another precision than it is given."""
    return False


def is_autocast_enabled(device_type: str = "cuda") -> bool:  # noqa: ARG001
    """Return False: see :class:`autocast`."""
    return False


class autocast:  # noqa: N801  (PyTorch's name)
    """Compute as without it: a context and a decorator that scripts use for mixed precision.

    Parameters
    ----------
    device_type : str
        ``"cpu"`` or ``"cuda"``.
    dtype : dtype, optional
        Of less precision; not used.
    enabled : bool, default True
        Where True, a warning says that it is not there.
    cache_enabled : bool, optional
        Not used.

    Raises
    ------
    RuntimeError
        If the type of device is unknown.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.autocast("cpu", enabled=False):
    ...     (minigrad.ones(2) * 2).dtype
    minigrad.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if device_type not in ("cpu", "cuda"):
            raise RuntimeError(f"autocast: device_type must be 'cpu' or 'cuda', got {device_type!r}")
        if enabled:
            warnings.warn("autocast: there is no mixed precision; everything is computed as without it", stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that calls `function`."""
        return functools.wraps(function)(lambda *args, **kwargs: function(*args, **kwargs))


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None) -> Any:  # noqa: ARG001
    """Return the forward pass of an ``autograd.Function`` as it is: a decorator."""
    return (lambda function: function) if fwd is None else fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:  # noqa: ARG001
    """Return the backward pass of an ``autograd.Function`` as it is: a decorator."""
    return (lambda function: function) if bwd is None else bwd


def _gradients_of(optimizer: Any) -> list[Tensor]:
    return [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


class GradScaler:
    """Scales losses up and gradients down again, and leaves out steps whose gradients are not finite.

    Parameters
    ----------
    device : str, default "cuda"
        ``"cpu"``; for ``"cuda"`` a warning says that there is none, and everything is done as without a scale.
    init_scale : float, default 65536
        The first scale.
    growth_factor, backoff_factor : float, default 2 and 0.5
        What the scale is multiplied by after enough good steps, and after a bad one.
    growth_interval : int, default 2000
        How many good steps in a row are enough.
    enabled : bool, default True
        Whether anything is done at all.

    Examples
    --------
    >>> import minigrad
    >>> scaler = minigrad.amp.GradScaler("cpu", init_scale=4.0)
    >>> w = minigrad.ones(1, requires_grad=True)
    >>> optimizer = minigrad.optim.SGD([w], lr=0.1)
    >>> scaler.scale((3 * w).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w.detach(), w.grad
    (tensor([0.7000]), tensor([3.]))
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and device != "cpu":
            warnings.warn(f"GradScaler: there is no device {device!r}; nothing is scaled", stacklevel=2)
        self._enabled = enabled and device == "cpu"
        if self._enabled and not (growth_factor > 1 and backoff_factor < 1):
            given = f"{growth_factor} and {backoff_factor}"
            raise ValueError(f"GradScaler: growth_factor must be above 1 and backoff_factor below, got {given}")
        self._scale, self._growth_tracker = float(init_scale), 0
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._used = False
        self._finite: dict[int, bool] = {}  # of the optimizers whose gradients were scaled down since the last update
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """Return a tensor, or a list or tuple of tensors, times the scale."""
        if not self._enabled:
            return outputs
        self._used = True
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, list | tuple):
            return type(outputs)([self.scale(x) for x in outputs])
        raise ValueError(f"scale: needs a tensor, or a list or tuple of tensors, got {type(outputs).__name__}")

    @no_grad()
    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, in place: before they are clipped, say."""
        if not self._enabled:
            return
        if not self._used:
            raise AssertionError("unscale_: no loss has been scaled; call scale(loss).backward() first")
        if id(optimizer) in self._finite:
            raise RuntimeError("unscale_: has been called, or step() has, since the last update(); call that first")
        gradients = _gradients_of(optimizer)
        for gradient in gradients:
            gradient.div_(self._scale)
        self._finite[id(optimizer)] = all(np.isfinite(gradient._array).all() for gradient in gradients)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Let an optimizer do its step if its gradients, divided by the scale, are finite; return what it returns."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError("step: an optimizer's closure cannot be used where gradients are scaled")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step: has been called since the last update(); call that first")
        if not _gradients_of(optimizer):
            raise AssertionError("step: none of the optimizer's parameters has a gradient; call backward() first")
        if id(optimizer) not in self._finite:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return optimizer.step(**kwargs) if self._finite[id(optimizer)] else None

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale after the steps, or set it."""
        if not self._enabled:
            return
        if new_scale is None and not self._finite:
            raise AssertionError("update: no optimizer has done a step, nor had unscale_(), since the last update()")
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not all(self._finite.values()):
            self._scale, self._growth_tracker = self._scale * self._backoff_factor, 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                grown = self._scale * self._growth_factor
                self._scale, self._growth_tracker = grown if math.isfinite(grown) else self._scale, 0
        self._finite, self._stepped = {}, set()

    def is_enabled(self) -> bool:
        """Return whether anything is scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """Return the scale, 1 where nothing is scaled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """Return what the scale is multiplied by after enough good steps."""
        return self._growth_factor

    def get_backoff_factor(self) -> float:
        """Return what the scale is multiplied by after a bad step."""
        return self._backoff_factor

    def get_growth_interval(self) -> int:
        """Return how many good steps in a row are enough."""
        return self._growth_interval

    _STATE = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")

    def state_dict(self) -> dict[str, Any]:
        """Return the scale and the settings; nothing where nothing is scaled."""
        return {name: getattr(self, f"_{name.lstrip('_')}") for name in self._STATE} if self._enabled else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave; RuntimeError for a state of a scaler that did nothing."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("load_state_dict: the state is empty: that of a GradScaler which was not enabled")
        for name in self._STATE:
            setattr(self, f"_{name.lstrip('_')}", state_dict[name])


if not TYPE_CHECKING:
    __getattr__ = lookup(__name__)
