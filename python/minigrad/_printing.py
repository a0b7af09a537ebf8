"""How tensors are printed: as PyTorch prints them, four decimals, summarised beyond a thousand elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _dtype
from .batching import is_batched

if TYPE_CHECKING:
    from .tensor import Tensor

_PREFIX = "tensor("
_MOST_SHOWN = 100_000  # many small dimensions have no middle to leave out; beyond this nothing is shown

Formatter = Callable[[Any], str]


class PrintOptions(NamedTuple):
    """How tensors are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is left out stays as it is.

    Parameters
    ----------
    precision : int, optional
        Digits behind the decimal point; 4 at first.
    threshold : int, optional
        Beyond so many elements only the edges of each dimension are shown; 1000 at first.
    edgeitems : int, optional
        How many elements an edge has; 3 at first.
    linewidth : int, optional
        Characters in a line; 80 at first.
    profile : {"default", "short", "full"}, optional
        What to start from; the other arguments count on top of it.
    sci_mode : bool, optional
        Whether numbers have exponents. Setting anything without it lets the numbers decide again.

    Raises
    ------
    ValueError
        If there is no such profile, or a number is none.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.set_printoptions(precision=2)
    >>> minigrad.tensor([1 / 3])
    tensor([0.33])
    >>> minigrad.set_printoptions(profile="default")
    """
    global _options  # noqa: PLW0603
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
    start = _options if profile is None else _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, value in changes.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(f"set_printoptions: {name} must be a number that is not negative, got {value!r}")
    _options = start._replace(**changes, sci_mode=sci_mode)


def tensor_text(t: Tensor) -> str:
    """Return ``tensor([...], dtype=..., grad_fn=...)``."""
    if is_batched(t):
        return repr(t._array)
    text = _PREFIX + _array_text(t._array)
    room = _options.linewidth - 4 - len(text.rsplit("\n", 1)[-1])
    for suffix in _suffixes(t):
        if len(suffix) > room:
            text += ",\n" + " " * len(_PREFIX) + suffix
            room = _options.linewidth - 2 - len(_PREFIX) - len(suffix)
        else:
            text += ", " + suffix
            room -= len(suffix) + 2
    return text + ")"


def _suffixes(t: Tensor) -> list[str]:
    """Return what is said of a tensor besides its elements."""
    suffixes = []
    empty = t._array.size == 0
    if empty and t._array.ndim != 1:
        suffixes.append(f"size={t._array.shape}")
    default = _dtype.get_default_dtype()
    if t.dtype is not default and (empty or t.dtype not in (_dtype.int64, _dtype.bool_)):
        suffixes.append(f"dtype={t.dtype!r}")
    if t.grad_fn is not None:
        suffixes.append(f"grad_fn=<{t.grad_fn.name}>")
    elif t.requires_grad:
        suffixes.append("requires_grad=True")
    return suffixes


# ----------------------------------------------------------------------------------------------------------------------
# Which elements are shown, and how they are laid out.


def _array_text(array: np.ndarray[Any, Any]) -> str:
    if array.size == 0:
        return "[]"
    cut = [array.size > _options.threshold and n > 2 * _options.edgeitems for n in array.shape]
    if math.prod(2 * _options.edgeitems if c else n for n, c in zip(array.shape, cut, strict=True)) > _MOST_SHOWN:
        return "[...]"
    shown = _shown(array, cut)
    one, width = _formatter(shown.reshape(-1))
    return _nested_text(shown.tolist(), cut, len(_PREFIX), lambda x: one(x).rjust(width), width)


def _shown(array: np.ndarray[Any, Any], cut: list[bool]) -> np.ndarray[Any, Any]:
    """Return the elements that are shown: the edges of the dimensions that are cut. All others stay unread."""
    if not any(cut):
        return array
    edges = [
        np.r_[: _options.edgeitems, n - _options.edgeitems : n] if c else np.arange(n)
        for n, c in zip(array.shape, cut, strict=True)
    ]
    picked: np.ndarray[Any, Any] = array[np.ix_(*edges)]
    return picked


def _nested_text(elements: Any, cut: list[bool], indent: int, one: Formatter, width: int) -> str:
    """Return the text of nested lists that starts in column `indent`; `cut` says for each level what was left out."""
    if not cut:
        return one(elements)
    if len(cut) == 1:
        parts = _with_dots([one(x) for x in elements], " ..." if cut[0] else None)
        return f"[{_wrapped(parts, indent + 1, width)}]"
    rows = [_nested_text(row, cut[1:], indent + 1, one, width) for row in elements]
    separator = "," + "\n" * (len(cut) - 1) + " " * (indent + 1)
    return f"[{separator.join(_with_dots(rows, '...' if cut[0] else None))}]"


def _with_dots(parts: list[str], dots: str | None) -> list[str]:
    """Return the parts with dots in their middle, if there are any."""
    return parts if dots is None else [*parts[: _options.edgeitems], dots, *parts[_options.edgeitems :]]


def _wrapped(parts: list[str], indent: int, width: int) -> str:
    """Return the parts of a row, broken into lines of as many as the line width holds."""
    n = max(1, (_options.linewidth - indent + 1) // (width + 2))
    lines = [", ".join(parts[i : i + n]) for i in range(0, len(parts), n)]
    return (",\n" + " " * indent).join(lines)


# ----------------------------------------------------------------------------------------------------------------------
# How an element becomes text: in one style for all that are shown.


def _formatter(shown: np.ndarray[Any, Any]) -> tuple[Formatter, int]:
    """Return what makes text of one element, and the width of the column."""
    if shown.dtype.kind != "f":
        return str, max(len(str(x)) for x in shown.tolist())
    # Zeros, NaN and infinities have no say, neither in the style nor in the width.
    counted = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
    if counted.size == 0:
        return _whole, 1
    one = _style(counted)
    return one, max(len(one(x)) for x in counted.tolist())


def _style(counted: np.ndarray[Any, Any]) -> Formatter:
    """Return how finite numbers other than 0 are written."""
    magnitude = np.abs(counted)
    low, high = float(magnitude.min()), float(magnitude.max())
    whole = bool((counted == np.floor(counted)).all())
    exponents = _options.sci_mode
    if exponents is None:
        exponents = high > 1e8 or high / low > 1e3 or (low < 1e-4 and not whole)
    if exponents:
        return f"{{:.{_options.precision}e}}".format
    return _whole if whole else f"{{:.{_options.precision}f}}".format


def _whole(x: float) -> str:
    return f"{x:.0f}." if math.isfinite(x) else str(x)
