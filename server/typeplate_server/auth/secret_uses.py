"""When and from where each secret was last used: gathered in memory, written about each minute, never per call.

Rules kept here:
* Noting a use is one write to a dict. One entry for each secret that was used since the last flush.
* What a flush could not write is written by the next, unless the secret was used again since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from typeplate_server.errors import SecretInUse

IN_USE_S: Final = 3600.0
"""A secret used within this time is in use."""


@dataclass(frozen=True, slots=True)
class SecretUse:
    """The last use of one secret: when (epoch seconds), and the caller's address without its port."""

    secret_id: str
    client_id: str
    last_use_time: float
    peer: str


class SecretUseStore(Protocol):
    """Last uses, durably, of all replicas together. Writing them is no change of auth state: it takes no number."""

    async def record(self, uses: Collection[SecretUse]) -> None:
        """Keeps each use that is later than the one kept; a secret that is gone is passed over."""
        ...

    async def last_uses(self, secret_ids: Collection[str]) -> tuple[SecretUse, ...]:
        """The last use of each of these secrets that was ever used."""
        ...


class NoSecretUses:
    """Keeps nothing."""

    async def record(self, uses: Collection[SecretUse]) -> None:
        """See SecretUseStore."""

    async def last_uses(self, secret_ids: Collection[str]) -> tuple[SecretUse, ...]:
        """See SecretUseStore."""
        return ()


class SecretUses:
    """The uses that this replica has seen, before those that the store has."""

    __slots__ = ("_being_written", "_store", "_unwritten")

    def __init__(self, store: SecretUseStore | None = None) -> None:
        self._store: SecretUseStore = store or NoSecretUses()
        self._unwritten: dict[str, SecretUse] = {}
        self._being_written: dict[str, SecretUse] = {}

    def note(self, use: SecretUse) -> None:
        """A secret proved right."""
        self._unwritten[use.secret_id] = use

    async def flush(self) -> None:
        """Writes what was seen since the last time. Raises `DatabaseUnavailable`; then nothing is lost."""
        if not self._unwritten or self._being_written:
            return  # nothing to do, or another flush is at it
        batch, self._unwritten = self._unwritten, {}
        self._being_written = batch
        try:
            await self._store.record(tuple(batch.values()))
        except BaseException:
            self._unwritten = batch | self._unwritten
            raise
        finally:
            self._being_written = {}

    async def last(self, secret_ids: Collection[str]) -> dict[str, SecretUse]:
        """The last use of each of these secrets, here or on any replica that has flushed since."""
        here = self.seen(secret_ids)  # first: what is written after this is in both, and nothing is in neither
        return _latest((*here.values(), *await self._store.last_uses(secret_ids)))

    def seen(self, secret_ids: Collection[str]) -> dict[str, SecretUse]:
        """The last use of each of these secrets that this replica has not written yet, as far as it knows."""
        uses = self._being_written | self._unwritten
        return {each: uses[each] for each in secret_ids if each in uses}

    async def require_unused(self, client_id: str, secret_id: str, now: float) -> None:
        """Raises `SecretInUse` when the client's secret was used within the last hour."""
        use = (await self.last([secret_id])).get(secret_id)
        if use is None or use.client_id != client_id or now - use.last_use_time >= IN_USE_S:
            return
        raise SecretInUse(secret_id, use.last_use_time, use.peer, max(0.0, now - use.last_use_time))


def _latest(uses: Iterable[SecretUse]) -> dict[str, SecretUse]:
    latest: dict[str, SecretUse] = {}
    for use in uses:
        known = latest.get(use.secret_id)
        if known is None or known.last_use_time < use.last_use_time:
            latest[use.secret_id] = use
    return latest
