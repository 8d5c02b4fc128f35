"""All clients in memory: what admission and the token exchange look at instead of a database.

Rules kept here:
* A client never goes back in `changed_seq`, in whatever order changes arrive.
* A client whose revocation may or may not have been committed is refused, whatever else arrives, until the
  revocation is known to stand (the call is idempotent and will be repeated) or the process starts anew.
* A client of which another such change is in doubt (a suspension, a scope taken away) counts as suspended until a
  later write of it has succeeded: that one got the lock, so the doubtful one had ended, and it read what stands.
* Plain reads of a dict: no lock, no I/O. Everything runs on the event loop's thread.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from typeplate_server.auth.clients import ClientState, State

FEW: Final = 30
"""So many new ids are put into their places one by one; for more it is quicker to sort anew what is nearly sorted."""


class ClientRegistry:
    """The clients by id."""

    __slots__ = ("_clients", "_doubted", "_ids", "_refused")

    def __init__(self, clients: Iterable[ClientState] = ()) -> None:
        self._clients: dict[str, ClientState] = {}
        self._ids: list[str] = []
        self._refused: dict[str, State] = {}
        self._doubted: dict[str, ClientState] = {}  # as last told, of those that are refused
        self.load(clients)

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, client_id: str) -> ClientState | None:
        """The client, or None when the id was never given."""
        return self._clients.get(client_id)

    def load(self, clients: Iterable[ClientState]) -> None:
        """Applies many at once, as a page of the feed or all there are."""
        new = []
        for client in clients:
            if client.client_id not in self._clients:
                new.append(client.client_id)
            self._take(client)
        self._add_ids(new)

    def apply(self, client: ClientState) -> None:
        """Takes over a committed change, unless a newer one is known already."""
        if client.client_id not in self._clients:
            insort(self._ids, client.client_id)
        self._take(client)

    def replace(self, clients: Iterable[ClientState]) -> None:
        """Begins anew with clients of another history: whom it does not have is gone, and numbers may be smaller."""
        self._clients = {client.client_id: self._judged(client) for client in clients}
        self._ids = sorted(self._clients)

    def has(self, client: ClientState) -> bool:
        """Whether this, or a later state of the client, is known."""
        known = self._clients.get(client.client_id)
        return known is not None and known.changed_seq >= client.changed_seq

    def refuse(self, client_id: str, state: State = "revoked") -> None:
        """Treats the client as revoked, or suspended, because a change to that effect may have been committed."""
        if self._refused.get(client_id) != "revoked":
            self._refused[client_id] = state
        known = self._clients.get(client_id)
        if known is not None:
            self._clients[client_id] = self._judged(self._doubted.get(client_id, known))

    def settle(self, client: ClientState) -> None:
        """Takes over the row that a write of this process has read under the lock, and lets go of a lesser doubt."""
        if self._refused.get(client.client_id) == "suspended":
            del self._refused[client.client_id]
            self._clients[client.client_id] = self._doubted.pop(client.client_id, client)
        self.apply(client)

    def after(self, client_id: str) -> Iterator[ClientState]:
        """The clients with a greater id, in order of id; all of them after the empty one."""
        for position in range(bisect_right(self._ids, client_id), len(self._ids)):
            yield self._clients[self._ids[position]]

    def _add_ids(self, new: list[str]) -> None:
        if len(new) > FEW:
            self._ids += new
            self._ids.sort()
        else:
            for client_id in new:
                insort(self._ids, client_id)

    def _take(self, client: ClientState) -> None:
        if not self.has(client):
            self._clients[client.client_id] = self._judged(client)

    def _judged(self, client: ClientState) -> ClientState:
        """The client, or what it counts as while a change of it is in doubt."""
        doubt = self._refused.get(client.client_id)
        if doubt is None:
            return client
        if client.state == "revoked":
            del self._refused[client.client_id]
            return client
        self._doubted[client.client_id] = client
        return replace(client, state=doubt)
