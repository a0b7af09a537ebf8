"""Ctrl-C in the middle of a step: the parameters and the memory are those before it or those after it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from helpers import PATIENCE

# Steps are taken until a signal comes; then everything must be as after the steps that were done, or after one more.
INTERRUPTED = """
import signal, sys
import numpy as np
import minigrad as mg

signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background starts without it
NAME, OPTIONS = sys.argv[1], eval(sys.argv[2])


def begin():
    kinds = [((300, 401), mg.float32), ((7,), mg.float32), ((50, 30), mg.float32), ((2, 2), mg.float64)]
    ps = [mg.zeros(*shape, dtype=dtype).requires_grad_() for shape, dtype in kinds]
    for i, p in enumerate(ps):
        p.grad = mg.full_like(p.detach(), i + 1.0)
    groups = [{"params": ps[:2]}, {"params": ps[2:], "lr": 0.02}]
    return ps, getattr(mg.optim, NAME)(groups, lr=0.01, **OPTIONS)


def picture(ps, optimizer):
    state = optimizer.state_dict()["state"]
    arrays = {i: p.detach().numpy().tobytes() for i, p in enumerate(ps)}
    return arrays | {(n, k): np.asarray(x).tobytes() for n, memory in state.items() for k, x in memory.items()}


for _ in range(20):
    ps, optimizer = begin()
    done = 0
    try:
        print("go", flush=True)
        while True:
            optimizer.step()
            done += 1
    except KeyboardInterrupt:
        found = picture(ps, optimizer)
    ps, optimizer = begin()
    for _ in range(done):
        optimizer.step()
    before = picture(ps, optimizer)
    optimizer.step()
    assert found in (before, picture(ps, optimizer)), "a step was half done"
print("consistent")
"""


@pytest.mark.parametrize(
    ("name", "options"),
    [("Adam", {"amsgrad": True}), ("SGD", {"momentum": 0.9, "dampening": 0.5}), ("NAdam", {})],
)
def test_a_step_is_all_or_nothing(name: str, options: dict[str, object]) -> None:
    command = [sys.executable, "-c", INTERRUPTED, name, repr(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        line = ""
        for line in process.stdout:
            if line == "go\n":
                time.sleep(0.003 * random.random())
                process.send_signal(signal.SIGINT)
        watch.cancel()
    assert line == "consistent\n"
    assert process.returncode == 0
