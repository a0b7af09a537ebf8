"""What operations with several results return: tuples whose items have names, as ``minigrad.return_types``.

>>> import minigrad
>>> minigrad.return_types.sort((minigrad.tensor([1, 2]), minigrad.tensor([1, 0])))
minigrad.return_types.sort(
values=tensor([1, 2]),
indices=tensor([1, 0]))
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from .tensor import Tensor


class NamedResults(tuple["Tensor", ...]):
    """A tuple of results. Like any tuple it is made from one iterable: ``sort((values, indices))``."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        items = ",\n".join(f"{name}={item!r}" for name, item in zip(self._fields, self, strict=True))
        return f"minigrad.return_types.{type(self).__name__}(\n{items})"


class ValuesAndIndices(NamedResults):
    """Chosen elements, and where each of them stood."""

    __slots__ = ()
    _fields = ("values", "indices")
    values: Tensor = property(itemgetter(0))  # type: ignore[assignment]
    indices: Tensor = property(itemgetter(1))  # type: ignore[assignment]


def _values_and_indices(name: str) -> Any:
    """Return the class of the results of the operation called `name`."""
    return type(name, (ValuesAndIndices,), {"__slots__": (), "__module__": __name__})


class aminmax(NamedResults):  # noqa: N801  (PyTorch's name)
    """The smallest and the largest elements."""

    __slots__ = ()
    _fields = ("min", "max")
    min: Tensor = property(itemgetter(0))  # type: ignore[assignment]
    max: Tensor = property(itemgetter(1))  # type: ignore[assignment]


class frexp(NamedResults):  # noqa: N801  (PyTorch's name)
    """Mantissas and exponents of 2."""

    __slots__ = ()
    _fields = ("mantissa", "exponent")
    mantissa: Tensor = property(itemgetter(0))  # type: ignore[assignment]
    exponent: Tensor = property(itemgetter(1))  # type: ignore[assignment]


class histogram(NamedResults):  # noqa: N801  (PyTorch's name)
    """How many elements lie in each interval, and where the intervals begin and end."""

    __slots__ = ()
    _fields = ("hist", "bin_edges")
    hist: Tensor = property(itemgetter(0))  # type: ignore[assignment]
    bin_edges: Tensor = property(itemgetter(1))  # type: ignore[assignment]


cummax = _values_and_indices("cummax")
cummin = _values_and_indices("cummin")
kthvalue = _values_and_indices("kthvalue")
max = _values_and_indices("max")  # noqa: A001
median = _values_and_indices("median")
min = _values_and_indices("min")  # noqa: A001
mode = _values_and_indices("mode")
nanmedian = _values_and_indices("nanmedian")
sort = _values_and_indices("sort")
topk = _values_and_indices("topk")
