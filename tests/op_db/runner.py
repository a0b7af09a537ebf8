"""Run the database's samples through both libraries."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from . import calls
from .compare import Mismatch
from .convert import DTYPES, Arguments, OutOfScope
from .report import Report
from .sample import Entry, Pair, Sample, apply

FLOATS = (torch.float64, torch.float32)
OTHERS = tuple(d for d in DTYPES if d not in FLOATS)

# Raised by Python for a mistake in minigrad rather than by minigrad for one in the arguments.
MISTAKES = (AttributeError, UnboundLocalError, NameError, AssertionError, RecursionError, SystemError, MemoryError)


def _samples(entry: Entry, dtype: torch.dtype, requires_grad: bool, most: int | None) -> Iterator[Sample]:
    """Yield the samples of a dtype, the same in each run."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - what PyTorch's samples draw from
    for i, sample in enumerate(entry.info.sample_inputs("cpu", dtype, requires_grad=requires_grad)):
        if i == most:
            return
        entry.report.counts["samples"] += 1
        yield Sample(entry, sample, dtype, i)


def _forward(sample: Sample) -> Pair | None:
    """Return what both libraries made of a sample, None where it is out of scope or the values differ."""
    try:
        pair = sample.fresh()
    except OutOfScope as reason:
        sample.entry.report.skipped[str(reason)] += 1
        return None
    return pair if sample.attempt("forward", sample.forward, pair, sample.entry.theirs, sample.entry.mine) else None


def _run_floats(entry: Entry, dtype: torch.dtype, most: int | None) -> None:
    """Check values and derivatives; whatever is not about one dtype is checked in float64."""
    differentiable = entry.info.supports_autograd and dtype in entry.info.supported_backward_dtypes("cpu")
    for sample in _samples(entry, dtype, differentiable, most):
        pair = _forward(sample)
        if pair is None:
            continue
        right = differentiable and sample.attempt("gradient", sample.gradient, pair)
        if dtype is not torch.float64:
            continue
        if right:
            sample.attempt("second order", sample.second_order, pair)
            sample.attempt("forward mode", sample.forward_mode, pair)
        sample.attempt("layouts", sample.layouts, pair)
        _run_variants(sample)


def _run_values(entry: Entry, dtype: torch.dtype) -> None:
    """Check values alone."""
    for sample in _samples(entry, dtype, False, None):
        if _forward(sample) is not None and dtype is torch.int64:
            _run_variants(sample)


def _run_variants(sample: Sample) -> None:
    """Check the method and the in-place form."""
    if method := calls.method_call(sample.entry.name):
        sample.attempt("methods", sample.method, *method)
    if inplace := calls.inplace_call(sample.entry.name):
        sample.attempt("in place", sample.in_place, *inplace)


def _run_errors(entry: Entry) -> None:
    """Check that minigrad raises where PyTorch does."""
    if entry.info.error_inputs_func is None:
        return
    torch.manual_seed(0)
    for i, error_input in enumerate(entry.info.error_inputs("cpu")):
        entry.report.counts["error inputs"] += 1
        sample = Sample(entry, error_input.sample_input, torch.float32, i)
        sample.attempt("errors raised", _raises, sample)


def _raises(sample: Sample) -> bool:
    """Check that minigrad raises an exception of its own making."""
    pair = sample.fresh()
    if not _torch_raises(sample.entry.theirs, pair.theirs):
        raise OutOfScope("error inputs that PyTorch takes")
    try:
        got = apply(sample.entry.mine, pair.mine)
    except MISTAKES:
        raise
    except Exception:  # noqa: BLE001 - of any other type
        return True
    raise Mismatch(f"no error; returned {got!r}"[:300])


def _torch_raises(call: Callable[..., Any], arguments: Arguments) -> bool:
    try:
        apply(call, arguments)
    except Exception:  # noqa: BLE001 - of any type
        return True
    return False


def run_operation(name: str, quick: bool = False) -> Report | None:
    """Return what came of an operation's samples; None where minigrad does not have the operation."""
    report, start = Report(name), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for info in calls.entries(name):
            mine = calls.minigrad_call(name, info)
            if mine is None:
                return None
            run_entry(Entry(name, info, calls.torch_call(name, info), mine, report), quick)
    report.seconds = time.perf_counter() - start
    return report


def run_entry(entry: Entry, quick: bool) -> None:
    """Run the samples and the error inputs of an entry of a database; what comes of them is in its report."""
    for dtype in FLOATS[:1] if quick else FLOATS:
        if dtype in entry.info.dtypes:
            _run_floats(entry, dtype, 10 if quick else None)
    for dtype in () if quick else OTHERS:
        if dtype in entry.info.dtypes:
            _run_values(entry, dtype)
    _run_errors(entry)
