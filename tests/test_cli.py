"""The command on tables that users bring."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import PATIENCE

import minigrad
from minigrad import cli

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")
pytest.importorskip("safetensors")
pl = pytest.importorskip("polars", reason="polars is not installed: the extra train")

from minigrad.cli import metrics, preparation, recipe, tables


def people(n: int = 200) -> dict[str, list[Any]]:
    """Return a table with numbers, categories, gaps, a constant, names, a class and an amount."""
    draw = random.Random(0)
    age = [draw.randint(18, 80) for _ in range(n)]
    town = [draw.choice(["Bern", "Rome", "Oslo"]) for _ in range(n)]
    bonus = [draw.choice([0, 10, 25]) for _ in range(n)]
    dear = {"Bern": 90, "Rome": 0, "Oslo": 40}
    pay = [a * 2 + dear[t] + b + draw.gauss(0, 1) for a, t, b in zip(age, town, bonus, strict=True)]
    return {
        "name": [f"person {i}" for i in range(n)],
        "age": [None if i % 10 == 3 else a for i, a in enumerate(age)],
        "town": [None if i % 20 == 7 else t for i, t in enumerate(town)],
        "bonus": bonus,
        "planet": ["Earth"] * n,
        "pay": [round(p, 2) for p in pay],
        "rich": ["yes" if p > 150 else "no" for p in pay],
    }


def write(path: Path, table: dict[str, list[Any]], separator: str = ",", header: bool = True) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator)
        if header:
            writer.writerow(table)
        writer.writerows(zip(*[["" if v is None else v for v in column] for column in table.values()], strict=True))
    return str(path)


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cli.main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


# ---- Training ---------------------------------------------------------------------------------------------------------


def test_classification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "people.csv", people())
    found = result(capsys, "train", data, "--drop", "pay", "--epochs", "30", "--out", str(tmp_path / "out"))
    assert (found["target"], found["task"]) == ("rich", "classification")
    assert found["rows"] == {"train": 136, "validation": 24, "test": 40}
    assert found["metrics"]["train"]["accuracy"] > 0.9
    assert found["metrics"]["test"]["accuracy"] > 0.8
    assert [Path(f).name for f in found["files"]] == ["people.safetensors", "people-curves.png", "people-confusion.png"]
    assert sorted(os.listdir(tmp_path / "out")) == sorted(Path(f).name for f in found["files"])
    notes = " / ".join(found["notes"])
    for text in (
        "no target given: column 'rich', the last one",
        "column 'name' left out: text with",
        "column 'age': 20 missing cells filled with",
        "column 'town': 3 categories encoded as zeros and ones, 10 missing cells as all zeros",
        "column 'planet' left out: it does not vary",
    ):
        assert text in notes


def test_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "people.csv", people(), separator=";")
    found = result(capsys, "train", data, "--target", "pay", "--drop", "rich", "--drop", "name", "--out", str(tmp_path))
    assert found["task"] == "regression"
    assert found["metrics"]["test"]["R²"] > 0.5
    assert found["best_epoch"] <= found["epochs"] <= 100
    assert (tmp_path / "people-residuals.png").read_bytes().startswith(b"\x89PNG")


def test_report_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "people.csv", people())
    assert cli.main(["train", data, "--epochs", "2", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "people.csv: rich, seed 0, 2 epochs" in shown.out
    assert "test accuracy" in shown.out
    assert "val_loss=" in shown.err
    assert "epoch/s" in shown.err or "s/epoch" in shown.err


def test_parquet_is_as_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = people()
    data = write(tmp_path / "people.csv", table)
    pl.DataFrame({**table, "list": [[1]] * 200}).write_parquet(tmp_path / "people.parquet")
    arguments = ("--target", "rich", "--epochs", "3", "--out", str(tmp_path))
    one = result(capsys, "train", data, *arguments)
    two = result(capsys, "train", str(tmp_path / "people.parquet"), *arguments)
    assert one["metrics"] == two["metrics"]
    assert any("'list' left out: it holds List" in note for note in two["notes"])


def test_times_and_truth_values_of_parquet(tmp_path: Path) -> None:
    from datetime import datetime, timedelta
    from datetime import time as clock
    from decimal import Decimal

    times = [datetime(2026, 1, 1) + timedelta(days=i) for i in range(3)]
    columns = {
        "t": times,
        "date": [t.date() for t in times],
        "clock": [clock(1), clock(0, 0, 30), None],
        "took": [timedelta(hours=1), timedelta(milliseconds=5), None],
        "b": [True, None, False],
        "money": [Decimal("1.25"), None, Decimal(3)],
        "kind": pl.Series(["x", "y", None], dtype=pl.Categorical),
        "choice": pl.Series(["x", "y", None], dtype=pl.Enum(["x", "y", "z"])),
        "none": [None, None, None],
        "bytes": [b"x", b"y", b"z"],
    }
    pl.DataFrame(columns).write_parquet(tmp_path / "t.parquet")
    table = tables.read(str(tmp_path / "t.parquet"))
    for name in ("t", "date"):
        assert np.diff(table.columns[name].numbers).tolist() == [86400.0, 86400.0]
    for name, numbers in (
        ("clock", [3600, 30, np.nan]),
        ("took", [3600, 0.005, np.nan]),
        ("b", [1, np.nan, 0]),
        ("money", [1.25, np.nan, 3]),
    ):
        np.testing.assert_allclose(table.columns[name].numbers, numbers, rtol=1e-15)
    assert table.columns["kind"].texts == table.columns["choice"].texts == ["x", "y", None]
    assert table.columns["none"].is_missing.all()
    assert table.notes == ("column 'bytes' left out: it holds Binary",)


def test_dialects_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('\ufeffa;"b\nb";c;d\r\n1,5;"x\ny";1;1,5\r\n -2,25 ;;NA;x\r\n'.encode())
    table = tables.read(str(path))
    assert list(table.columns) == ["a", "b\nb", "c", "d"]
    assert table.columns["a"].numbers.tolist() == [1.5, -2.25]
    assert table.columns["b\nb"].texts == ["x\ny", None]
    np.testing.assert_array_equal(table.columns["c"].numbers, [1, np.nan])
    assert table.columns["d"].texts == ["1,5", "x"]
    path.write_bytes("\ufeff1\t2\n3\tinf\n".encode())
    table = tables.read(str(path))
    assert list(table.columns) == ["column_1", "column_2"]
    np.testing.assert_array_equal(table.columns["column_2"].numbers, [2, np.nan])
    assert table.columns["column_2"].strays == []


@pytest.mark.parametrize("name", ["log.csv", "deep/log.jsonl", "board"])
def test_history_is_logged(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "board":
        pytest.importorskip("tensorboardX")
    data = write(tmp_path / "people.csv", people())
    result(capsys, "train", data, "--epochs", "3", "--out", str(tmp_path), "--log", str(tmp_path / name))
    if name == "board":
        assert len(list((tmp_path / name).iterdir())) == 1
        return
    lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3 + name.endswith("csv")
    assert "val_accuracy" in lines[0]


def test_divergence_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "people.csv", people())
    arguments = ["--target", "pay", "--epochs", "3", "--lr", "1e30", "--out", str(tmp_path)]
    assert cli.main(["train", data, *arguments]) == 2
    assert_one_sentence(capsys, "train", "training diverged: give a smaller --lr")


def test_file_without_a_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "people.csv", people(), header=False)
    found = result(capsys, "train", data, "--target", "column_6", "--epochs", "1", "--out", str(tmp_path))
    assert found["target"] == "column_6"
    assert any("columns are called column_1" in note for note in found["notes"])
    assert len(tables.read(data, header=True)) == 199


def test_threads_and_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "people.csv", people())
    before = minigrad.get_num_threads()
    found = []
    try:
        for threads, seed in (("1", "5"), ("3", "5"), ("1", "6")):
            arguments = ("train", data, "--epochs", "2", "--out", str(tmp_path), "--threads", threads, "--seed", seed)
            result(capsys, *arguments)
            found.append((tmp_path / "people.safetensors").read_bytes())
    finally:
        minigrad.set_num_threads(before)
    assert found[0] == found[1] != found[2]


# ---- Interrupting and resuming ----------------------------------------------------------------------------------------


LONG = ["--epochs", "20", "--patience", "99", "--dropout", "0.1"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data and the model of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    data = write(folder / "people.csv", people())
    assert cli.main(["train", data, *LONG, "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_resumed_run_has_the_same_bits(how: signal.Signals, whole: Path, tmp_path: Path) -> None:
    arguments = [str(whole / "people.csv"), *LONG]
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", WAITING, str(mark), "train", *arguments, "--out", str(tmp_path / "parts")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + PATIENCE
    while not mark.exists() and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(how)
    _, shown = process.communicate(timeout=PATIENCE)
    assert mark.exists(), shown
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert ("--resume goes on" in shown) == (how == signal.SIGINT)
    assert "Traceback" not in shown
    checkpoint = tmp_path / "parts" / "people-checkpoint.safetensors"
    done = minigrad.load(checkpoint)["run"]["epoch"]
    assert done == 5 if how == signal.SIGINT else 1 <= done <= 5
    assert cli.main(["train", *arguments, "--out", str(tmp_path / "parts"), "--resume"]) == 0
    assert not checkpoint.exists()
    assert (whole / "people.safetensors").read_bytes() == (tmp_path / "parts" / "people.safetensors").read_bytes()


# The command, which waits in the middle of its sixth epoch until it is ended.
WAITING = """
import pathlib, sys, time
from minigrad import cli
from minigrad.training import ProgressBar

