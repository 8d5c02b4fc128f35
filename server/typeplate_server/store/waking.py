"""Owns the threads that listen for changes: each connects, calls back, waits for more, and begins anew on failure.

What a change is and how it is heard of are those of the back ends: `watching` for SQLite, `listening` for PostgreSQL.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

RETRY_S = 0.2
"""The pause between two attempts to connect; with an attempt itself it stays below 0.5 s where a refusal is quick."""

RECONNECT_S = 0.01
"""The pause after a connection that had been good."""

_log = logging.getLogger(__name__)


class WakingThread(ABC):
    """Runs `listen` again and again until closed. See Wakeup."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback = callback
        self._stopped, self._stop = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._closing = False
        self._connected = False
        self._thread = threading.Thread(target=self._run, name="database-wakeup", daemon=True)
        self._thread.start()

    @abstractmethod
    def listen(self) -> None:
        """Connects, calls `heard` once connected and at each change; returns when `closed`; raises what fails."""

    def heard(self) -> None:
        """Calls back, unless closed."""
        self._connected = True
        if not self._closing:
            self._callback()

    def closed(self, readable: int | None = None, timeout_s: float | None = None) -> bool:
        """Waits until the descriptor is readable or the time is over; True: the thread shall end."""
        waited_for = [self._stopped] if readable is None else [self._stopped, readable]
        return self._stopped in select.select(waited_for, [], [], timeout_s)[0]

    def close(self) -> None:
        """See Wakeup."""
        if self._closing:
            return
        self._closing = True
        os.write(self._stop, b"x")
        self._thread.join()
        os.close(self._stop)
        os.close(self._stopped)

    def _run(self) -> None:
        while True:
            self._connected = False
            try:
                self.listen()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, a listener that is not there must come back
                _log.info("listening for changes failed (%s); trying again", type(error).__name__)
            if self.closed(timeout_s=RECONNECT_S if self._connected else RETRY_S):
                return
