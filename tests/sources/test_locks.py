"""Locks on files: one holder at a time, on each system, and none where the file system knows none."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from streamfn.sources._checkpoints import lock_file


class Windows(ModuleType):
    """A `msvcrt` that locks as Windows does: a process that has not the lock is refused with EACCES."""

    LK_NBLCK = 2

    def __init__(self, error: int | None = None) -> None:
        """Take the error to refuse with."""
        super().__init__("msvcrt")
        self._error = error
        self.locked: list[int] = []

    def locking(self, descriptor: int, mode: int, count: int, /) -> None:
        """Lock, or refuse."""
        assert (mode, count) == (self.LK_NBLCK, 1)
        if self._error is not None:
            raise OSError(self._error, os.strerror(self._error))
        self.locked.append(descriptor)


def on_windows(monkeypatch: pytest.MonkeyPatch, error: int | None = None) -> Windows:
    """Have a system with the locks of Windows alone."""
    windows = Windows(error)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    return windows


def test_one_at_a_time_has_a_lock_within_one_process_too(tmp_path: Path) -> None:
    first = lock_file(tmp_path / "lock")
    assert first is not None
    with pytest.raises(BlockingIOError):
        lock_file(tmp_path / "lock")
    os.close(first)
    second = lock_file(tmp_path / "lock")
    assert second is not None
    os.close(second)


def test_on_windows_its_own_locks_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = on_windows(monkeypatch)
    descriptor = lock_file(tmp_path / "lock")
    assert descriptor is not None
    assert windows.locked == [descriptor]
    os.close(descriptor)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EDEADLK])
def test_on_windows_a_lock_that_is_held_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    on_windows(monkeypatch, error)
    with pytest.raises(BlockingIOError):
        lock_file(tmp_path / "lock")


def test_a_file_system_without_locks_gives_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_windows(monkeypatch, errno.ENOLCK)
    assert lock_file(tmp_path / "lock") is None


def test_another_error_is_not_taken_for_a_lock_that_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_windows(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as raised:
        lock_file(tmp_path / "lock")
    assert not isinstance(raised.value, BlockingIOError)