def wait(self, run):
    if run.epoch == 5:
        pathlib.Path(sys.argv[1]).touch()
        time.sleep(600)

ProgressBar.on_batch_end = wait
sys.exit(cli.main(sys.argv[2:]))
"""


def test_resuming_needs_the_same_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write(tmp_path / "people.csv", people())
    settings = recipe.Settings(epochs=100)
    problem = recipe.pose(tables.read(data), None, settings)
    from minigrad.cli import files

    print_ = files.fingerprint(settings, "people.csv", list(people()), 200) | {"target": "rich"}
    checkpoint = tmp_path / "people-checkpoint.safetensors"
    short = recipe.Settings(epochs=1)
    recipe.train(problem, short, checkpoint=checkpoint, about={"made_with": print_})
    assert cli.main(["train", data, "--resume", "--lr", "0.5", "--out", str(tmp_path)]) == 2
    assert "was made with lr = 0.002, not 0.5: resume with the same" in capsys.readouterr().err
    assert cli.main(["train", data, "--resume", "--target", "bonus", "--out", str(tmp_path)]) == 2
    assert "target = rich, not bonus" in capsys.readouterr().err
    write(tmp_path / "people.csv", {**people(), "more": [1] * 200})
    assert cli.main(["train", data, "--resume", "--target", "rich", "--out", str(tmp_path)]) == 2
    assert "was made with data of other columns" in capsys.readouterr().err


# ---- Predicting and inspecting ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    data = write(folder / "people.csv", people())
    assert cli.main(["train", data, "--drop", "pay", "--epochs", "20", "--out", str(folder)]) == 0
    return folder


def test_predictions(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = people(30)
    table["town"][0] = "Paris"
    data = write(tmp_path / "new.csv", table)
    model = str(trained / "people.safetensors")
    assert cli.main(["predict", model, data, "--out", str(tmp_path / "deep" / "out.csv")]) == 2
    assert f"--out: there is no folder {str(tmp_path / 'deep')!r}" in capsys.readouterr().err
    assert cli.main(["predict", model, data, "--out", str(tmp_path / "out.csv")]) == 0
    shown = capsys.readouterr()
    assert "wrote 30 predictions" in shown.out
    assert "column 'town': 1 new value such as 'Paris' count as none" in shown.err
    assert "new.csv has the target: accuracy" in shown.err
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    for row in rows:
        chances = {name: float(row[f"probability of {name}"]) for name in ("yes", "no")}
        assert sum(chances.values()) == pytest.approx(1, abs=2e-6)
        assert row["rich"] == max(chances, key=chances.__getitem__)
    assert np.mean([row["rich"] == true for row, true in zip(rows, table["rich"], strict=True)]) > 0.8


def test_predictions_need_no_target_and_any_order(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = people(30)
    model = str(trained / "people.safetensors")
    shown = []
    for chosen in (list(table), ["bonus", "town", "age"]):
        data = write(tmp_path / "new.csv", {name: table[name] for name in chosen})
        assert cli.main(["predict", model, data]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_inspect(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", str(trained / "people.safetensors")]) == 0
    shown = capsys.readouterr().out
    for text in (
        "rich of people.csv, classification",
        "(0): Linear(in_features=5, out_features=256, bias=True)",
        "34,690 parameters",
        "column town: 3 categories: Bern, Oslo, Rome",
        "target rich: 2 classes: no, yes",
        "trained for 20 epochs",
        "test accuracy",
    ):
        assert text in shown
    about = result(capsys, "inspect", str(trained / "people.safetensors"))
    assert about["parameter_count"] == 34690
    assert len(about["history"]["val_loss"]) == 20


# ---- What users get wrong: one sentence, exit status 2 ------------------------------------------------------------------


def spoiled(**columns: Any) -> dict[str, list[Any]]:
    return {**people(40), **columns}


BAD_TABLES: dict[str, tuple[Any, list[str], str]] = {
    "column": (people(40), ["--target", "income"], "has no column 'income'; it has name, age"),
    "drop": (people(40), ["--drop", "income"], "has no column 'income'"),
    "text": (spoiled(bonus=["much", *range(39)]), [], "column 'bonus' has numbers, but text in row 1: 'much'"),
    "class": (spoiled(rich=["yes"] * 40), [], "column 'rich' has only the class 'yes'"),
    "value": (spoiled(rich=[1.5] * 40), [], "column 'rich' has one value only"),
    "nothing": (spoiled(rich=[None] * 40), [], "column 'rich' has nothing in it"),
    "names": (people(40), ["--target", "name"], "column 'name' has 40 different values in 40 rows: no classes"),
    "task": (people(40), ["--task", "regression"], "column 'rich' has text, such as 'yes': no regression"),
    "rows": ({name: column[:5] for name, column in people(40).items()}, [], "has 5 rows with a target; at least 10"),
    "features": ({"y": [0, 1] * 20}, [], "no column to predict 'y' from"),
    "money": (
        spoiled(bonus=[f"${n},000.50" for n in range(40)]),
        [],
        "column 'bonus' has texts such as '$0,000.50' that look like numbers; write them as plain numbers",
    ),
    "shares": (
        spoiled(bonus=[f"{n}.5 %" for n in range(40)]),
        [],
        "column 'bonus' has texts such as '0.5 %' that look",
    ),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_bad_tables(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, arguments, message = BAD_TABLES[kind]
    data = write(tmp_path / "bad.csv", table)
    assert cli.main(["train", data, "--out", str(tmp_path), *arguments]) == 2
    assert_one_sentence(capsys, "train", message)


def assert_one_sentence(capsys: pytest.CaptureFixture[str], command: str, message: str) -> None:
    shown = capsys.readouterr()
    assert shown.out == ""
    last = shown.err.splitlines()[-1]
    assert last.startswith(f"minigrad {command}: ")
    assert message in last


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has no rows"),
        (b"a,b\nx,y\n1,2,3\n", "cannot be read: row 3 has 3 cells, but the first one has 2"),
        (b"# a comment\na,b\nx,y\n", "cannot be read: row 2 has 2 cells, but the first one has 1"),
        (b"\n\n \n", "has no rows"),
        (b"a,a\nx,y\n", "has several columns 'a'"),
        (b"a,b\n\xff\xfe,1\n", "cannot be read: it is no UTF-8 text (invalid start byte); save it as UTF-8"),
        (b"\xff\xfea,b\n", "cannot be read"),
        (b"PAR1 and nothing more", "cannot be read"),
        (b"a" * 200_000 + b",b\nx,y\n", "cannot be read"),
    ],
)
def test_bad_files(content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    assert cli.main(["train", str(tmp_path / "bad.csv")]) == 2
    assert_one_sentence(capsys, "train", message)


def test_damaged_parquet_files_are_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(50), "b": ["x", "y"] * 25}).write_parquet(path)
    whole, draw, told = path.read_bytes(), random.Random(0), []
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[draw.randrange(4, len(whole))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            tables.read(str(path))
        except tables.InputError as error:
            told.append(str(error))
    assert len(told) > 30
    assert all("cannot be read: " in text for text in told)


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    plain, blank = tmp_path / "plain.csv", tmp_path / "blank.csv"
    plain.write_text("a,b\n1,x\n2,y\n", encoding="utf-8")
    blank.write_text("\n \na,b\n1,x\n\n2,y\n", encoding="utf-8")
    kept = [i for i, text in enumerate(tables.read(str(blank)).columns["b"].texts) if text is not None]
    for name in ("a", "b"):
        assert [tables.read(str(blank)).columns[name].texts[i] for i in kept] == tables.read(str(plain)).columns[
            name
        ].texts


@pytest.mark.parametrize("factor", [1e300, 1e-300, 2.0**600])
def test_moments_of_huge_and_tiny_numbers(factor: float) -> None:
    numbers = np.random.default_rng(0).standard_normal(1000)
    mean, deviation = preparation.moments(numbers * factor)
    assert (mean, deviation) == pytest.approx((numbers.mean() * factor, numbers.std() * factor), rel=1e-12, abs=0)
    assert preparation.moments(np.full(3, 1e300)) == (1e300, 1.0)
    assert preparation.moments(np.array([1.5e308, -1.5e308])) == (0.0, 1.5e308)


def test_texts_that_are_there_once_are_left_out() -> None:
    names = [f"person {i}" for i in range(40)]
    feature, note = preparation.find_feature(tables.Column("name", pl.Series(names)), np.arange(30), False)
    assert (feature, note) == (None, "column 'name' left out: each text is there once")
    few = tables.Column("name", pl.Series(names[:15]))
    assert preparation.find_feature(few, np.arange(15), False)[0] is not None


def test_files_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source, message in ((tmp_path / "none.csv", "does not exist"), (tmp_path, "is a folder")):
        assert cli.main(["train", str(source)]) == 2
        assert_one_sentence(capsys, "train", message)
    data = write(tmp_path / "people.csv", people(40))
    assert cli.main(["train", data, "--resume", "--out", str(tmp_path)]) == 2
    assert_one_sentence(capsys, "train", "there is nothing to resume")


def test_data_that_do_not_fit_the_model(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(trained / "people.safetensors")
    for table, message in (
        ({"age": [1], "pay": [2]}, "has no column 'town' and 1 more, which the model needs"),
        (spoiled(age=["old"] * 40), "column 'age' has text, 'old' in row 1, but the model needs numbers"),
        (spoiled(age=[20, 1e300] * 20), "column 'age' has 1e+300 in row 2, too far from the mean"),
    ):
        data = write(tmp_path / "new.csv", table)
        assert cli.main(["predict", model, data]) == 2
        assert_one_sentence(capsys, "predict", message)


def test_files_that_are_no_models(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    minigrad.save({"about": {"format": "something"}}, tmp_path / "other")
    minigrad.save({"about": {"format": "minigrad model", "features": 3}}, tmp_path / "wrong")
    content = minigrad.load(trained / "people.safetensors")
    content["about"]["target"]["values"] = [str(i) for i in range(1000)]
    minigrad.save(content, tmp_path / "unlike")
    del content["about"]["metrics"]
    content["about"]["target"]["values"] = minigrad.load(trained / "people.safetensors")["about"]["target"]["values"]
    minigrad.save(content, tmp_path / "less")
    whole = (trained / "people.safetensors").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    for name in ("other", "wrong", "unlike", "less", "half", "text", "none", "."):
        assert cli.main(["inspect", str(tmp_path / name)]) == 2
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1
        assert "is no model file" in shown or "does not exist" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["train"],
        ["train", "digits", "--epochs", "0"],
        ["train", "digits", "--threads", "-1"],
        ["train", "digits", "--seed", "x"],
        ["train", "digits", "--seed", str(2**64)],
        ["train", "digits", "--hidden", "8,0"],
        ["train", "digits", "--lr", "0"],
        ["train", "digits", "--test", "1"],
        ["predict", "model"],
        ["inspect"],
    ],
)
def test_bad_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    assert "usage: minigrad" in capsys.readouterr().err


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setattr(recipe, "train", lambda *_, **__: pytest.fail("trained before it looked"))
    assert cli.main(["train", "digits"]) == 2
    message = capsys.readouterr().err
    assert "needs safetensors" in message
    assert 'pip install ".[train]"' in message


def test_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert cli.main(["train", "digits", "--epochs", "1", "--out", str(tmp_path / "file")]) == 1
    assert "minigrad train: " in capsys.readouterr().err


def test_reader_that_wants_no_more(trained: Path) -> None:
    code = "from minigrad import cli; import sys; sys.exit(cli.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "predict", str(trained / "people.safetensors"), str(trained / "people.csv")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.wait(PATIENCE) == 1
    shown = process.stderr.read()
    process.stderr.close()
    assert "Broken" not in shown
    assert "Traceback" not in shown


def test_batches_grow_with_the_table() -> None:
    from minigrad.cli import commands

    arguments = cli.make_parser().parse_args(["train", "x.csv"])
    for rows, size in ((100, 64), (60_000, 256), (10**6, 1024)):
        column = tables.Column("x", np.zeros(rows))
        assert commands.settings_of(arguments, tables.Table("x", {"x": column})).batch_size == size


def test_version_and_config(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"minigrad {minigrad.__version__}\n"
    assert cli.main(["config"]) == 0
    assert minigrad.show_config()["compiler"] in capsys.readouterr().out


# ---- Its parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_split_is_even_over_the_classes(share: float) -> None:
    order = np.repeat([0, 1, 2], [200, 40, 20])
    parts = recipe.split(order, np.arange(260), None, recipe.Settings(test=share, validation=share))
    together = np.concatenate(list(parts.values()))
    np.testing.assert_array_equal(np.sort(together), np.arange(260))
    for cls, size in ((0, 200), (1, 40), (2, 20)):
        assert abs((order[parts["test"]] == cls).sum() - size * share) <= 1


def test_metrics_of_classes() -> None:
    scores = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0.2, 0.7, 0.1]]))
    found = metrics.of_classes(scores, np.array([0, 1, 2, 1]))
    assert found["accuracy"] == 0.75
    assert found["log loss"] == pytest.approx(-np.log([0.5, 0.8, 0.2, 0.7]).mean())
    assert found["macro F1"] == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_metrics_of_numbers() -> None:
    found = metrics.of_numbers(np.array([1.0, 2.0, 6.0]), np.array([1.0, 3.0, 5.0]))
    assert found["RMSE"] == pytest.approx(math.sqrt(2 / 3))
    assert found["MAE"] == pytest.approx(2 / 3)
    assert found["R²"] == pytest.approx(0.75)


def test_descriptions_come_back() -> None:
    for part in (
        preparation.Number("a", 1.0, 2.0, 3.0),
        preparation.Category("b", ["x", "y"]),
        preparation.Classes("c", ["0", "1"]),
        preparation.Amount("d", 0.0, 1.0),
    ):
        assert preparation.restore(preparation.describe(part)) == part
