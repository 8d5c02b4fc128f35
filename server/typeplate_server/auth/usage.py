"""Who calls what, from where and how often: summed up in memory, written about each minute, never per call.

Rules kept here:
* Counting a call is one look into a dict: no lock, no clock of its own, no await.
* Sums of all replicas are added up in the store. A crash loses a minute of them; they are for people, not for bills.
* Beyond MAX_KEYS different sums a minute, calls are counted without their peer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.secret_uses import SecretUse, SecretUses
from typeplate_server.errors import DatabaseUnavailable

MAX_KEYS: Final = 10_000
MAX_PEERS: Final = 100
"""The latest peers of a client that are kept."""

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one client, of one method or from one peer (`by`); `last_time` is in epoch seconds."""

    client_id: str
    by: str
    calls: int
    last_time: float


@dataclass(frozen=True, slots=True)
class ClientUsage:
    """What a client did, as far as written: most used methods first, latest peers and secrets first."""

    methods: tuple[Calls, ...]
    peers: tuple[Calls, ...]
    secrets: tuple[SecretUse, ...]

    @property
    def last_use_time(self) -> float | None:
        """Its last call or exchange for a token (epoch s); None when there was none."""
        times = [calls.last_time for calls in self.methods] + [use.last_use_time for use in self.secrets]
        return max(times, default=None)


@dataclass(frozen=True, slots=True)
class LastUses:
    """When clients (epoch s) and secrets were last used, by id; whoever is not in it never was, as far as is known."""

    clients: Mapping[str, float]
    secrets: Mapping[str, SecretUse]

    def of(self, client: ClientState) -> float | None:
        """The client's last call or exchange for a token."""
        times = [use.last_use_time for use in map(self.secrets.get, _secret_ids([client])) if use is not None]
        return max(
            [*times, *([self.clients[client.client_id]] if client.client_id in self.clients else [])], default=None
        )


UNKNOWN: Final = LastUses({}, {})


class UsageStore(Protocol):
    """Sums of calls, of all replicas together. Writing them is no change of auth state: it takes no number."""

    async def add(self, methods: Sequence[Calls], peers: Sequence[Calls]) -> None:
        """Adds to the sums there are, and keeps the later time. Raises `DatabaseUnavailable`."""
        ...

    async def read(self, client_id: str) -> tuple[tuple[Calls, ...], tuple[Calls, ...]]:
        """The client's calls by method, and those by peer."""
        ...

    async def last_times(self, client_ids: Collection[str]) -> Mapping[str, float]:
        """The time of the last call (epoch s) of each of these clients that has called."""
        ...


class Usage:
    """Calls since the last flush. `timer` is the clock that `ended` of a call is of, `clock` the wall's (epoch s).

    `address` tells a peer's network address from the name of its connection.
    """

    __slots__ = ("_address", "_clock", "_seen", "_store", "_timer", "_uses")

    def __init__(
        self,
        store: UsageStore,
        uses: SecretUses,
        clock: Callable[[], float],
        timer: Callable[[], float],
        address: Callable[[str], str],
    ) -> None:
        self._address = address
        self._store = store
        self._uses = uses
        self._clock = clock
        self._timer = timer
        self._seen: dict[_Key, list[float]] = {}

    def count(self, client_id: str, method: str, peer: str, ended: float) -> None:
        """A call of this client has ended. `peer` names its connection."""
        seen = self._seen.get((client_id, method, peer))
        if seen is None:
            self._first(client_id, method, peer, ended)
        else:
            seen[0] += 1
            seen[1] = ended

    async def flush(self) -> None:
        """Writes what was counted since the last time. Raises `DatabaseUnavailable`; then nothing is lost."""
        seen, self._seen = self._seen, {}
        if not seen:
            return
        past = self._clock() - self._timer()
        try:
            methods = _sums(((client, method), calls, past) for (client, method, _), calls in seen.items())
            peers = _sums(
                ((client, self._address(peer)), calls, past) for (client, _, peer), calls in seen.items() if peer
            )
            await self._store.add(methods, peers)
        except BaseException:
            self._take_back(seen)
            raise

    async def of(self, client_id: str, secret_ids: Collection[str]) -> ClientUsage:
        """What the client did, here or on any replica that has flushed since. Raises `DatabaseUnavailable`."""
        await self.flush()
        methods, peers = await self._store.read(client_id)
        uses = (use for use in (await self._uses.last(secret_ids)).values() if use.client_id == client_id)
        return ClientUsage(
            tuple(sorted(methods, key=lambda calls: (-calls.calls, calls.by))),
            tuple(sorted(peers, key=lambda calls: (-calls.last_time, calls.by))[:MAX_PEERS]),
            tuple(sorted(uses, key=lambda use: -use.last_use_time)),
        )

    async def last(self, clients: Collection[ClientState]) -> LastUses:
        """Their last uses, here or on any replica that has flushed since. An outage leaves what this replica saw."""
        ids = {client.client_id for client in clients}
        secret_ids = _secret_ids(clients)
        try:
            written, secrets = await asyncio.gather(self._store.last_times(ids), self._uses.last(secret_ids))
        except DatabaseUnavailable:
            written, secrets = {}, self._uses.seen(secret_ids)
        times, past = dict(written), self._clock() - self._timer()
        for (client_id, _, _), (_, ended) in self._seen.items():
            if client_id in ids:
                times[client_id] = max(times.get(client_id, past + ended), past + ended)
        return LastUses(times, secrets)

    def _first(self, client_id: str, method: str, peer: str, ended: float) -> None:
        key = (client_id, method, "" if len(self._seen) >= MAX_KEYS else peer)
        seen = self._seen.setdefault(key, [0, ended])
        seen[0] += 1
        seen[1] = ended

    def _take_back(self, lost: dict[_Key, list[float]]) -> None:
        """What happened meanwhile is later than what is taken back."""
        for key, (calls, ended) in lost.items():
            seen = self._seen.setdefault(key, [0, ended])
            seen[0] += calls


def _secret_ids(clients: Iterable[ClientState]) -> list[str]:
    return [secret.secret_id for client in clients for secret in client.secrets]


def _sums(seen: Iterable[tuple[tuple[str, str], list[float], float]]) -> list[Calls]:
    """Adds up what has the same client and method, or the same client and peer."""
    sums: dict[tuple[str, str], Calls] = {}
    for key, (calls, ended), past in seen:
        known = sums.get(key) or Calls(*key, 0, past + ended)
        sums[key] = replace(known, calls=known.calls + int(calls), last_time=max(known.last_time, past + ended))
    return [sums[key] for key in sorted(sums)]
