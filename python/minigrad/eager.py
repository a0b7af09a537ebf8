"""The eager call: run a primitive now and, where a gradient is wanted, record a node.

Every primitive gets a function of its own, written out for its number of inputs, attributes and outputs and for what
its rules read, because a loop over inputs would cost more than a small kernel. `_source` is the template; primitives of
one form share the compiled code, which is made at the first call: importing the package writes out none. For one input
that its rule reads, the function is::

    def call(input):
        if isinstance(input, Tensor):
            x0 = input._array; e0 = input._edge; c0 = input._cell; is_tensor = True
        else:
            x0 = input; e0 = None; c0 = None; is_tensor = False
        out = run(x0)
        if out is NotImplemented: return promote(primitive, (input,), ())
        if not is_tensor: return out
        r0 = new(Tensor); r0._array = out; r0._edge = None; r0._cell = [0]
        if e0 is not None and grad_enabled():
            node = new(Node)
            ...
            r0._edge = (node, 0)
        return r0
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import Parameter, Signature
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .primitive import Primitive

#: What the generated functions refer to. The tensor module fills it in, being imported later.
namespace: dict[str, Any] = {}


class _Form(NamedTuple):
    """What distinguishes the generated functions."""

    inputs: tuple[str, ...]  # the parameters' names
    attributes: tuple[str, ...]
    outputs: int
    returned: int  # outputs that the caller gets; the others are residuals
    differentiable: tuple[bool, ...]  # for each input
    readers: tuple[tuple[int, ...], ...]  # for each input and output, the inputs whose rules read it
    shapes: tuple[bool, ...]  # for each input, whether a rule reads its shape
    broadcasts: bool
    constants: tuple[int, ...]
    view: bool


def _form_of(p: Primitive) -> _Form:
    kept = len(p.inputs) + len(p.outputs)
    first_shape = kept + len(p.attributes)
    public = ("input", "other") if p.promotion is not None and len(p.inputs) <= 2 else p.inputs
    return _Form(
        inputs=public[: len(p.inputs)],
        attributes=p.attributes,
        outputs=len(p.outputs),
        returned=p.returned,
        differentiable=tuple(rule is not None for rule in p.vjp),
        readers=tuple(p.readers(slot) for slot in range(kept)),
        shapes=tuple(bool(p.readers(first_shape + i)) for i in range(len(p.inputs))),
        broadcasts=p.broadcasts,
        constants=p.constants,
        view=p.view,
    )


def compile_eager(p: Primitive) -> Callable[..., Any]:
    """Return the function that runs the primitive on tensors, arrays and numbers."""
    form = _form_of(p)
    names = {"primitive": p, "run": p.run, "form": form, "write_out": _write_out, "__builtins__": __builtins__}
    function = FunctionType(_first_call.__code__, names, p.name)
    function.__dict__.update(primitive=p, __signature__=_signature(form.inputs + form.attributes))
    names["function"] = function
    return function


def compile_twin(p: Primitive, run: Callable[..., Any], *, whole: bool, **others: Any) -> Callable[..., Any]:
    """Return the same function with another `run`, and `others` in place of what it refers to.

    With `whole` the caller gets the outputs that only rules see as well.
    """
    form = _form_of(p)
    names = {**namespace, "primitive": p, "run": run, "__builtins__": __builtins__, **others}
    return FunctionType(_code(form._replace(returned=form.outputs) if whole else form), names, p.name)


def _first_call(*args: Any, **kwargs: Any) -> Any:
    # The code of every function until it is called: what it refers to is in the function's own namespace. Importing
    # the package writes out none of them.
    write_out(function, form)  # type: ignore[name-defined]  # noqa: F821
    return function(*args, **kwargs)  # noqa: F821


def _write_out(function: FunctionType, form: _Form) -> None:
    """Give a function the code for its form, and what that code refers to."""
    function.__globals__.update(namespace)
    function.__code__ = _code(form)


@cache
def _signature(names: tuple[str, ...]) -> Signature:
    return Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])


@cache
def _code(form: _Form) -> CodeType:
    source = _source(form)
    scope: dict[str, Any] = {}
    exec(compile(source, f"<eager call of {form.inputs} {form.attributes}>", "exec"), scope)
    code: CodeType = scope["call"].__code__
    return code


def _source(form: _Form) -> str:
    """Return the text of the function for this form."""
    inputs = range(len(form.inputs))
    numbers = [f"x{i}" for i in inputs]
    body = [line for i in inputs for line in _take(form, i)]
    body += [
        f"out = run({', '.join([*numbers, *form.attributes, *map(str, form.constants)])})",
        "if out is NotImplemented:",
        f"    return promote(primitive, ({', '.join(form.inputs)},), ({''.join(a + ', ' for a in form.attributes)}))",
        "if not is_tensor:",
        f"    return {_returned('out', form)}",
    ]
    body += [line for k in range(form.returned) for line in _wrap(form, k)]
    wanted = [f"e{i} is not None" for i in inputs if form.differentiable[i]]
    if wanted:
        body += [f"if ({' or '.join(wanted)}) and grad_enabled():", *("    " + line for line in _record(form))]
    if form.view:
        body.append(f"link_view(r0, {form.inputs[0]}, primitive, ({''.join(a + ', ' for a in form.attributes)}))")
    results = ", ".join(f"r{k}" for k in range(form.returned))
    body.append(f"return {results}")
    head = f"def call({', '.join(form.inputs + form.attributes)}):"
    return "\n".join([head, *("    " + line for line in body)])


def _returned(out: str, form: _Form) -> str:
    if form.returned == form.outputs:
        return out
    return f"{out}[0]" if form.returned == 1 else f"{out}[:{form.returned}]"


def _take(form: _Form, i: int) -> list[str]:
    """Take input i apart into its array, its edge and its version cell."""
    name = form.inputs[i]
    known = "is_tensor" if i > 0 else "False"
    taken = [f"x{i} = {name}._array"]
    bare = [f"x{i} = {name}"]
    if form.differentiable[i]:
        taken.append(f"e{i} = {name}._edge")
        bare.append(f"e{i} = None")
    if form.readers[i]:
        taken.append(f"c{i} = {name}._cell")
        bare.append(f"c{i} = None")
    taken.append("is_tensor = True")
    if i == 0:
        bare.append(f"is_tensor = {known}")
    return [
        f"if isinstance({name}, Tensor):",
        *("    " + line for line in taken),
        "else:",
        *("    " + line for line in bare),
    ]


def _wrap(form: _Form, k: int) -> list[str]:
    """Make a tensor of output k."""
    array = "out" if form.outputs == 1 else f"out[{k}]"
    return [
        f"r{k} = new(Tensor)",
        f"r{k}._array = {array}",
        f"r{k}._edge = None",
        f"r{k}._cell = [0]",
    ]


def _record(form: _Form) -> list[str]:
    """Make the node, and make it the origin of the differentiable outputs."""
    inputs = range(len(form.inputs))
    saved = [*_kept(form, "x{}", ["out" if form.outputs == 1 else f"out[{k}]" for k in range(form.outputs)])]
    saved += form.attributes
    saved += [f"x{i}.shape" if form.shapes[i] else "None" for i in inputs]
    outs = [f"(r{k}._cell, 0)" if k < form.returned else "None" for k in range(form.outputs)]
    # A negative version is that of memory that arrays outside share: see sharing.py.
    seen = "None if c{0} is None else (c{0}, v) if (v := c{0}[0]) >= 0 else (c{0}, seen(c{0}, x{0}))"
    versions = _kept(form, seen, outs)
    lines = [
        "node = new(Node)",
        "node.primitive = primitive",
        f"node.outputs = {form.outputs}",
        "node.sequence = next_sequence()",
        f"node.edges = ({''.join(f'e{i}, ' if form.differentiable[i] else 'None, ' for i in inputs)})",
        f"node.saved = ({', '.join(saved)},)",
        f"node.versions = ({', '.join(versions)},)" if any(form.readers) else "node.versions = ()",
        f"node.shapes = {_shapes(form)}",
    ]
    for k in range(form.returned):
        condition = "" if form.returned == 1 else f"if out[{k}].dtype.kind == 'f': "
        lines.append(f"{condition}r{k}._edge = (node, {k})")
    results = "".join(f"r{k}, " for k in range(form.returned))
    lines.append("if observers:")
    lines.append(f"    observe(node, ({results}), ({''.join(f'x{i}, ' for i in inputs)}))")
    return lines


def _kept(form: _Form, of_input: str, of_outputs: list[str]) -> list[str]:
    """Return an expression for each input and output: None unless an input whose rule reads it needs a gradient."""
    wants_gradient = [i for i, d in enumerate(form.differentiable) if d]
    expressions = [of_input.format(i) for i in range(len(form.inputs))] + of_outputs
    kept = []
    for slot, expression in enumerate(expressions):
        readers = form.readers[slot]
        if not readers:
            kept.append("None")
        elif list(readers) == wants_gradient:
            kept.append(f"({expression})")
        else:
            condition = " and ".join(f"e{i} is None" for i in readers)
            kept.append(f"None if {condition} else ({expression})")
    return kept


def _shapes(form: _Form) -> str:
    """Return an expression for the inputs' shapes, None unless broadcasting changes one of them."""
    if not form.broadcasts:
        return "None"
    arrays = ", ".join(f"x{i}" for i in range(len(form.inputs)))
    return f"same_shape({arrays})"


