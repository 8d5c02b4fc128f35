"""All clients in memory: what admission and the token exchange look at instead of a database.

Rules kept here:
* A client never goes back in `changed_seq`, in whatever order changes arrive.
* A client whose revocation may or may not have been committed is refused, whatever else arrives, until the
  revocation is known to stand (the call is idempotent and will be repeated) or the process starts anew.
* Plain reads of a dict: no lock, no I/O. Everything runs on the event loop's thread.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace

from typeplate_server.auth.clients import ClientState


class ClientRegistry:
    """The clients by id."""

    __slots__ = ("_clients", "_ids", "_refused")

    def __init__(self, clients: Iterable[ClientState] = ()) -> None:
        self._clients: dict[str, ClientState] = {}
        self._ids: list[str] = []
        self._refused: set[str] = set()
        self.load(clients)

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, client_id: str) -> ClientState | None:
        """The client, or None when the id was never given."""
        return self._clients.get(client_id)

    def load(self, clients: Iterable[ClientState]) -> None:
        """Applies many at once, as after a full read of the store."""
        for client in clients:
            self._take(client)
        self._ids = sorted(self._clients)

    def apply(self, client: ClientState) -> None:
        """Takes over a committed change, unless a newer one is known already."""
        if client.client_id not in self._clients:
            insort(self._ids, client.client_id)
        self._take(client)

    def refuse(self, client_id: str) -> None:
        """Treats the client as revoked, because a revocation of it may have been committed."""
        self._refused.add(client_id)
        known = self._clients.get(client_id)
        if known is not None:
            self._clients[client_id] = replace(known, state="revoked")

    def after(self, client_id: str) -> Iterator[ClientState]:
        """The clients with a greater id, in order of id; all of them after the empty one."""
        for position in range(bisect_right(self._ids, client_id), len(self._ids)):
            yield self._clients[self._ids[position]]

    def _take(self, client: ClientState) -> None:
        known = self._clients.get(client.client_id)
        if known is not None and client.changed_seq <= known.changed_seq:
            return
        if client.state == "revoked":
            self._refused.discard(client.client_id)
        elif client.client_id in self._refused:
            client = replace(client, state="revoked")
        self._clients[client.client_id] = client
