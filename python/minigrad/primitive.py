"""Primitives: one record an operation, which everything else reads.

A `Primitive` says what an operation computes, how a cotangent goes back through it, what kind of function it is and
where it comes from. Running it eagerly, sweeping backwards, pushing tangents forwards, testing and documenting it are
readers of that record; none of them names an operation.

Rules
-----
A vjp rule is a function such as ``lambda g, y: mul(g, y)``. Its parameters tell what it needs: first the cotangent
``g``, then any of the primitive's inputs (``x``), outputs (``out``), attributes (``dim``) and input shapes (``x_shape``)
by their names; ``*settings`` stands for all attributes that it does not name. A primitive is a rule itself where its inputs
and attributes are called so. Only what the rules of the inputs in need of a gradient name is kept alive until the backward
pass. A primitive with several outputs gets a tuple of cotangents, with ``None`` where an output has none.

Rules call primitives, never operators or array methods. Handed arrays, a primitive goes straight to its kernel, so that
the ordinary backward pass builds no graph; handed tensors, it records the next graph, so that the same rule serves
every order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from inspect import CO_VARARGS, Parameter, Signature
from typing import Any

from . import _core
from .batching import declining

ONE_TO_ONE = "one-to-one"
ONE_TO_MANY = "one-to-many"
MANY_TO_ONE = "many-to-one"
MANY_TO_MANY = "many-to-many"

ELEMENTWISE = "elementwise"
LINEAR = "linear"
MULTILINEAR = "multilinear"

# Batching rules that go by one word.
ALIGNED = "aligned"
LEADING = "leading"

Rule = Callable[..., Any]

#: Every primitive by its name.
registry: dict[str, Primitive] = {}


class Primitive:
    """The record of one operation.

    Parameters
    ----------
    name : str
        For errors, graphs and documentation.
    run : callable
        Takes arrays and attributes by position and returns an array or a tuple of arrays: a kernel, or for a view a
        function that plans only. It returns ``NotImplemented`` for dtypes that it does not take as they are.
    inputs, attributes, outputs : tuple of str
        The names of what it takes and gives.
    equation, source, relation : str
        What it computes, where that is from, and how the Jacobian is populated.
    vjp : mapping
        For each differentiable input its rule.
    structure : str, optional
        ``ELEMENTWISE``: the Jacobian is diagonal, so that a tangent goes through the vjp rule. ``LINEAR``: linear in
        its only differentiable input, so that a tangent goes through the primitive itself. ``MULTILINEAR``: linear in
        each differentiable input alone.
    jvp : mapping, optional
        For a primitive without such a structure, for each differentiable input a rule ``lambda t, ...``, whose results
        are added up (tuples of them where there are several outputs).
    vjp_at_once : callable, optional
        A rule ``lambda g, wanted, ...`` that gives a tuple with the cotangents of the inputs that are `wanted`, a set of
        bits, in fewer passes than the single rules. It is for arrays only, and leaves to the single rules those inputs
        for which, or for all of which, it returns ``NotImplemented``. What no single rule of those that are wanted reads
        is None.
    vjp_summed : mapping, optional
        For an input that broadcasting repeats, a rule ``lambda g, shape, ...`` that gives its cotangent summed to its
        `shape` in fewer passes than ``vjp`` and the sweep's sum. What it leaves unsummed the sweep sums.
    promotion : str, optional
        What dtypes the public function computes in: ``"common"`` brings all operands to one dtype, ``"number"`` does so
        and refuses booleans, ``"float"`` brings them to one floating-point dtype, ``None`` leaves them.
    returned : int, optional
        How many of the outputs the caller gets; those behind them are residuals, which only rules see. All by default.
    broadcasts : bool, optional
        Whether the inputs' shapes broadcast, so that the sweep has to sum cotangents: as a rule, elementwise ones do.
    constants : tuple of int, optional
        What `run` gets behind the attributes in every call.
    view : bool
        The output shares memory with the first input.
    batch : str or callable, optional
        How `vmap` runs it on all examples at once, where neither `structure` nor the attributes' names say so.
        ``LEADING``: as it is, since leading dims are a batch to it. ``ALIGNED``: so, once all inputs have one rank.
        Otherwise ``rule(level, values, batched, *attributes)``, which returns all outputs: see batching_rules.py.
    """

    #: The tangents of all outputs at once, where that is more than a sum over the inputs.
    pushforward: Callable[[Sequence[Any], tuple[Any, ...]], Any] | None = None

    def __init__(
        self,
        name: str,
        *,
        run: Callable[..., Any],
        inputs: tuple[str, ...],
        attributes: tuple[str, ...] = (),
        outputs: tuple[str, ...] = ("out",),
        equation: str,
        source: str,
        relation: str,
        vjp: Mapping[str, Rule] | None = None,
        structure: str | None = None,
        jvp: Mapping[str, Rule] | None = None,
        vjp_at_once: Rule | None = None,
        vjp_summed: Mapping[str, Rule] | None = None,
        promotion: str | None = "common",
        returned: int | None = None,
        broadcasts: bool | None = None,
        constants: tuple[int, ...] = (),
        view: bool = False,
        batch: str | Rule | None = None,
    ) -> None:
        self.name = name
        self.run = run if view else declining(run)
        self.inputs = inputs
        self.attributes = attributes
        self.outputs = outputs
        self.equation = equation
        self.source = source
        self.relation = relation
        self.structure = structure
        self.promotion = promotion
        self.returned = len(outputs) if returned is None else returned
        self.constants = constants
        self.view = view
        self.batch = batch
        #: The names of what a node may keep, in the order in which it keeps them.
        self.slots = inputs + outputs + attributes + tuple(f"{x}_shape" for x in inputs)
        for rules in (vjp or {}, jvp or {}, vjp_summed or {}):
            if not rules.keys() <= set(inputs):
                raise TypeError(f"{name}: there are rules for {sorted(rules)}, but the inputs are {inputs}")
        self.vjp = tuple(self._compile(vjp or {}, x) for x in inputs)
        self.jvp = tuple(self._compile(jvp or {}, x) for x in inputs)
        self.vjp_at_once = self._compile({"all": vjp_at_once} if vjp_at_once else {}, "all", 2)
        self.vjp_summed = tuple(self._compile(vjp_summed or {}, x, 2) for x in inputs)
        self._reads = [self._slots_read(i) for i in range(len(inputs))]
        self.broadcasts = structure == ELEMENTWISE and len(inputs) > 1 if broadcasts is None else broadcasts
        #: What runs it on tensors, arrays and numbers: src/bindings/operation.cpp.
        self.eager = self.operation(self.run)
        registry[name] = self

    def operation(
        self, run: Callable[..., Any], *, promote: Callable[..., Any] | None = None, whole: bool = False
    ) -> _core.Operation:
        """Return the eager call with this `run`, and with `promote` for what that does not take as it is.

        With `whole` the caller gets the outputs that only rules see as well.
        """
        inputs, kept = len(self.inputs), len(self.inputs) + len(self.outputs)
        first_shape = kept + len(self.attributes)
        named = inputs <= 2 and (self.promotion is not None or self.structure == ELEMENTWISE)
        public = ("input", "other")[:inputs] if named else self.inputs
        operation = _core.Operation(
            self,
            run,
            public + self.attributes,
            self.constants,
            (*self.vjp, self.vjp_at_once, *self.vjp_summed),
            tuple([_as_set(self.readers(slot)) for slot in range(kept)]),
            promote,
            inputs=inputs,
            attributes=len(self.attributes),
            outputs=len(self.outputs),
            returned=len(self.outputs) if whole else self.returned,
            differentiable=_as_set([i for i, rule in enumerate(self.vjp) if rule is not None]),
            shapes_read=_as_set([i for i in range(inputs) if self.readers(first_shape + i)]),
            broadcasts=self.broadcasts,
            view=self.view,
            promotion=self.promotion,
        )
        operation.__dict__.update(
            __name__=self.name,
            __qualname__=self.name,
            __module__=None,
            __doc__=None,
            __annotations__={},
            __signature__=_signature(public + self.attributes),
        )
        return operation

    def _compile(self, rules: Mapping[str, Rule], name: str, given: int = 1) -> tuple[Rule, tuple[int, ...]] | None:
        """Return the rule called `name` and the slots that it reads behind what it is given; None where there is none."""
        rule = rules.get(name)
        if rule is None:
            return None
        parameters = self._parameters(rule)[given:]
        unknown = [p for p in parameters if p not in self.slots]
        if unknown:
            raise TypeError(f"{self.name}: the rule for {name} reads {unknown}, which are not among {self.slots}")
        return rule, tuple(self.slots.index(p) for p in parameters)

    def _parameters(self, rule: Rule) -> tuple[str, ...]:
        if isinstance(rule, _core.Operation):
            return rule.primitive.inputs + rule.primitive.attributes
        code = rule.__code__
        names = code.co_varnames[: code.co_argcount]
        rest = [a for a in self.attributes if a not in names] if code.co_flags & CO_VARARGS else ()
        return (*names, *rest)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def readers(self, slot: int) -> tuple[int, ...]:
        """Return the numbers of the inputs whose gradient or tangent needs what is kept in `slot`."""
        return tuple([i for i, slots in enumerate(self._reads) if slot in slots])

    def _slots_read(self, i: int) -> set[int]:
        """Return what the rules of input `i` read."""
        rules = (self.vjp[i], self.jvp[i], self.vjp_summed[i])
        slots = {slot for rule in rules if rule is not None for slot in rule[1]}
        if self.structure in (LINEAR, MULTILINEAR) and self.vjp[i] is not None:
            # A linear or multilinear primitive is run again on the tangent and the other inputs.
            slots.update(slot for slot in range(len(self.inputs)) if slot != i)
        return slots

    @property
    def differentiable(self) -> bool:
        """Whether any input has a rule."""
        return any(rule is not None for rule in self.vjp)


def _as_set(numbers: Sequence[int]) -> int:
    """Return a set of small numbers as an integer whose bits stand for them."""
    return sum([1 << i for i in numbers])


@cache
def _signature(names: tuple[str, ...]) -> Signature:
    return Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])


def kernel_primitive(
    name: str, *, kernel: str | None = None, constants: tuple[int, ...] = (), **record: Any
) -> Callable[..., Any]:
    """Make the record of an operation that a kernel computes; return the function that runs it.

    The kernel is the one of the same name unless another is named. `constants` are the values of its last attributes,
    which the operation then has no more.
    """
    compiled = _core.kernels[kernel or name]
    return Primitive(
        name,
        run=compiled,
        inputs=compiled.inputs,
        attributes=compiled.attributes[: len(compiled.attributes) - len(constants)],
        outputs=compiled.outputs,
        constants=constants,
        **record,
    ).eager


def view_primitive(
    name: str, *, run: Callable[..., Any], attributes: tuple[str, ...], **record: Any
) -> Callable[..., Any]:
    """Make the record of an operation whose output shares memory with its input; return the function that runs it."""
    return Primitive(name, run=run, inputs=("x",), attributes=attributes, view=True, promotion=None, **record).eager


class Variadic:
    """The record of a linear operation with any number of inputs or of outputs, whose calls make their own nodes.

    It stands where a node has its `Primitive`, and answers what the sweeps ask: `pullback(g, edges, saved)` gives every
    input its cotangent, None where its edge is None; `pushforward(tangents, saved)` gives the outputs' tangents. What
    they read is all that a call saves: shapes and attributes, no arrays.
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        *,
        equation: str,
        source: str,
        pullback: Callable[[Any, tuple[Any, ...], tuple[Any, ...]], tuple[Any, ...]],
        pushforward: Callable[[Sequence[Any], tuple[Any, ...]], Any],
    ) -> None:
        self.name = name
        self.equation = equation
        self.source = source
        self.pullback = pullback
        self.pushforward = pushforward

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"
