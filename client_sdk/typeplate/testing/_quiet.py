"""Owns the one complaint that a server on an event loop of its own would cause in the tests' logs.

All event loops of a process share one queue of grpc.aio. On older versions of it (1.76 among them), a loop that finds
the queue emptied by another raises BlockingIOError, which asyncio logs as an error, call for call
(https://github.com/grpc/grpc/issues/25364). Nothing is lost: the other loop hands over what is not its own.
"""

from __future__ import annotations

import logging


def is_noise(error: BaseException | None, message: str) -> bool:
    """Whether an error that asyncio tells of is this one."""
    return isinstance(error, BlockingIOError) and "PollerCompletionQueue._handle_events" in message


class _Quiet(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        return not is_noise(record.exc_info[1] if record.exc_info else None, record.getMessage())


_QUIET = _Quiet()


def be_quiet() -> None:
    """Keep it out of the logs from now on."""
    logging.getLogger("asyncio").addFilter(_QUIET)  # once, however often it is added
