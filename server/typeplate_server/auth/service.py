"""The administration of clients: create, get, list, update, suspend, resume, revoke, and their secrets.

Rules kept here:
* Each change goes the way of `changes`: durable, in force here, in force everywhere, answered.
* A change that refuses somebody and of which nobody can tell whether it was committed refuses in memory at once.
* A secret's value is in the answer of the call that made it and nowhere else.
* A secret that was used within the last hour is not deleted by mistake.

What is decided inside the transaction is in `client_changes`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal

from typeplate_server.auth import client_fields as fields
from typeplate_server.auth.changes import Changed, Changes
from typeplate_server.auth.client_changes import (
    change_by,
    resumption,
    revocation,
    secret_addition,
    secret_deletion,
    suspension,
)
from typeplate_server.auth.client_writes import ClientWrites
from typeplate_server.auth.clients import (
    KNOWN_SCOPES,
    ClientState,
    SecretState,
    State,
    new_generation_nonce,
)
from typeplate_server.auth.paging import ClientPage, page_of
from typeplate_server.auth.propagation import Effective, SoleReplica
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.secret_uses import SecretUses
from typeplate_server.auth.secrets import ClientSecret, SecretHasher, new_secret
from typeplate_server.auth.store import ClientStore, CommitGuard
from typeplate_server.errors import FieldViolation, InvalidArgument, NotFound


class Unset(Enum):
    """Marks a field of a patch that shall stay as it is."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class ClientDraft:
    """What a caller says of a client to be made. `client_id` empty: the server chooses."""

    client_id: str = ""
    display_name: str = ""
    scopes: Sequence[str] = ()
    max_token_lifetime_s: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def require_valid(self) -> None:
        """Raises `InvalidArgument` with the paths of CreateClientRequest."""
        fields.require(
            fields.client_id_faults("client_id", self.client_id) if self.client_id else (),
            fields.display_name_faults("client.display_name", self.display_name),
            fields.scope_faults("client.scopes", self.scopes),
            fields.lifetime_faults("client.max_token_lifetime", self.max_token_lifetime_s),
            fields.label_faults("client.labels", self.labels),
        )


@dataclass(frozen=True, slots=True)
class ClientPatch:
    """The fields to change; UNSET ones stay (AIP-134). `max_token_lifetime_s=None` clears it."""

    display_name: str | Literal[Unset.UNSET] = UNSET
    scopes: Sequence[str] | Literal[Unset.UNSET] = UNSET
    max_token_lifetime_s: float | Literal[Unset.UNSET] | None = UNSET
    labels: Mapping[str, str] | Literal[Unset.UNSET] = UNSET

    def applied_to(self, client: ClientState) -> ClientState:
        """The client with these fields; generation and times as they were."""
        life = client.max_token_lifetime_s if self.max_token_lifetime_s is UNSET else _whole(self.max_token_lifetime_s)
        return replace(
            client,
            display_name=client.display_name if self.display_name is UNSET else self.display_name,
            scopes=client.scopes if self.scopes is UNSET else frozenset(self.scopes),
            max_token_lifetime_s=life,
            labels=client.labels if self.labels is UNSET else MappingProxyType(dict(self.labels)),
        )

    def require_valid(self) -> None:
        """Raises `InvalidArgument` with the paths of UpdateClientRequest."""
        unset: tuple[FieldViolation, ...] = ()
        life = self.max_token_lifetime_s
        fields.require(
            unset
            if self.display_name is UNSET
            else fields.display_name_faults("client.display_name", self.display_name),
            unset if self.scopes is UNSET else fields.scope_faults("client.scopes", self.scopes),
            unset if life is UNSET else fields.lifetime_faults("client.max_token_lifetime", life),
            unset if self.labels is UNSET else fields.label_faults("client.labels", self.labels),
        )


@dataclass(frozen=True, slots=True)
class CreatedClient:
    """A client and the secret just made for it, which is nowhere else and never told again."""

    client: ClientState
    secret: ClientSecret
    effective: Effective


