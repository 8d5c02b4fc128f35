"""The tokens that were revoked one by one (RFC 7009), in memory: what admission asks beside the client's state.

Rules kept here:
* A plain read of a dict: no lock, no I/O.
* A token is kept until it would have expired anyway; afterwards admission refuses it for that, and it does not come
  back, though the database may have it for some time yet.
* The number of a change counts only once the feed has brought it, in the history that this replica follows. What was
  written here may have been lost with another history, so it only refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from typeplate_server.auth.store import RevokedToken


class RevokedTokens:
    """Revoked tokens by `jti`; `jti in tokens` is the question."""

    __slots__ = ("_forgotten_before", "_tokens")

    def __init__(self, tokens: Iterable[RevokedToken] = ()) -> None:
        self._forgotten_before = float("-inf")
        self.replace(tokens)

    def __contains__(self, jti: object) -> bool:
        return jti in self._tokens

    def __len__(self) -> int:
        return len(self._tokens)

    def has(self, token: RevokedToken) -> bool:
        """Whether it is here, or has been and was forgotten."""
        return token.jti in self._tokens or self._is_forgotten(token)

    def known(self, jti: str) -> RevokedToken | None:
        """The token with the number of its change, if the feed has brought it."""
        token = self._tokens.get(jti)
        return token if token is not None and token.changed_seq else None

    def apply(self, token: RevokedToken) -> None:
        """Takes over what the feed brings."""
        if not self._is_forgotten(token):
            self._tokens[token.jti] = token

    def refuse(self, token: RevokedToken) -> None:
        """Refuses a token from now on, before the feed brings it."""
        self._tokens.setdefault(token.jti, replace(token, changed_seq=0))

    def replace(self, tokens: Iterable[RevokedToken]) -> None:
        """Takes over all there are, as after a full read under another epoch."""
        self._tokens = {token.jti: token for token in tokens if not self._is_forgotten(token)}

    def forget(self, expired_before: float) -> None:
        """Drops those whose `exp` was before then (epoch seconds)."""
        self._forgotten_before = max(self._forgotten_before, expired_before)
        self._tokens = {jti: token for jti, token in self._tokens.items() if not self._is_forgotten(token)}

    def _is_forgotten(self, token: RevokedToken) -> bool:
        return token.expire_time < self._forgotten_before
