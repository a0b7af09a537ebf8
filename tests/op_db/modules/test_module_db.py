"""PyTorch's module database: its inputs and its error inputs for every module in scope."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which PyTorch's database needs, as
pytest.importorskip("hypothesis")  # it needs this

import minigrad

from .runner import SCOPE, run_module


@pytest.mark.parametrize("info", SCOPE, ids=lambda info: info.module_cls.__name__)
def test_inputs(info: Any) -> None:
    report = run_module(info)
    assert not report.failures, "\n".join(map(str, report.failures[:5]))
    assert report.counts["forward"] + sum(report.skipped.values()) >= report.counts["samples"] > 0


WRONG = {
    "text and state": lambda m: setattr(m, "extra_repr", lambda: "other"),
    "forward": lambda m: setattr(m, "forward", lambda x, f=m.forward: f(x) + 1e-5),
    "gradient": lambda m: setattr(m, "forward", lambda x, f=m.forward: f(x.detach())),
    "dtype argument": lambda m: m.half(),
}


@pytest.mark.parametrize("stage", WRONG)
def test_a_wrong_module_is_found(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    class Linear(minigrad.nn.Linear):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            WRONG[stage](self)

    monkeypatch.setattr(minigrad.nn, "Linear", Linear)
    report = run_module(next(info for info in SCOPE if info.module_cls is torch.nn.Linear))
    assert stage in {failure.stage for failure in report.failures}
