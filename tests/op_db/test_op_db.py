"""PyTorch's operator database: its samples and its error inputs for every operation in scope."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which PyTorch's database needs

import minigrad

from . import calls
from .runner import run_operation
from .scope import SCOPE, known_missing, missing_forms

# What is not there yet is listed in missing.txt, which the last test here holds against the truth.
THERE = [
    name
    for name in SCOPE
    if (infos := calls.entries(name)) and all(calls.minigrad_call(name, info) is not None for info in infos)
]


@pytest.mark.parametrize("name", THERE)
def test_samples(name: str) -> None:
    report = run_operation(name)
    assert report is not None
    assert not report.failures, "\n".join(map(str, report.failures[:5]))


def test_nothing_is_missing_without_being_listed() -> None:
    assert missing_forms(torch, minigrad) == known_missing()
