"""The benchmarks run: their cases, their worker, their report. No test here asserts a time."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
benchmarks = pytest.importorskip("benchmarks", reason="the benchmarks are not part of this copy")

from benchmarks import __main__ as program
from benchmarks import report
from benchmarks.cases import CASES, group


def test_every_group_has_cases() -> None:
    groups = {"overhead", "kernels", "everyday", "rest", "matmul", "step", "func", "loading", "scaling"}
    assert set(map(group, CASES)) == groups


@pytest.mark.parametrize(
    "case", [c for c in CASES if group(c) in {"overhead", "loading", "func"} or c.startswith("step: 64-64-10")]
)
def test_small_cases_run(case: str) -> None:
    CASES[case]("minigrad")()


@pytest.mark.parametrize("case", [c for c in CASES if c.startswith("step: 64-64-10")])
def test_numpy_trains_the_same_nets(case: str) -> None:
    CASES[case]("numpy")()


def test_bandwidths_stand_beside_a_copy_of_the_same_size(capsys: pytest.CaptureFixture[str]) -> None:
    size = 1 << 24
    medians = {f"scaling: {name} {size}": {"minigrad": 4e-3} for name in ("copy", "add", "exp")}
    medians[f"scaling: add {1 << 22}"] = {"minigrad": 1e-3}
    report.print_bandwidths(medians)
    assert capsys.readouterr().out.splitlines() == [
        f"scaling: copy {size}: 33.6 GB/s, 1.00 times a copy's",
        f"scaling: add {size}: 50.3 GB/s, 1.50 times a copy's",
    ]


@pytest.mark.parametrize("case", [c for c in CASES if group(c) == "scaling" and c.endswith(" 1024")])
def test_every_family_scales_from_small_arrays(case: str) -> None:
    CASES[case]("minigrad")()


def test_a_peer_without_the_case_is_left_out() -> None:
    with pytest.raises(KeyError):
        CASES["overhead: add 8×8"]("numpy")


def test_quick_runs_leave_out_the_large_cases() -> None:
    assert "kernels: exp 4096×1024" in program.select("kernels: exp ", quick=False)
    assert program.select("kernels: exp ", quick=True) == ["kernels: exp 512×1024", "kernels: exp 512×1024 backward"]


def test_means_and_what_is_below(capsys: pytest.CaptureFixture[str]) -> None:
    medians = {
        "kernels: a": {"minigrad": 1.0, "torch": 4.0},
        "kernels: b": {"minigrad": 2.0, "torch": 1.0},
        "kernels: c": {"minigrad": 2.0},
    }
    report.print_means(medians, ["minigrad", "torch"])
    printed = capsys.readouterr().out
    assert "kernels: torch takes 1.41 times as long, 0.50 at least" in printed
    assert "below 1.0: kernels: b (0.50)" in printed


def test_medians_are_of_the_rounds_of_all_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = iter(({"minigrad": [1.0, 2.0], "torch": [8.0, 8.0]}, {"minigrad": [9.0, 3.0], "torch": [4.0, 4.0]}))
    monkeypatch.setattr(program, "workers", lambda peers, threads, length: contextlib.nullcontext({}))
    monkeypatch.setattr(program, "rounds_of", lambda case, started, rounds: next(starts))
    medians = program.measure(["minigrad", "torch"], ["kernels: a"], 1, program.Effort(2, 2, 0.05))
    assert medians == {"kernels: a": {"minigrad": 2.5, "torch": 6.0}}


def test_a_chart_of_many_cases_has_a_line_for_each_group() -> None:
    peers = ["minigrad", "torch", "jax"]
    few = {f"kernels: {n}": {"minigrad": 1.0, "torch": 4.0 ** (n % 2)} for n in range(report.MOST_BARS)}
    assert report._lines(few, peers)["kernels: 1"] == {"torch": [4.0]}
    many = {**few, "step: a": {"minigrad": 2.0, "torch": 1.0, "jax": 6.0}, "overhead: b": {"minigrad": 1.0}}
    lines = report._lines(many, peers)
    assert list(lines) == [f"kernels: mean of {report.MOST_BARS}", "step: mean of 1", "step: a"]
    assert lines["step: a"] == {"torch": [0.5], "jax": [3.0]}
    assert sorted(lines[f"kernels: mean of {report.MOST_BARS}"]["torch"])[29:31] == [1.0, 4.0]


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--peers=pytorch", "--peers: no implementation is called pytorch, they are minigrad, torch, jax, numpy"),
        ("--only=nothing", "--only: no case's name contains 'nothing'"),
        ("--json=nowhere/times.json", "there is no folder"),
        ("--starts=-1", "--rounds and --starts: at least 1"),
    ],
)
def test_problems_are_told_before_measuring(
    option: str, problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", option])
    with pytest.raises(SystemExit):
        program.parse()
    assert problem in capsys.readouterr().err


def test_without_minigrad_there_is_nothing_to_measure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    monkeypatch.setattr(program.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        program.parse()
    assert "minigrad is not installed" in capsys.readouterr().err


def test_the_program_measures_saves_and_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only=overhead: add", "--rounds=1", "--starts=2"]
    command.append("--peers=minigrad")
    files = [f"--json={tmp_path / 'times.json'}", f"--chart={tmp_path / 'chart.png'}"]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    assert "overhead: add 8×8 backward" in done.stdout
    assert done.stderr.splitlines() == ["start 1 of 2 is measured"]
    saved = json.loads((tmp_path / "times.json").read_text())
    assert saved["versions"] == {"minigrad": minigrad.__version__}
    assert set(saved["seconds"]["1"]) == {"overhead: add 8×8", "overhead: add 8×8 backward"}
    assert (tmp_path / "chart-1.png").exists()
