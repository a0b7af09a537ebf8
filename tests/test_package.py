"""What users get: the package's parts, its stubs, its size."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import inspect
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from helpers import run_python

import minigrad

ROOT = Path(__file__).resolve().parent.parent
WHEEL_LIMIT = 3_000_000


def load_tool(name: str) -> ModuleType:
    """Import ``tools/<name>.py``, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel() -> Iterator[zipfile.ZipFile]:
    path = os.environ.get("MINIGRAD_WHEEL")
    if not path:
        pytest.skip("MINIGRAD_WHEEL names no wheel: .ci/run builds one and sets it")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert wheel.filename is not None
    assert 0 < Path(wheel.filename).stat().st_size < WHEEL_LIMIT


def test_wheel_is_complete(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for path in (ROOT / "python" / "minigrad").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so":
            assert path.relative_to(ROOT / "python").as_posix() in names
    assert any(name.startswith("minigrad/_core.") and name.endswith(".so") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_has_nothing_else(wheel: zipfile.ZipFile) -> None:
    roots = {name.split("/")[0] for name in wheel.namelist()}
    assert roots == {"minigrad", f"minigrad-{minigrad.__version__}.dist-info"}


@pytest.fixture
def metadata() -> importlib.metadata.PackageMetadata:
    try:
        return importlib.metadata.metadata("minigrad")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("minigrad is not installed: it comes from a folder on the path")


def test_version(metadata: importlib.metadata.PackageMetadata) -> None:
    assert metadata["Version"] == minigrad.__version__


def test_numpy_is_the_only_requirement(metadata: importlib.metadata.PackageMetadata) -> None:
    requirements = metadata.get_all("Requires-Dist", [])
    assert [r for r in requirements if "extra ==" not in r] == ["numpy>=2"]


def test_numpy_is_all_that_an_import_needs() -> None:
    """The libraries of the extras are imported where they are used, so that `import minigrad` stays fast."""
    code = """
import sys
before = set(sys.modules)
import minigrad
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))
"""
    assert set(run_python("-c", code).split()) == {"minigrad", "numpy"}


def test_typed() -> None:
    assert importlib.resources.files("minigrad").joinpath("py.typed").is_file()


def test_what_not_every_program_needs_is_imported_when_asked_for() -> None:
    code = """
import sys
import minigrad as m
late = "amp autograd cuda distributions func linalg nn optim serialization testing utils"
print([x for x in late.split() if f"minigrad.{x}" in sys.modules], len({"nn", "vmap", "load", "add"} & set(dir(m))))
m.ones(2, requires_grad=True).sum().backward()
m.nn.Linear(2, 2)(m.ones(2)).sum().backward()
print([x for x in ("anomaly", "forward_ad", "functional") if f"minigrad.autograd.{x}" in sys.modules])
print([x for x in ("modules", "utils") if f"minigrad.nn.{x}" in sys.modules])
print(m.utils.data.DataLoader.__name__, m.vmap is m.func.vmap, m.autograd.detect_anomaly.__name__, "vmap" in vars(m))
"""
    assert run_python("-c", code) == "[] 4\n[]\n[]\nDataLoader True detect_anomaly True\n"
    with pytest.raises(AttributeError, match="module 'minigrad' has no attribute 'nonsense'"):
        minigrad.nonsense  # noqa: B018


def test_a_star_import_has_what_is_imported_late() -> None:
    code = "from minigrad import *; print(nn.__name__, vmap.__name__, autograd.functional.__name__, load.__name__)"
    assert run_python("-c", code) == "minigrad.nn vmap minigrad.autograd.functional load\n"


# ---- Stubs -----------------------------------------------------------------------------------------------------------

write_stubs = load_tool("write_stubs")


@pytest.mark.parametrize("path", write_stubs.STUBS)
def test_stub_is_up_to_date(path: str) -> None:
    difference = write_stubs.difference(path)
    assert not difference, f"run `python tools/write_stubs.py`:\n{difference}"


def test_stale_stub_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "python/minigrad/_core.pyi"
    core_stub = write_stubs.STUBS[path]
    monkeypatch.setitem(write_stubs.STUBS, path, lambda: core_stub().replace("# add(x: T", "# add(x: i"))
    assert "+# add(x: i" in write_stubs.difference(path)


# ---- Reference pages -------------------------------------------------------------------------------------------------

write_reference = load_tool("write_reference")


@pytest.mark.parametrize("path", write_reference.PAGES)
def test_reference_page_is_up_to_date(path: str) -> None:
    difference = write_reference.difference(path)
    assert not difference, f"run `python tools/write_reference.py`:\n{difference}"


def test_stale_reference_page_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "docs/operations.md"
    made = write_reference.PAGES[path]()
    monkeypatch.setitem(write_reference.PAGES, path, lambda: made.replace("| `add` | out = x + y", "| `add` | out = x"))
    assert "+| `add` | out = x |" in write_reference.difference(path)


# ---- Symbols ---------------------------------------------------------------------------------------------------------

check_symbols = load_tool("check_symbols")

CLEAN = """\
memcpy U
_ZN8minigrad12worker_countEld U
_ZN8minigrad2v312_GLOBAL__N_13runEv t 0 1
_ZN8minigrad2v316elementwise_runsE R 0 10
"""


def test_clean_object_passes() -> None:
    assert check_symbols.find_problems(CLEAN, "v3") == []


@pytest.mark.parametrize(
    "line",
    [
        "_ZSt3minIlERKT_S2_S2_ W 0 10",
        "_ZN8minigrad2v35tableE V 0 10",
        "_ZN8minigrad2v35tableE u 0 10",
        "_ZN8minigrad4loopEv T 0 10",
        "_ZN8minigrad2v416elementwise_runsE R 0 10",
        "expf U",
        "_ZSt20__throw_length_errorPKc U",
    ],
)
def test_symbol_that_could_leak_is_found(line: str) -> None:
    assert len(check_symbols.find_problems(CLEAN + line + "\n", "v3")) == 1


def test_folder_without_objects_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["check_symbols.py", str(tmp_path)])
    assert check_symbols.main() == 1


# ---- show_config -----------------------------------------------------------------------------------------------------


def test_show_config_tells_what_is_promised() -> None:
    text = str(minigrad.show_config())
    for word in ("version", "compiler", "threads"):
        assert word in text


def test_star_import_brings_the_functions_of_all_modules() -> None:
    modules = [m for m in vars(minigrad.ops).values() if inspect.ismodule(m)]
    names = {name for m in modules for name in getattr(m, "__all__", ()) if hasattr(minigrad, name)}
    assert len(names) > 250
    assert sorted(names - set(minigrad.__all__)) == []
