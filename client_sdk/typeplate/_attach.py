"""Owns how a token gets onto a call, sync and asyncio alike: as metadata.

Call credentials, gRPC's own way, cost a thread per call, fail as UNAVAILABLE (a wrong secret would look like an outage)
and do not exist on plaintext.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc

from typeplate._surface.methods import PUBLIC
from typeplate._token import Token

AUTHORIZATION = "authorization"
_PUBLIC = frozenset(PUBLIC)


class CallDetails(NamedTuple):
    """What gRPC needs to know of a call (grpc.ClientCallDetails), for sync and asyncio."""

    method: Any
    timeout: float | None
    metadata: Any
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any = None


def needs_token(method: str | bytes, metadata: Sequence[tuple[str, Any]] | None) -> bool:
    """Whether a call wants a token: not to public methods, health and reflection, nor where the caller brings one."""
    path = method.decode() if isinstance(method, bytes) else method
    if path in _PUBLIC or path.startswith("/grpc."):
        return False
    return not metadata or all(key != AUTHORIZATION for key, _ in metadata)


def with_token(details: Any, token: Token, timeout: float | None) -> CallDetails:
    """The call with the token in its metadata, and this much time left."""
    metadata = [*(details.metadata or ()), token.authorization]
    compression = getattr(details, "compression", None)
    return CallDetails(details.method, timeout, metadata, details.credentials, details.wait_for_ready, compression)


def remaining(timeout: float | None, spent: float) -> float | None:
    """What is left of a timeout; a call without time left fails in gRPC, with its usual error."""
    return None if timeout is None else max(timeout - spent, 0.0)
