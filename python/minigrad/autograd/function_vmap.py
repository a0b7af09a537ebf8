"""Operations that users write, inside `vmap`: by a rule of their own, or by one generated from their methods.

For the graph of a level, the operation is what it is without `vmap`: its `setup_context` and `backward` see tensors of that
level. Its forward pass is run one level down, where outer graphs have to know of it: by the user's static method `vmap`
on the values of all examples, or by `_Generated`, an operation on those values whose methods are the user's, mapped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import batching
from ..batching import Level
from ..batching_rules import expand, level_of, lifted, of_level, split_level
from ..grad_mode import GradMode
from ..ops.reduce import sum as total
from ..ops.shape import movedim
from ..tensor import Tensor, wrap
from .function import Function, FunctionCtx


class VmapInfo(NamedTuple):
    """What a static method `vmap` gets first: the number of examples, and what random draws do."""

    batch_size: int
    randomness: str


def batched_forward(cls: type[Function], args: tuple[Any, ...]) -> tuple[Level, tuple[Any, ...]]:
    """Return the level of a call some of whose arguments are batched, and the arguments as that level's.

    Raises
    ------
    RuntimeError
        If the operation has no rule, or two, or its forward pass takes the context.
    """
    own = cls.vmap is not Function.vmap
    if own == cls.generate_vmap_rule:
        raise RuntimeError(
            f"{cls.__name__}: it has both a static method vmap and generate_vmap_rule = True; leave one of them out"
            if own
            else f"{cls.__name__}: to be used inside vmap, it needs a static method vmap or generate_vmap_rule = True"
        )
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(
            f"{cls.__name__}: to be used inside vmap, it needs forward(*args) without a context, and "
            "setup_context(ctx, inputs, output)"
        )
    level = level_of(args)
    assert level is not None
    return level, tuple([lifted(x, level) for x in args])


def run_batched(cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], level: Level, recording: bool) -> Any:
    """Run the forward pass on all examples; return the outputs as tensors of the level.

    `recording` says whether outer graphs are to know of it.
    """
    values, batched = split_level(args, level)
    values = [
        wrap(v) if isinstance(x, Tensor) and not isinstance(v, Tensor) else v for x, v in zip(args, values, strict=True)
    ]
    with batching.below(level), GradMode(recording):
        if cls.generate_vmap_rule:
            rule: Any = type(cls.__name__, (_Generated,), {"function": cls, "batched": tuple(batched), "level": level})
            output = rule.apply(*values)
            dims: Any = tuple([0 if b else None for b in rule.of_outputs])
        else:
            info = VmapInfo(level.size, level.randomness)
            output, dims = cls.vmap(info, tuple([0 if b else None for b in batched]), *values)
    several = isinstance(output, tuple)
    outputs = output if several else (output,)
    dims = dims if isinstance(dims, tuple) else (dims,) * len(outputs)
    if len(dims) != len(outputs):
        raise RuntimeError(f"{cls.__name__}: vmap must return as many out_dims as outputs, got {dims}")
    outputs = tuple([_as_examples(y, d, level) for y, d in zip(outputs, dims, strict=True)])
    output = outputs if several else outputs[0]
    cls.setup_context(ctx, args, output)
    if ctx._dirty:
        raise RuntimeError(f"{cls.__name__}: inside vmap it cannot change its inputs in place")
    return output


def _as_examples(y: Any, dim: int | None, level: Level) -> Any:
    if not isinstance(y, Tensor):
        return y
    moved = y if dim is None or dim % y.ndim == 0 else movedim(y, dim, 0)
    return of_level(level, moved if moved.requires_grad else moved._array, dim is not None)


class _Restored(FunctionCtx):
    """The context of the user's operation as `backward` finds it again, of another level."""

    def __init__(self, original: FunctionCtx, saved: tuple[Tensor | None, ...]) -> None:
        self.__dict__.update(original.__dict__)
        self._restored = saved

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved."""
        return self._restored


class _Generated(Function):
    """An operation on the values of all examples, whose methods are those of `function`, mapped over them."""

    generate_vmap_rule = True  # of itself, where it is mapped over once more

    function: type[Function]
    batched: tuple[bool, ...]
    of_outputs: tuple[bool, ...]
    level: Level

    @classmethod
    def _mapped(cls) -> Level:
        """Return a level of its own, since that of the call may be over."""
        return Level(cls.level.size, cls.level.randomness)

    @classmethod
    def forward(cls, *values: Any) -> Any:
        """Return the values of the outputs."""
        with cls._mapped() as level:
            output = cls.function.forward(*_inside(values, cls.batched, level))
            outputs = output if isinstance(output, tuple) else (output,)
            # An output that all examples share is repeated: each example's cotangent then is its own.
            results = tuple([_repeated(y, True, level) if isinstance(y, Tensor) else y for y in outputs])
        cls.of_outputs = tuple([isinstance(y, Tensor) for y in outputs])
        return results if isinstance(output, tuple) else results[0]

    @classmethod
    def setup_context(cls, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save the values of what the user's method saves."""
        outputs = output if isinstance(output, tuple) else (output,)
        with cls._mapped() as level:
            inside, made = _inside(inputs, cls.batched, level), _inside(outputs, cls.of_outputs, level)
            own = FunctionCtx(cls.function.__name__)
            own.needs_input_grad = ctx.needs_input_grad
            cls.function.setup_context(own, inside, made if isinstance(output, tuple) else made[0])
            known = [*zip(inside, inputs, strict=True), *zip(made, outputs, strict=True)]
            ctx.save_for_backward(*[_outside(x, known, level) for x in own._to_save])
            ctx.of_saved = tuple([x is not None and _value(x, level)[1] for x in own._to_save])
        ctx.own = own
        ctx.mark_non_differentiable(*[_outside(x, known, level) for x in own._constant])
        ctx.set_materialize_grads(own._materialize)

    @classmethod
    def backward(cls, ctx: Any, *grad_outputs: Any) -> Any:
        """Return the gradients by the user's `backward`; what all examples share gets the sum of theirs."""
        with cls._mapped() as level:
            own = _Restored(ctx.own, _inside(ctx.saved_tensors, ctx.of_saved, level))
            results = cls.function.backward(own, *_inside(grad_outputs, cls.of_outputs, level))
            results = results if isinstance(results, tuple) else (results,)
            flags = [*cls.batched, *[False] * (len(results) - len(cls.batched))]
            return tuple([_gradient(g, b, level) for g, b in zip(results, flags, strict=True)])

    @classmethod
    def jvp(cls, ctx: Any, *grad_inputs: Any) -> Any:
        """Return the tangents by the user's `jvp`."""
        with cls._mapped() as level:
            own = _Restored(ctx.own, _inside(ctx.saved_tensors, ctx.of_saved, level))
            result = cls.function.jvp(own, *_inside(grad_inputs, cls.batched, level))
            results = result if isinstance(result, tuple) else (result,)
            out = tuple([_repeated(t, b, level) for t, b in zip(results, cls.of_outputs, strict=True)])
        return out if isinstance(result, tuple) else out[0]


