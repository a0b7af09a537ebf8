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

import minigrad
from minigrad import cli, nn
from minigrad.datasets import load_digits
from minigrad.train import digits

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")
pytest.importorskip("safetensors")

PROMISED_ISAS = [isa for isa in minigrad.show_config()["isa_supported"] if isa != "x86-64-v2"]


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minigrad.cli", "train", "digits", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)


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
    assert sorted(path.name for path in folder.iterdir()) == ["digits.png", "digits.safetensors"]
    assert (folder / "digits.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_model_file_holds_the_model(full_run: subprocess.CompletedProcess[str], folder: Path) -> None:
    """A model built from the file alone has the accuracy that was shown."""
    state = minigrad.load(folder / "digits.safetensors")
    assert (state["about"]["seed"], state["about"]["hidden"]) == (0, (256, 128))
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    model.load_state_dict(state["model"])
    data = load_digits()
    x = (data.x_test - state["input"]["mean"].numpy()) / state["input"]["std"].numpy()
    accuracy = (model(minigrad.tensor(x)).detach().argmax(1).numpy() == data.y_test).mean()
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
    result = digits.train(digits.Settings(seed=seed))
    assert result.accuracy >= 0.975
    assert result.train_accuracy >= result.accuracy


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setattr(digits, "train", lambda *_, **__: pytest.fail("trained before it looked"))
    assert cli.main(["train", "digits"]) == 2
    message = capsys.readouterr().err
    assert "needs safetensors" in message
    assert 'pip install ".[train]"' in message


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["train"],
        ["train", "letters"],
        ["train", "digits", "--epochs", "0"],
        ["train", "digits", "--threads", "-1"],
        ["train", "digits", "--seed", "x"],
        ["train", "digits", "--seed", str(2**64)],
    ],
)
def test_bad_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    assert "usage: minigrad" in capsys.readouterr().err


def test_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["train", "digits", "--epochs", "1", "--out", str(tmp_path / "file")]) == 1
    assert "minigrad train digits: " in capsys.readouterr().err


def test_version_and_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"minigrad {minigrad.__version__}\n"
    assert cli.main(["config"]) == 0
    assert minigrad.show_config()["compiler"] in capsys.readouterr().out


# ---- Its parts -------------------------------------------------------------------------------------------------------


def test_pixels_are_standardised() -> None:
    x = load_digits().x_train
    standard = digits.pixel_standard(x)
    np.testing.assert_allclose(standard.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-6)
    varies = x.min(axis=0) < x.max(axis=0)
    assert not varies.all()
    np.testing.assert_allclose(standard.std[varies], x.std(axis=0, dtype=np.float64)[varies], rtol=1e-6)
    assert (standard.std[~varies] == 1).all()
    z = standard.apply(x, load_digits().y_train).x.numpy().astype(np.float64)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(z[:, varies].var(axis=0), 1, rtol=1e-5)


def test_validation_leaves_the_test_digits_alone() -> None:
    data = load_digits()
    scored, x, y, x_other, y_other = digits.parts(validate=True)
    assert scored == "validation"
    np.testing.assert_array_equal(np.concatenate([x, x_other]), data.x_train)
    np.testing.assert_array_equal(np.concatenate([y, y_other]), data.y_train)
    assert len(x_other) == 765


def test_table() -> None:
    result = digits.Result(digits.Settings(), nn.Sequential(), digits.pixel_standard(np.ones((2, 64))), "test")
    result.train_accuracy, result.accuracy = 1.0, 0.98125
    assert digits.table(result).splitlines()[2:] == ["train accuracy 100.0 %", "test accuracy 98.1 %"]
