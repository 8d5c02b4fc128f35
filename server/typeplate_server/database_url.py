"""How a database URL is written (RFC 3986) and how it is shown: never with a password, wherever somebody put one.

Rules kept here:
* What is shown is put together from parts that are known to be harmless. Nothing is hidden by looking for it.
* A URL that could be read in two ways is refused: where an `@` or `/` stands unescaped, one reader's password is
  another's host, and hosts get into sentences and logs.
"""

from __future__ import annotations

import re
from typing import Final

SQLITE: Final = "sqlite:///"
FORM: Final = (
    "must be of the form sqlite:///PATH or postgresql+psycopg://USER[:PASSWORD]@HOST[:PORT]/DATABASE; in user and "
    "password write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %"
)
_POSTGRES: Final = re.compile(
    r"(?P<driver>postgresql(\+psycopg)?)://"
    r"((?P<user>[^:/?#@\s]*)(?P<password>:[^/?#@\s]*)?@)?"
    r"(?P<host>[\w.-]*|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(/(?P<database>[^/?#@\s]*))?"
    r"(\?(?P<query>[^?#@\s]*))?"
)
_SHOWN: Final = frozenset({"host", "hostaddr", "port", "sslmode", "sslrootcert", "target_session_attrs"})
"""The parameters of libpq whose values are shown. Others may be secrets, or have secrets in them."""


def is_database_url(url: str) -> bool:
    """Whether it is one of the two forms, and every reader finds the same password in it."""
    return url.startswith(SQLITE) or _POSTGRES.fullmatch(url) is not None


def shown_url(url: str) -> str:
    """A database URL fit for a screen or a log."""
    if url.startswith(SQLITE):
        file, mark, _ = url.partition("?")
        return file + (mark and "?***")
    found = _POSTGRES.fullmatch(url)
    if found is None:
        return "***"
    user = "" if found["user"] is None else found["user"] + (":***" if found["password"] else "") + "@"
    port = f":{found['port']}" if found["port"] else ""
    database = "" if found["database"] is None else f"/{found['database']}"
    query = f"?{'&'.join(map(_shown_parameter, found['query'].split('&')))}" if found["query"] else ""
    return f"{found['driver']}://{user}{found['host']}{port}{database}{query}"


def _shown_parameter(parameter: str) -> str:
    name, _, value = parameter.partition("=")
    if name in _SHOWN:
        return f"{name}={value}"
    return f"{name}=***" if re.fullmatch(r"[A-Za-z_]+", name) and value else "***"