class ClientAdministration:
    """The use cases behind AuthService's client methods.

    A `guard` is `Admission.commit_guard` of the caller; `within` says in how many seconds the caller wants an answer at
    the latest (None: whenever the change is in force everywhere, 0: without waiting for other replicas).
    """

    def __init__(
        self,
        store: ClientStore,
        registry: ClientRegistry,
        hasher: SecretHasher,
        clock: Callable[[], float],
        changes: Changes | None = None,
        uses: SecretUses | None = None,
    ) -> None:
        self._registry = registry
        self._hasher = hasher
        self._clock = clock
        self._writes = ClientWrites(store, registry, changes or Changes(SoleReplica(clock, clock)))
        self._uses = uses if uses is not None else SecretUses()

    async def create(
        self,
        draft: ClientDraft,
        guard: CommitGuard | None = None,
        *,
        within: float | None = None,
        secret: ClientSecret | None = None,
    ) -> CreatedClient:
        """Makes a client with one secret, which works everywhere when this has returned in time.

        `secret`: a new one that is kept already.

        Raises `InvalidArgument`, `AlreadyExists`, `DatabaseUnavailable`.
        """
        draft.require_valid()
        secret, now = secret or new_secret(), self._clock()
        new = ClientState(
            client_id=draft.client_id or f"app-{secrets.token_hex(6)}",
            display_name=draft.display_name,
            state="active",
            generation=1,
            generation_nonce=new_generation_nonce(),
            scopes=frozenset(draft.scopes),
            create_time=now,
            update_time=now,
            changed_seq=0,
            max_token_lifetime_s=_whole(draft.max_token_lifetime_s),
            labels=MappingProxyType(dict(draft.labels)),
            secrets=(SecretState(secret.secret_id, self._hasher.hash(secret), now),),
        )
        created = await self._writes.create(new, guard, within)
        return CreatedClient(created.value, secret, created.effective)

    def get(self, client_id: str) -> ClientState:
        """The client, revoked or not. Raises `NotFound`."""
        client = self._registry.get(client_id)
        if client is None:
            raise NotFound(f"clients/{client_id}")
        return client

    async def list(
        self, *, states: Collection[State] = (), scope: str = "", page_size: int = 0, page_token: str = ""
    ) -> ClientPage:
        """Clients in one of `states` (empty: any) with `scope` (empty: any), by id. Raises `InvalidArgument`."""
        if scope and scope not in KNOWN_SCOPES:
            raise InvalidArgument.of("filter.scope", f"must be one of {', '.join(sorted(KNOWN_SCOPES))}")
        condition = (sorted(set(states)), scope)

        def wanted(client: ClientState) -> bool:
            return (not states or client.state in states) and (not scope or scope in client.scopes)

        return await page_of(self._registry.after, wanted, page_size, page_token, condition)

    async def update(
        self,
        client_id: str,
        patch: ClientPatch,
        *,
        etag: str = "",
        guard: CommitGuard | None = None,
        within: float | None = None,
    ) -> Changed[ClientState]:
        """Changes what the patch names; `etag`, when given, must be the current one.

        When a scope was taken away, no token issued before is admitted where the change is in force. Raises
        `InvalidArgument`, `NotFound`, `EtagMismatch`, `FailedPrecondition` (revoked), `LastAdmin`.
        """
        patch.require_valid()
        change = change_by(patch.applied_to, etag, self._clock())
        write = self._writes.grant if patch.scopes is UNSET else self._writes.refuse
        return await write(client_id, change, guard, within)

    async def suspend(
        self, client_id: str, *, force: bool = False, guard: CommitGuard | None = None, within: float | None = None
    ) -> Changed[ClientState]:
        """Suspends the client: no token and no secret of it works until it is resumed. Idempotent.

        Raises `NotFound`, `FailedPrecondition` (revoked), `LastAdmin` unless `force`, `DatabaseUnavailable`.
        """
        return await self._writes.refuse(client_id, suspension(force, self._clock()), guard, within)

    async def resume(
        self, client_id: str, *, guard: CommitGuard | None = None, within: float | None = None
    ) -> Changed[ClientState]:
        """Resumes a suspended client: its secrets work again, tokens from before stay dead. Idempotent.

        Raises `NotFound`, `FailedPrecondition` (revoked), `DatabaseUnavailable`.
        """
        return await self._writes.grant(client_id, resumption(self._clock()), guard, within)

    async def revoke(
        self,
        client_id: str,
        *,
        reason: str = "",
        force: bool = False,
        guard: CommitGuard | None = None,
        within: float | None = None,
    ) -> Changed[ClientState]:
        """Revokes the client for good: no token and no secret of it works where the change is in force. Idempotent.

        Raises `InvalidArgument`, `NotFound`, `LastAdmin` unless `force`, `DatabaseUnavailable`.
        """
        fields.require(fields.reason_faults("reason", reason))
        return await self._writes.revoke(client_id, revocation(reason, force, self._clock()), guard, within)

    async def create_secret(
        self,
        client_id: str,
        *,
        lifetime_s: float | None = None,
        guard: CommitGuard | None = None,
        within: float | None = None,
    ) -> CreatedClient:
        """Makes one more secret, as `create` makes the first. It works for `lifetime_s` (None: for good).

        Raises `InvalidArgument`, `NotFound`, `FailedPrecondition` (revoked), `SecretLimit`, `DatabaseUnavailable`.
        """
        fields.require(fields.secret_lifetime_faults("lifetime", lifetime_s))
        secret, now = new_secret(), self._clock()
        expire_time = None if lifetime_s is None else now + lifetime_s
        state = SecretState(secret.secret_id, self._hasher.hash(secret), now, expire_time)
        changed = await self._writes.grant(client_id, secret_addition(state, now), guard, within)
        return CreatedClient(changed.value, secret, changed.effective)

    async def delete_secret(
        self,
        client_id: str,
        secret_id: str,
        *,
        compromised: bool = False,
        force: bool = False,
        guard: CommitGuard | None = None,
        within: float | None = None,
    ) -> Changed[ClientState]:
        """Deletes a secret; a compromised one takes every token issued so far with it, which may be said again.

        Raises `NotFound`, `FailedPrecondition` (revoked), `LastAdmin` unless `force`, `DatabaseUnavailable`, and,
        unless `force` or `compromised` is set, `SecretInUse` when it was used within the last hour (elsewhere: as far
        as written, a minute ago).
        """
        if not force and not compromised:
            await self._uses.require_unused(client_id, secret_id, self._clock())
        change = secret_deletion(secret_id, compromised, force, self._clock())
        write = self._writes.refuse if compromised else self._writes.grant
        return await write(client_id, change, guard, within)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
