"""What several test files share."""

from __future__ import annotations

import sys
from pathlib import Path

# `helpers` lies beside the kernels' tests, which are not the only ones that compare bits.
sys.path.insert(0, str(Path(__file__).resolve().parent / "kernels"))
