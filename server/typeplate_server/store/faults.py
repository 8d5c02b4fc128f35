"""Turns what a database driver throws into what callers and operators can act on.

* `DatabaseError` is for the operator: a sentence that says what is wrong and what to do. It never goes to callers.
* `errors.DatabaseUnavailable` is for callers. The driver's text stays in `__cause__` and the log, where operators find
  what they can mend, a full disk for one; told once each `RETELL_S`, for each call may fail of it.
* Faults of our own statements (a broken constraint, bad SQL) pass through unchanged: they are bugs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import DatabaseUnavailable

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 1.0
RETELL_S = 10.0
MOST_CAUSES = 100
_told: dict[str, float] = {}
_OUR_FAULT = (exc.DataError, exc.IntegrityError, exc.NotSupportedError, exc.ProgrammingError)


class DatabaseError(Exception):
    """Something about the database that only its operator can mend, as a sentence for them."""


def unavailable() -> DatabaseUnavailable:
    """The error for a caller when nothing was committed."""
    return DatabaseUnavailable(retry_after=RETRY_AFTER_S)


def is_outage(error: BaseException) -> bool:
    """Whether an error says that the database does not answer, rather than that our statement is wrong."""
    if isinstance(error, exc.DBAPIError):
        return not isinstance(error, _OUR_FAULT)
    return isinstance(error, exc.TimeoutError | exc.DisconnectionError)


@contextmanager
def outage_as_unavailable() -> Iterator[None]:
    """Raises DatabaseUnavailable for an outage inside; for reads, and for writes up to their COMMIT."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        if is_outage(error):
            _tell("the database cannot be used", error)
            raise unavailable() from error
        raise


@contextmanager
def outage_as_commit_unknown() -> Iterator[None]:
    """Raises CommitUnknown for an outage inside; for COMMIT itself."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        if is_outage(error):
            _tell("a commit failed, and may be done or not", error)
            raise CommitUnknown(retry_after=RETRY_AFTER_S) from error
        raise


def _tell(what: str, error: exc.SQLAlchemyError) -> None:
    """The driver's text only: SQLAlchemy's own repeats statement and values."""
    cause = str(getattr(error, "orig", None) or type(error).__name__).strip()
    now = time.monotonic()
    if now - _told.get(cause, -RETELL_S) < RETELL_S:
        return
    if len(_told) >= MOST_CAUSES:
        _told.clear()
    _told[cause] = now
    logger.error("%s: %s", what, cause)
