"""What a change makes of a client: decided inside the store's transaction, under its lock.

Rules kept here:
* Etag, state, and whether another administrator is left are looked at where nothing can change any more.
* Taking a scope away starts a new generation, so that the tokens issued with it die; granting one does not.
* A change that changes nothing writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from typeplate_server.auth.clients import CLIENTS_ADMIN, ClientState
from typeplate_server.auth.store import Change, ClientsInTransaction
from typeplate_server.errors import EtagMismatch, FailedPrecondition, LastAdmin


def change_by(apply: Callable[[ClientState], ClientState], etag: str, now: float) -> Change:
    """The change that sets what `apply` sets, for a client that is not revoked and has this etag (empty: any)."""

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        if current.state == "revoked":
            raise FailedPrecondition(f"{current.name} is revoked, and stays as it is")
        if etag and etag != current.etag:
            raise EtagMismatch(current.name)
        changed = apply(current)
        if changed == current:
            return current
        if current.is_active_admin and not changed.is_active_admin:
            _require_another_admin(current, others, "no active client with clients:admin would be left")
        if current.scopes - changed.scopes:
            changed = changed.next_generation()
        return replace(changed, update_time=max(now, current.update_time))

    return change


def revocation(reason: str, force: bool, now: float) -> Change:
    """The change that ends a client for good; of a revoked client it changes nothing."""

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        if current.state == "revoked":
            return current
        if current.is_active_admin and not force:
            _require_another_admin(current, others)
        dead = replace(current.next_generation(), state="revoked")
        return replace(dead, revoke_time=now, revoke_reason=reason, update_time=max(now, current.update_time))

    return change


def _require_another_admin(current: ClientState, others: ClientsInTransaction, message: str = "") -> None:
    if not others.another_active_with(CLIENTS_ADMIN, but=current.client_id):
        raise LastAdmin(message)
