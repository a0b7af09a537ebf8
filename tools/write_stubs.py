"""Write the type stubs of what exists only while the package runs; ``--check`` compares them instead.

Each stub is made from the running module, so that it changes with it; a test holds the committed files against this.

Usage: ``python tools/write_stubs.py [--check]``
"""

from __future__ import annotations

import difflib
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# Functions written in C++ do not tell their types in a form that a type checker reads.
CORE_FUNCTIONS = {
    "array_of": '(name: str, x: Any, role: str = "input", /) -> Any',
    "arrays_of": "(tensors: Any, /) -> list[Array] | None",
    "basic_key": "(key: Any, tensor: Any, /) -> tuple[Any, ...] | None",
    "backward": "(tensor: Any, gradient: Any, retain_graph: bool | None, /) -> bool",
    "broadcast_view": "(array: Array, shape: tuple[int, ...], /) -> Array",
    "copy_into": "(array: Array, value: Array, /) -> None",
    "drop": "(items: list[Any], item: Any, /) -> None",
    "diagonal_view": "(array: Array, offset: int, dims: tuple[int, ...], /) -> Array",
    "dims_of": "(dims: Any, rank: int, /) -> tuple[int, ...] | None",
    "endings": "() -> dict[Any, Any]",
    "empty_cache": "() -> None",
    "gather": "(function: Any, params: Any, state: Any, names: Any, settings: Any, /) -> tuple[Any, ...] | list[Any]",
    "get_num_threads": "() -> int",
    "get_parallel_threshold": "() -> float",
    "grad_enabled": "() -> bool",
    "hold_given": "(tensor: Any, /) -> None",
    "inference_arrays": "() -> int",
    "inference_enabled": "() -> bool",
    "is_common": "(array: Any, /) -> bool",
    "is_inference": "(array: Any, /) -> bool",
    "is_out_of_inference": "(array: Any, /) -> bool",
    "kernels_for": "(isa: str) -> dict[str, Kernel]",
    "lend": "(tensor: Any, line: str | None, /) -> Array",
    "lone_index": "(key: Any, rank: int, /) -> tuple[tuple[Any, ...] | None, Tensor | Array, int, int] | None",
    "compute_into": "(kernel: Kernel, tensor: Any, operands: tuple[Any, ...], /) -> bool",
    "check_saved": "(name: str, array: Any, /) -> None",
    "cores_of_quota": "(root: str) -> int",
    "connect": "(**objects: Any) -> None",
    "next_sequence": "() -> int",
    "living_views": "(base: TensorBase) -> list[Any]",
    "version_of": "(cell: Cell, array: Any, /) -> int | tuple[int, int]",
    "changed": "(cell: Cell, then: int | tuple[int, int], array: Any, /) -> bool",
    "keep_apart": "(array: Array, /) -> int",
    "own_copy": "(array: Array, addend: Array | None, /) -> Array",
    "add_to_common": "(tensor: Any, addend: Any, /) -> bool",
    "make_independent": "(found: list[Any], /) -> None",
    "shown": "(array: Any, /) -> Tensor",
    "sweep": "(roots: Any, relevant: Any, wanted: Any, found: Any, failed: Any, *modes: bool) -> None",
    "wrap": "(array: Any, edge: Any = None, cell: Cell | None = None, /) -> Any",
    "memory_statistics": "() -> dict[str, int]",
    "reset_peak": "() -> None",
    "set_cache_limit": "(bytes: int) -> None",
    "set_grad_enabled": "(enabled: bool, /) -> bool",
    "joined": "(tensors: Any, dim: int, stacked: bool, record: object, /) -> Any",
    "get_items": "(tensor: Any, key: Any, /) -> Any",
    "set_items": "(tensor: Any, key: Any, value: Any, way: Any = None, /) -> bool",
    "set_num_threads": "(threads: int) -> None",
    "set_parallel_threshold": "(nanoseconds: float) -> None",
    "permute_view": "(array: Array, dims: tuple[int, ...], /) -> Array",
    "pieces": "(x: Any, sizes: tuple[int, ...], dim: int, drop: bool, primitive: Any, node: Any, /) -> tuple[Any, ...]",
    "empty_like": "(array: Array, code: int, /) -> Array",
    "is_viewable": "(array: Array, sizes: tuple[int, ...], /) -> bool",
    "reshape_view": "(array: Array, sizes: tuple[int, ...], /) -> Array",
    "viewed_sizes": "(tensor: Any, args: tuple[Any, ...], /) -> tuple[int, ...] | None",
    "members": "(namespace: dict[str, Any], types: tuple[type, ...], /) -> list[tuple[str, Any]]",
    "result_type": "(*operands: Any) -> DType | None",
    "sizes_of": "(args: tuple[Any, ...], /) -> tuple[int, ...] | None",
    "unindex": "(g: Array, key: tuple[Any, ...], shape: tuple[int, ...], /) -> Array",
    "strided_view": "(array: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, /) -> Array",
}
CORE_VALUES = {"SHARED": "int", "build_info": "dict[str, Any]", "kernels": "dict[str, Kernel]"}
KERNEL_METHODS = {
    "into": "(self, out: Array, /, *args: Any) -> Any",
    "reference": "(self, /, *args: Any) -> Any",
}

