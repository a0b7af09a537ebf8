"""The methods that tensors get from operations.

An operation whose function is declared with ``@method`` (or made by a record that says so) becomes a method of the same
name here; with ``in_place=True`` the method with ``_`` behind its name, which stores the result in the tensor's own
memory, comes with it. The type stub beside this file is generated from them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache, partial, update_wrapper
from inspect import isroutine, signature
from types import CodeType
from typing import Any, TypeVar

from . import _core
from .primitive import registry

F = TypeVar("F", bound=Callable[..., Any])

#: Calls of an in-place form that a kernel does: the kernel, its operands, the arguments' names and kinds.
KernelCall = tuple[_core.Kernel, tuple[float, ...], tuple[str, ...], str]

#: The functions that have an in-place form, by that form's name.
in_place_forms: dict[str, Callable[..., Any]] = {}

#: The calls of functions with an in-place form that kernels do, where the function's record does not tell.
_kernel_calls: dict[Callable[..., Any], tuple[KernelCall, ...]] = {}


class TensorMethods(_core.TensorBase):
    """What operations add to `Tensor`."""

    __slots__ = ()


def method(function: F | None = None, *names: str, in_place: bool | tuple[KernelCall, ...] = False) -> Any:
    """Make `function` a method of tensors, by its own name or by `names`, and return it.

    With `in_place` it gets an in-place form for each name as well, which may be told by `kernel_call` what kernels do
    alone. Without `function`, return the decorator.
    """
    if function is None:
        return partial(method, in_place=in_place)
    for name in names or (function.__name__,):
        call = function if name.startswith("__") else public(function, name, _core.MethodDeflection)
        if call is function:
            setattr(TensorMethods, name, call)
        else:
            add_method(call, name)
        if in_place:
            in_place_forms[f"{name}_"] = function
            if in_place is not True:
                _kernel_calls[function] = in_place
            add_method(_in_place_form(function, f"{name}_"), f"{name}_")
    return function


def add_method(call: Callable[..., Any], name: str) -> None:
    """Make `call`, which wraps a function, the method of this name; pickled as what it is, an attribute of the class."""
    call.__dict__.update(__module__=TensorMethods.__module__, __qualname__=f"{TensorMethods.__name__}.{name}")
    setattr(TensorMethods, name, call)


def public(
    function: F, name: str, kind: type = _core.Deflection, keywords: tuple[str, ...] = (), handler: Any = None
) -> F:
    """Return a function as users call it, by one of its names.

    Its flags and numbers must be what they are declared as, its errors open with the name, and calls with any of the
    `keywords` go to ``handler(function, args, kwargs)``. What is compiled sees to its arguments itself.
    """
    code = getattr(function, "__code__", None)
    if code is None and not keywords:
        return function
    call = kind(function, keywords, handler, *(() if code is None else _declared(function, code)))
    update_wrapper(call, function).__dict__["__name__"] = name
    return call


#: Letters of what parameters may be declared as; see src/bindings/deflection.hpp.
_KINDS = {"bool": b"b", "int": b"i", "float": b"f", "bool | None": b"B", "int | None": b"I", "float | None": b"F"}


def _declared(function: Callable[..., Any], code: CodeType) -> tuple[tuple[str, ...], bytes, int]:
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    kinds = b"".join([_KINDS.get(function.__annotations__.get(name), b".") for name in names])
    return (names, kinds, code.co_argcount) if kinds.strip(b".") else ((), b"", 0)


#: Errors about what a function was given.
_ABOUT_ARGUMENTS = (TypeError, ValueError, IndexError, RuntimeError, OverflowError, ZeroDivisionError)


def name_error(function: Callable[..., Any], error: Exception) -> None:
    """Let an error that a public function ends with open with its name, unless code of the user's has raised it."""
    text = error.args[0] if len(error.args) == 1 else None
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in (
        __package__,
        "numpy",
    ):
        trace = trace.tb_next
    if trace is not None or not isinstance(text, str) or not isinstance(error, _ABOUT_ARGUMENTS):
        return
    name: str = function.__name__
    opening, _, rest = text.partition(": ")
    if opening.rstrip("_") == name.rstrip("_") or opening == "vmap":
        return
    package = sys.modules[__package__]
    functions = [getattr(owner, opening, None) for owner in (package, package.Tensor)]
    if rest and (opening in registry or opening in _core.kernels or any(map(isroutine, functions))):
        error.args = (f"{name}: {rest}",)
    elif call := re.match(r"[\w.]+\(\) ", text):
        error.args = (f"{name}() {text[call.end() :]}",)
    else:
        error.args = (f"{name}: {text}",)


