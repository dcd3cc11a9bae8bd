"""Ways for a job to end its process without a word, and one that Python turns into an exception."""

import ctypes
import os
import resource
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_TOO_MUCH: Final = 1 << 40


def end_by_exit() -> None:
    """Leave at once, as a library may that gives up."""
    os._exit(9)


def end_by_segfault() -> None:
    """Read where there is nothing, as an extension with a fault does."""
    ctypes.string_at(0)


def end_by_memory() -> None:
    """Write into memory that there was none of, as an extension does that does not look what it got."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    with _little_memory():
        libc.memset(libc.malloc(_TOO_MUCH), 1, _TOO_MUCH)


def raise_memory_error() -> None:
    """Ask Python for memory that there is none of."""
    with _little_memory():
        bytearray(_TOO_MUCH)


WAYS: Final[Mapping[str, Callable[[], None]]] = {
    "exit": end_by_exit,
    "segfault": end_by_segfault,
    "memory": end_by_memory,
    "MemoryError": raise_memory_error,
}


@contextmanager
def _little_memory() -> Generator[None]:
    """Leave the process 64 MB more than it has."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (64 << 20), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