CORE_HEADER = """\
# Written by tools/write_stubs.py from the running module; do not edit.

from typing import Any, SupportsIndex, TypeAlias, final, overload

from numpy.typing import NDArray

from ._dtype import dtype as DType
from ._facts import Size
from .tensor import Tensor

Array: TypeAlias = NDArray[Any]
"""


CLASSES = """\
@final
class Cell:
    version: int
    line: str | None
    @property
    def loans(self) -> tuple[bool, ...]: ...
    @property
    def lent_at(self) -> str | None: ...
    def __init__(self, version: int = 0, /) -> None: ...

class TensorBase:
    _array: Any
    _edge: Any
    _cell: Cell
    grad: Tensor | None
    requires_grad: bool
    @property
    def shape(self) -> Size: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> DType: ...
    @property
    def is_leaf(self) -> bool: ...
    def _own(self) -> None: ...
    def _alias(self) -> Tensor: ...

class SizeBase(tuple[int, ...]):
    @overload
    def __getitem__(self, key: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...

class LeafBase:
    array: Any
    grad: Tensor | None
    hooks: Any
    sequence: int
    def take(self, gradient: Any, /) -> bool: ...

class NodeBase:
    primitive: Any
    operation: Operation | None
    edges: Any
    saved: Any
    versions: Any
    shapes: Any
    hooks: Any
    notes: dict[str, Any]
    sequence: int
    outputs: int
    def read(self) -> tuple[Any, ...]: ...
    def pullback(self, g: Any, values: tuple[Any, ...], /) -> tuple[Any, ...]: ...
    def free(self) -> None: ...

@final
class Operation:
    primitive: Any
    run: Any
    def __init__(self, *args: Any, **form: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class GeneratorBase:
    def _place(self, seed: int, counter: int, /) -> None: ...
    def _reserve(self, shape: tuple[int, ...], in_a_counter: int, /) -> tuple[int, int] | None: ...
    def _state(self) -> tuple[int, int]: ...

class ModeBase:
    @property
    def _mode(self) -> bool: ...
    def __init__(self, mode: bool | None, inference: bool | None = None, changes: bool = False, /) -> None: ...
    def _set_now(self) -> None: ...
    def _put_back(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *exception: object) -> None: ...

class Deflection:
    def __init__(
        self,
        function: Any,
        keywords: tuple[str, ...],
        handler: Any,
        parameters: tuple[str, ...] = (),
        kinds: bytes = b"",
        positional: int = 0,
        /,
    ) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class MethodDeflection(Deflection): ...

class InPlaceForm:
    def __init__(self, function: Any, calls: tuple[tuple[Any, ...], ...], plain: Any = None, /) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
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
        if name.startswith("_") or isinstance(getattr(core, name), type):
            continue
        if callable(getattr(core, name)):
            functions.append(f"def {name}{CORE_FUNCTIONS[name]}: ...")
        else:
            values.append(f"{name}: {CORE_VALUES[name]}")
    legend = "# The kernels: inputs (T: the dtype that they share, i: int64, b: bool, d: float64); attributes\n#"
    kernels = [kernel_signature(core.kernels[name]) for name in sorted(core.kernels)]
    return "\n".join([CORE_HEADER, kernel_class(core), "", CLASSES, *values, "", *functions, "", legend, *kernels, ""])


# ---- Methods ---------------------------------------------------------------------------------------------------------

METHODS_HEADER = """\
# Written by tools/write_stubs.py from the running package; do not edit.

{imports}

_F = TypeVar("_F", bound=Callable[..., Any])

KernelCall: TypeAlias = tuple[Kernel, tuple[float, ...], tuple[str, ...], str]

in_place_forms: dict[str, Callable[..., Any]]

@overload
def method(function: _F, *names: str, in_place: bool | tuple[KernelCall, ...] = False) -> _F: ...
@overload
def method(*, in_place: bool | tuple[KernelCall, ...]) -> Callable[[_F], _F]: ...
def kernel_call(kernel: str, /, *operands: float, **arguments: str) -> KernelCall: ...
def kernel_calls(function: Callable[..., Any]) -> tuple[KernelCall, ...]: ...
def add_method(call: Callable[..., Any], name: str) -> None: ...
def with_kernel_calls(function: _F, *calls: KernelCall, plain: Callable[..., Any] | None = None) -> _F: ...
def elementwise_kernel(function: Callable[..., Any]) -> Kernel | None: ...
def public(function: _F, name: str, kind: type = ..., keywords: tuple[str, ...] = ..., handler: Any = None) -> _F: ...
def numpy_names(function: _F) -> _F: ...
def operator(sign: str, function: Callable[..., Any], in_place: str | None = None) -> None: ...

