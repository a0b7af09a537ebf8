"""What several test files share."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# `helpers` lies beside the kernels' tests, which are not the only ones that compare bits.
sys.path.insert(0, str(Path(__file__).resolve().parent / "kernels"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the suites that others wrote came to: tests record it as the property ``totals``, (suite, counts)."""
    suites: dict[str, Counter[str]] = {}
    for report in (r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)):
        for name, value in report.user_properties:
            if name == "totals":
                suites.setdefault(value[0], Counter()).update(value[1])
    for suite, counts in sorted(suites.items()):
        terminalreporter.section(suite)
        terminalreporter.line(", ".join(f"{what} {count}" for what, count in counts.items()))


@pytest.fixture
def record_totals(record_property: Any) -> Any:
    """Return a function that takes a suite's name and counts, which the terminal's summary adds up."""
    return lambda suite, counts: record_property("totals", [suite, dict(counts)])


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Run the garbage collector without the callbacks of other packages.

    Those of Hypothesis and JAX are Python functions: an interrupt that comes amid one is printed and lost, so a test that
    goes on until it is interrupted would never end.
    """
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks
