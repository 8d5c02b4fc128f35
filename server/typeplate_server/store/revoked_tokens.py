"""Implements `auth.store.RevokedTokenStore` on SQL: tokens revoked one by one, until they would have expired."""

from __future__ import annotations

from dataclasses import asdict, replace

from sqlalchemy import Connection, delete, insert, select

from typeplate_server.auth.audit import AttributedGuard, AuditEvent
from typeplate_server.auth.store import CommitGuard, RevokedToken
from typeplate_server.store.audit import NO_TRAIL, Trail
from typeplate_server.store.clients import begin
from typeplate_server.store.clocks import AUTH, take
from typeplate_server.store.database import Database, Lane
from typeplate_server.store.feed import revoked_token
from typeplate_server.store.schema import revoked_tokens

FORGET_BATCH = 1000
"""The most rows one transaction of `forget` removes, so that it stays short."""

_jti = revoked_tokens.c.jti


class SqlRevokedTokenStore:
    """Tokens in the table `revoked_tokens`."""

    def __init__(self, database: Database, trail: Trail = NO_TRAIL) -> None:
        self._database = database
        self._trail = trail

    async def revoke(self, token: RevokedToken, guard: CommitGuard | None = None) -> RevokedToken:
        """See RevokedTokenStore."""

        def write(connection: Connection) -> RevokedToken:
            begin(connection, guard)
            found = connection.execute(select(revoked_tokens).where(_jti == token.jti)).one_or_none()
            if found is not None:
                return revoked_token(found)
            revoked = replace(token, changed_seq=take(connection, AUTH))
            connection.execute(insert(revoked_tokens).values(asdict(revoked)))
            if not _is_own(revoked, guard):
                detail = {"jti": revoked.jti, "change": str(revoked.changed_seq)}
                self._trail.append(connection, [AuditEvent("token_revoked", revoked.client_id, detail)], guard)
            return revoked

        return await self._database.write(write, Lane.AUTH)

    async def forget(self, expired_before: float) -> int:
        """See RevokedTokenStore. A transaction for each FORGET_BATCH, until nothing is left."""
        expired = select(_jti).where(revoked_tokens.c.expire_time < expired_before).limit(FORGET_BATCH)
        statement = delete(revoked_tokens).where(_jti.in_(expired))
        forgotten = 0
        while True:
            batch = await self._database.write(lambda connection: connection.execute(statement).rowcount, Lane.AUTH)
            forgotten += batch
            if batch < FORGET_BATCH:
                return forgotten


def _is_own(token: RevokedToken, guard: CommitGuard | None) -> bool:
    """Whether an application revokes a token of its own, as often as it likes: that is counted, not told one by one."""
    return isinstance(guard, AttributedGuard) and guard.actor == token.client_id
