"""Owns how a token gets onto a call, as metadata, or as call credentials that can be asked twice.

Call credentials cost a thread per call and fail as UNAVAILABLE, so unary calls carry metadata. Streams carry call
credentials where the transport allows: gRPC core replays a stream that was refused before its first answer, and asks
them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    return _details(details, timeout, metadata, details.credentials)


def with_credentials(details: Any, token: Token, renew: Callable[[Token], Token], timeout: float | None) -> CallDetails:
    """The call with call credentials that give this token first and a renewed one when asked again."""
    plugin = grpc.metadata_call_credentials(_Replayed(token, renew), name="typeplate")
    return _details(details, timeout, details.metadata, plugin)


def _details(
    details: Any, timeout: float | None, metadata: Any, credentials: grpc.CallCredentials | None
) -> CallDetails:
    compression = getattr(details, "compression", None)
    return CallDetails(details.method, timeout, metadata, credentials, details.wait_for_ready, compression)


class _Replayed(grpc.AuthMetadataPlugin):
    """The credentials of one call. gRPC asks in a thread of its own, once per attempt."""

    def __init__(self, token: Token, renew: Callable[[Token], Token]) -> None:
        self._token = token
        self._renew = renew
        self._asked = False

    def __call__(self, context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        token = self._renew(self._token) if self._asked else self._token
        self._asked = True
        callback((token.authorization,), None)


def remaining(timeout: float | None, spent: float) -> float | None:
    """What is left of a timeout; a call without time left fails in gRPC, with its usual error."""
    return None if timeout is None else max(timeout - spent, 0.0)
