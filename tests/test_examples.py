"""Every script in examples/ prints what its docstring says."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.py"))
INTRODUCTION = "It prints::\n\n"


def promised(script: Path) -> str:
    """Return what the docstring says that the script prints: the indented lines at its end."""
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    _, found, listing = docstring.partition(INTRODUCTION)
    assert found, f"{script.name}: its docstring has to end with 'It prints::' and the indented output"
    return textwrap.dedent(listing)


def test_there_are_examples() -> None:
    assert {script.name for script in EXAMPLES} >= {"gradient_descent.py", "granularity.py"}


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_example_prints_what_it_says(script: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "utf8", str(script)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().splitlines() == promised(script).rstrip().splitlines()
