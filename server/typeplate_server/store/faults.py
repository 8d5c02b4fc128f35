"""Turns what a database driver throws into what callers and operators can act on.

* `DatabaseError` is for the operator: a sentence that says what is wrong and what to do. It never goes to callers.
* `errors.DatabaseUnavailable` is for callers. The driver's text stays in `__cause__`, for the log alone.
* Faults of our own statements (a broken constraint, bad SQL) pass through unchanged: they are bugs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import DatabaseUnavailable

RETRY_AFTER_S = 1.0
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
            raise unavailable() from error
        raise


@contextmanager
def outage_as_commit_unknown() -> Iterator[None]:
    """Raises CommitUnknown for an outage inside; for COMMIT itself."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        if is_outage(error):
            raise CommitUnknown(retry_after=RETRY_AFTER_S) from error
        raise
