"""Revocation of single tokens (RFC 7009) and their introspection (RFC 7662).

Rules kept here:
* A token of ours that still lives is revoked; anything else is dead already, and saying so is no error (RFC 7009 §2.2).
* A client may revoke its own tokens, an administrator everybody's.
* What this replica knows as revoked costs no write, whoever repeats it how often, and is waited for all the same.
* A client has MAX_UNDER_WAY revocations under way at most, a write that its caller has left included: what is behind
  them in the line are everybody's changes.
* A token counts as expired only when it is so by every replica's clock.
* What an application revokes of its own is counted, and not told one by one in the audit trail.
* Introspection says what admission would say, and of a token that is not good nothing but that (RFC 7662 §2.2).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from typeplate_server.auth.admission import Admission, Caller, caller_of
from typeplate_server.auth.changes import Changed, Changes
from typeplate_server.auth.clients import CLIENTS_ADMIN
from typeplate_server.auth.key_changes import CLOCK_MARGIN_S
from typeplate_server.auth.places import Places
from typeplate_server.auth.revoked_tokens import RevokedTokens
from typeplate_server.auth.store import CommitGuard, RevokedToken, RevokedTokenStore
from typeplate_server.auth.tokens import AccessToken, AccessTokenVerifier
from typeplate_server.errors import ScopeMissing, Unauthenticated

MAX_UNDER_WAY: Final = 8
RETRY_S: Final = 1.0


def _uncounted(client_id: str) -> None:
    """For who keeps no audit trail."""


class TokenAdministration:
    """The use cases behind RevokeToken and IntrospectToken. `count_own` is told who has revoked a token of its own."""

    def __init__(
        self,
        store: RevokedTokenStore,
        revoked: RevokedTokens,
        verifier: AccessTokenVerifier,
        admission: Admission,
        changes: Changes,
        clock: Callable[[], float],
        count_own: Callable[[str], None] = _uncounted,
    ) -> None:
        self._store = store
        self._revoked = revoked
        self._verifier = verifier
        self._admission = admission
        self._changes = changes
        self._clock = clock
        self._count_own = count_own
        self._calls = Places(MAX_UNDER_WAY, "revocations of tokens", RETRY_S)
        self._writes = Places(MAX_UNDER_WAY, "revocations of tokens", RETRY_S)

    async def revoke(
        self, text: str, caller: Caller, *, guard: CommitGuard | None = None, within: float | None = None
    ) -> Changed[RevokedToken] | None:
        """Revokes one token; None when there was nothing to revoke. Idempotent, and waits again when repeated.

        Raises `ScopeMissing` for another client's token, `RateLimited`, `DatabaseUnavailable`.
        """
        with self._calls.hold(caller.client_id):  # before a signature is looked at: a refusal is cheap
            return await self._revoke(text, caller, guard, within)

    async def _revoke(
        self, text: str, caller: Caller, guard: CommitGuard | None, within: float | None
    ) -> Changed[RevokedToken] | None:
        token = self._ours(text, self._verifier.read)
        if token is None or token.exp <= self._expired_everywhere():
            return None
        if token.client_id != caller.client_id and CLIENTS_ADMIN not in caller.scopes:
            raise ScopeMissing(CLIENTS_ADMIN)
        dead = RevokedToken(token.jti, token.client_id, float(token.exp))
        return await self._changes.run(
            self._write(dead, caller, guard),
            self._revoked.refuse,
            attrgetter("changed_seq"),
            doubt=lambda: self._revoked.refuse(dead),
            within=within,
        )

    async def _write(self, dead: RevokedToken, caller: Caller, guard: CommitGuard | None) -> RevokedToken:
        known = self._revoked.known(dead.jti)
        if known is not None:
            self._admission.recheck(caller)  # so it is fresh: what it knows is of the history that it follows
            return known
        with self._writes.hold(caller.client_id):
            written = await self._store.revoke(dead, guard)
        if dead.client_id == caller.client_id:
            self._count_own(dead.client_id)
        return written

    def introspect(self, text: str) -> AccessToken | None:
        """The token if it is good now, else None. Raises `AuthStateStale` when this replica cannot tell."""
        token = self._ours(text, self._verifier.verify)
        if token is None:
            return None
        try:
            self._admission.recheck(caller_of(token))
        except Unauthenticated:
            return None
        return token

    async def forget_expired(self) -> None:
        """Drops what has expired, here and in the store, each minute or so. Raises `DatabaseUnavailable`."""
        expired = self._expired_everywhere()
        self._revoked.forget(expired)
        await self._store.forget(expired)

    def _expired_everywhere(self) -> float:
        """By when a token must have expired to be dead on every replica (epoch seconds)."""
        return self._clock() - CLOCK_MARGIN_S

    def _ours(self, text: str, read: Callable[[str], AccessToken]) -> AccessToken | None:
        try:
            return read(text)
        except Unauthenticated:
            return None
