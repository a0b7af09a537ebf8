"""One sample, run in both libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

import minigrad

from . import deliberate
from .compare import Mismatch, compare, compare_arrays, compare_bits, compare_gradients, compare_tensors
from .convert import (
    Arguments,
    OutOfScope,
    array,
    minigrad_arguments,
    reversed_in_memory,
    tensors,
    torch_arguments,
    tree_map,
)
from .derivatives import compare_first, compare_second, differentiable, draw, minigrad_grad
from .report import Failure, Report, describe

# Second order and forward mode are run where the inputs have at most so many elements together.
MOST_ELEMENTS = 2000

# Finite differences, which stand in where PyTorch has no second derivative, where they have at most so many.
MOST_DIFFERENCES = 50


def _to(own: torch.dtype, other: torch.dtype) -> Callable[[Any], Any]:
    """Return what casts the tensors of one dtype to another."""
    return lambda x: x.detach().to(other) if isinstance(x, torch.Tensor) and x.dtype is own else x


def _chosen(x: torch.Tensor, indices: torch.Tensor, dim: int) -> Any:
    """Return the elements at indices along a dimension, which `indices` may have lost."""
    kept = indices if indices.ndim == x.ndim else indices.unsqueeze(dim)
    return torch.gather(x, dim, kept).numpy()


@dataclass
class Entry:
    """An entry of the database: an operation, how both libraries call it, and what came of it so far."""

    name: str
    info: Any
    theirs: Callable[..., Any]
    mine: Callable[..., Any]
    report: Report

    @property
    def label(self) -> str:
        """The name and the variant of it."""
        return f"{self.name} ({self.info.variant_test_name})" if self.info.variant_test_name else self.name


@dataclass
class Pair:
    """The same call in both libraries, and what it returned."""

    theirs: Arguments
    mine: Arguments
    expected: Any = None
    got: Any = None

    def inputs(self) -> tuple[list[Any], list[Any]]:
        """Return the tensors that gradients are taken by, PyTorch's and minigrad's."""
        return differentiable(self.theirs, torch.Tensor), differentiable(self.mine, minigrad.Tensor)


def apply(call: Callable[..., Any], arguments: Arguments) -> Any:
    first, args, keywords = arguments
    return call(first, *args, **keywords)


@dataclass
class Sample:
    """One sample of an entry, and the checks on it."""

    entry: Entry
    sample: Any
    dtype: torch.dtype
    index: int

    @property
    def values(self) -> bool:
        """Whether PyTorch's values are the ones to be expected."""
        return self.entry.name not in deliberate.VALUES_UNDEFINED

    def fresh(self) -> Pair:
        """Return arguments that nobody has used."""
        theirs = torch_arguments(self.sample)
        return Pair(theirs, minigrad_arguments(theirs))

    def attempt(self, stage: str, check: Callable[..., bool], *operands: Any) -> bool:
        """Run a check; count it, or record why it failed. A check returns False where it does not apply."""
        report = self.entry.report
        try:
            if check(*operands):
                report.counts[stage] += 1
            return True
        except OutOfScope as reason:
            report.skipped[str(reason)] += 1
        except Exception as error:  # noqa: BLE001 - whatever minigrad raises is a failure of the sample
            if deliberate.is_deliberate(
                self.entry.name, stage, (self.sample.input, self.sample.args, self.sample.kwargs)
            ):
                report.skipped["deliberate differences"] += 1
            else:
                self.fail(stage, error)
        return False

    def fail(self, stage: str, error: Exception) -> None:
        """Record a failure."""
        text = f"sample {self.index}: {self.sample.summary()}"
        dtype = str(self.dtype).removeprefix("torch.")
        self.entry.report.failures.append(Failure(self.entry.label, stage, dtype, text[:1500], describe(error)))

    # Each check compares one thing.

    def forward(self, pair: Pair, theirs: Callable[..., Any], mine: Callable[..., Any]) -> bool:
        """Compare what the two calls return, and what they made of their arguments."""
        try:
            pair.expected = apply(theirs, pair.theirs)
        except Exception as error:
            raise OutOfScope("PyTorch raises") from error
        if any(t.is_complex() for t in tensors(pair.expected)):
            raise OutOfScope("complex numbers")
        pair.got = apply(mine, pair.mine)
        if self.entry.name in deliberate.CHOICES and not self.sample.kwargs.get("stable"):
            self.choice(pair)
        else:
            self.result(pair, theirs)
        for a, b in zip(tensors(pair.mine, minigrad.Tensor), tensors(pair.theirs), strict=True):
            compare_tensors(a, b, self.values, "argument after the call")
        self.sharing(pair)
        return True

    def result(self, pair: Pair, theirs: Callable[..., Any]) -> None:
        """Compare the results."""
        try:
            compare(pair.got, pair.expected, self.values)
        except Mismatch:
            if self.dtype is not torch.float16:
                raise
            self.nearer_in_float16(pair, theirs)

    def nearer_in_float16(self, pair: Pair, theirs: Callable[..., Any]) -> None:
        """Compare with what PyTorch gives in float64, rounded once: in float16 it rounds, or overflows, in each step."""
        exact = apply(theirs, tree_map(_to(torch.float16, torch.float64), torch_arguments(self.sample)))
        compare(pair.got, tree_map(_to(torch.float64, torch.float16), exact), self.values)

    def choice(self, pair: Pair) -> None:
        """Compare the values, and the elements that the indices name; no element may be named twice."""
        compare(pair.got, pair.expected, values=False)
        if isinstance(pair.expected, tuple):
            compare(pair.got[0], pair.expected[0])
        x, args = self.sample.input.detach(), self.sample.args
        place = deliberate.CHOICES[self.entry.name]
        dim = self.sample.kwargs.get("dim", args[place] if len(args) > place else -1)
        mine = torch.tensor(array(tensors(pair.got, minigrad.Tensor)[-1]))
        compare_arrays(_chosen(x, mine, dim), _chosen(x, tensors(pair.expected)[-1], dim), "elements at the indices")
        if mine.ndim == x.ndim > 0 and not (mine.sort(dim).values.diff(dim=dim) > 0).all():
            raise Mismatch("an index occurs twice")

    def sharing(self, pair: Pair) -> None:
        """Compare which results are views of the first argument."""
        theirs, mine = tensors(pair.theirs)[:1], tensors(pair.mine, minigrad.Tensor)[:1]
        for x, u in zip(theirs, mine, strict=True):
            for y, v in zip(tensors(pair.expected), tensors(pair.got, minigrad.Tensor), strict=True):
                if y.numel() == 0 or x.numel() == 0:
                    continue
                shared = x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()
                if shared != np.may_share_memory(array(u), array(v)):
                    raise Mismatch(f"the result {'does not share' if shared else 'shares'} memory, unlike PyTorch's")

    def layouts(self, pair: Pair) -> bool:
        """Compare the bits that arrays in reversed memory make, which only NumPy has."""
        reversed_arguments = tree_map(reversed_in_memory, pair.mine)
        if not self.values or not any(array(x).ndim for x in tensors(pair.mine, minigrad.Tensor)):
            return False
        compare_bits(apply(self.entry.mine, reversed_arguments), pair.got)
        return True

    def gradient(self, pair: Pair) -> bool:
        """Compare the products of a drawn cotangent with the Jacobian."""
        return compare_first(pair, self.values)

    def second_order(self, pair: Pair) -> bool:
        """Compare the derivatives of those products by inputs and cotangents."""
        if not self.values or sum(x.numel() for x in pair.inputs()[0]) > MOST_ELEMENTS:
            return False
        done = compare_second(pair)
        return self.second_order_by_differences(pair.inputs()[1]) if done is None else done

    def second_order_by_differences(self, us: list[Any]) -> bool:
        """Check against finite differences, where PyTorch has no second derivative."""
        if sum(u.numel() for u in us) > MOST_DIFFERENCES:
            return False
        minigrad.autograd.gradgradcheck(self._function(), tuple(us))
        return True

    def _function(self) -> Callable[..., Any]:
        """Return minigrad's call as a function of its differentiable inputs."""
        mine = self.fresh().mine
        old = differentiable(mine, minigrad.Tensor)
        places = {id(u): i for i, u in enumerate(old)}

        def function(*inputs: Any) -> Any:
            arguments = tree_map(lambda x: inputs[places[id(x)]] if id(x) in places else x, mine)
            return tuple(differentiable(apply(self.entry.mine, arguments), minigrad.Tensor))

        return function

    def forward_mode(self, pair: Pair) -> bool:
        """Compare the products of the Jacobian with drawn tangents."""
        xs, us = pair.inputs()
        ys = differentiable(pair.expected, torch.Tensor)
        if not ys or not self.values or sum(x.numel() for x in xs) > MOST_ELEMENTS:
            return False
        tangents = draw(3, xs)
        expected = None
        if self.entry.info.supports_forward_ad:
            expected = self.torch_tangents([torch.from_numpy(t) for t in tangents])
        if expected is None:
            return self.forward_against_reverse(pair, tangents)
        _, got = minigrad.autograd.functional.jvp(
            self._function(), tuple(us), tuple(minigrad.from_numpy(t) for t in tangents)
        )
        compare_gradients(list(got), expected, ys, "tangent")
        return True

    def torch_tangents(self, tangents: list[torch.Tensor]) -> list[torch.Tensor | None] | None:
        """Return the tangents of the differentiable results by PyTorch's forward mode, None where it has none."""
        arguments = torch_arguments(self.sample)
        xs = differentiable(arguments, torch.Tensor)
        try:
            with forward_ad.dual_level():
                duals = {id(x): forward_ad.make_dual(x, t) for x, t in zip(xs, tangents, strict=True)}
                outputs = apply(self.entry.theirs, tree_map(lambda x: duals.get(id(x), x), arguments))
                return [forward_ad.unpack_dual(y).tangent for y in differentiable(outputs, torch.Tensor)]
        except (RuntimeError, NotImplementedError):
            return None

    def forward_against_reverse(self, pair: Pair, tangents: list[Any]) -> bool:
        """Compare a cotangent's product with the tangents of the results and its gradient's with those of the inputs."""
        _, us = pair.inputs()
        zs = differentiable(pair.got, minigrad.Tensor)
        gs = draw(1, zs)
        _, got = minigrad.autograd.functional.jvp(
            self._function(), tuple(us), tuple(minigrad.from_numpy(t) for t in tangents)
        )
        gradients = minigrad_grad(zs, us, [minigrad.from_numpy(g) for g in gs])
        forward = sum(float((g * array(t)).sum()) for g, t in zip(gs, got, strict=True))
        reverse = sum(float((array(d) * t).sum()) for d, t in zip(gradients, tangents, strict=True) if d is not None)
        close = (
            1e-9 if all(array(z).dtype == np.float64 for z in zs) else 1e-6
        )  # a result in float32 has such a tangent
        if not np.isclose(forward, reverse, close, close, equal_nan=True):
            raise Mismatch(f"forward mode says {forward!r}, reverse mode {reverse!r}")
        return True

    def method(self, theirs: Callable[..., Any], mine: Callable[..., Any]) -> bool:
        """Compare what the methods return, where PyTorch's takes the sample."""
        pair = self.fresh()
        if not isinstance(pair.theirs[0], torch.Tensor):
            return False
        try:
            return self.forward(pair, theirs, mine)
        except OutOfScope:
            return False

    def in_place(self, theirs: Callable[..., Any], mine: Callable[..., Any]) -> bool:
        """Compare value and gradient of changing a copy in place, where PyTorch can."""
        pair = self.fresh()
        if not isinstance(pair.theirs[0], torch.Tensor):
            return False
        changed = pair.theirs[0].clone()
        try:
            pair.expected = theirs(changed, *pair.theirs[1], **pair.theirs[2])
        except Exception:  # noqa: BLE001 - PyTorch has reasons of many types not to
            return False
        copied = pair.mine[0].clone()
        pair.got = mine(copied, *pair.mine[1], **pair.mine[2])
        compare(pair.got, pair.expected, self.values)
        if pair.expected is changed and pair.got is not copied:
            raise Mismatch("the result is not the tensor that was changed")
        if self.dtype is torch.float64:
            pair.expected = apply(self.entry.theirs, pair.theirs)  # in place, PyTorch lacks some derivatives
            self.gradient(pair)
        return True
