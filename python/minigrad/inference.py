"""Inference mode: no graph, and tensors that never become part of one.

Arrays that are made in it are told from others by their memory's handler (src/bindings/array.hpp), and while there are
some, writes and new nodes look at what they write to and save: no other operation pays for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _core
from .grad_mode import GradMode

if TYPE_CHECKING:
    from .tensor import Tensor


class inference_mode(GradMode):  # noqa: N801
    """Record no graph inside, and make tensors that never will be part of one: a context, or a decorator.

    Outside, such a tensor can be read by operations that record nothing. It cannot be saved for a backward pass, changed
    in place, or made to require a gradient: ``clone()`` it.

    Parameters
    ----------
    mode : bool, default True
        False: as it is outside, within such a context.

    Examples
    --------
    >>> import minigrad
    >>> w = minigrad.ones(2, requires_grad=True)
    >>> with minigrad.inference_mode():
    ...     y = w * 2
    >>> y.requires_grad, y.is_inference()
    (False, True)
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        """Return a context, or the decorated function where used as ``@inference_mode`` without parentheses."""
        return object.__new__(cls) if isinstance(mode, bool) else inference_mode()(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode, mode)

    def again(self) -> inference_mode:
        """Return another context of the same kind."""
        return inference_mode(not self._mode)

    def __reduce__(self) -> Any:
        return type(self), (not self._mode,), vars(self) or None


def is_inference_mode_enabled() -> bool:
    """Return whether this thread is in inference mode.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.inference_mode():
    ...     minigrad.is_inference_mode_enabled()
    True
    """
    return _core.inference_enabled()


def is_inference(t: Tensor) -> bool:
    """Return whether a tensor was made in inference mode, or is a view of one that was.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.inference_mode():
    ...     x = minigrad.ones(2)
    >>> minigrad.is_inference(x)
    True
    """
    return _core.is_inference(_core.array_of("is_inference", t))


def refuse_out_of_inference(t: Tensor, name: str) -> None:
    """Raise a RuntimeError where a tensor made in inference mode is about to be changed outside of it."""
    if _core.is_out_of_inference(t._array):
        raise RuntimeError(
            f"{name}: a tensor that was made in inference_mode() cannot be changed, nor require a gradient, outside of it; "
            "use a clone() of it"
        )
