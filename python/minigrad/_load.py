"""Loads the extension, with the OpenMP runtime told to let idle threads sleep.

By default idle threads spin, and beside another busy process a spinning thread keeps the working one from its core:
a step then takes a hundred times as long. The runtime reads the variable once, as it is loaded; the process's own
environment stays as it was.
"""

import os

_given = os.environ.get("OMP_WAIT_POLICY")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
from . import _core  # noqa: F401

if _given is None:
    del os.environ["OMP_WAIT_POLICY"]
