"""Run the database's samples through both libraries and compare what comes out."""

from __future__ import annotations

import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

import minigrad

from . import calls, deliberate
from .convert import (
    DTYPES,
    Arguments,
    OutOfScope,
    array,
    minigrad_arguments,
    tensors,
    torch_arguments,
    tree_map,
)

# Second order and forward mode are run where the inputs have at most so many elements together.
MOST_ELEMENTS = 2000

FLOATS = (torch.float64, torch.float32)
OTHERS = tuple(d for d in DTYPES if d not in FLOATS)

# Relative and absolute: PyTorch's own for float32, and closer ones for float64.
TOLERANCE = {"float64": (1e-9, 1e-9), "float32": (1.3e-5, 1e-5), "float16": (1e-3, 1e-3)}

# Raised by Python for a mistake in minigrad rather than by minigrad for one in the arguments.
MISTAKES = (AttributeError, UnboundLocalError, NameError, AssertionError, RecursionError, SystemError, MemoryError)


class Mismatch(Exception):  # noqa: N818
    """The two libraries differ; the message says how."""


@dataclass
class Failure:
    """A sample on which minigrad is wrong."""

    name: str
    stage: str
    dtype: str
    sample: str
    message: str

    def __str__(self) -> str:
        return f"{self.name} [{self.stage}, {self.dtype}]\n    {self.sample}\n    {self.message}"


@dataclass
class Report:
    """What came of one operation's samples, or of all operations'."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Report) -> None:
        """Take in another operation's counts and failures."""
        self.counts += other.counts
        self.skipped += other.skipped
        self.failures += other.failures
        self.seconds += other.seconds


STAGES = ("forward", "methods", "in place", "gradient", "second order", "forward mode", "errors raised")

# ----------------------------------------------------------------------------------------------------------------------
# Comparison.


def _fields(x: Any) -> tuple[str, ...]:
    """Return the names of a named tuple's fields, of Python's kind or PyTorch's."""
    if type(x) is tuple:
        return ()
    if type(x).__module__ == "torch.return_types":
        names = {n: getattr(type(x), n) for n in dir(type(x)) if not n.startswith(("_", "n_"))}
        by_type = {n: v for n, v in names.items() if n not in {"count", "index"}}
        return tuple(sorted(by_type, key=lambda n: repr(by_type[n])))
    return getattr(x, "_fields", ())


def compare(got: Any, expected: Any, values: bool = True, where: str = "result") -> None:
    """Raise Mismatch where what minigrad returned differs from what PyTorch returned."""
    if isinstance(expected, torch.Tensor):
        if not isinstance(got, minigrad.Tensor):
            raise Mismatch(f"{where}: {type(got).__name__} instead of a tensor")
        compare_tensors(got, expected, values, where)
    elif isinstance(expected, tuple | list):
        if not isinstance(got, tuple if isinstance(expected, tuple) else list) or len(got) != len(expected):
            raise Mismatch(f"{where}: expected {type(expected).__name__} of {len(expected)}, got {got!r}"[:300])
        if sorted(_fields(got)) != sorted(_fields(expected)):
            raise Mismatch(f"{where}: expected the fields {_fields(expected)}, got {_fields(got)}")
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            compare(a, b, values, f"{where}[{i}]")
    elif values and not (got == expected or (got != got and expected != expected)):  # noqa: PLR0124
        if not np.isclose(got, expected, rtol=1e-6):
            raise Mismatch(f"{where}: expected {expected!r}, got {got!r}")
    elif type(got) is not type(expected):
        raise Mismatch(f"{where}: expected {type(expected).__name__}, got {type(got).__name__}")


