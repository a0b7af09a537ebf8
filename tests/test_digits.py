"""``minigrad train digits``: accuracy, files, bits."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import PROMISED_ISAS

import minigrad
from minigrad import cli, nn
from minigrad.datasets import load_digits

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")
pytest.importorskip("safetensors")

from minigrad.cli import recipe, tables

SETTINGS = recipe.Settings(validation=0.0)


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minigrad.cli", "train", "digits", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


@pytest.fixture(scope="module")
def full_run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Return the whole command with default settings."""
    return run(folder)


# ---- The command -----------------------------------------------------------------------------------------------------


def test_accuracy_is_shown(full_run: subprocess.CompletedProcess[str]) -> None:
    lines = full_run.stdout.splitlines()
    found = [m for line in lines if (m := re.fullmatch(r"test accuracy (\d+\.\d) %", line))]
    assert len(found) == 1
    assert float(found[0][1]) >= 97.5
    assert any(re.fullmatch(r"train accuracy \d+\.\d %", line) for line in lines)


def test_progress_is_shown(full_run: subprocess.CompletedProcess[str]) -> None:
    assert "40/40" in full_run.stderr
    assert re.search(r"accuracy=\d+\.\d %, loss=0\.\d{4}", full_run.stderr)


def test_files_are_written(full_run: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert full_run.returncode == 0
    names = ["digits-confusion.png", "digits-curves.png", "digits.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == names
    for name in names[:2]:
        assert (folder / name).read_bytes().startswith(b"\x89PNG\r\n")


def test_model_file_holds_the_model(full_run: subprocess.CompletedProcess[str], folder: Path) -> None:
    """A model built from the file alone has the accuracy that was shown."""
    content = minigrad.load(folder / "digits.safetensors")
    about = content["about"]
    assert (about["settings"]["seed"], about["settings"]["hidden"]) == (0, [256, 128])
    used = about["features"]
    model = nn.Sequential(nn.Linear(len(used), 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    model.load_state_dict(content["model"])
    data = load_digits()
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    pixels = data.x_test[:, [names.index(f["name"]) for f in used]]
    x = (pixels - np.array([f["mean"] for f in used])) / np.array([f["std"] for f in used])
    accuracy = (model(minigrad.tensor(x.astype(np.float32))).argmax(1).numpy() == data.y_test).mean()
    assert f"test accuracy {100 * accuracy:.1f} %" in full_run.stdout.splitlines()


def test_same_bits_for_every_number_of_threads_and_instruction_set(tmp_path: Path) -> None:
    hashes = {}
    for isa in PROMISED_ISAS:
        for threads in ("1", "3", "4"):
            out = tmp_path / isa / threads
            run(tmp_path, "--epochs", "2", "--seed", "3", "--threads", threads, "--out", str(out), MINIGRAD_ISA=isa)
            hashes[isa, threads] = hashlib.sha256((out / "digits.safetensors").read_bytes()).hexdigest()
    assert len(hashes) >= 3
    assert len(set(hashes.values())) == 1, hashes


def test_seeds_differ(tmp_path: Path) -> None:
    files = []
    for seed in ("0", "1"):
        assert cli.main(["train", "digits", "--epochs", "1", "--seed", seed, "--out", str(tmp_path / seed)]) == 0
        files.append((tmp_path / seed / "digits.safetensors").read_bytes())
    assert files[0] != files[1]


@pytest.mark.parametrize("seed", range(5))
def test_every_seed_is_accurate(seed: int) -> None:
    settings = recipe.Settings(seed=seed, validation=0.0)
    result = recipe.train(recipe.pose(tables.digits(), None, settings), settings)
    assert result is not None
    assert result.metrics["test"]["accuracy"] >= 0.975
    assert result.metrics["train"]["accuracy"] >= result.metrics["test"]["accuracy"]


# ---- Its parts -------------------------------------------------------------------------------------------------------


def test_pixels_are_standardised() -> None:
    problem = recipe.pose(tables.digits(), None, SETTINGS)
    data = load_digits()
    varies = data.x_train.min(axis=0) < data.x_train.max(axis=0)
    assert not varies.all()
    assert len(problem.features) == varies.sum()
    z = problem.parts["train"].x.numpy().astype(np.float64)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(z.var(axis=0), 1, rtol=1e-5)
    means = data.x_train.mean(axis=0, dtype=np.float64)[varies]
    np.testing.assert_allclose([f.mean for f in problem.features], means, rtol=1e-12)


def test_the_authors_split_is_kept() -> None:
    data = load_digits()
    problem = recipe.pose(tables.digits(), None, SETTINGS)
    assert {name: len(part.y) for name, part in problem.parts.items()} == {"train": 3823, "test": 1797}
    np.testing.assert_array_equal(problem.parts["train"].y.numpy(), data.y_train)
    np.testing.assert_array_equal(problem.parts["test"].y.numpy(), data.y_test)


def test_what_is_held_back_comes_from_the_training_part() -> None:
    problem = recipe.pose(tables.digits(), None, recipe.Settings(validation=0.2, test=0.0))
    assert {name: len(part.y) for name, part in problem.parts.items()} == {"train": 3058, "validation": 765}
