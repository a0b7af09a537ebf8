"""PyTorch's operator database: its samples and its error inputs for every operation in scope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which PyTorch's database needs, as
pytest.importorskip("hypothesis")  # it needs this

import minigrad

from . import calls
from .runner import run_operation
from .scope import SCOPE, known_missing, missing_forms

# What is not there yet is listed in missing.txt, which a test here holds against the truth.
THERE = [
    name
    for name in SCOPE
    if (infos := calls.entries(name)) and all(calls.minigrad_call(name, info) is not None for info in infos)
]


@pytest.mark.parametrize("name", THERE)
def test_samples(name: str, record_totals: Callable[..., None]) -> None:
    report = run_operation(name)
    assert report is not None
    record_totals("PyTorch's operator database", report.totals())
    assert not report.failures, "\n".join(map(str, report.failures[:5]))
    assert report.counts["forward"] + sum(report.skipped.values()) >= report.counts["samples"] > 0


def test_what_is_missing_is_listed() -> None:
    assert missing_forms(torch, minigrad) == known_missing(), "python -m tests.op_db --write-missing"


sin, cos = minigrad.sin, minigrad.cos

WRONG: list[tuple[str, Callable[[Any], Any]]] = [
    ("forward", lambda x: sin(x) + 1e-6),
    ("forward", lambda x: sin(x).double()),
    ("gradient", lambda x: sin(x.detach())),
    ("gradient", lambda x: sin(x.detach()) + cos(x.detach()) * 1.001 * (x - x.detach())),
    ("second order", lambda x: sin(x.detach()) + cos(x.detach()) * (x - x.detach())),
]


@pytest.mark.parametrize(("stage", "wrong"), WRONG)
def test_a_wrong_operation_is_found(monkeypatch: pytest.MonkeyPatch, stage: str, wrong: Callable[[Any], Any]) -> None:
    monkeypatch.setattr(minigrad, "sin", wrong)
    report = run_operation("sin")
    assert report is not None
    assert stage in {failure.stage for failure in report.failures}
