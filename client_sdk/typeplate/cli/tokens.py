"""`typeplate token …` and `typeplate whoami`: gets an access token, kills one, says what one is worth.

A token that is asked about comes on standard input: what stands on a command line, every user of the machine can read.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from argparse import Namespace
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from typeplate.cli.connection import client_secret, connect, settings
from typeplate.cli.effect import where
from typeplate.cli.exits import CommandError, UsageError
from typeplate.cli.output import hint, print_fields, print_json, print_table


def issue(options: Namespace) -> None:
    """Prints an access token and nothing else, so that `$(typeplate token issue)` works; `--json`: the whole answer."""
    found = settings(options, os.environ)
    with connect(options) as server:
        answer = server.auth.issue_token(
            client_id=found.get("TYPEPLATE_CLIENT_ID", ""),
            client_secret=client_secret(found),
            scopes=options.scope,
            lifetime=timedelta(seconds=options.lifetime) if options.lifetime is not None else None,
        )
    if getattr(options, "json", False):
        print_json(answer)
    else:
        print(answer.access_token)


def whoami(options: Namespace) -> None:
    """Shows the claims of a new token of the caller's (RFC 9068), and never the token."""
    with connect(options) as server:
        claims = claims_of(server.access_token())
    if getattr(options, "json", False):
        print_json(claims)
    else:
        print_table(("CLAIM", "VALUE"), [(name, _readable(name, value)) for name, value in claims.items()])


def revoke(options: Namespace) -> None:
    """Kills the token on standard input (RFC 7009)."""
    with connect(options) as server:
        answer = server.auth.revoke_token(token=_token())
    if getattr(options, "json", False):
        print_json(answer)
    hint(f"The token is dead. {where(answer)}")


def introspect(options: Namespace) -> None:
    """Says whether the token on standard input would be let in now, and whose it is (RFC 7662)."""
    with connect(options) as server:
        answer = server.auth.introspect_token(token=_token())
    if getattr(options, "json", False):
        print_json(answer)
    elif answer.active:
        print_fields(answer)
    else:
        print("active  no")


def _token() -> str:
    if sys.stdin.isatty():
        raise UsageError("the token is read from standard input: typeplate token ... < FILE")
    if not (token := sys.stdin.read(8192).strip()):
        raise UsageError("standard input holds no token")
    return token


def claims_of(token: str) -> dict[str, Any]:
    """The header's key id and the claims of a token, unverified: the server has just sent it over its own channel.

    Raises CommandError for one that is no JWT; the token itself is not quoted.
    """
    try:
        header, payload, _signature = token.split(".")
        return {"kid": _segment(header).get("kid", ""), **_segment(payload)}
    except (ValueError, RecursionError):
        raise CommandError("the server's token is no JWT (RFC 9068), and says nothing that could be shown") from None


def _segment(text: str) -> dict[str, Any]:
    """The JSON object in a part of a JWT. Raises ValueError for anything else."""
    value = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _readable(name: str, value: object) -> object:
    if name in ("iat", "exp", "nbf") and isinstance(value, int | float):
        with suppress(ValueError, OverflowError, OSError):  # a moment beyond the calendar stays a number
            return f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M:%SZ})"
    return value
