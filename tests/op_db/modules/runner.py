"""Build each module of the database in both libraries, give both one state, and compare what they do."""

from __future__ import annotations

import copy
import pickle
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import minigrad

from ..compare import Mismatch, compare, compare_bits, compare_tensors
from ..convert import DTYPES, OutOfScope, array, minigrad_arguments, reversed_in_memory, tensors, tree_map
from ..derivatives import compare_first, compare_second, differentiable
from ..report import Failure, Report, describe
from .deliberate import OUT_OF_SCOPE, is_deliberate

STAGES = (
    "text and state",
    "forward",
    "gradient",
    "second order",
    "layouts",
    "copies",
    "dtype argument",
    "errors raised",
)

SCOPE = [info for info in module_db if info.module_cls.__name__ not in OUT_OF_SCOPE]


def converted(x: Any) -> Any:
    """Return PyTorch's arguments as minigrad's, with memory of their own."""
    return minigrad_arguments((None, [x], {}))[1][0]


@dataclass
class Pair:
    """A module of both libraries with one state, and arguments to call it with."""

    theirs: Any
    ours: Any
    their_args: tuple[Any, dict[str, Any]]
    our_args: tuple[Any, dict[str, Any]]
    expected: Any = None
    got: Any = None

    def inputs(self) -> tuple[list[Any], list[Any]]:
        """Return what gradients are taken by: arguments, then parameters."""
        return (
            differentiable(self.their_args, torch.Tensor) + [p for p in self.theirs.parameters() if p.requires_grad],
            differentiable(self.our_args, minigrad.Tensor) + [p for p in self.ours.parameters() if p.requires_grad],
        )


class Sample:
    """One input of the database: a module with constructor's and call's arguments."""

    def __init__(self, info: Any, module_input: Any, dtype: torch.dtype, training: bool, report: Report) -> None:
        self.info, self.input, self.dtype, self.training, self.report = info, module_input, dtype, training, report
        self.name = info.module_cls.__name__

    def build(self, **options: Any) -> tuple[Any, Any]:
        """Return PyTorch's module and minigrad's."""
        args, kwargs = self.input.constructor_input.args, self.input.constructor_input.kwargs
        with torch.random.fork_rng():
            theirs = self.info.module_cls(*args, **kwargs, **options)
        ours = getattr(minigrad.nn, self.name)(*converted(args), **converted({**kwargs, **options}))
        return theirs, ours

    def pair(self) -> Pair:
        """Return both modules in this dtype and mode, with one state, and the arguments."""
        theirs, ours = self.build()
        theirs.to(self.dtype).train(self.training)
        ours.to(DTYPES[self.dtype]).train(self.training)
        call = self.input.forward_input
        args = (tuple(call.args), dict(call.kwargs))
        args = tree_map(lambda x: x.detach().clone().requires_grad_(x.requires_grad) if torch.is_tensor(x) else x, args)
        pair = Pair(theirs, ours, args, converted(args))
        state = {key: value.numpy() for key, value in theirs.state_dict().items()}
        if list(ours.state_dict()) != list(state):
            raise Mismatch(f"state_dict has the keys {list(ours.state_dict())} instead of {list(state)}")
        ours.load_state_dict(state)
        return pair

    def attempt(self, stage: str, check: Callable[..., bool], *operands: Any) -> bool:
        """Run a check; count it, or record why it failed. A check returns False where it does not apply."""
        try:
            if check(*operands):
                self.report.counts[stage] += 1
            return True
        except OutOfScope as reason:
            self.report.skipped[str(reason)] += 1
        except Exception as error:  # noqa: BLE001 - whatever minigrad raises is a failure
            if is_deliberate(self.name, stage, str(error)):
                self.report.skipped["deliberate differences"] += 1
            else:
                what = self.input.constructor_input
                text = f"{self.name}({what.args}, {what.kwargs}) {self.input.desc}, training={self.training}"
                dtype = str(self.dtype).removeprefix("torch.")
                self.report.failures.append(Failure(self.name, stage, dtype, text[:800], describe(error)))
        return False

    def run(self) -> None:
        """Run all checks."""
        if not self.attempt("text and state", self.text_and_state):
            return
        pair = self.pair()
        if not self.attempt("forward", self.forward, pair):
            return
        if (
            self.attempt("gradient", self.gradient, pair)
            and self.dtype is torch.float64
            and self.info.supports_gradgrad
        ):
            self.attempt("second order", self.second_order, pair)
        self.attempt("layouts", self.layouts)
        self.attempt("copies", self.copies)
        self.attempt("dtype argument", self.dtype_argument)

    # Each check compares one thing.

    def text_and_state(self) -> bool:
        """Compare the modules' texts, names of parameters and buffers, and the state's forms."""
        pair = self.pair()
        for names in ("named_parameters", "named_buffers", "named_children"):
            theirs, ours = ([name for name, _ in getattr(m, names)()] for m in (pair.theirs, pair.ours))
            if theirs != ours:
                raise Mismatch(f"{names}: expected {theirs}, got {ours}")
        if repr(pair.ours) != repr(pair.theirs):
            raise Mismatch(f"text: expected {pair.theirs!r}, got {pair.ours!r}")
        for key, value in pair.theirs.state_dict().items():
            compare_tensors(pair.ours.state_dict()[key], value, where=key)
        return True

    def forward(self, pair: Pair) -> bool:
        """Compare results, arguments and buffers after the call."""
        pair.expected = pair.theirs(*pair.their_args[0], **pair.their_args[1])
        pair.got = pair.ours(*pair.our_args[0], **pair.our_args[1])
        compare(pair.got, pair.expected)
        for a, b in zip(tensors(pair.our_args, minigrad.Tensor), tensors(pair.their_args), strict=True):
            compare_tensors(a, b, where="argument after the call")
        for (name, b), a in zip(pair.theirs.named_buffers(), pair.ours.buffers(), strict=True):
            compare_tensors(a, b, where=f"{name} after the call")
        return True

    def gradient(self, pair: Pair) -> bool:
        """Compare gradients of arguments and parameters."""
        return compare_first(pair)

    def second_order(self, pair: Pair) -> bool:
        """Compare the derivatives of those gradients."""
        done = compare_second(pair)
        return self.second_order_by_differences(pair) if done is None else done

    def second_order_by_differences(self, pair: Pair) -> bool:
        """Check against finite differences, with respect to the arguments."""
        places = {id(x): i for i, x in enumerate(differentiable(pair.our_args, minigrad.Tensor))}

        def function(*inputs: Any) -> Any:
            args, kwargs = tree_map(lambda x: inputs[places[id(x)]] if id(x) in places else x, pair.our_args)
            return pair.ours(*args, **kwargs)

        minigrad.autograd.gradgradcheck(function, tuple(differentiable(pair.our_args, minigrad.Tensor)))
        return True

    def layouts(self) -> bool:
        """Compare the bits that arguments in reversed memory make."""
        pair, other = self.pair(), self.pair()
        args = tree_map(reversed_in_memory, other.our_args)
        compare_bits(other.ours(*args[0], **args[1]), pair.ours(*pair.our_args[0], **pair.our_args[1]))
        return True

    def copies(self) -> bool:
        """Check that pickled and deeply copied modules do the same, and share nothing."""
        pair = self.pair()
        outs = []
        for duplicate in (copy.deepcopy(pair.ours), pickle.loads(pickle.dumps(pair.ours))):
            if repr(duplicate) != repr(pair.ours) or duplicate.training is not self.training:
                raise Mismatch("a copy has another text or mode")
            for a, b in zip(duplicate.state_dict().values(), pair.ours.state_dict().values(), strict=True):
                if np.shares_memory(array(a), array(b)):
                    raise Mismatch("a copy shares memory")
            outs.append(duplicate(*pair.our_args[0], **pair.our_args[1]))
        expected = pair.ours(*pair.our_args[0], **pair.our_args[1])
        for out in outs:
            compare_bits(out, expected)
        return True

    def dtype_argument(self) -> bool:
        """Check the constructor's `dtype` and `device`, where PyTorch's has them."""
        if "dtype" not in self.info.module_cls.__init__.__code__.co_varnames:
            return False
        theirs, ours = self.build(dtype=self.dtype, device="cpu")
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            compare_tensors(a, b, values=False)
        return True


