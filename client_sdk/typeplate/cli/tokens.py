"""`typeplate token issue` and `typeplate whoami`: an access token, or what one of the caller's own says."""

from __future__ import annotations

import base64
import json
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.json_format import MessageToDict

from typeplate.cli.connection import connect, connection
from typeplate.cli.output import print_json, print_table
from typeplate.v1 import auth_service_pb2


def issue(options: Namespace) -> None:
    """Prints an access token and nothing else, so that `$(typeplate token issue)` works; `--json`: the whole answer."""
    lifetime = timedelta(seconds=options.lifetime) if options.lifetime is not None else None
    answer = _issue(options, scopes=options.scope, lifetime=lifetime)
    if getattr(options, "json", False):
        print_json(MessageToDict(answer))
    else:
        print(answer.access_token)


def whoami(options: Namespace) -> None:
    """Shows the claims of a new token of the caller's (RFC 9068), and never the token."""
    claims = claims_of(_issue(options).access_token)
    if getattr(options, "json", False):
        print_json(claims)
    else:
        print_table(("CLAIM", "VALUE"), [(name, _readable(name, value)) for name, value in claims.items()])


def claims_of(token: str) -> dict[str, Any]:
    """The header's key id and the claims of a token, unverified: the server has just sent it over its own channel."""
    header, payload, _signature = token.split(".")
    return {"kid": _segment(header).get("kid", ""), **_segment(payload)}


def _issue(options: Namespace, **wanted: Any) -> auth_service_pb2.IssueTokenResponse:
    who = connection(options)
    with connect(options) as server:
        return server.auth.issue_token(client_id=who.client_id, client_secret=who.client_secret, **wanted)


def _segment(text: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value


def _readable(name: str, value: object) -> object:
    if name in ("iat", "exp", "nbf") and isinstance(value, int | float):
        return f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%dT%H:%M:%SZ})"
    return value
