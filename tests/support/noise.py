"""What happens out of sight: exceptions that nobody retrieves, in threads, tasks and finalizers."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Ear(logging.Handler):
    """Takes down what is logged as a warning or worse."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        """What a server in this process says of calls that were cut off is its own business."""
        if "servicer method" not in record.getMessage():
            self._heard.append(f"{record.name}: {self.format(record)}")


@contextmanager
def silence() -> Iterator[list[str]]:
    """Fails at its end for an exception of a thread, of a task that nobody awaited, or of a finalizer within it.

    asyncio tells of the second by its logger ("Task exception was never retrieved"), when the task is collected.
    """
    heard: list[str] = []

    def unraisable(seen: Any) -> None:
        heard.append(f"unraisable: {seen.exc_value!r} in {seen.object!r} ({seen.err_msg})")

    def in_thread(seen: Any) -> None:
        heard.append(f"thread {seen.thread}: {seen.exc_value!r}")

    before = sys.unraisablehook, threading.excepthook
    sys.unraisablehook, threading.excepthook = unraisable, in_thread
    ear, loggers = _Ear(heard), [logging.getLogger(name) for name in ("asyncio", "grpc")]
    for logger in loggers:
        logger.addHandler(ear)
    try:
        yield heard
        gc.collect()
    finally:
        sys.unraisablehook, threading.excepthook = before
        for logger in loggers:
            logger.removeHandler(ear)
    assert heard == [], "\n".join(heard)
