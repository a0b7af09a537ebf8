"""Files that are replaced whole: whoever reads one finds the old bytes or the new ones, never a part."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["replace_file"]


def replace_file(path: str | os.PathLike[str], parts: Iterable[Any]) -> None:
    """Put `parts`, one behind the other, in the place of a file, or make the file.

    The bytes go to a file beside it, ``.NAME.partial``, and reach the disk before that file takes the name; then the
    folder reaches the disk. What is killed on the way leaves the old file, and a partial one that the next call uses
    again. Calls for one file, from any process, wait for each other. The file keeps its permissions.

    Parameters
    ----------
    path : str or path
        The file. A symbolic link is followed.
    parts : iterable of buffers
        What is to be in it, bytes or arrays in the order of C.

    Raises
    ------
    OSError
        If it cannot be written, or is there and no regular file; the old file stays.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise FileExistsError(f"{target} is there and is no regular file")
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "There is no such folder", folder)
    partial = os.path.join(folder, f".{name}.partial")
    with _locked(partial) as descriptor:
        try:
            if os.path.exists(target):
                os.fchmod(descriptor, stat.S_IMODE(os.stat(target).st_mode))
            _write(descriptor, parts)
            os.replace(partial, target)
        except BaseException:
            if _is_named(descriptor, partial):
                os.unlink(partial)
            raise
    _sync_folder(folder)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[int]:
    """Open a file, made if there is none, that nobody else has open in this way; the lock goes with its process."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_named(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_named(descriptor: int, path: str) -> bool:
    """Return whether the open file still has the name: while one waits for the lock, another may have renamed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _write(descriptor: int, parts: Iterable[Any]) -> None:
    os.ftruncate(descriptor, 0)
    with open(descriptor, "wb", closefd=False) as file:
        file.writelines(parts)
    os.fsync(descriptor)


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
