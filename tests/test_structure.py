"""How the code is built: which layer knows of which, and that docs/architecture.md names every part."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from minigrad import _core
from minigrad.primitive import Primitive, registry

ROOT = Path(__file__).resolve().parent.parent
SOURCE, PACKAGE, PAGE = ROOT / "src", ROOT / "python" / "minigrad", ROOT / "docs" / "architecture.md"

pytestmark = pytest.mark.skipif(not (SOURCE.is_dir() and PAGE.exists()), reason="the sources are not part of this copy")

#: The folders of src/ that each one may include headers of, without conditions and for shapes and layouts alone.
LAYERS = {
    "core": ({"core"}, set()),
    "isa": ({"core", "isa"}, {"kernels"}),
    "kernels": ({"core", "isa", "kernels"}, set()),
    "reference": ({"core", "reference"}, {"kernels"}),
    "bindings": ({"core", "kernels", "bindings"}, set()),
}


def files(layer: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((SOURCE / layer).iterdir()):
        yield path, path.read_text(encoding="utf-8")


def foreign_includes(layer: str, text: str) -> list[str]:
    """Return the project's headers that a file of a layer includes and must not."""
    free, shapes = LAYERS[layer]
    found = re.findall(r'#include "(\w+)/(\w+)\.hpp"', text)
    return [
        f"{folder}/{name}"
        for folder, name in found
        if folder not in free and not (folder in shapes and name.endswith(("_shapes", "_rule")))
    ]


def test_every_layer_is_known() -> None:
    assert {path.name for path in SOURCE.iterdir() if path.is_dir()} == LAYERS.keys()


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_know_those_below_them_only(layer: str) -> None:
    assert {path.name: bad for path, text in files(layer) if (bad := foreign_includes(layer, text))} == {}


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer != "bindings"])
def test_nothing_below_the_bindings_knows_python(layer: str) -> None:
    python = re.compile(r"#include <(Python\.h|pybind11/|numpy/)|\bPy[A-Z]\w*\(")
    assert [path.name for path, text in files(layer) if python.search(text)] == []


def without_comments(text: str) -> str:
    return re.sub(r"//.*|#error.*", "", text)


def test_kernels_allocate_nothing_and_throw_through_fail_alone() -> None:
    forbidden = re.compile(r"\b(?:malloc|calloc|new|throw|std::vector|std::make_unique|std::stable_sort)\b")
    found = {path.name: forbidden.findall(without_comments(text)) for path, text in files("kernels")}
    assert {name: words for name, words in found.items() if words} == {}


def test_one_header_knows_numpy() -> None:
    assert [path.name for layer in LAYERS for path, text in files(layer) if "#include <numpy/" in text] == ["array.hpp"]


def test_the_engine_decides_nothing_by_the_name_of_an_operation() -> None:
    asks = re.compile(r"(?<!target)\.name (?:==|!=|in|not in) |CompareWithASCIIString\(\w*name")
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in (*PACKAGE.glob("*.py"), PACKAGE / "ops" / "promotion.py")
    }
    texts |= {path.name: text for path, text in files("bindings")}
    del texts["objects.cpp"]  # where connections have names
    assert {name: asks.findall(text) for name, text in texts.items() if asks.search(text)} == {}


def test_broadcasting_is_undone_by_the_sweep_alone() -> None:
    """But for the rule of `expand`, to which summing is the way back."""
    rules = [(p.name, rule[0]) for p in registry.values() for rule in (*p.vjp, p.vjp_at_once) if rule]
    functions = [(name, rule) for name, rule in rules if not isinstance(rule, _core.Operation)]
    assert {name for name, rule in functions if "sum_to" in rule.__code__.co_names} == {"expand"}


def test_a_wrong_include_is_noticed() -> None:
    text = '#include "core/view.hpp"\n#include "kernels/moves.hpp"\n#include "kernels/matmul_shapes.hpp"\n'
    assert foreign_includes("isa", text) == ["kernels/moves"]
    assert foreign_includes("core", text) == ["kernels/moves", "kernels/matmul_shapes"]


def test_openmp_only_vectorises_and_adds_no_floats() -> None:
    """Threads are the team's, and the order of a float's sum is written out."""
    pragmas = [line for layer in LAYERS for _, text in files(layer) for line in re.findall(r"#pragma omp.*", text)]
    assert pragmas
    assert {line.split()[2] for line in pragmas} == {"simd"}
    assert re.search(r"#include <omp\.h>", "".join(text for layer in LAYERS for _, text in files(layer))) is None


def test_flags_that_change_bits_are_not_used() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "-ffp-contract=off" in text
    for flag in ("-ffast-math", "-Ofast", "-march=native", "-funsafe-math", "-fassociative-math"):
        assert flag not in text


def parts() -> dict[str, set[str]]:
    """Return the names of files and folders that the page is to tell of, by where they are."""
    found = {f"src/{layer}": {path.name.split(".")[0] for path in (SOURCE / layer).glob("*.cpp")} for layer in LAYERS}
    found["src/core"] = {path.stem for path in (SOURCE / "core").iterdir()}
    del found["src/reference"]  # has a file a family, as the kernels have
    found["python/minigrad"] = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    found["python/minigrad, folders"] = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    found["python/minigrad/ops"] = {path.stem for path in (PACKAGE / "ops").glob("*.py")} - {"__init__"}
    return found


@pytest.mark.parametrize("where", parts())
def test_the_page_names_every_part(where: str) -> None:
    told = set(re.findall(r"\w+", PAGE.read_text(encoding="utf-8")))
    assert sorted(parts()[where] - told) == []


def test_the_page_names_every_field_of_a_record() -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## The record") : text.index("## The eager call")]
    fields = inspect.signature(Primitive).parameters
    assert [name for name in fields if f"`{name}`" not in section] == []


def test_the_files_that_the_page_names_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./]+\.(?:cpp|hpp|py|pyi|sh|json))`", text))
    there = [
        f"/{path.relative_to(ROOT)}"
        for folder in (SOURCE, PACKAGE, ROOT / "tests", ROOT / "tools", ROOT / "benchmarks")
        for path in folder.rglob("*.*")
    ]
    assert named
    assert sorted(name for name in named if not any(path.endswith(f"/{name}") for path in there)) == []


def heads(page: Path) -> set[str]:
    """Return what links within a page may name: its headlines, as the web writes them in addresses."""
    lines = re.findall(r"^##+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in lines}


def lost_links(page: Path) -> list[str]:
    """Return the links of a page to files and headlines that are not there."""
    links = re.findall(r"\]\((?!https?:)([^()#\s]*)(?:#([\w-]+))?\)", page.read_text(encoding="utf-8"))
    lost = []
    for file, head in links:
        target = page.parent / file if file else page
        if not target.exists() or (head and head not in heads(target)):
            lost.append(f"{file}#{head}")
    return lost


@pytest.mark.parametrize("page", [*sorted(PAGE.parent.glob("*.md")), *sorted(ROOT.glob("*.md"))], ids=lambda p: p.name)
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    assert lost_links(page) == []


def test_a_lost_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("## One head\n[a](#one-head) [b](#other) [c](page.md#one-head) [d](none.md)\n", encoding="utf-8")
    assert lost_links(page) == ["#other", "none.md#"]
