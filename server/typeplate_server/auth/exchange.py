"""The exchange of a client's secret for an access token: OAuth2 client credentials (RFC 6749 §4.4).

Rules kept here, in the order of the work:
1. Shape and checksum of the secret, before any other work.
2. The client is read once. Hash, state, scopes and generation all come from that one read, so that a token issued
   while its client is being revoked carries the old generation and is born dead.
3. One constant-time comparison, with a dummy when there is nothing to compare with: same work for an unknown id.
4. Unknown id, wrong, expired and malformed secret get the same answer. Anything else, that the client is revoked or
   that a scope is not granted, is said only after the secret proved right.
5. Failures count against the peer. A right secret always passes, from a limited peer too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from typeplate_server.auth.admission import STALE_RETRY_S
from typeplate_server.auth.client_fields import MAX_SCOPES
from typeplate_server.auth.clients import ClientState, SecretState
from typeplate_server.auth.failures import FailureLimiter
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.secret_uses import SecretUse, SecretUses
from typeplate_server.auth.secrets import ClientSecret, SecretHasher, parse_secret
from typeplate_server.auth.tokens import IssuedToken, TokenIssuer
from typeplate_server.errors import (
    AuthStateStale,
    ClientRevoked,
    ClientSuspended,
    CredentialsInvalid,
    InvalidArgument,
    RateLimited,
)

MIN_LIFETIME_S: Final = 1


class TokenExchange:
    """Exchanges client credentials for tokens; all from memory, no database, no await."""

    def __init__(
        self,
        registry: ClientRegistry,
        hasher: SecretHasher,
        issuer: TokenIssuer,
        clock: Callable[[], float],
        fresh: Callable[[], bool],
        failures: FailureLimiter,
        uses: SecretUses | None = None,
    ) -> None:
        self._registry = registry
        self._hasher = hasher
        self._issuer = issuer
        self._clock = clock
        self._fresh = fresh
        self._failures = failures
        self._uses = uses if uses is not None else SecretUses()
        self._nobody = SecretState("-", hasher.dummy(), 0.0)

    def exchange(
        self,
        client_id: str,
        client_secret: str,
        scopes: Sequence[str],
        lifetime_s: float | None,
        peer: str,
        proved: Callable[[str], object] = lambda client_id: None,
    ) -> IssuedToken:
        """A token with `scopes` (none named: all granted) for `lifetime_s` (None: the longest allowed).

        `peer` is the caller's address without its port. `proved` is told the client id once the secret proved right,
        also when no token follows. Raises `CredentialsInvalid`, `RateLimited`, `ClientRevoked`,
        `ClientSuspended`, `InvalidArgument` (`scopes`, `lifetime`), `AuthStateStale`.
        """
        if not self._fresh():
            raise AuthStateStale(retry_after=STALE_RETRY_S)
        secret = self._parse(client_secret, peer)
        client = self._registry.get(client_id)
        if not self._proves(secret, client) or client is None:
            self._fail(peer)
        proved(client.client_id)
        _require_active(client)
        token = self._issuer.issue(client, _granted(client, scopes), _long_enough(lifetime_s))
        self._uses.note(SecretUse(secret.secret_id, client.client_id, self._clock(), peer))
        return token

    def _parse(self, text: str, peer: str) -> ClientSecret:
        try:
            return parse_secret(text)
        except ValueError:
            self._fail(peer)

    def _proves(self, secret: ClientSecret, client: ClientState | None) -> bool:
        candidates = client.secrets if client is not None else (self._nobody,)
        stored = next((each for each in candidates if each.secret_id == secret.secret_id), self._nobody)
        return self._hasher.matches(secret, stored.hash) and stored.live_at(self._clock())

    def _fail(self, peer: str) -> NoReturn:
        wait_s = self._failures.count(peer)
        if wait_s is not None:
            raise RateLimited(retry_after=wait_s)
        raise CredentialsInvalid


def _require_active(client: ClientState) -> None:
    if client.state == "revoked":
        raise ClientRevoked
    if client.state != "active":
        raise ClientSuspended


def _granted(client: ClientState, scopes: Sequence[str]) -> frozenset[str]:
    """What was asked for, or all that is granted (RFC 6749 §3.3); never silently less than was asked for."""
    wanted = frozenset(scopes)
    if len(scopes) > MAX_SCOPES:
        raise InvalidArgument.of("scopes", f"must be at most {MAX_SCOPES}")
    if not wanted <= client.scopes:
        raise InvalidArgument.of("scopes", "the client is not granted all of them")
    return wanted or client.scopes


def _long_enough(lifetime_s: float | None) -> float | None:
    if lifetime_s is not None and not lifetime_s >= MIN_LIFETIME_S:
        raise InvalidArgument.of("lifetime", f"must be at least {MIN_LIFETIME_S} s")
    return lifetime_s
