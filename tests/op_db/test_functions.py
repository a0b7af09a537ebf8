"""PyTorch's database of operations that users write: its classes, with minigrad in PyTorch's place, on its samples."""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
pytest.importorskip("hypothesis")

from torch.testing._internal import autograd_function_db as theirs

import minigrad

from .report import Report
from .runner import run_entry
from .sample import Entry

ENTRIES = {info.name: info for info in theirs.autograd_function_db}


def operations() -> dict[str, Callable[..., Any]]:
    """Return the operations of the module, run with minigrad as its `torch`, without making its list of entries."""
    tree = ast.parse(inspect.getsource(theirs))
    *definitions, entries = tree.body
    assert isinstance(entries, ast.Assign)
    assert isinstance(entries.value, ast.List)
    kept = [node for node in definitions if not (isinstance(node, ast.Import) and node.names[0].name == "torch")]
    names: dict[str, Any] = {"torch": minigrad}
    exec(compile(ast.Module(kept, []), theirs.__name__, "exec"), names)  # noqa: S102
    found = {}
    for call in entries.value.elts:
        assert isinstance(call, ast.Call)
        expression = next(keyword.value for keyword in call.keywords if keyword.arg == "op")
        found[ast.literal_eval(call.args[0])] = eval(
            compile(ast.Expression(expression), theirs.__name__, "eval"), names
        )
    return found


OPERATIONS = operations()


def test_there_are_operations() -> None:
    assert OPERATIONS.keys() == ENTRIES.keys()
    assert len(OPERATIONS) >= 14


@pytest.mark.parametrize("name", ENTRIES)
def test_samples(name: str, record_totals: Callable[..., None]) -> None:
    report = Report(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_entry(Entry(name, ENTRIES[name], ENTRIES[name].op, OPERATIONS[name], report), quick=False)
    record_totals("PyTorch's database of operations that users write", report.totals())
    # One of them is written for the first derivative in reverse mode alone, and says so.
    refusals = ("marked once_differentiable", "has to define jvp")
    wrong = [
        f for f in report.failures if ENTRIES[name].supports_forward_ad or not any(r in f.message for r in refusals)
    ]
    assert not wrong, "\n".join(map(str, wrong[:5]))
    assert report.counts["gradient"] > 0