_core.connect(name_error=name_error)


def numpy_names(function: F) -> F:
    """Let `function` take NumPy's `axis` and `keepdims` for `dim` and `keepdim`, as PyTorch's reductions do."""
    return public(function, function.__name__, _core.MethodDeflection, tuple(_NUMPY_NAMES), _renamed)


_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def _renamed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    for numpys, own in _NUMPY_NAMES.items():
        if numpys in kwargs and own not in kwargs:
            kwargs[own] = kwargs.pop(numpys)
    return function(*args, **kwargs)


def operator(sign: str, function: Callable[..., Any], in_place: str | None = None) -> None:
    """Make `function` the operator ``__sign__`` and its reflected form, and the method `in_place` ``__isign__``."""
    setattr(TensorMethods, f"__{sign}__", public(function, function.__name__, _core.MethodDeflection))
    setattr(TensorMethods, f"__r{sign}__", lambda self, other: function(other, self))
    if in_place is not None:
        setattr(TensorMethods, f"__i{sign}__", getattr(TensorMethods, in_place))


def kernel_call(kernel: str, /, *operands: float, **arguments: str) -> KernelCall:
    """Describe calls of an in-place form of which a kernel does all, so that it may write into the tensor itself.

    Parameters
    ----------
    kernel : str
        The kernel's name.
    operands : int, float or bool
        What it gets: an int is the number of an argument, 0 the tensor's; a float or flag is itself. The kernel
        ``full`` gets the tensor's shape and dtype as well.
    arguments : str
        The name of each argument behind the tensor, and whether it is a "tensor", a "number" or "any" of the two; a
        number that is given by its name alone is a "keyword". A "bound" is any of the two. As integers must not wrap
        around, with a "number" the kernel is asked for floats only, with a "bound" for integers where they hold it.
    """
    kinds = "".join(kind[0] for kind in arguments.values())
    return _core.kernels[kernel], operands, ("input", *arguments), f"t{kinds}"


def elementwise_kernel(function: Callable[..., Any]) -> _core.Kernel | None:
    """Return the kernel that a function is, if it is an elementwise one."""
    record = getattr(function, "primitive", None)
    if record is None or record.structure != "elementwise" or record.constants:
        return None
    return record.run if isinstance(record.run, _core.Kernel) else None


@cache
def kernel_calls(function: Callable[..., Any]) -> tuple[KernelCall, ...]:
    """Return the calls of a function that kernels do alone."""
    return _kernel_calls.get(function) or _whole_call(function)


def _whole_call(function: Callable[..., Any]) -> tuple[KernelCall, ...]:
    kernel = elementwise_kernel(function)
    if kernel is None:
        return ()
    names = tuple(signature(function).parameters)
    return ((kernel, tuple(range(len(names))), names, "t" + "a" * (len(names) - 1)),)


def _in_place_form(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    checked = public(function, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._compute_in_place(checked, name, args, kwargs)

    call.__name__ = name
    call.__doc__ = f"Do as `{name.rstrip('_')}` does, writing the result into this tensor's memory; return it."
    form = with_kernel_calls(call, *kernel_calls(function), plain=checked)
    form.__dict__["__wrapped__"] = function  # whose signature it has
    return form


def with_kernel_calls(
    function: Callable[..., Any], *calls: KernelCall, plain: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Return a function that changes its first argument, of whose calls kernels do some.

    `plain` computes what it writes, and changes nothing: where no graph has to know, that and storing are one call.
    """
    return update_wrapper(_core.InPlaceForm(function, calls, plain), function)
