"""A token and a cache as tests of the rules want them: no jitter, a life of 100 s."""

from __future__ import annotations

from typeplate._token import Token, TokenCache, new_token

SECRET, OTHER = b"fingerprint", b"another"


def token(value: str = "t", *, asked_at: float = 0.0, life: float = 100.0, refresh_after: float = 0.0) -> Token:
    return new_token(value, SECRET, asked_at=asked_at, life=life, refresh_after=refresh_after, draw=lambda: 0.0)


def cache(known: Token | None = None, *, changes: bool = False) -> TokenCache:
    return TokenCache(lambda: 0.0, known, changes=changes)
