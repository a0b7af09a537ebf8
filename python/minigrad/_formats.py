"""The layout and the memory formats that scripts name: one layout; a copy is row-major, or lies as its model does."""

from __future__ import annotations


class _Named:
    """A value that only stands for its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"


strided = _Named("strided")
contiguous_format = _Named("contiguous_format")
preserve_format = _Named("preserve_format")
