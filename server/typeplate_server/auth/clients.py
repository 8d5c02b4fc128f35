"""What the server knows of a client (RFC 6749 §2) as immutable values.

Rules kept here:
* A client's tokens are good while *its generation equals the token's and its state is active*; nothing else
  decides. Generation and nonce change together, so that a restored backup that counts again matches nothing.
* A revoked client stays as a tombstone; its id is never given again.

What a field may hold is `client_fields`' business.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

VEHICLES_READ: Final = "vehicles:read"
VEHICLES_WRITE: Final = "vehicles:write"
CLIENTS_ADMIN: Final = "clients:admin"
TOKENS_INTROSPECT: Final = "tokens:introspect"
KNOWN_SCOPES: Final = frozenset({VEHICLES_READ, VEHICLES_WRITE, CLIENTS_ADMIN, TOKENS_INTROSPECT})
MAX_SECRETS: Final = 2

State = Literal["active", "suspended", "revoked"]


def new_generation_nonce() -> str:
    """64 random bits, in hex."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class SecretState:
    """One secret as stored: its key id, its HMAC-SHA-256 under the pepper, its times (epoch seconds)."""

    secret_id: str
    hash: bytes = field(repr=False)
    create_time: float
    expire_time: float | None = None

    def live_at(self, now: float) -> bool:
        """Whether it still works."""
        return self.expire_time is None or now < self.expire_time


@dataclass(frozen=True, slots=True)
class ClientState:
    """One client at one moment. Times are epoch seconds; `changed_seq` is the `auth_clock` value of its last change."""

    client_id: str
    display_name: str
    state: State
    generation: int
    generation_nonce: str
    scopes: frozenset[str]
    create_time: float
    update_time: float
    changed_seq: int
    max_token_lifetime_s: int | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    revoke_time: float | None = None
    revoke_reason: str = ""
    secrets: tuple[SecretState, ...] = ()
    generation_claim: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "generation_claim", f"{self.generation}.{self.generation_nonce}")

    @property
    def name(self) -> str:
        """Resource name (AIP-122)."""
        return f"clients/{self.client_id}"

    @property
    def etag(self) -> str:
        """Changes with each change of the client (AIP-154, RFC 9110 §8.8.3)."""
        return f'"{self.changed_seq}"'

    def can_administer_at(self, now: float) -> bool:
        """Whether it can get itself a token that administers clients: it is granted the scope and has a live secret."""
        granted = self.state == "active" and CLIENTS_ADMIN in self.scopes
        return granted and any(secret.live_at(now) for secret in self.secrets)

    def next_generation(self) -> ClientState:
        """The same client with every token issued so far dead."""
        return replace(self, generation=self.generation + 1, generation_nonce=new_generation_nonce())
