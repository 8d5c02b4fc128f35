"""Owns the write lock of a data directory: one holder at a time among all threads of all processes.

SQLite before 3.51.3 can lose a WAL reset when two connections write and checkpoint at once; whoever writes,
checkpoints or closes the last connection does so under this lock.

It is fair. `flock` is not: who releases it and takes it again at once wins over those who sleep. So everybody
queues at a turnstile first and leaves it only with the lock in hand; after a release the waiter is next, and a
revocation waits for one transaction of an import, never for two.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.001


class WriteLock:
    """The write lock of `data_dir`: its files `write.lock` and `write.turn`. It is free when its holder dies."""

    def __init__(self, data_dir: Path, *, timeout_s: float = 5.0) -> None:
        self._lock = data_dir / "write.lock"
        self._turnstile = data_dir / "write.turn"
        self._timeout_s = timeout_s

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Holds the lock. Blocks the thread; not re-entrant.

        Raises TimeoutError when it is not free within the timeout, OSError when its files cannot be made.
        """
        deadline = time.monotonic() + self._timeout_s
        turn = _acquire(self._turnstile, deadline)
        try:
            held = _acquire(self._lock, deadline)
        finally:
            os.close(turn)
        try:
            yield
        finally:
            os.close(held)


def _acquire(path: Path, deadline: float) -> int:
    """A descriptor that holds an exclusive flock on the file; closing it releases."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_flock(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{path} is held by another process")
            time.sleep(_POLL_S)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
