"""Results are bit by bit those that the repository knows, on every instruction set and for any number of threads."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from helpers import ISAS, PROMISED_ISAS, with_threads

import minigrad
from minigrad import _core

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "tools").is_dir():
    pytest.skip("the tools are not part of this copy", allow_module_level=True)
if not minigrad.show_config()["promised_bits"]:
    pytest.skip("the baseline without FMA has bits of its own", allow_module_level=True)
sys.path.insert(0, str(ROOT / "tools"))

import golden
import golden_calls

KNOWN = json.loads(golden.FILE.read_text())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("isa", PROMISED_ISAS)
def test_digests(isa: str, threads: int) -> None:
    with with_threads(threads):
        found = dict(golden.digests(isa))
    assert [name for name, text in found.items() if KNOWN.get(name) != text] == []


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("name", golden.RUNS)
def test_trained_weights(name: str, threads: int) -> None:
    with with_threads(threads):
        assert golden.RUNS[name]() == KNOWN[name]


def test_every_kernel_has_a_digest() -> None:
    covered = {*golden_calls.FUNCTIONS, *golden_calls.SEVERAL, *golden_calls.OTHERS, *golden_calls.EXACT}
    with_settings = {"elu", "softplus", "broken_line"}  # by the names of the functions that they are
    assert set(_core.kernels) - covered - with_settings == set()
    assert {name.removeprefix("kernel ") for name in KNOWN if name.startswith("kernel ")} == {
        *golden_calls.SEVERAL,
        *golden_calls.OTHERS,
    }


def test_every_function_has_a_digest_of_all_floats() -> None:
    """``python tools/golden.py --write`` makes them."""
    assert {name.removeprefix("all floats ") for name in KNOWN if name.startswith("all floats ")} == {
        *golden_calls.FUNCTIONS
    }


@pytest.mark.skipif("MINIGRAD_ALL_FLOATS" not in os.environ, reason="MINIGRAD_ALL_FLOATS asks for it: many minutes")
@pytest.mark.parametrize("isa", PROMISED_ISAS)
def test_all_floats(isa: str) -> None:
    found = golden.all_floats(golden_calls.FUNCTIONS, ISAS[isa])
    assert [name for name, text in found.items() if KNOWN.get(name) != text] == []


def test_the_baseline_differs() -> None:
    """Without a fused multiply-add some bits are others: digests are no constants."""
    if "x86-64-v2" not in _core.build_info["isa_supported"]:
        pytest.skip("every instruction set of this machine has a fused multiply-add")
    kernels = _core.kernels_for("x86-64-v2")
    assert golden.of_function(kernels, "exp") != KNOWN["function exp"]
    assert golden.of_kernel(kernels, "matmul") != KNOWN["kernel matmul"]
    assert golden.of_function(kernels, "ceil") == KNOWN["function ceil"]


def test_nan_is_one_value() -> None:
    digests = []
    for bits in (0x7FC00000, 0xFFC00001, 0x7F800001):
        digest = golden.Digest()
        digest.take(golden.np.array([bits], golden.np.uint32).view(golden.np.float32))
        digests.append(digest.text())
    assert len(set(digests)) == 1
