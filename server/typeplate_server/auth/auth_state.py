"""All that one replica knows of clients, revoked tokens and signing keys, and how a page of the feed changes it.

Rules kept here:
* Within one epoch nothing goes back, in whatever order pages, full reads and local changes arrive. Only a full read
  under another history replaces what was known.
* Everything is applied before it is acknowledged; the caller sees to that by acknowledging after `apply` returned.
"""

from __future__ import annotations

from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.revoked_tokens import RevokedTokens
from typeplate_server.auth.signing_keys import StoredKeys
from typeplate_server.auth.store import FeedPage


class AuthState:
    """The state that admission and the token exchange read."""

    __slots__ = ("clients", "keys", "tokens")

    def __init__(self, clients: ClientRegistry, tokens: RevokedTokens, keys: StoredKeys) -> None:
        self.clients = clients
        self.tokens = tokens
        self.keys = keys

    def apply(self, page: FeedPage) -> bool:
        """Takes over what a page brings; whether it brought anything."""
        self.clients.load(page.clients)
        for token in page.revoked_tokens:
            self.tokens.apply(token)
        self.keys.apply(page.signing_keys)
        return bool(page.clients or page.revoked_tokens or page.signing_keys)

    def replace(self, page: FeedPage) -> None:
        """Takes over the first page of another history: what it does not have is gone, or is in the pages after it."""
        self.clients.replace(page.clients)
        self.tokens.replace(page.revoked_tokens)
        self.keys.replace(page.signing_keys)

    def drift(self, page: FeedPage, applied_seq: int) -> int:
        """How many rows of a full read, changed at or before `applied_seq`, should have been here already and are not.

        Anything but 0 is a fault of the feed. Asked before the page is applied.
        """
        clients = sum(not self.clients.has(client) for client in page.clients if client.changed_seq <= applied_seq)
        tokens = sum(not self.tokens.has(token) for token in page.revoked_tokens if token.changed_seq <= applied_seq)
        keys = sum(not self.keys.has(key) for key in page.signing_keys if key.changed_seq <= applied_seq)
        return clients + tokens + keys
