"""What a change makes of the signing keys: decided inside the store's transaction, under its lock.

A key's life: published → signing → retired → removed.

Rules kept here:
* One key signs at most. A key signs only after every replica knows it; the caller has seen to that before `signing`.
* A retired key verifies until the last token it can have signed has expired, and not an hour longer.
* A removed key stays as a tombstone without its private part, so that every replica hears of it.
* A change that finds its work done writes nothing, so that each can be repeated, by several replicas at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from typeplate_server.auth.deployment import ChangeKeys
from typeplate_server.auth.store import StoredSigningKey
from typeplate_server.auth.tokens import LEEWAY_S, MAX_TOKEN_LIFETIME_S
from typeplate_server.errors import NotFound

Keys = tuple[StoredSigningKey, ...]
CLOCK_MARGIN_S: Final = 2.0 * LEEWAY_S
"""By how much the clocks of replicas may differ, with a margin."""


def signing_key(keys: Keys) -> StoredSigningKey | None:
    """The one that signs."""
    return next((key for key in keys if key.state == "signing"), None)


def published_key(keys: Keys) -> StoredSigningKey | None:
    """The one that will sign next."""
    return next((key for key in keys if key.state == "published"), None)


def first(new: StoredSigningKey) -> ChangeKeys:
    """The change that makes `new` sign when there is no signing key at all, as in a new deployment."""

    def change(keys: Keys) -> Keys:
        return () if signing_key(keys) else (replace(new, state="signing", sign_time=new.publish_time),)

    return change


def publication(new: StoredSigningKey) -> ChangeKeys:
    """The change that publishes `new`, unless one is published already: that one goes on."""

    def change(keys: Keys) -> Keys:
        return () if published_key(keys) else (replace(new, state="published"),)

    return change


def promotion(kid: str, now: float) -> ChangeKeys:
    """The change that lets a published key sign and retires the one that did. Raises `NotFound` when it was removed."""

    def change(keys: Keys) -> Keys:
        key = _existing(keys, kid)
        if key.state != "published":
            return ()
        before = signing_key(keys)
        retired = () if before is None else (replace(before, state="retired", retire_time=now),)
        return (replace(key, state="signing", sign_time=now), *retired)

    return change


def expiry(now: float, max_staleness_s: float) -> ChangeKeys:
    """The change that removes retired keys whose last token has expired.

    A replica that had not heard of the retirement signed on for at most `max_staleness_s`.
    """
    last_token = MAX_TOKEN_LIFETIME_S + max_staleness_s + CLOCK_MARGIN_S

    def change(keys: Keys) -> Keys:
        return tuple(
            _removed(key)
            for key in keys
            if key.state == "retired" and key.retire_time is not None and key.retire_time + last_token < now
        )

    return change


def removal(kid: str, successor: StoredSigningKey, now: float) -> ChangeKeys:
    """The change that kills a key at once, and every token it signed with it.

    When it is the one that signs, the published one takes over, or else `successor`. Raises `NotFound`.
    """

    def change(keys: Keys) -> Keys:
        key = _existing(keys, kid)
        if key.state == "removed":
            return ()
        if key.state != "signing":
            return (_removed(key),)
        following = published_key(keys) or successor
        return (_removed(key), replace(following, state="signing", sign_time=now))

    return change


def _existing(keys: Keys, kid: str) -> StoredSigningKey:
    key = next((key for key in keys if key.kid == kid), None)
    if key is None:
        raise NotFound(f"signing key {kid}")
    return key


def _removed(key: StoredSigningKey) -> StoredSigningKey:
    return replace(key, state="removed", sealed_private=b"")
