"""The administration of clients: create, get, list, update, revoke."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from typeplate_server.auth.clients import ClientState, State
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.secrets import ClientSecret, SecretHasher
from typeplate_server.auth.store import ClientStore, CommitGuard


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


@dataclass(frozen=True, slots=True)
class ClientPatch:
    """The fields to change; UNSET ones stay (AIP-134). `max_token_lifetime_s=None` clears it."""

    display_name: str | Literal[Unset.UNSET] = UNSET
    scopes: Sequence[str] | Literal[Unset.UNSET] = UNSET
    max_token_lifetime_s: float | None | Literal[Unset.UNSET] = UNSET
    labels: Mapping[str, str] | Literal[Unset.UNSET] = UNSET


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
    """The use cases behind AuthService's client methods."""

    def __init__(
        self, store: ClientStore, registry: ClientRegistry, hasher: SecretHasher, clock: Callable[[], float]
    ) -> None: ...

    async def create(self, draft: ClientDraft, guard: CommitGuard | None = None) -> CreatedClient:
        raise NotImplementedError

    def get(self, client_id: str) -> ClientState:
        raise NotImplementedError

    def list(
        self, *, states: Collection[State] = (), scope: str = "", page_size: int = 0, page_token: str = ""
    ) -> ClientPage:
        raise NotImplementedError

    async def update(
        self, client_id: str, patch: ClientPatch, *, etag: str = "", guard: CommitGuard | None = None
    ) -> ClientState:
        raise NotImplementedError

    async def revoke(
        self, client_id: str, *, reason: str = "", force: bool = False, guard: CommitGuard | None = None
    ) -> ClientState:
        raise NotImplementedError
