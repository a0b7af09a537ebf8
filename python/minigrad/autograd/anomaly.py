"""Finding where a NaN comes from: while it is looked for, every node remembers the user's line."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core, graph, sharing
from .._contexts import Call, Changes, Changing, Context, running
from .._observers import Observer, observers, observing, users_line
from ..batching import array_in, bottom
from ..graph import Cell, Edge, Node

__all__ = ["NotFinite", "detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]
__all__ += ["why_nan"]


@dataclass(frozen=True)
class NotFinite:
    """The first NaN or infinity that an operation made.

    Attributes
    ----------
    kind : str
        ``"nan"`` or ``"inf"``.
    direction : str
        ``"forward"`` or ``"backward"``.
    operation : str
        The operation's name.
    line : str
        Where the user called it.
    index : tuple of int
        The first such element.
    inputs_finite : tuple of bool
        For each input (backward: for each cotangent that arrived) whether all of it was finite.
    """

    kind: str
    direction: str
    operation: str
    line: str
    index: tuple[int, ...]
    inputs_finite: tuple[bool, ...]

    def __str__(self) -> str:
        if all(self.inputs_finite):
            what = (
                f"made the first {self.kind} {self.direction}, at index {self.index}, from inputs that are all finite"
            )
        else:
            finite = ", ".join("finite" if f else "not finite" for f in self.inputs_finite)
            what = (
                f"passed on the first {self.kind} {self.direction}, at index {self.index}: its inputs were ({finite}), and "
                "no recorded operation had made that"
            )
        return f"{self.operation} {what}; it was called at {self.line}"


class _State(threading.local):
    check_nan = True
    found: NotFinite | None = None


_state = _State()


def _first_not_finite(arrays: Sequence[Any]) -> tuple[str, tuple[int, ...]] | None:
    for x in map(_bare, arrays):
        if x is not None and x.dtype.kind == "f" and not np.isfinite(x).all():
            nan = np.isnan(x)
            bad = nan if nan.any() else np.isinf(x)
            return "nan" if nan.any() else "inf", tuple(int(i) for i in np.argwhere(bad)[0])
    return None


def _bare(x: Any) -> Any:
    """Return the array of a tensor or of a value inside vmap; numbers and None as they are."""
    return bottom(array_in(x))


def _finite(arrays: Sequence[Any]) -> tuple[bool, ...]:
    return tuple(bool(np.isfinite(np.asarray(_bare(x))).all()) for x in arrays if x is not None)


class _Watched:
    """What watching adds to a node's class."""

    __slots__ = ()

    def read(self) -> tuple[Any, ...]:
        """Return what was kept; errors name the lines."""
        node: Any = self
        try:
            return super().read()  # type: ignore[misc]
        except RuntimeError as error:
            raise RuntimeError(f"{error}{_lines(node)}") from None

    def free(self) -> None:
        """Let go of what was kept, and remember who did."""
        super().free()  # type: ignore[misc]
        self.metadata["freed"] = users_line()  # type: ignore[attr-defined]

    def pullback(self, g: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the inputs' cotangents; RuntimeError where one is NaN."""
        node: Any = self
        cotangents: tuple[Any, ...] = super().pullback(g, values)  # type: ignore[misc]
        if not is_anomaly_enabled():
            return cotangents
        arrived = [_bare(x) for x in (g if isinstance(g, tuple) else (g,))]
        for n, x in enumerate(map(_bare, cotangents)):
            bad = _first_not_finite([x])
            if bad is None:
                continue
            line = node.metadata.get("line", "a line that was run outside detect_anomaly")
            if _state.found is None:
                _state.found = NotFinite(bad[0], "backward", node.name(), line, bad[1], _finite(arrived))
            if bad[0] == "nan" and _state.check_nan:
                raise RuntimeError(
                    f"Function '{node.name}' returned nan values in its {n}th output, first at index {bad[1]}; "
                    f"the operation was called at {line}"
                )
        return cotangents


def _lines(node: Any) -> str:
    text = f"\n  recorded at {node.metadata['line']}" if "line" in node.metadata else ""
    if node.saved is None:
        return text + (f"\n  freed by {node.metadata['freed']}" if "freed" in node.metadata else "")
    kept = [(*k, x) for k, x in zip(node.versions, node.saved, strict=False) if k is not None]
    changed = [sharing.noted(cell, then) for cell, then, x in kept if sharing.changed(cell, then, x)]
    return text + "".join(f"\n  {line}" for line in changed[:1] if line is not None)


class _Detector(Observer):
    """Watches this thread's nodes."""

    def recorded(self, node: Node, outputs: tuple[Any, ...], inputs: tuple[Any, ...]) -> None:
        """Note the user's line, and whether the node made the first NaN or infinity."""
        line = node.metadata["line"] = users_line()
        graph.extend(node, _Watched)
        if _state.found is None:
            bad = _first_not_finite([x._array for x in outputs])
            if bad is not None:
                name = getattr(node.primitive, "name", str(node.name))
                _state.found = NotFinite(bad[0], "forward", name, line, bad[1], _finite(inputs))

    def wrote(self, cell: Cell) -> None:
        """Note the line."""
        sharing.note(cell, f"changed at {users_line()}")

    def failed(self, node: Node | graph.Leaf, error: Exception) -> None:
        """Name the operation and its line in the traceback."""
        line = node.metadata.get("line") if isinstance(node, Node) else None
        if line is not None and line not in str(error):
            error.add_note(f"in the backward pass of {node.name}, recorded at {line}")

    def sweeping(self, roots: Sequence[Edge]) -> None:
        """Watch the nodes that were recorded outside."""
        for node in graph.reachable([node for node, _ in roots], 0):
            if isinstance(node, Node):
                graph.extend(node, _Watched)


_detector = _Detector()


def is_anomaly_enabled() -> bool:
    """Return whether this thread looks for NaNs.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.autograd.detect_anomaly():
    ...     minigrad.autograd.is_anomaly_enabled()
    True
    """
    return any(observer is _detector for observer in observing())


def is_anomaly_check_nan_enabled() -> bool:
    """Return whether a NaN in a backward pass raises.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.autograd.detect_anomaly(check_nan=False):
    ...     minigrad.autograd.is_anomaly_check_nan_enabled()
    False
    """
    return _state.check_nan


def _enabling(mode: bool, check_nan: bool) -> Changes:
    """Return the changes to another state of the thread."""
    here, state = running.thread, vars(_state)
    make: list[Call] = [(state.__setitem__, "check_nan", check_nan)]
    undo: list[Call] = [(state.__setitem__, "check_nan", _state.check_nan)]
    watching = next((entry for entry in tuple(observers) if entry == (here, _detector)), None)
    if mode and watching is None:
        added = (here, _detector)
        make += [(state.__setitem__, "found", None), (observers.append, added)]
        undo += [(_core.drop, observers, added)]
    elif not mode and watching is not None:
        make += [(_core.drop, observers, watching)]
        undo += [(observers.append, watching)]
    return None, make, undo


class set_detect_anomaly(Changing):  # noqa: N801
    """Look for NaNs in this thread from now on, or no more; as a context, only inside.

    Parameters
    ----------
    mode : bool
        Whether to look.
    check_nan : bool, default True
        Raise where a backward pass makes a NaN.

    Examples
    --------
    >>> import minigrad
    >>> with minigrad.autograd.set_detect_anomaly(True):
    ...     minigrad.autograd.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        _, make, undo = _enabling(mode, check_nan)
        super().__init__([], undo)
        for function, *arguments in make:
            function(*arguments)


class detect_anomaly(Context):  # noqa: N801
    """Find out which line makes a NaN: a context.

    Inside, every recorded operation remembers the user's line. A NaN in a backward pass raises a RuntimeError that names
    the operation and its line; errors about what was changed in place or freed name the lines as well. Operations
    that record no graph are not watched. Outside, nothing is remembered, and nothing is slower.

    Parameters
    ----------
    check_nan : bool, default True
        Raise where a backward pass makes a NaN.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([0.0, 1.0], requires_grad=True)
    >>> with minigrad.autograd.detect_anomaly():
    ...     y = x.log()
    >>> minigrad.autograd.why_nan().operation
    'log'
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__()
        self._check_nan = check_nan

    def _changes(self) -> Changes:
        return _enabling(True, self._check_nan)


def why_nan() -> NotFinite | None:
    """Return the first NaN or infinity that this thread's last `detect_anomaly` has seen made, None if it saw none.

    Examples
    --------
    >>> import minigrad
    >>> x = minigrad.tensor([4.0, -1.0], requires_grad=True)
    >>> with minigrad.autograd.detect_anomaly():
    ...     y = x.sqrt()
    >>> minigrad.autograd.why_nan().operation
    'sqrt'
    """
    return _state.found
