"""The exit codes of the `typeplate` command, and the sentence that goes with each error.

They follow the status codes of gRPC, which scripts would ask for: whether to ask again later (6), to mend the
credentials (3), to ask for a scope (4), or to give up.
"""

from __future__ import annotations

from typing import Final

from typeplate.cli.text import plain

OK: Final = 0
ERROR: Final = 1
USAGE: Final = 2
UNAUTHENTICATED: Final = 3
PERMISSION_DENIED: Final = 4
NOT_FOUND: Final = 5
UNAVAILABLE: Final = 6
CONFLICT: Final = 7
INTERRUPTED: Final = 130

BY_STATUS: Final[dict[str, int]] = {
    "INVALID_ARGUMENT": USAGE,
    "OUT_OF_RANGE": USAGE,
    "UNAUTHENTICATED": UNAUTHENTICATED,
    "PERMISSION_DENIED": PERMISSION_DENIED,
    "NOT_FOUND": NOT_FOUND,
    "UNAVAILABLE": UNAVAILABLE,
    "DEADLINE_EXCEEDED": UNAVAILABLE,
    "RESOURCE_EXHAUSTED": UNAVAILABLE,
    "ALREADY_EXISTS": CONFLICT,
    "ABORTED": CONFLICT,
    "FAILED_PRECONDITION": CONFLICT,
}
IN_OUR_WORDS: Final[dict[str, str]] = {
    "LAST_ADMIN": "no active client with clients:admin and a live secret would be left; `clients revoke --force`, "
    "`clients suspend --force` and `clients secrets delete --force` do it all the same",
}
"""For reasons whose message speaks of the API's fields rather than of the command's options."""


class UsageError(Exception):
    """The arguments, or what they point to, do not make sense; the message says which and why."""


class CommandError(Exception):
    """The command failed otherwise; the message says how."""


def code_of(error: Exception) -> int:
    """The exit code of an error of the SDK or of the operating system. A secret that cannot be read is wrong usage."""
    from typeplate.errors import SecretUnavailable

    if isinstance(error, SecretUnavailable):
        return USAGE
    code = getattr(error, "code", None)
    return BY_STATUS.get(getattr(code, "name", ""), ERROR)


def describe(error: Exception) -> str:
    """What went wrong, for a person: message, reason, request id, and the fields at fault that these do not name."""
    said = plain(_sentence(error))
    found = [(plain(v.field), plain(v.description)) for v in getattr(error, "violations", ())]
    return said + "".join(f"\n  {field}: {description}" for field, description in found if description not in said)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename is not None else ""
        return named + (error.strerror or type(error).__name__)
    words = IN_OUR_WORDS.get(getattr(error, "reason", ""))
    return str(error) if words is None else str(error).replace(getattr(error, "message", ""), words)