def compare_tensors(got: Any, expected: torch.Tensor, values: bool = True, where: str = "result") -> None:
    """Raise Mismatch where shape, dtype or elements of a tensor differ."""
    if expected.is_complex():
        raise OutOfScope("complex numbers")
    if tuple(got.shape) != tuple(expected.shape):
        raise Mismatch(f"{where}: expected shape {tuple(expected.shape)}, got {tuple(got.shape)}")
    if got.dtype is not DTYPES.get(expected.dtype):
        raise Mismatch(f"{where}: expected {expected.dtype}, got {got.dtype}")
    if values:
        compare_arrays(array(got), array(expected), where)


def compare_arrays(got: Any, expected: Any, where: str) -> None:
    """Raise Mismatch where elements differ by more than the tolerance of their dtype."""
    relative, absolute = TOLERANCE.get(expected.dtype.name, (0.0, 0.0))
    with np.errstate(all="ignore"):
        close = np.isclose(got, expected, relative, absolute, equal_nan=True)
    if close.all():
        return
    worst = np.argwhere(~close)[0]
    at = tuple(int(i) for i in worst)
    raise Mismatch(
        f"{where}: {int((~close).sum())} of {close.size} elements differ, first at {at}: "
        f"expected {expected[at]!r}, got {got[at]!r}"
    )


# ----------------------------------------------------------------------------------------------------------------------
# One sample.


def _differentiable(outputs: Any, kind: type) -> list[Any]:
    return [y for y in tensors(outputs, kind) if y.requires_grad]


def _draw(seed: int, likes: list[Any]) -> list[Any]:
    """Return normal numbers for each of some arrays."""
    random = np.random.default_rng(seed)
    return [np.asarray(random.standard_normal(x.shape), dtype=x.dtype) for x in map(array, likes)]


def _torch_grad(outputs: list[Any], inputs: list[Any], cotangents: list[Any], create: bool) -> list[Any]:
    return list(
        torch.autograd.grad(outputs, inputs, cotangents, retain_graph=True, create_graph=create, allow_unused=True)
    )


def _minigrad_grad(outputs: list[Any], inputs: list[Any], cotangents: list[Any], create: bool) -> list[Any]:
    if not outputs:
        return [None] * len(inputs)
    return list(
        minigrad.autograd.grad(outputs, inputs, cotangents, retain_graph=True, create_graph=create, allow_unused=True)
    )


def _compare_gradients(got: list[Any], expected: list[Any], inputs: list[Any], what: str) -> None:
    """Compare gradients; one that is absent is as good as zeros."""
    for i, (a, b, x) in enumerate(zip(got, expected, inputs, strict=True)):
        zeros = np.zeros(tuple(x.shape), dtype=array(x).dtype)
        mine, theirs = (zeros if y is None else array(y) for y in (a, b))
        if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
            raise Mismatch(f"{what} {i}: expected {theirs.shape} {theirs.dtype}, got {mine.shape} {mine.dtype}")
        compare_arrays(mine, theirs, f"{what} {i}")


@dataclass
class Pair:
    """The same call in both libraries, and what it returned."""

    theirs: Arguments
    mine: Arguments
    expected: Any = None
    got: Any = None

    def inputs(self) -> tuple[list[Any], list[Any]]:
        """Return the tensors that gradients are taken by, PyTorch's and minigrad's."""
        return _differentiable(self.theirs, torch.Tensor), _differentiable(self.mine, minigrad.Tensor)


def _apply(call: Callable[..., Any], arguments: Arguments) -> Any:
    first, args, keywords = arguments
    return call(first, *args, **keywords)