# ----------------------------------------------------------------------------------------------------------------------
# The way back, written out in the same manner.


def compile_pullback(p: Primitive) -> Callable[..., Any]:
    """Return the function that gives every input its cotangent.

    It takes the output's cotangent (a tuple of them where there are several outputs), the node's edges and what it kept,
    and returns for each input the result of its rule, or None where the input needs no gradient.
    """
    reads = tuple(None if rule is None else rule[1] for rule in p.vjp)
    function: Callable[..., Any] = _pullback_factory(reads)(*[None if rule is None else rule[0] for rule in p.vjp])
    function.__name__ = function.__qualname__ = f"{p.name}_pullback"
    return function


@cache
def _pullback_factory(reads: tuple[tuple[int, ...] | None, ...]) -> Callable[..., Any]:
    calls = []
    for i, slots in enumerate(reads):
        arguments = "".join(f", kept[{slot}]" for slot in slots or ())
        calls.append("None" if slots is None else f"None if edges[{i}] is None else rule{i}(g{arguments})")
    rules = ", ".join(f"rule{i}" for i in range(len(reads)))
    source = f"def make({rules}):\n    def call(g, edges, kept):\n        return ({', '.join(calls)},)\n    return call"
    scope: dict[str, Any] = {}
    exec(compile(source, f"<pullback of {reads}>", "exec"), scope)
    make: Callable[..., Any] = scope["make"]
    return make
