"""Examples in docstrings run, everything public has a docstring, and the README's example is true."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
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


#: Modules that answer for other machines and processes by PyTorch's names, and the insides of the loader.
NOT_SHOWN = re.compile(
    r"minigrad\.(?:accelerator|backends|cuda|multiprocessing|utils\.data\.(?:fetch|workers))\b|.*\._"
)


def public_things() -> dict[str, Any]:
    """Return what users can call, by its full name: once where it has several names."""
    found: dict[int, tuple[str, Any]] = {}
    for module in modules():
        if NOT_SHOWN.match(module.__name__):
            continue
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if callable(thing) and hasattr(thing, "__name__"):
                plain = thing if isinstance(thing, type) else inspect.unwrap(thing)
                found.setdefault(id(plain), (f"{module.__name__}.{name}", plain))
    return dict(found.values())


#: What PyTorch lets its users choose and is fixed here.
FIXED = [
    *("are_deterministic_algorithms_enabled", "get_default_device", "get_float32_matmul_precision"),
    *("get_num_interop_threads", "is_complex", "set_default_device", "set_float32_matmul_precision"),
    *("set_flush_denormal", "set_num_interop_threads", "use_deterministic_algorithms"),
    *("amp.custom_bwd", "amp.custom_fwd", "amp.is_autocast_available"),
]

#: Classes to derive from, to catch, or of what other functions return.
CLASSES = [
    *("CheckpointError", "autograd.GradcheckError", "autograd.NotFinite", "autograd.forward_ad.UnpackedDualTensor"),
    *("autograd.function.FunctionCtx", "autograd.graph.GradientEdge", "datasets.Digits", "datasets.Images"),
    *("datasets.Rows", "distributions.Distribution", "distributions.Transform", "nn.module.IncompatibleKeys"),
    *("nn.utils.parametrize.ParametrizationList", "optim.Optimizer", "utils.data.WorkerInfo"),
]

#: What needs files or a whole run, or is for other modules of the package.
LARGER = [
    *(
        "datasets.DatasetFolder",
        "datasets.load_image",
        "datasets.load_mnist",
        "training.CSVLogger",
        "training.Checkpoint",
    ),
    *("training.JSONLinesLogger", "training.ProgressBar", "training.TensorBoardLogger"),
    *("autograd.forward_ad.exit_dual_level", "nn.module.clear_grad", "nn.module.overwrite"),
    *("optim.optimizer.register_optimizer_step_post_hook", "optim.optimizer.register_optimizer_step_pre_hook"),
]
WITHOUT_EXAMPLE = {f"minigrad.{name}" for name in (*FIXED, *CLASSES, *LARGER)}


def parameters_of(thing: Any) -> list[str]:
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return []
    return [
        p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and not p.name.startswith("_")
    ]


def test_everything_public_has_a_docstring() -> None:
    assert [name for name, thing in public_things().items() if not thing.__doc__] == []


def test_everything_public_has_an_example_or_names_what_has_one() -> None:
    told = re.compile(r">>> |:(?:func|class|meth):`|see `")
    lacking = {name for name, thing in public_things().items() if not told.search(thing.__doc__ or "")}
    assert sorted(lacking ^ WITHOUT_EXAMPLE) == []


def test_docstrings_with_parameters_name_all_of_them() -> None:
    """But for the regressor's, which are the classifier's."""
    lacking = {}
    for name, thing in public_things().items():
        text = thing.__doc__ or ""
        missing = [p for p in parameters_of(thing) if not re.search(rf"\b{p}\b", text)]
        if missing and "Parameters\n" in text and not name.endswith(".MLPRegressor"):
            lacking[name] = missing
    assert lacking == {}


def test_an_example_that_is_wrong_is_noticed() -> None:
    runner = doctest.DocTestRunner(verbose=False)
    example = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    runner.run(example, out=lambda text: None)
    assert runner.summarize(verbose=False).failed == 1


def listings(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def run_listing(code: str, folder: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stderr


def test_readme_example_runs(tmp_path: Path) -> None:
    if not (ROOT / "README.md").exists():
        pytest.skip("no README beside the tests")
    blocks = listings("README.md")
    assert blocks
    for block in blocks:
        run_listing(block, tmp_path)


@pytest.mark.parametrize("page", ["data.md", "training.md"])
def test_listings_of_a_page_run_one_after_the_other(page: str, tmp_path: Path) -> None:
    for needed in ("safetensors", "sklearn"):
        pytest.importorskip(needed)
    blocks = listings(f"docs/{page}")
    assert len(blocks) > 1
    run_listing("\n".join(blocks), tmp_path)
