"""How a module's backward hooks see its gradients: its inputs and its outputs go through nodes that do nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.function import Function
from ..handles import Hook
from ..tensor import Tensor, wrap


class _Passage(Function):
    """Hands tensors on, as views of themselves."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(x.view_as(x) for x in tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*(v for v, x in zip(output, inputs, strict=True) if not x.requires_grad))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        return grads

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Any, ...]:
        return tangents


def _passed(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, list[int]]:
    """Return the values behind a passage, its node, and the places of the tensors; no node where none has a gradient."""
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor)]
    if not any(values[i].requires_grad for i in places):
        return values, None, places
    through = list(values)
    for i, x in zip(places, _Passage.apply(*(values[i] for i in places)), strict=True):
        through[i] = x
    return tuple(through), next(x.grad_fn for x in through if isinstance(x, Tensor) and x.requires_grad), places


def _spread(gradients: Sequence[Any], places: list[int], count: int) -> tuple[Any, ...]:
    """Return the gradients in their places among `count`, None elsewhere."""
    spread: list[Any] = [None] * count
    for i, g in zip(places, gradients, strict=True):
        spread[i] = g
    return tuple(spread)


def _of_form(result: tuple[Any, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values as a tuple of the result's class, which may have names."""
    make = getattr(type(result), "_make", type(result))
    return values if type(result) is tuple else make(values)


def _replaced(name: str, given: Any, old: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a hook gave in place of gradients, or these."""
    if given is None:
        return old
    new = given if isinstance(given, tuple) else (given,)
    if len(new) != len(old):
        raise RuntimeError(f"{name}: returned {len(new)} gradients in place of {len(old)}")
    return new


class BackwardHooks:
    """The backward hooks of one call of a module."""

    def __init__(self, module: Any, before: list[Hook], after: list[Hook]) -> None:
        self.module, self.before, self.after = module, before, after
        self.count = 0  # of positional arguments
        self.inputs_watched = False
        self.output_grads: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, module: Any, hooks: list[Any]) -> BackwardHooks | None:
        """Return the hooks for this call, None where there are none."""
        before = [hook for h in hooks for hook in h.backward_before.all()]
        after = [hook for h in hooks for hook in h.backward.all()]
        return cls(module, before, after) if before or after else None

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments as the module is to see them."""
        self.count = len(args)
        if not self.after:
            return args
        args, node, places = _passed(args)
        if node is not None:
            self.inputs_watched = True
            forms = node.forms_in

            def arrived(grads: tuple[Any, ...], _: Any) -> tuple[Any, ...]:
                known = [wrap(np.zeros(*form)) if g is None else g for g, form in zip(grads, forms, strict=True)]
                new = self._finish(_spread(known, places, self.count))
                return tuple(new[i] if g is not None else None for i, g in zip(places, grads, strict=True))

            node.register_hook(arrived)
        return args

    def watch_outputs(self, result: Any) -> Any:
        """Return the result as others are to see it."""
        results = result if isinstance(result, tuple) else (result,)
        results, node, places = _passed(results)
        if node is not None:
            count = len(results)  # the hook, which the node holds, must not hold the results

            def arrived(grads: tuple[Any, ...]) -> tuple[Any, ...]:
                new = self._start(_spread(grads, places, count))
                return tuple(new[i] for i in places)

            node.register_prehook(arrived)
        return _of_form(result, results) if isinstance(result, tuple) else results[0]

    def _start(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.before:
            grads = _replaced("full backward pre-hook", hook(self.module, grads), grads)
        self.output_grads = grads
        if self.after and not self.inputs_watched:
            self._finish_without_inputs()
        return grads

    def _finish(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.output_grads is None:
            raise RuntimeError(
                "full backward hook: the gradients of the module's arguments were there before those of its results, "
                "which is so where an argument is changed in place, or reaches the loss by another way than the results"
            )
        for hook in self.after:
            grads = _replaced("full backward hook", hook(self.module, grads, self.output_grads), grads)
        self.output_grads = None
        return grads

    def _finish_without_inputs(self) -> None:
        """Run the hooks of the arguments' gradients where there are none."""
        none: tuple[Any, ...] = (None,) * self.count
        for hook in self.after:
            given = hook(self.module, none, self.output_grads)
            if given is not None and any(g is not None for g in _replaced("full backward hook", given, none)):
                raise RuntimeError(
                    "full backward hook: there are no gradients to replace where no argument requires one"
                )
        self.output_grads = None