class Sample:
    """One sample of an entry, and the checks on it."""

    def __init__(self, run: Run, sample: Any, dtype: torch.dtype, index: int) -> None:
        self.run, self.sample, self.dtype, self.index = run, sample, dtype, index
        self.values = run.name not in deliberate.VALUES_UNDEFINED

    def fresh(self) -> Pair:
        """Return arguments that nobody has used."""
        theirs = torch_arguments(self.sample)
        return Pair(theirs, minigrad_arguments(theirs))

    def attempt(self, stage: str, check: Callable[..., bool], *operands: Any) -> bool:
        """Run a check; count it, or record why it failed. A check returns False where it does not apply."""
        report = self.run.report
        try:
            if check(*operands):
                report.counts[stage] += 1
            return True
        except OutOfScope as reason:
            report.skipped[str(reason)] += 1
        except Exception as error:  # noqa: BLE001 - whatever minigrad raises is a failure of the sample
            if deliberate.is_deliberate(
                self.run.name, stage, (self.sample.input, self.sample.args, self.sample.kwargs)
            ):
                report.skipped["deliberate differences"] += 1
            else:
                self.fail(stage, error)
        return False

    def fail(self, stage: str, error: Exception) -> None:
        """Record a failure."""
        message = str(error) if isinstance(error, Mismatch) else _short_traceback(error)
        text = f"sample {self.index}: {self.sample.summary()}"
        dtype = str(self.dtype).removeprefix("torch.")
        self.run.report.failures.append(Failure(self.run.label, stage, dtype, text[:1500], message))

    # Each check compares one thing.

    def forward(self, pair: Pair, theirs: Callable[..., Any], mine: Callable[..., Any]) -> bool:
        """Compare what the two calls return, and what they made of their arguments."""
        try:
            pair.expected = _apply(theirs, pair.theirs)
        except Exception as error:
            raise OutOfScope("PyTorch raises") from error
        if any(t.is_complex() for t in tensors(pair.expected)):
            raise OutOfScope("complex numbers")
        pair.got = _apply(mine, pair.mine)
        compare(pair.got, pair.expected, self.values)
        for a, b in zip(tensors(pair.mine, minigrad.Tensor), tensors(pair.theirs), strict=True):
            compare_tensors(a, b, self.values, "argument after the call")
        self.sharing(pair)
        return True

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

    def gradient(self, pair: Pair) -> bool:
        """Compare the products of a drawn cotangent with the Jacobian."""
        ys, zs = _differentiable(pair.expected, torch.Tensor), _differentiable(pair.got, minigrad.Tensor)
        if len(ys) != len(zs):
            raise Mismatch(f"{len(zs)} results require gradients instead of {len(ys)}")
        xs, us = pair.inputs()
        if not ys or not self.values:
            return False
        gs = _draw(1, ys)
        expected = _torch_grad(ys, xs, [torch.from_numpy(g) for g in gs], create=False)
        got = _minigrad_grad(zs, us, [minigrad.from_numpy(g) for g in gs], create=False)
        _compare_gradients(got, expected, xs, "gradient")
        return True

    def second_order(self, pair: Pair) -> bool:
        """Compare the derivatives of those products by inputs and cotangents."""
        ys, zs = _differentiable(pair.expected, torch.Tensor), _differentiable(pair.got, minigrad.Tensor)
        xs, us = pair.inputs()
        if not ys or not self.values or sum(x.numel() for x in xs) > MOST_ELEMENTS:
            return False
        cotangents = _draw(1, ys)
        gs = [torch.from_numpy(g).requires_grad_() for g in cotangents]
        hs = [minigrad.from_numpy(g).requires_grad_() for g in cotangents]
        first = _torch_grad(ys, xs, gs, create=True)
        mine = _minigrad_grad(zs, us, hs, create=True)
        # What depends on nothing further has no second derivative to compare; zeros are one of its forms.
        weights = _draw(2, xs)
        keep = [i for i, d in enumerate(first) if d is not None and d.requires_grad]
        if not keep:
            return False
        try:
            expected = _torch_grad(
                [first[i] for i in keep], xs + gs, [torch.from_numpy(weights[i]) for i in keep], False
            )
        except (RuntimeError, NotImplementedError):
            return self.second_order_by_differences(us)
        kept = [i for i, d in enumerate(mine) if d is not None and d.requires_grad and i in keep]
        got = _minigrad_grad([mine[i] for i in kept], us + hs, [minigrad.from_numpy(weights[i]) for i in kept], False)
        _compare_gradients(got, expected, xs + gs, "second order")
        return True

    def second_order_by_differences(self, us: list[Any]) -> bool:
        """Check against finite differences, where PyTorch has no second derivative."""
        if sum(u.numel() for u in us) > 50:
            return False
        minigrad.autograd.gradgradcheck(self._function(), tuple(us))
        return True

    def _function(self) -> Callable[..., Any]:
        """Return minigrad's call as a function of its differentiable inputs."""
        mine = self.fresh().mine
        old = _differentiable(mine, minigrad.Tensor)
        places = {id(u): i for i, u in enumerate(old)}

        def function(*inputs: Any) -> Any:
            arguments = tree_map(lambda x: inputs[places[id(x)]] if id(x) in places else x, mine)
            return tuple(_differentiable(_apply(self.run.mine, arguments), minigrad.Tensor))

        return function

    def forward_mode(self, pair: Pair) -> bool:
        """Compare the products of the Jacobian with drawn tangents."""
        xs, us = pair.inputs()
        ys = _differentiable(pair.expected, torch.Tensor)
        if not ys or not self.values or sum(x.numel() for x in xs) > MOST_ELEMENTS:
            return False
        tangents = _draw(3, xs)
        expected = self.torch_tangents([torch.from_numpy(t) for t in tangents])
        if expected is None:
            return self.forward_against_reverse(pair, tangents)
        _, got = minigrad.autograd.functional.jvp(
            self._function(), tuple(us), tuple(minigrad.from_numpy(t) for t in tangents)
        )
        _compare_gradients(list(got), expected, ys, "tangent")
        return True

    def torch_tangents(self, tangents: list[torch.Tensor]) -> list[torch.Tensor | None] | None:
        """Return the tangents of the differentiable results by PyTorch's forward mode, None where it has none."""
        arguments = torch_arguments(self.sample)
        xs = _differentiable(arguments, torch.Tensor)
        try:
            with forward_ad.dual_level():
                duals = {id(x): forward_ad.make_dual(x, t) for x, t in zip(xs, tangents, strict=True)}
                outputs = _apply(self.run.theirs, tree_map(lambda x: duals.get(id(x), x), arguments))
                return [forward_ad.unpack_dual(y).tangent for y in _differentiable(outputs, torch.Tensor)]
        except (RuntimeError, NotImplementedError):
            return None

    def forward_against_reverse(self, pair: Pair, tangents: list[Any]) -> bool:
        """Compare a cotangent's product with the tangents of the results and its gradient's with those of the inputs."""
        _, us = pair.inputs()
        zs = _differentiable(pair.got, minigrad.Tensor)
        gs = _draw(1, zs)
        _, got = minigrad.autograd.functional.jvp(
            self._function(), tuple(us), tuple(minigrad.from_numpy(t) for t in tangents)
        )
        gradients = _minigrad_grad(zs, us, [minigrad.from_numpy(g) for g in gs], create=False)
        forward = sum(float((g * array(t)).sum()) for g, t in zip(gs, got, strict=True))
        reverse = sum(float((array(d) * t).sum()) for d, t in zip(gradients, tangents, strict=True) if d is not None)
        if not np.isclose(forward, reverse, 1e-9, 1e-9, equal_nan=True):
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
            self.gradient(pair)
        return True


