"""The audit trail: what happened to who may call, each entry chained to the one before by an HMAC (RFC 2104).

Rules kept here:
* The key is derived from the key file (HKDF, RFC 5869), so that whoever has the database alone can forge nothing.
* Each entry's chain value covers the one before it: an edited, removed, inserted or moved entry breaks the chain. Only
  a cut tail leaves a whole chain, and shows when the head that was written down elsewhere is gone. A deployment that
  has begun has an entry of that: no trail at all is a broken one.
* What a change of a client was is told from its row before and after, so that no change can forget its entry.
* Nothing secret gets in: ids, names of fields, scopes and numbers; no text that a caller may choose freely.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Literal, get_args

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from typeplate_server.auth.clients import ClientState, SecretState
from typeplate_server.auth.store import CallerRows

EventType = Literal[
    "client_created", "client_updated", "client_suspended", "client_resumed", "client_revoked",
    "secret_created", "secret_deleted", "token_revoked", "key_changed", "deployment_claimed", "deployment_changed",
    "epoch_begun", "issue_refused", "token_refused",
]  # fmt: skip
EVENT_TYPES: Final[tuple[EventType, ...]] = get_args(EventType)
CHAIN_BYTES: Final = 32
_KEY_INFO: Final = b"typeplate audit chain 1"
_BEFORE_FIRST: Final = bytes(CHAIN_BYTES)
_FIELDS: Final = ("display_name", "scopes", "max_token_lifetime_s", "labels")
_STATE_EVENTS: Final[Mapping[str, EventType]] = {
    "active": "client_resumed",
    "suspended": "client_suspended",
    "revoked": "client_revoked",
}


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What happened. `client_id` is whom it concerns, "" when no client in particular."""

    event: EventType
    client_id: str = ""
    detail: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event in the trail. `seq` counts from 1 without a gap; `time` is in epoch seconds.

    `actor` is the client that asked for it, "" for the server itself and its operator; `detail` is JSON as it was
    chained.
    """

    seq: int
    time: float
    event: str
    client_id: str
    actor: str
    peer: str
    detail: str
    chain: bytes = b""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a trail. As text `<seq>:<chain in hex>`; to be kept where no one who could cut the trail gets."""

    seq: int = 0
    chain: bytes = _BEFORE_FIRST

    def __str__(self) -> str:
        return f"{self.seq}:{self.chain.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that `str` gave. Raises ValueError."""
        seq, colon, chain = text.strip().partition(":")
        head = cls(int(seq), bytes.fromhex(chain))
        if not colon or head.seq < 0 or len(head.chain) != CHAIN_BYTES:
            raise ValueError("a head looks like 42:9f86d0…, a number and 64 hexadecimal digits")
        return head


@dataclass(frozen=True, slots=True)
class AttributedGuard:
    """A commit guard that says on whose behalf it lets commit. A write without one is the server's own."""

    check: Callable[[CallerRows], None]
    actor: str
    peer: str

    def __call__(self, rows: CallerRows) -> None:
        """See CommitGuard."""
        self.check(rows)


class TrailBroken(Exception):
    """The trail is not as it was written; the message says where."""


class Chain:
    """Computes and checks chain values, under a key that is derived from the key file's sealing key."""

    __slots__ = ("_key",)

    def __init__(self, sealing_key: bytes) -> None:
        self._key = HKDF(SHA256(), CHAIN_BYTES, salt=None, info=_KEY_INFO).derive(sealing_key)

    def __repr__(self) -> str:
        return "Chain(...)"

    def next(self, head: Head, entry: AuditEntry) -> bytes:
        """The chain value of the entry that follows `head`."""
        content = [entry.seq, entry.time, entry.event, entry.client_id, entry.actor, entry.peer, entry.detail]
        return hmac.digest(self._key, head.chain + json.dumps(content).encode("ascii"), sha256)


class Verification:
    """Checks a trail entry by entry, from whatever entry has the smallest `seq` on.

    `expected` is a head that must be in it, `begun` whether the deployment has begun, so that there must be one.
    """

    def __init__(self, chain: Chain, expected: Head | None = None, *, begun: bool = False) -> None:
        self._chain = chain
        self._expected = expected
        self._begun = begun
        self.head = Head()

    def add(self, entry: AuditEntry) -> None:
        """Checks the next entry. Raises `TrailBroken`."""
        if entry.seq != self.head.seq + 1:
            raise TrailBroken(f"where entry {self.head.seq + 1} belongs stands entry {entry.seq}")
        if not all(
            isinstance(text, str) for text in (entry.event, entry.client_id, entry.actor, entry.peer, entry.detail)
        ):
            raise TrailBroken(f"entry {entry.seq} is not of the form that a server writes")
        if not hmac.compare_digest(self._chain.next(self.head, entry), entry.chain):
            raise TrailBroken(f"entry {entry.seq} was changed, moved or put in, or the one before it was")
        self.head = Head(entry.seq, entry.chain)
        if self._expected is not None and self._expected.seq == entry.seq and self._expected != self.head:
            raise TrailBroken(f"entry {entry.seq} is not the expected one: the trail was written anew")

    def finish(self) -> Head:
        """The head, once all entries were added. Raises `TrailBroken` when the trail ends before the expected head."""
        if self._begun and not self.head.seq:
            raise TrailBroken("there is no entry, not even that the deployment has begun: all were removed")
        if self._expected is not None and self._expected.seq > self.head.seq:
            raise TrailBroken(f"the trail ends with entry {self.head.seq}: entry {self._expected.seq} was cut off")
        return self.head


def detail_text(detail: Mapping[str, str]) -> str:
    """The detail as it is stored and chained."""
    return json.dumps(dict(detail), sort_keys=True, separators=(",", ":"))


def client_events(before: ClientState | None, after: ClientState) -> Iterator[AuditEvent]:
    """What a write of a client was, by its row before (None: there was none) and after."""
    if before is None:
        yield _event("client_created", after, scopes=_scopes(after))
        before_secrets: tuple[SecretState, ...] = ()
    else:
        yield from _changes(before, after)
        before_secrets = before.secrets
    known = {secret.secret_id for secret in before_secrets}
    kept = {secret.secret_id for secret in after.secrets}
    died = before is not None and before.generation != after.generation
    for secret in after.secrets:
        if secret.secret_id not in known:
            yield _event("secret_created", after, secret_id=secret.secret_id)
    for secret_id in sorted(known - kept):
        yield _event("secret_deleted", after, secret_id=secret_id, tokens="dead" if died else "live")


def _changes(before: ClientState, after: ClientState) -> Iterator[AuditEvent]:
    if before.state != after.state:
        yield _event(_STATE_EVENTS[after.state], after)
    changed = [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]
    if changed:
        yield _event("client_updated", after, fields=" ".join(changed), scopes=_scopes(after))


def _event(event: EventType, client: ClientState, **detail: str) -> AuditEvent:
    numbers = {"change": str(client.changed_seq), "generation": str(client.generation)}
    return AuditEvent(event, client.client_id, {**numbers, **detail})


def _scopes(client: ClientState) -> str:
    return " ".join(sorted(client.scopes))
