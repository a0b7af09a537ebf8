"""Write the type stubs of what exists only while the package runs; ``--check`` compares them instead.

Each stub is made from the running module, so that it changes with it; a test holds the committed files against this.

Usage: ``python tools/write_stubs.py [--check]``
"""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# Functions written in C++ do not tell their types in a form that a type checker reads.
CORE_FUNCTIONS = {
    "broadcast_view": "(array: Array, shape: tuple[int, ...], /) -> Array",
    "empty_cache": "() -> None",
    "get_num_threads": "() -> int",
    "get_parallel_threshold": "() -> float",
    "grad_enabled": "() -> bool",
    "kernels_for": "(isa: str) -> dict[str, Kernel]",
    "memory_statistics": "() -> dict[str, int]",
    "same_shape": "(*arrays: Any) -> tuple[tuple[int, ...], ...] | None",
    "set_grad_enabled": "(enabled: bool, /) -> bool",
    "set_num_threads": "(threads: int) -> None",
    "set_parallel_threshold": "(nanoseconds: float) -> None",
}
CORE_VALUES = {"build_info": "dict[str, Any]", "kernels": "dict[str, Kernel]"}
KERNEL_METHODS = {
    "into": "(self, out: Array, /, *args: Any) -> Any",
    "reference": "(self, /, *args: Any) -> Any",
}

CORE_HEADER = """\
# Written by tools/write_stubs.py from the running module; do not edit.

from typing import Any, TypeAlias, final

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""


def type_name(value: object) -> str:
    """Return the annotation of a property that has this value."""
    return "tuple[str, ...]" if isinstance(value, tuple) else type(value).__name__


def kernel_class(core: ModuleType) -> str:
    """Return the stub of the class of kernels, its properties read off one of them."""
    sample = core.kernels["add"]
    lines = ["@final", "class Kernel:"]
    methods = []
    for name in sorted(vars(core.Kernel)):
        if name.startswith("_"):
            continue
        if callable(getattr(sample, name)):
            methods.append(f"    def {name}{KERNEL_METHODS[name]}: ...")
        else:
            lines += ["    @property", f"    def {name}(self) -> {type_name(getattr(sample, name))}: ..."]
    return "\n".join([*lines, "    def __call__(self, /, *args: Any) -> Any: ...", *methods])


def kernel_signature(kernel: Any) -> str:
    """Return ``name(inputs; attributes) -> outputs for dtypes``, as a comment."""
    inputs = ", ".join(f"{name}: {type_}" for name, type_ in zip(kernel.inputs, kernel.types, strict=True))
    attributes = "; " + ", ".join(kernel.attributes) if kernel.attributes else ""
    outputs = ", ".join(kernel.outputs) or "None"
    text = f"{kernel.name}({inputs}{attributes}) -> {outputs} for {', '.join(kernel.dtypes)}"
    return textwrap.fill(text, 119, initial_indent="# ", subsequent_indent="#     ")


def core_stub() -> str:
    """Return the stub of minigrad._core. A function that CORE_FUNCTIONS does not know raises a KeyError."""
    from minigrad import _core as core

    functions, values = [], []
    for name in sorted(vars(core)):
        if name.startswith("_") or name == "Kernel":
            continue
        if callable(getattr(core, name)):
            functions.append(f"def {name}{CORE_FUNCTIONS[name]}: ...")
        else:
            values.append(f"{name}: {CORE_VALUES[name]}")
    legend = "# The kernels: inputs (T: the dtype that they share, i: int64, b: bool, d: float64); attributes\n#"
    kernels = [kernel_signature(core.kernels[name]) for name in sorted(core.kernels)]
    return "\n".join([CORE_HEADER, kernel_class(core), "", *values, "", *functions, "", legend, *kernels, ""])


STUBS: dict[str, Callable[[], str]] = {"python/minigrad/_core.pyi": core_stub}


def difference(path: str) -> str:
    """Return how the committed stub differs from the one made now; empty if it does not."""
    committed = ROOT / path
    old = committed.read_text(encoding="utf-8") if committed.exists() else ""
    lines = difflib.unified_diff(
        old.splitlines(), STUBS[path]().splitlines(), f"{path} committed", "made now", lineterm=""
    )
    return "\n".join(lines)


def main() -> int:
    """Write or check all stubs."""
    if "--check" not in sys.argv[1:]:
        for path, make in STUBS.items():
            (ROOT / path).write_text(make(), encoding="utf-8")
        return 0
    differences = [text for path in STUBS if (text := difference(path))]
    print("\n".join(differences))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
