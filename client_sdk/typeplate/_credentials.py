"""Owns the exchange of credentials for a token: the request, and the token made of its answer.

The messages are imported at the first exchange, which keeps the import of the SDK light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typeplate._lazy import IMPORTING
from typeplate._secret import SecretSource, fingerprint
from typeplate._token import Token, new_token

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the application is, and which scopes its tokens shall carry (none: all that it is granted)."""

    client_id: str
    secret: SecretSource
    scopes: tuple[str, ...] = ()

    def request(self, secret: str) -> IssueTokenRequest:
        """The request for a token (RFC 6749 §4.4.2)."""
        with IMPORTING:
            from typeplate.v1 import auth_service_pb2

        return auth_service_pb2.IssueTokenRequest(client_id=self.client_id, client_secret=secret, scopes=self.scopes)


def token_of(response: IssueTokenResponse, secret: str, asked_at: float, draw: Callable[[], float]) -> Token:
    """The token of an answer. Raises InternalError when there is none."""
    return new_token(
        response.access_token,
        fingerprint(secret),
        asked_at=asked_at,
        life=response.expires_in.seconds + response.expires_in.nanos / 1e9,
        refresh_after=response.refresh_after.seconds + response.refresh_after.nanos / 1e9,
        draw=draw,
    )
