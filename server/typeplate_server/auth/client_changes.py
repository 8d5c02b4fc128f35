"""What a change makes of a client: decided inside the store's transaction, under its lock.

Rules kept here:
* Etag, state, and whether another administrator is left are looked at where nothing can change any more. Only who has
  a live secret counts as one: without it nobody gets in.
* Taking a scope away starts a new generation, so that the tokens issued with it die; granting one does not. Suspension,
  resumption, revocation and the deletion of a compromised secret do too; an ordinary rotation of secrets does not.
* A change that changes nothing writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from typeplate_server.auth.clients import MAX_SECRETS, ClientState, SecretState
from typeplate_server.auth.store import Change, ClientsInTransaction
from typeplate_server.errors import EtagMismatch, FailedPrecondition, LastAdmin, NotFound, SecretLimit

NO_FORCE: Final = "no active client with clients:admin and a live secret would be left"


def change_by(apply: Callable[[ClientState], ClientState], etag: str, now: float) -> Change:
    """The change that sets what `apply` sets, for a client that is not revoked and has this etag (empty: any)."""

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        _require_not_revoked(current)
        if etag and etag != current.etag:
            raise EtagMismatch(current.name)
        changed = apply(current)
        if changed == current:
            return current
        if _ends_administration(current, changed, now):
            _require_another_admin(current, others, now, NO_FORCE)
        if current.scopes - changed.scopes:
            changed = changed.next_generation()
        return _touched(changed, now)

    return change


def revocation(reason: str, force: bool, now: float) -> Change:
    """The change that ends a client for good; of a revoked client it changes nothing."""

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        if current.state == "revoked":
            return current
        dead = replace(current.next_generation(), state="revoked", revoke_time=now, revoke_reason=reason)
        if not force and _ends_administration(current, dead, now):
            _require_another_admin(current, others, now)
        return _touched(dead, now)

    return change


def suspension(force: bool, now: float) -> Change:
    """The change that suspends an active client; of a suspended one it changes nothing."""

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        _require_not_revoked(current)
        if current.state == "suspended":
            return current
        refused = replace(current.next_generation(), state="suspended")
        if not force and _ends_administration(current, refused, now):
            _require_another_admin(current, others, now)
        return _touched(refused, now)

    return change


def resumption(now: float) -> Change:
    """The change that resumes a suspended client, tokens from before staying dead; of an active one it changes nothing.

    Decided on the row read under the lock: a revocation that came first is not undone.
    """

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        _require_not_revoked(current)
        if current.state != "suspended":
            return current
        return _touched(replace(current.next_generation(), state="active"), now)

    return change


def secret_addition(secret: SecretState, now: float) -> Change:
    """The change that gives a client one more secret, at most two live ones. Expired ones make room."""

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        _require_not_revoked(current)
        live = tuple(each for each in current.secrets if each.live_at(now))
        if len(live) >= MAX_SECRETS:
            raise SecretLimit(metadata={"name": current.name})
        return _touched(replace(current, secrets=(*live, secret)), now)

    return change


def secret_deletion(secret_id: str, compromised: bool, force: bool, now: float) -> Change:
    """The change that takes a secret away; a compromised one takes with it every token issued so far.

    Of a compromised one that is deleted already it changes nothing, unless its tokens were let live on then.
    """

    def change(current: ClientState, others: ClientsInTransaction) -> ClientState:
        _require_not_revoked(current)
        left = tuple(each for each in current.secrets if each.secret_id != secret_id)
        if len(left) == len(current.secrets):
            tokens = others.tokens_of_deleted_secret(current.client_id, secret_id) if compromised else None
            if tokens is None:
                raise NotFound(f"{current.name}/secrets/{secret_id}")
            return current if tokens == "dead" else _touched(current.next_generation(), now)
        changed = replace(current.next_generation() if compromised else current, secrets=left)
        if not force and _ends_administration(current, changed, now):
            _require_another_admin(current, others, now)
        return _touched(changed, now)

    return change


def _require_not_revoked(current: ClientState) -> None:
    if current.state == "revoked":
        raise FailedPrecondition(f"{current.name} is revoked, and stays as it is")


def _touched(changed: ClientState, now: float) -> ClientState:
    return replace(changed, update_time=max(now, changed.update_time))


def _ends_administration(current: ClientState, changed: ClientState, now: float) -> bool:
    return current.can_administer_at(now) and not changed.can_administer_at(now)


def _require_another_admin(current: ClientState, others: ClientsInTransaction, now: float, message: str = "") -> None:
    if not others.another_administrator(current.client_id, now):
        raise LastAdmin(message)
