"""`typeplate token issue` and `typeplate whoami`: an access token, or what one of the caller's own says."""

from __future__ import annotations

import base64
import json
import os
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Any

from typeplate.cli.connection import client_secret, connect, settings
from typeplate.cli.output import print_json, print_table


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


def claims_of(token: str) -> dict[str, Any]:
    """The header's key id and the claims of a token, unverified: the server has just sent it over its own channel."""
    header, payload, _signature = token.split(".")
    return {"kid": _segment(header).get("kid", ""), **_segment(payload)}


def _segment(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value


def _readable(name: str, value: object) -> object:
    if name in ("iat", "exp", "nbf") and isinstance(value, int | float):
        return f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M:%SZ})"
    return value