def _short_traceback(error: Exception) -> str:
    """Return what was raised and where."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return f"{type(error).__name__}: {error} ({where})"[:1000]


# ----------------------------------------------------------------------------------------------------------------------
# One operation.


class Run:
    """The samples of one entry of the database."""

    def __init__(self, name: str, info: Any, report: Report, quick: bool) -> None:
        self.name, self.info, self.report, self.quick = name, info, report, quick
        self.label = f"{name} ({info.variant_test_name})" if info.variant_test_name else name
        self.theirs = calls.torch_call(name, info)
        mine = calls.minigrad_call(name, info)
        assert mine is not None
        self.mine = mine

    def samples(self, dtype: torch.dtype, requires_grad: bool) -> Iterator[Any]:
        """Yield the samples of a dtype, the same in each run."""
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 - what PyTorch's samples draw from
        for i, sample in enumerate(self.info.sample_inputs("cpu", dtype, requires_grad=requires_grad)):
            if self.quick and i == 10:
                return
            yield sample

    def run(self) -> None:
        """Check every sample."""
        floats, others = (FLOATS[:1], ()) if self.quick else (FLOATS, OTHERS)
        for dtype in floats:
            if dtype in self.info.dtypes:
                self.run_floats(dtype)
        for dtype in others:
            if dtype in self.info.dtypes:
                self.run_values(dtype)
        self.run_errors()

    def run_floats(self, dtype: torch.dtype) -> None:
        """Check value and derivatives."""
        differentiable = self.info.supports_autograd and dtype in self.info.supported_backward_dtypes("cpu")
        for i, raw in enumerate(self.samples(dtype, differentiable)):
            self.report.counts["samples"] += 1
            sample = Sample(self, raw, dtype, i)
            pair = self.start(sample)
            if pair is None or not sample.attempt("forward", sample.forward, pair, self.theirs, self.mine):
                continue
            if differentiable and sample.attempt("gradient", sample.gradient, pair) and dtype is FLOATS[0]:
                sample.attempt("second order", sample.second_order, pair)
                sample.attempt("forward mode", sample.forward_mode, pair)
            if dtype is FLOATS[0]:
                self.run_variants(sample)

    def run_values(self, dtype: torch.dtype) -> None:
        """Check values alone."""
        for i, raw in enumerate(self.samples(dtype, False)):
            self.report.counts["samples"] += 1
            sample = Sample(self, raw, dtype, i)
            pair = self.start(sample)
            if pair is None or not sample.attempt("forward", sample.forward, pair, self.theirs, self.mine):
                continue
            if dtype is torch.int64:
                self.run_variants(sample)

    def start(self, sample: Sample) -> Pair | None:
        """Return a sample's arguments, None where they are out of scope."""
        try:
            return sample.fresh()
        except OutOfScope as reason:
            self.report.skipped[str(reason)] += 1
            return None

    def run_variants(self, sample: Sample) -> None:
        """Check the method and the in-place method."""
        if method := calls.method_call(self.name):
            sample.attempt("methods", sample.method, *method)
        if inplace := calls.inplace_call(self.name):
            sample.attempt("in place", sample.in_place, *inplace)

    def run_errors(self) -> None:
        """Check that minigrad raises where PyTorch does."""
        if self.info.error_inputs_func is None:
            return
        torch.manual_seed(0)
        for i, error_input in enumerate(self.info.error_inputs("cpu")):
            self.report.counts["error inputs"] += 1
            sample = Sample(self, error_input.sample_input, torch.float32, i)
            sample.attempt("errors raised", self.raises, sample)

    def raises(self, sample: Sample) -> bool:
        """Check that minigrad raises an exception of its own making."""
        pair = sample.fresh()
        if not _torch_raises(self.theirs, pair.theirs):
            raise OutOfScope("error inputs that PyTorch takes")
        try:
            got = _apply(self.mine, pair.mine)
        except MISTAKES:
            raise
        except Exception:  # noqa: BLE001 - of any type
            return True
        raise Mismatch(f"no error; returned {got!r}"[:300])


def _torch_raises(call: Callable[..., Any], arguments: Arguments) -> bool:
    try:
        _apply(call, arguments)
    except Exception:  # noqa: BLE001 - of any type
        return True
    return False


def run_operation(name: str, quick: bool = False) -> Report | None:
    """Return what came of an operation's samples; None where minigrad does not have the operation."""
    report, start = Report(name), time.perf_counter()
    infos = calls.entries(name)
    if any(calls.minigrad_call(name, info) is None for info in infos):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for info in infos:
            Run(name, info, report, quick).run()
    report.seconds = time.perf_counter() - start
    return report
