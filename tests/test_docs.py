"""Examples in docstrings run, everything public has a docstring, and the README's example is true."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from helpers import PATIENCE

import minigrad

ROOT = Path(__file__).parent.parent


def modules() -> Iterator[ModuleType]:
    yield minigrad
    for found in pkgutil.walk_packages(minigrad.__path__, "minigrad."):
        if found.name.startswith("minigrad.sklearn") and importlib.util.find_spec("sklearn") is None:
            continue  # it cannot be imported without
        if not found.name.endswith("._core"):
            yield importlib.import_module(found.name)


def documented(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield what the module defines; functions made from records have no module of their own and count everywhere."""
    for name, thing in vars(module).items():
        if callable(thing) and (getattr(thing, "__module__", None) == module.__name__ or hasattr(thing, "primitive")):
            yield name, thing


@pytest.mark.parametrize("module", list(modules()), ids=lambda m: m.__name__)
def test_examples_in_docstrings_run(module: ModuleType) -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(verbose=False)
    for name, thing in [("module", module), *documented(module)]:
        if not isinstance(thing, type) and ">>>" not in (thing.__doc__ or ""):
            continue
        tests = finder.find(thing, name, module=False, globs={}) if thing is not module else []
        for example in tests:
            runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize(("page", "least"), [("autograd.md", 10), ("pytorch.md", 5)])
def test_examples_of_the_pages_run(page: str, least: int) -> None:
    failed, tried = doctest.testfile(str(ROOT / "docs" / page), module_relative=False)
    assert tried > least
    assert failed == 0


def public_names() -> list[str]:
    return [name for name in minigrad.__all__ if callable(getattr(minigrad, name))]


@pytest.mark.parametrize("name", public_names())
def test_everything_public_has_a_docstring(name: str) -> None:
    assert getattr(minigrad, name).__doc__


def test_an_example_that_is_wrong_is_noticed() -> None:
    runner = doctest.DocTestRunner(verbose=False)
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    runner.run(example, out=lambda text: None)
    assert runner.summarize(verbose=False).failed == 1


def test_readme_example_runs(tmp_path: Path) -> None:
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README beside the tests")
    blocks = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    for block in [b for b in blocks if not b.startswith(">>>")]:
        result = subprocess.run(
            [sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=PATIENCE
        )
        assert result.returncode == 0, result.stderr
