"""Revocation of single tokens (RFC 7009) and their introspection (RFC 7662).

Rules kept here:
* A token of ours that still lives is revoked; anything else is dead already, and saying so is no error (RFC 7009 §2.2).
* A client may revoke its own tokens, an administrator everybody's.
* Introspection says what admission would say, and of a token that is not good nothing but that (RFC 7662 §2.2).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from typeplate_server.auth.admission import Admission, Caller, caller_of
from typeplate_server.auth.changes import Changed, Changes
from typeplate_server.auth.clients import CLIENTS_ADMIN
from typeplate_server.auth.revoked_tokens import RevokedTokens
from typeplate_server.auth.store import CommitGuard, RevokedToken, RevokedTokenStore
from typeplate_server.auth.tokens import AccessToken, AccessTokenVerifier
from typeplate_server.errors import ScopeMissing, Unauthenticated


class TokenAdministration:
    """The use cases behind RevokeToken and IntrospectToken."""

    def __init__(
        self,
        store: RevokedTokenStore,
        revoked: RevokedTokens,
        verifier: AccessTokenVerifier,
        admission: Admission,
        changes: Changes,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._revoked = revoked
        self._verifier = verifier
        self._admission = admission
        self._changes = changes
        self._clock = clock

    async def revoke(
        self, text: str, caller: Caller, *, guard: CommitGuard | None = None, within: float | None = None
    ) -> Changed[RevokedToken] | None:
        """Revokes one token; None when there was nothing to revoke. Idempotent, and waits again when repeated.

        Raises `ScopeMissing` for another client's token, `DatabaseUnavailable`.
        """
        token = self._ours(text)
        if token is None or token.exp <= self._clock():
            return None
        if token.client_id != caller.client_id and CLIENTS_ADMIN not in caller.scopes:
            raise ScopeMissing(CLIENTS_ADMIN)
        dead = RevokedToken(token.jti, token.client_id, float(token.exp))
        return await self._changes.run(
            self._store.revoke(dead, guard),
            self._revoked.apply,
            attrgetter("changed_seq"),
            doubt=lambda: self._revoked.apply(dead),
            within=within,
        )

    def introspect(self, text: str) -> AccessToken | None:
        """The token if it is good now, else None. Raises `AuthStateStale` when this replica cannot tell."""
        token = self._ours(text)
        if token is None:
            return None
        try:
            self._admission.recheck(caller_of(token))
        except Unauthenticated:
            return None
        return token

    async def forget_expired(self) -> None:
        """Drops what has expired, here and in the store, each minute or so. Raises `DatabaseUnavailable`."""
        now = self._clock()
        self._revoked.forget(now)
        await self._store.forget(now)

    def _ours(self, text: str) -> AccessToken | None:
        try:
            return self._verifier.verify(text)
        except Unauthenticated:
            return None
