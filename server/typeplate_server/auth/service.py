"""The administration of clients: create, get, list, update, revoke.

Rules kept here:
* A change is durable, then applied in memory, then answered. A caller that hangs up in between stops neither.
* A revocation whose commit may or may not stand is refused in memory at once; the call can be repeated.
* A secret's value is in the answer of the call that made it and nowhere else.

What is decided inside the transaction is in `client_changes`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, Literal

from typeplate_server.auth import client_fields as fields
from typeplate_server.auth.client_changes import change_by, revocation
from typeplate_server.auth.clients import (
    KNOWN_SCOPES,
    ClientState,
    SecretState,
    State,
    new_generation_nonce,
)
from typeplate_server.auth.paging import page_token as token_of_page
from typeplate_server.auth.paging import start_of_page
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.secrets import ClientSecret, SecretHasher, new_secret
from typeplate_server.auth.store import ClientStore, CommitGuard, CommitUnknown
from typeplate_server.errors import (
    FieldViolation,
    InvalidArgument,
    NotFound,
    ServiceError,
)

DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000
UNKNOWN_RETRY_S: Final = 1.0


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
    """A new client and its first secret, which is nowhere else and never told again."""

    client: ClientState
    secret: ClientSecret


@dataclass(frozen=True, slots=True)
class ClientPage:
    """One page of clients by id; an empty `next_page_token` says that it is the last."""

    clients: tuple[ClientState, ...]
    next_page_token: str


class ClientAdministration:
    """The use cases behind AuthService's client methods. A `guard` is `Admission.commit_guard` of the caller."""

    def __init__(
        self, store: ClientStore, registry: ClientRegistry, hasher: SecretHasher, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._registry = registry
        self._hasher = hasher
        self._clock = clock
        self._running: set[asyncio.Task[ClientState]] = set()

    async def create(
        self, draft: ClientDraft, guard: CommitGuard | None = None, *, secret: ClientSecret | None = None
    ) -> CreatedClient:
        """Makes a client with one secret, which works when this has returned. `secret`: a new one that is kept already.

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
        return CreatedClient(await self._finish(self._committed(self._store.create(new, guard))), secret)

    def get(self, client_id: str) -> ClientState:
        """The client, revoked or not. Raises `NotFound`."""
        client = self._registry.get(client_id)
        if client is None:
            raise NotFound(f"clients/{client_id}")
        return client

    def list(
        self, *, states: Collection[State] = (), scope: str = "", page_size: int = 0, page_token: str = ""
    ) -> ClientPage:
        """Clients in one of `states` (empty: any) with `scope` (empty: any), by id. Raises `InvalidArgument`."""
        if page_size < 0:
            raise InvalidArgument.of("page_size", "must not be negative")
        if scope and scope not in KNOWN_SCOPES:
            raise InvalidArgument.of("filter.scope", f"must be one of {', '.join(sorted(KNOWN_SCOPES))}")
        size = min(page_size or DEFAULT_PAGE, MAX_PAGE)
        condition = (sorted(set(states)), scope)
        found = (
            client
            for client in self._registry.after(start_of_page(page_token, condition))
            if (not states or client.state in states) and (not scope or scope in client.scopes)
        )
        clients = tuple(islice(found, size + 1))
        more = len(clients) > size
        return ClientPage(clients[:size], token_of_page(clients[size - 1].client_id, condition) if more else "")

    async def update(
        self, client_id: str, patch: ClientPatch, *, etag: str = "", guard: CommitGuard | None = None
    ) -> ClientState:
        """Changes what the patch names; `etag`, when given, must be the current one.

        When a scope was taken away, no token issued before is admitted once this has returned. Raises
        `InvalidArgument`, `NotFound`, `EtagMismatch`, `FailedPrecondition` (revoked), `LastAdmin`.
        """
        patch.require_valid()
        change = change_by(patch.applied_to, etag, self._clock())
        return await self._finish(self._committed(self._store.update(client_id, change, guard)))

    async def revoke(
        self, client_id: str, *, reason: str = "", force: bool = False, guard: CommitGuard | None = None
    ) -> ClientState:
        """Revokes the client for good: no token and no secret of it works once this has returned. Idempotent.

        Raises `InvalidArgument`, `NotFound`, `LastAdmin` unless `force`, `DatabaseUnavailable`.
        """
        fields.require(fields.reason_faults("reason", reason))
        change = revocation(reason, force, self._clock())
        return await self._finish(self._revoked(client_id, self._store.update(client_id, change, guard)))

    async def _committed(self, write: Coroutine[Any, Any, ClientState]) -> ClientState:
        client = await write
        self._registry.apply(client)
        return client

    async def _revoked(self, client_id: str, write: Coroutine[Any, Any, ClientState]) -> ClientState:
        try:
            return await self._committed(write)
        except CommitUnknown:
            self._registry.refuse(client_id)
            raise
        except ServiceError:
            raise  # surely nothing was committed
        except BaseException as error:
            self._registry.refuse(client_id)
            raise CommitUnknown(retry_after=UNKNOWN_RETRY_S) from error

    async def _finish(self, work: Coroutine[Any, Any, ClientState]) -> ClientState:
        """Runs to its end what has begun, also when the caller's task is cancelled meanwhile."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[ClientState]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # so that an error nobody waits for any more is not reported as forgotten


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
