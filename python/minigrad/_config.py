"""What this copy of minigrad was built with and runs on."""

from __future__ import annotations

from typing import Any

from . import _core

__version__ = "0.1.0"


class Config(dict[str, Any]):
    """A mapping that prints itself as a table."""

    def __repr__(self) -> str:
        width = max(len(key) for key in self)
        return "\n".join(f"{key:<{width}}  {_text(value)}" for key, value in self.items())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def show_config() -> Config:
    """Return the version, the compiler, the instruction sets, the threads, and whether the bits are the promised ones.

    Returns
    -------
    Config
        A mapping with the keys ``version``, ``compiler``, ``isa`` (the instruction set in use; the environment variable
        ``MINIGRAD_ISA`` chooses another), ``isa_built``, ``isa_supported``, ``threads`` and ``promised_bits``: False for
        the baseline without fused multiply-add, whose results differ from those of all other instruction sets.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.show_config()["version"]
    '0.1.0'
    """
    info: dict[str, Any] = dict(_core.build_info)
    return Config(
        version=__version__,
        compiler=info["compiler"],
        isa=info["isa"],
        isa_built=info["isa_built"],
        isa_supported=info["isa_supported"],
        threads=_core.get_num_threads(),
        promised_bits=info["promised_bits"],
    )


def get_num_threads() -> int:
    """Return how many threads a kernel may use.

    By default that is what ``OMP_NUM_THREADS`` says, or one for each core that the process may use: those of its
    affinity, or fewer where its control group has a quota (``docker run --cpus=2``).

    Examples
    --------
    >>> import minigrad
    >>> before = minigrad.get_num_threads()
    >>> minigrad.set_num_threads(1)
    >>> minigrad.get_num_threads()
    1
    >>> minigrad.set_num_threads(before)
    """
    return _core.get_num_threads()


def set_num_threads(threads: int) -> None:
    """Set how many threads a kernel may use; see :func:`get_num_threads`. No result depends on it.

    Parameters
    ----------
    threads : int
        At least 1. More than 512 are never used.

    Raises
    ------
    RuntimeError
        If it is not a positive integer.
    """
    if not isinstance(threads, int) or threads < 1:  # type: ignore[redundant-expr]
        raise RuntimeError(f"set_num_threads: needs a positive integer, got {threads!r}")
    _core.set_num_threads(threads)