def _inside(values: Any, batched: Any, level: Level) -> tuple[Any, ...]:
    """Return values as tensors of a level; what is no tensor as it is."""
    return tuple([
        of_level(level, v if v.requires_grad else v._array, b) if isinstance(v, Tensor) else v
        for v, b in zip(values, batched, strict=True)
    ])  # fmt: skip


def _outside(x: Tensor | None, known: list[tuple[Any, Any]], level: Level) -> Any:
    """Return a tensor's value: where it is an argument or output itself, so that its place in the graph is known."""
    if x is None:
        return None
    return next((value for inside, value in known if inside is x), _value(x, level)[0])


def _value(x: Tensor, level: Level) -> tuple[Tensor, bool]:
    array: Any = lifted(x, level)._array
    return array.value if isinstance(array.value, Tensor) else wrap(array.value), array.batched


def _repeated(t: Tensor | None, batched: bool, level: Level) -> Tensor | None:
    """Return the values of a tensor, where `batched` one for each example."""
    if t is None:
        return None
    value, own = _value(t, level)
    return expand(value, (level.size, *value.shape)) if batched and not own else value


def _gradient(g: Tensor | None, batched: bool, level: Level) -> Tensor | None:
    if g is None:
        return None
    value, own = _value(g, level)
    if own == batched:
        return value
    return total(value, 0) if own else expand(value, (level.size, *value.shape))
