"""The tokens that were revoked one by one (RFC 7009), in memory: what admission asks beside the client's state.

Rules kept here:
* A plain read of a dict: no lock, no I/O.
* A token is kept until it would have expired anyway; afterwards admission refuses it for that.
"""

from __future__ import annotations

from collections.abc import Iterable

from typeplate_server.auth.store import RevokedToken


class RevokedTokens:
    """Revoked tokens by `jti`; `jti in tokens` is the question."""

    __slots__ = ("_tokens",)

    def __init__(self, tokens: Iterable[RevokedToken] = ()) -> None:
        self._tokens = {token.jti: token for token in tokens}

    def __contains__(self, jti: object) -> bool:
        return jti in self._tokens

    def __len__(self) -> int:
        return len(self._tokens)

    def apply(self, token: RevokedToken) -> None:
        """Takes over a committed revocation."""
        self._tokens[token.jti] = token

    def replace(self, tokens: Iterable[RevokedToken]) -> None:
        """Takes over all there are, as after a full read under another epoch."""
        self._tokens = {token.jti: token for token in tokens}

    def forget(self, expired_before: float) -> None:
        """Drops those whose `exp` was before then (epoch seconds)."""
        self._tokens = {jti: token for jti, token in self._tokens.items() if token.expire_time >= expired_before}
