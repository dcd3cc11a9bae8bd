"""Locks of the operating system on files: the system releases them when the process ends, however the process ends."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Final, Protocol, cast

_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""The errors of file systems that have no locks."""

_HELD: Final = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK, errno.EWOULDBLOCK})
"""The errors for a lock that is held: EAGAIN of flock(2), EACCES and EDEADLK of Windows."""


class _Msvcrt(Protocol):
    """The part of the module ``msvcrt`` that locks files."""

    LK_NBLCK: int

    def locking(self, fd: int, mode: int, nbytes: int, /) -> None:
        """Lock so many bytes of a file."""
        ...


def lock_file(path: str | os.PathLike[str]) -> int | None:
    """Lock a file, which is made if need be, and return its descriptor; closing that releases the lock.

    Two descriptors of one file exclude each other, within one process as well. None is returned where the system or
    the file system has no locks. Raises BlockingIOError for a file that is locked already, and another OSError for one
    that cannot be opened.
    """
    lock = _lock_of_this_system()
    if lock is None:
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _NO_LOCKS:
            return None
        if error.errno in _HELD:
            raise BlockingIOError(error.errno, error.strerror, os.fspath(path)) from None
        raise
    return descriptor


def _lock_of_this_system() -> Callable[[int], None] | None:
    with suppress(ImportError):
        import fcntl

        return lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with suppress(ImportError):  # on Windows
        # Type checkers know the module on Windows alone.
        msvcrt = cast("_Msvcrt", cast("object", import_module("msvcrt")))
        return lambda descriptor: msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    return None
