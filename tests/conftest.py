"""What several test files share."""

from __future__ import annotations

import gc
import sys
from collections import Counter
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
def record_totals(request: pytest.FixtureRequest) -> Any:
    """Return a function that takes a suite's name and counts, which the terminal's summary adds up."""
    return lambda suite, counts: request.node.user_properties.append(("totals", [suite, dict(counts)]))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep two things from costing more than the tests.

    The garbage collector would go through all tests, which are most of what is alive, whenever it runs. PyTorch's threads
    spin while they wait for each other, on a busy machine for milliseconds each time: as an oracle it needs but one.
    """
    gc.collect()
    gc.freeze()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
