"""Devices: there is one, the CPU, and scripts written for others ask about it before they use it."""

from __future__ import annotations

from typing import Any, Self

_KNOWN = ("cpu", "cuda", "mps", "xpu", "meta")


class device:  # noqa: N801  (PyTorch's name)
    """A place where tensors could lie; all of minigrad's lie on the CPU.

    A script may make a device that is not there, but not put a tensor on it.

    Parameters
    ----------
    type : str or device
        ``"cpu"``, or another of PyTorch's names, perhaps with an index: ``"cuda:0"``.
    index : int, optional
        Which of several devices of that type.

    Raises
    ------
    RuntimeError
        If there is no such name.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.device("cuda" if minigrad.cuda.is_available() else "cpu")
    device(type='cpu')
    """

    __slots__ = ("index", "type")
    index: int | None
    type: str

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if isinstance(type, device):
            index = type.index if index is None else index
        name, _, number = (type.type if isinstance(type, device) else str(type)).partition(":")
        if name not in _KNOWN or (number and (index is not None or not number.isdecimal())):
            raise RuntimeError(f"device: expected one of {', '.join(_KNOWN)}, perhaps with an index, got {type!r}")
        self.type = name
        self.index = int(number) if number else index

    def __enter__(self) -> Self:
        """Make tensors on this device, which has to be the CPU, inside a ``with`` statement."""
        require_cpu("device", self)
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave the ``with`` statement."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"


CPU = device("cpu")


def require_cpu(name: str, place: Any) -> None:
    """Raise a RuntimeError that opens with the operation's name where `place` is neither None nor the CPU."""
    if place is None or place is CPU or (place.__class__ is str and place == "cpu"):
        return
    if (place if isinstance(place, device) else device(place)).type != "cpu":
        raise RuntimeError(f"{name}: minigrad computes on the CPU only, got device {str(place)!r}")
