"""Results are bit by bit those that the repository knows, on every instruction set and for any number of threads."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from helpers import promised_isas, with_threads

import minigrad

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "tools").is_dir():
    pytest.skip("the tools are not part of this copy", allow_module_level=True)
if not minigrad.show_config()["promised_bits"]:
    pytest.skip("the baseline without FMA has bits of its own", allow_module_level=True)

specification = importlib.util.spec_from_file_location("golden", ROOT / "tools" / "golden.py")
assert specification is not None
assert specification.loader is not None
golden = importlib.util.module_from_spec(specification)
specification.loader.exec_module(golden)
KNOWN = json.loads(golden.FILE.read_text())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("isa", promised_isas())
def test_digests(isa: str, threads: int) -> None:
    with with_threads(threads):
        found = dict(golden.digests(isa))
    assert [name for name, text in found.items() if KNOWN.get(name) != text] == []


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_thousand_steps(threads: int) -> None:
    with with_threads(threads):
        assert golden.of_training() == KNOWN["training"]


def test_nan_is_one_value() -> None:
    digests = []
    for bits in (0x7FC00000, 0xFFC00001, 0x7F800001):
        digest = golden.Digest()
        digest.take(golden.np.array([bits], golden.np.uint32).view(golden.np.float32))
        digests.append(digest.text())
    assert len(set(digests)) == 1
