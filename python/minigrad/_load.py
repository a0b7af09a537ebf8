"""Loads the extension, with the OpenMP runtime told how long idle threads may look for work before they sleep.

By default they spin for long, and beside another busy process a spinning thread keeps the working one from its core: a
step then takes a hundred times as long. Threads that sleep at once take 50 µs to wake, more than many a kernel. So they
spin for a moment, some 10 µs, which kernels that follow each other closely do not exceed. The runtime reads the variables
once, as it is loaded; the process's own environment stays as it was.
"""

import os

# g++'s runtime counts turns of its loop; clang's, which has another variable for that, sleeps at once.
_WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}

_ours = not _WAITING.keys() & os.environ.keys()
if _ours:
    os.environ.update(_WAITING)
from . import _core  # noqa: F401

if _ours:
    for _name in _WAITING:
        del os.environ[_name]