class TensorMethods(TensorBase):
"""
METHOD_IMPORTS = {
    ("collections.abc", "Callable"),
    ("minigrad._core", "Kernel"),
    ("minigrad._core", "TensorBase"),
    ("typing", "Any"),
    ("typing", "TypeAlias"),
    ("typing", "TypeVar"),
    ("typing", "overload"),
}
RENAMED = {"dtype": "DType"}
LINE_LENGTH = 120


class TypeWriter:
    """Writes types as annotations of methods, and remembers what has to be imported for them."""

    def __init__(self, methods: set[str]) -> None:
        self.methods = methods
        self.imports = set(METHOD_IMPORTS)

    def text(self, annotation: Any) -> str:
        """Return a type as Python writes it."""
        if annotation is None or annotation is types.NoneType:
            return "None"
        if annotation is Any or annotation is Ellipsis:
            return "Any" if annotation is Any else "..."
        parts = [self.text(part) for part in typing.get_args(annotation)]
        origin = typing.get_origin(annotation)
        if origin in {types.UnionType, typing.Union}:
            # Sorted: typing hands out a union that it has seen before in the order of that time.
            return " | ".join(sorted(parts, key=lambda part: (part == "None", part)))
        return self.name(annotation) if origin is None else f"{self.name(origin)}[{', '.join(parts)}]"

    def name(self, kind: type) -> str:
        """Return a class's name: a built-in one in full where a method hides it."""
        if kind.__module__ != "builtins":
            self.imports.add((kind.__module__, kind.__name__))
            return RENAMED.get(kind.__name__, kind.__name__)
        return f"builtins.{kind.__name__}" if kind.__name__ in self.methods else kind.__name__

    def import_lines(self) -> str:
        """Return the import statements, sorted as ruff sorts them."""
        by_module: dict[str, list[str]] = {}
        for module, name in sorted(self.imports):
            renamed = f" as {RENAMED[name]}" if name in RENAMED else ""
            by_module.setdefault(module.replace("minigrad.", "."), []).append(name + renamed)
        lines = [f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())]
        own = [line for line in lines if line.startswith("from .")]
        return "\n".join(["import builtins", *(line for line in lines if line not in own), "", *own])


def default_text(value: object) -> str:
    """Return a default as a stub has it: None, numbers and strings are told, all else is not."""
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value) if value is None or isinstance(value, bool | int | float) else "..."


def parameter_texts(parameters: list[inspect.Parameter], hints: dict[str, Any], write: TypeWriter) -> list[str]:
    """Return the parameters behind `self`, each with its type and default."""
    texts = []
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and not any(text.startswith("*") for text in texts):
            texts.append("*")
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else f" = {default_text(p.default)}"
        texts.append(f"{stars}{p.name}: {write.text(hints.get(p.name, Any))}{default}")
    return texts


def method_text(name: str, function: Callable[..., Any], write: TypeWriter) -> str:
    """Return the definition of a method. A function made from a record has no annotations: it returns a tensor."""
    from minigrad import Tensor

    source = inspect.unwrap(function)  # an in-place form has the signature of what it computes
    hints = typing.get_type_hints(source)
    parameters = list(inspect.signature(source).parameters.values())[1:]
    if name.startswith("__"):  # nobody calls an operator with options
        parameters = [p for p in parameters if p.default is p.empty]
    texts = ["self", *parameter_texts(parameters, hints, write)]
    result = write.text(hints.get("return", Any if hints else Tensor))
    ignored = ""
    if name in {"__eq__", "__ne__"}:  # object's return truth values, a tensor's return tensors
        texts = ["self", "other: object"]
        ignored = "  # type: ignore[override]"
    line = f"    def {name}({', '.join(texts)}) -> {result}: ...{ignored}"
    if len(line) <= LINE_LENGTH:
        return line
    inner = f"        {', '.join(texts)}"
    body = [inner] if len(inner) <= LINE_LENGTH else [f"        {text}," for text in texts]
    return "\n".join([f"    def {name}(", *body, f"    ) -> {result}: ..."])


def methods_stub() -> str:
    """Return the stub of minigrad._methods: the methods and operators that tensors get from operations."""
    import minigrad

    attached = vars(minigrad._methods.TensorMethods)
    methods = {name: attached[name] for name in sorted(attached) if inspect.isroutine(attached[name])}
    write = TypeWriter(set(methods))
    lines = [method_text(name, function, write) for name, function in methods.items()]
    return METHODS_HEADER.format(imports=write.import_lines()) + "\n".join([*lines, ""])


STUBS: dict[str, Callable[[], str]] = {
    "python/minigrad/_core.pyi": core_stub,
    "python/minigrad/_methods.pyi": methods_stub,
}


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
