"""Forward mode on tensors that carry tangents: PyTorch's `torch.autograd.forward_ad`.

Inside a level, :func:`make_dual` gives a tensor a tangent, and :func:`unpack_dual` tells that of whatever was computed
from it. The graph is recorded as ever; `unpack_dual` carries the tangents along it.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import NamedTuple

from .. import _core
from .._contexts import Changes, Context, Entries, entry, innermost, running
from ..grad_mode import enable_grad, is_grad_enabled
from ..tensor import Tensor, array_of
from .gradients import push, reaches_out

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor's value, and its tangent: None where it depends on no dual tensor."""

    primal: Tensor
    tangent: Tensor | None


class _Level(int):
    """The level, whose number is 0.

    Attributes
    ----------
    duals : list of (Tensor, Tensor)
        Its dual tensors, with their tangents.
    """

    duals: list[tuple[Tensor, Tensor]]


_levels: Entries = []


def _begun() -> _Level:
    if innermost(_levels) is not None:
        raise RuntimeError("enter_dual_level: levels do not nest; minigrad.func.jvp does")
    level = _Level()
    level.duals = []
    return level


def enter_dual_level() -> int:
    """Begin a level and return its number, 0; RuntimeError inside of one. :class:`dual_level` ends it by itself."""
    _levels.append((running.thread, _begun()))
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: its tangents are gone; RuntimeError outside of one."""
    begun = next((known for known in tuple(_levels) if known[0] == running.thread), None)
    if begun is None or level not in (None, 0):
        raise RuntimeError(f"exit_dual_level: there is no level {'' if level is None else level}".rstrip())
    _core.drop(_levels, begun)


class dual_level(Context, ContextDecorator):  # noqa: N801
    """Let tensors carry tangents, inside this context.

    What is computed under ``no_grad()`` inside of the level has no tangent, unlike in PyTorch; a level inside of
    ``no_grad()`` has.

    Examples
    --------
    >>> import minigrad
    >>> import minigrad.autograd.forward_ad as fwAD
    >>> x = minigrad.tensor([1.0, 2.0])
    >>> with fwAD.dual_level():
    ...     dual = fwAD.make_dual(x, minigrad.tensor([1.0, 0.5]))
    ...     fwAD.unpack_dual(dual**2).tangent
    tensor([2., 2.])
    """

    def __init__(self) -> None:
        super().__init__(grad=True)

    def _changes(self) -> Changes:
        level = _begun()
        return level, *entry(_levels, level)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """Return a tensor of the same memory that carries a tangent.

    Parameters
    ----------
    tensor : Tensor
        The value, of floats.
    tangent : Tensor
        Of the same shape and dtype.
    level : int, optional
        0.

    Raises
    ------
    RuntimeError
        Outside of a level, and where shapes or dtypes differ.
    ValueError
        If the elements are not floats.

    Examples
    --------
    >>> import minigrad
    >>> import minigrad.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     y = fwAD.make_dual(minigrad.tensor(3.0), minigrad.tensor(1.0)).square()
    ...     fwAD.unpack_dual(y).tangent
    tensor(6.)
    """
    current = innermost(_levels)
    if current is None or level not in (None, 0):
        raise RuntimeError("make_dual: needs a level: call it inside of dual_level()")
    for name, x in (("tensor", tensor), ("tangent", tangent)):
        array_of("make_dual", x, name)
    if not tensor.is_floating_point():
        raise ValueError(f"make_dual: only tensors of floats have tangents, got {tensor.dtype}")
    if tensor.shape != tangent.shape or tensor.dtype != tangent.dtype:
        forms = " and ".join(f"{x.dtype} of shape {tuple(x.shape)}" for x in (tensor, tangent))
        raise RuntimeError(f"make_dual: tensor and tangent must be alike, got {forms}")
    with enable_grad():
        dual = tensor.view_as(tensor) if tensor.requires_grad else tensor._alias().requires_grad_()
    current.duals.append((dual, tangent))
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """Return a tensor's value and its tangent; the tangent is None outside of a level.

    Parameters
    ----------
    tensor : Tensor
        A dual tensor, or what was computed from some.
    level : int, optional
        0.

    Returns
    -------
    UnpackedDualTensor
        Both are differentiable where they depend on a tensor that requires a gradient.

    Examples
    --------
    See :class:`dual_level`.
    """
    current = innermost(_levels)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"unpack_dual: needs a Tensor, got {type(tensor).__name__}")
    duals = [] if current is None else current.duals
    if not duals or level not in (None, 0):
        return UnpackedDualTensor(tensor, None)
    given = next((tangent for dual, tangent in duals if dual is tensor), None)
    xs, ts = zip(*duals, strict=True)
    recording = is_grad_enabled() and reaches_out([tensor, *ts], xs)
    tangent = given if given is not None else push(xs, ts, (tensor,), recording)[0]
    return UnpackedDualTensor(tensor if recording else tensor.detach(), tangent)