def samples(info: Any, dtype: torch.dtype, training: bool, report: Report) -> Iterator[Sample]:
    """Yield the database's inputs of a module, the same in each run."""
    torch.manual_seed(0)
    options = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": training}
    for module_input in info.module_inputs_func(info, **options):
        report.counts["samples"] += 1
        yield Sample(info, module_input, dtype, training, report)


def run_errors(info: Any, dtype: torch.dtype, report: Report) -> None:
    """Check that minigrad raises PyTorch's type of error where PyTorch raises."""
    if info.module_error_inputs_func is None:
        return
    torch.manual_seed(0)
    options = {"device": "cpu", "dtype": dtype, "requires_grad": False, "training": True}
    for error_input in info.module_error_inputs_func(info, **options):
        report.counts["error inputs"] += 1
        sample = Sample(info, error_input.module_error_input, dtype, True, report)
        sample.attempt("errors raised", raises, sample, error_input)


def raises(sample: Sample, error_input: Any) -> bool:
    """Check that minigrad raises, at the same place, an error of the same type."""
    what, call = sample.input.constructor_input, sample.input.forward_input
    calls = error_input.error_on != ModuleErrorEnum.CONSTRUCTION_ERROR
    mine = tree_map(lambda x: x if isinstance(x, complex) else converted(x), (what.args, what.kwargs))

    def theirs() -> Any:
        module = sample.info.module_cls(*what.args, **what.kwargs)
        return module.to(sample.dtype)(*call.args, **call.kwargs) if calls else module

    def ours() -> Any:
        module = getattr(minigrad.nn, sample.name)(*mine[0], **mine[1])
        return module.to(DTYPES[sample.dtype])(*converted(call.args), **converted(call.kwargs)) if calls else module

    expected = raised(theirs)
    if expected is None:
        raise OutOfScope("error inputs that PyTorch takes")
    got = raised(ours)
    if not isinstance(got, type(expected)):
        raise Mismatch(f"expected {expected!r}, got {got!r}"[:500])
    return True


def raised(call: Callable[[], Any]) -> Exception | None:
    """Return what a call raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - of any type
        return error
    return None


def run_module(info: Any) -> Report:
    """Return what came of a module's inputs."""
    report, start = Report(info.module_cls.__name__), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in (torch.float64, torch.float32):
            for training in (True, False):
                for sample in samples(info, dtype, training, report):
                    sample.run()
            run_errors(info, dtype, report)
    report.seconds = time.perf_counter() - start
    return report
