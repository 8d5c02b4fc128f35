"""The decision whether a call may go on, taken at handler start and again right before a commit.

The order of questions (security: a failed one ends it):
1. shape: one `authorization` entry, `Bearer`, ASCII, at most 4096 bytes, three strict base64url segments;
2. a token known already, its key still live; else header, signature, claims (`tokens`);
3. the key still live; expiry; client revoked; freshness; client suspended; generation, token revoked; scope.

Rules kept here:
* No lock, no I/O, no await: nothing can change between the questions.
* Only signature and claims are remembered, with the key that made them good. All of 3 is asked on each call.
* Whatever goes wrong unexpectedly in here is TOKEN_INVALID: an error never lets a call in, and never says INTERNAL.
* A replica that is not fresh says of a client only what cannot have changed since, that it is revoked for good. All
  else is AUTH_STATE_STALE, so that applications keep their tokens.
* A well-signed token of a client that this deployment does not know is TOKEN_REVOKED: it is ours, and nothing stands
  behind it (a restored backup, a replica not told yet). The bearer shall get a new one.
* The scheme is compared without regard to case (RFC 9110 §11.1), and exactly one space follows it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Final

from typeplate_server.auth.access import Access
from typeplate_server.auth.audit import AttributedGuard
from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.keyring import KeyRing, SigningKey
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.store import CallerRows, CommitGuard
from typeplate_server.auth.tokens import MAX_TOKEN_LENGTH, AccessToken, AccessTokenVerifier
from typeplate_server.errors import (
    AuthStateStale,
    ClientRevoked,
    ClientSuspended,
    ScopeMissing,
    ServiceError,
    TokenExpired,
    TokenInvalid,
    TokenMalformed,
    TokenMissing,
    TokenRevoked,
)

MAX_KNOWN_TOKENS: Final = 16_384
"""About 1.5 kB each. With more in use than are remembered, each call may cost a signature's check (some 100 us)."""

STALE_RETRY_S: Final = 1.0
_SCHEME: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, by a token that was good when admitted. Holds no token, so fit for logs. Times are epoch seconds."""

    client_id: str
    jti: str
    kid: str
    scopes: frozenset[str]
    generation: str
    expire_time: int


class Admission:
    """Admits callers. `clock` never goes backwards; `fresh` says whether this process knows who is revoked.

    `revoked` holds the `jti` of each token that was revoked by itself.
    """

    def __init__(
        self,
        keys: KeyRing,
        verifier: AccessTokenVerifier,
        registry: ClientRegistry,
        clock: Callable[[], float],
        fresh: Callable[[], bool],
        *,
        revoked: Container[str] = frozenset(),
        max_known_tokens: int = MAX_KNOWN_TOKENS,
    ) -> None:
        self._keys = keys
        self._verifier = verifier
        self._client = registry.get
        self._clock = clock
        self._fresh = fresh
        self._revoked = revoked
        self._known: OrderedDict[str | bytes, tuple[SigningKey, Caller]] = OrderedDict()
        self._max_known = max_known_tokens

    def admit(self, values: Sequence[str | bytes], access: Access) -> Caller | None:
        """Who calls, given all values of the metadata key `authorization`; None for a public method, which asks nobody.

        Raises the `Unauthenticated` family, `AuthStateStale` or `ScopeMissing`, and nothing else.
        """
        if access.public:
            return None
        try:
            caller = self._caller(values)
            self.recheck(caller)
            scope = access.scope
            if scope is not None and scope not in caller.scopes:
                raise ScopeMissing(scope)
            return caller
        except ServiceError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it lets nobody in
            raise TokenInvalid from None

    def bearer(self, values: Sequence[str | bytes]) -> str:
        """The client whose token these values carry, whether it is admitted or not; "" when the signature is not good.

        For the audit trail, of a call that `admit` has just refused.
        """
        known = self._known.get(values[0]) if len(values) == 1 else None
        return "" if known is None else known[1].client_id

    def recheck(self, caller: Caller) -> None:
        """Asks again whether a caller admitted before may still go on: key, expiry, state, generation, freshness."""
        self._require_live_key(caller)
        self._require_good(caller, self._client(caller.client_id), self._fresh(), caller.jti in self._revoked)

    def commit_guard(self, caller: Caller, peer: str = "") -> CommitGuard:
        """The same question, asked of the rows inside a write transaction: nobody who was revoked anywhere commits.

        Client, token and key are looked up there, whatever this process has heard. Freshness is not asked, because
        the rows are the truth. Caller and `peer` are named in the audit trail.
        """

        def guard(rows: CallerRows) -> None:
            self._require_live_key(caller)
            if rows.is_key_removed(caller.kid):
                raise TokenInvalid
            revoked = caller.jti in self._revoked or rows.is_token_revoked(caller.jti)
            self._require_good(caller, rows.get(caller.client_id), True, revoked)

        return AttributedGuard(guard, caller.client_id, peer)

    def _caller(self, values: Sequence[str | bytes]) -> Caller:
        if len(values) == 1:
            known = self._known.get(values[0])
            if known is not None and known[0] in self._keys.live:
                return known[1]
        return self._learn(_single_value(values))

    def _learn(self, value: str) -> Caller:
        if value[: len(_SCHEME)].lower() != _SCHEME:
            raise TokenMalformed
        token = self._verifier.verify(value[len(_SCHEME) :])
        caller = caller_of(token)
        self._known[value] = (token.key, caller)
        if len(self._known) > self._max_known:
            self._known.popitem(last=False)
        return caller

    def _require_live_key(self, caller: Caller) -> None:
        if caller.kid not in self._keys.kids:
            raise TokenInvalid

    def _require_good(self, caller: Caller, client: ClientState | None, fresh: bool, token_revoked: bool) -> None:
        """The rule itself: generation equal, state active. The rest of the lines only find the name of the refusal."""
        if self._clock() >= caller.expire_time:
            raise TokenExpired
        if client is not None and client.state == "revoked":
            raise ClientRevoked
        if not fresh:
            raise AuthStateStale(retry_after=STALE_RETRY_S)
        if client is not None and client.state == "active" and client.generation_claim == caller.generation:
            if token_revoked:
                raise TokenRevoked
            return
        if client is not None and client.state != "active":
            raise ClientSuspended
        raise TokenRevoked


def caller_of(token: AccessToken) -> Caller:
    """Who calls with a token whose signature is good."""
    return Caller(token.client_id, token.jti, token.kid, token.scopes, token.generation, token.exp)


def _single_value(values: Sequence[str | bytes]) -> str:
    """The one entry there must be (RFC 9110 §11.6.2). gRPC hands over bytes where they are no text."""
    if len(values) > 1:
        raise TokenMalformed
    if not values or not values[0]:
        raise TokenMissing
    value = values[0]
    if len(value) > MAX_TOKEN_LENGTH or not value.isascii():
        raise TokenMalformed
    return value if isinstance(value, str) else value.decode("ascii")
