"""Every script in examples/ prints what its docstring says."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

import minigrad
import minigrad.nn.functional as F
from minigrad import nn

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.py"))
INTRODUCTION = "It prints::\n\n"


def promised(script: Path) -> str:
    """Return what the docstring says that the script prints: the indented lines at its end."""
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    _, found, listing = docstring.partition(INTRODUCTION)
    assert found, f"{script.name}: its docstring has to end with 'It prints::' and the indented output"
    return textwrap.dedent(listing)


NEEDS = {
    "spiral.py": "matplotlib",
    "adversarial.py": "matplotlib",
    "vanishing_gradient.py": "matplotlib",
    "digits.py": "tqdm",
    "letters.py": "sklearn",
    "housing.py": "sklearn",
}
ON_DATA = {"letters.py", "housing.py"}
PICTURES = {"spiral.py", "adversarial.py", "vanishing_gradient.py"}


def load(name: str) -> ModuleType:
    """Import an example, whose folder is no package."""
    pytest.importorskip(NEEDS.get(f"{name}.py", "minigrad"))
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES[0].parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_example_prints_what_it_says(script: Path, tmp_path: Path) -> None:
    pytest.importorskip(NEEDS.get(script.name, "minigrad"))
    if script.name in ON_DATA and not os.environ.get("MINIGRAD_DATA"):
        pytest.skip("MINIGRAD_DATA names no folder with the data")
    command = [sys.executable, "-X", "utf8", str(script)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().splitlines() == promised(script).rstrip().splitlines()
    pictures = [path.name for path in tmp_path.glob("*.png")]
    assert pictures == ([script.with_suffix(".png").name] if script.name in PICTURES else [])


# ---- Rows of the articles and of the repository -------------------------------------------------------------------------


def test_B10_sigmoids_vanish_and_both_remedies_help() -> None:
    example = load("vanishing_gradient")
    x = minigrad.linspace(-30, 30, 1001, dtype=minigrad.float64)
    for n in (1, 2, 5, 20):
        gradient = example.through_sigmoids(x, n)
        assert 0 < gradient.max().item() <= 0.25**n
    minigrad.manual_seed(1)
    images, digits = minigrad.rand(50, example.WIDTH, dtype=minigrad.float64), minigrad.randint(10, (50,))
    sizes = {}
    for name, function, residual in (
        ("sigmoid", minigrad.sigmoid, False),
        ("relu", minigrad.relu, False),
        ("residual", minigrad.relu, True),
    ):
        first, *_, last = example.gradient_sizes(example.Deep(function, residual).double(), images, digits)
        sizes[name] = first / last
    assert sizes["sigmoid"] < 1e-9
    assert min(sizes["relu"], sizes["residual"]) > 1e-2


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_B17_the_fast_gradient_sign_raises_the_loss(epsilon: float) -> None:
    example = load("adversarial")
    minigrad.manual_seed(2)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    x, y = minigrad.rand(200, 64), minigrad.randint(10, (200,))
    moved = example.fgsm(model, x, y, epsilon)
    before, after = (F.cross_entropy(model(images), y, reduction="none") for images in (x, moved))
    assert (moved - x).abs().max().item() <= epsilon + 1e-6
    assert 0 <= moved.min().item() <= moved.max().item() <= 1
    assert x.grad is None
    assert after.mean().item() > before.mean().item()
    if epsilon == 0.01:  # a step small enough for each sample
        assert (after > before).all()


@pytest.mark.parametrize("name", ["letters", "housing"])
def test_an_example_says_how_to_install_what_it_needs(name: str) -> None:
    script = str(EXAMPLES[0].parent / f"{name}.py")
    without = "import runpy, sys; sys.modules['sklearn'] = None; runpy.run_path(sys.argv[1])"
    found = subprocess.run(
        [sys.executable, "-c", without, script], capture_output=True, text=True, check=False, timeout=300
    )
    assert found.returncode == 1
    assert 'needs sklearn, which the extra "sklearn" brings: run  pip install ".[sklearn]"' in found.stderr


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("xavier_uniform_", 2 / (400 + 500)),
        ("xavier_normal_", 2 / (400 + 500)),
        ("kaiming_uniform_", 2 / 400),
        ("kaiming_normal_", 2 / 400),
    ],
)
def test_B17_initialisers_have_the_stated_variance(name: str, variance: float) -> None:
    minigrad.manual_seed(3)
    weight = minigrad.empty(500, 400, dtype=minigrad.float64)
    getattr(nn.init, name)(weight, **({"nonlinearity": "relu"} if "kaiming" in name else {}))
    assert weight.mean().item() == pytest.approx(0, abs=4 * (variance / weight.numel()) ** 0.5)
    assert weight.var().item() == pytest.approx(variance, rel=0.02)


def test_R28_contrastive_loss_of_an_example() -> None:
    example = load("siamese")
    distance = minigrad.tensor([0.2, 0.2, 1.5], dtype=minigrad.float64, requires_grad=True)
    same = minigrad.tensor([True, False, False])
    loss = example.contrastive(distance, same)
    assert loss.item() == pytest.approx((0.04 + 0.64 + 0) / 3)
    (3 * loss).backward()
    assert distance.grad.tolist() == pytest.approx([0.4, -1.6, 0.0])
    assert minigrad.autograd.gradcheck(lambda d: example.contrastive(d, same), distance)


def test_R39_examples_show_digits_and_a_siamese_network_and_run_offline() -> None:
    names = {script.name for script in EXAMPLES}
    assert names >= {
        "gradient_descent.py",
        "granularity.py",
        "linear_regression.py",
        "logistic_regression.py",
        "spiral.py",
    }
    assert names >= {"digits.py", "letters.py", "housing.py", "adversarial.py", "vanishing_gradient.py", "siamese.py"}
    assert set(NEEDS) <= names
    for script in EXAMPLES:
        imported = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
        }
        assert not imported & {"urllib", "requests", "pooch", "socket", "http", "torch"}
