"""Python's `multiprocessing`, by PyTorch's name. Tensors go to other processes as copies."""

from __future__ import annotations

import multiprocessing
from multiprocessing import *
from typing import Any

__all__ = [*multiprocessing.__all__, "spawn"]  # noqa: PLE0604


def spawn(fn: Any, args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, start_method: str = "spawn") -> Any:
    """Run ``fn(i, *args)`` in `nprocs` processes.

    Parameters
    ----------
    fn : callable
        A function of a module.
    args : tuple
        What it is given after the process's number.
    nprocs : int, default 1
        How many processes.
    join : bool, default True
        Whether to wait for them; otherwise the processes are returned.
    start_method : str, default "spawn"
        As for ``multiprocessing.get_context``.

    Raises
    ------
    RuntimeError
        If one of them fails.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes = [context.Process(target=fn, args=(i, *args)) for i in range(nprocs)]
    for process in processes:
        process.start()
    if not join:
        return processes
    for process in processes:
        process.join()
    failed = {i: process.exitcode for i, process in enumerate(processes) if process.exitcode}
    if failed:
        raise RuntimeError(f"spawn: processes failed, by number with their exit codes: {failed}")
    return None
