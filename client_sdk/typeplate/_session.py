"""Owns what belongs to one process of a synchronous client: its channel, its token, the stubs on it.

A channel that a forked child inherits answers UNAVAILABLE, so a prefork server's children each get their own session.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import grpc

from typeplate._auth import Authenticator
from typeplate._channel import open_channel
from typeplate._interceptors import StreamTokens, UnaryTokens
from typeplate._lazy import IMPORTING
from typeplate._options import DEFAULT_TIMEOUT_S, Options
from typeplate._reach import Tries, jitter, reach
from typeplate._token import TokenCache
from typeplate.errors import ClientClosed, DeadlineExceeded

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

Stub = TypeVar("Stub")


class Session:
    """The surface calls on the bare channel and attaches tokens itself; raw stubs go through interceptors."""

    def __init__(self, options: Options, cache: TokenCache) -> None:
        self.cache = cache
        self._peer = options.peer
        self._tries: Tries | None = None
        self._closing = threading.RLock()
        self._closed = self._making = False
        self._streams: weakref.WeakSet[Closable] = weakref.WeakSet()
        self.authenticator: Authenticator | None = None
        self._channel = self._intercepted = open_channel(options)
        self._stubs: dict[Any, Any] = {}
        if options.credentials is not None:
            found = Authenticator(options.credentials, self._issue, cache, options.clock, jitter, self._unanswered)
            interceptors = (UnaryTokens(found, options.patience), StreamTokens(found, options.patience))
            self._intercepted = grpc.intercept_channel(self._channel, *interceptors)
            self.authenticator = found

    def _issue(self, request: IssueTokenRequest) -> IssueTokenResponse:
        with IMPORTING:
            from typeplate.v1.auth_service_pb2_grpc import AuthServiceStub

        self._tries = tries = Tries(self._peer, time.monotonic(), DEFAULT_TIMEOUT_S)
        try:
            return reach(self._make(AuthServiceStub, self._channel).IssueToken, request, tries)
        finally:
            self._tries = None
            self.cache.tried(tries.failures)

    def _unanswered(self, seconds: float) -> DeadlineExceeded:
        return unanswered(self._tries, seconds)

    def stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """The stub of this class for the surface."""
        if (found := self._stubs.get(kind)) is None:
            found = self._stubs.setdefault(kind, self._make(kind, self._channel))
        return cast(Stub, found)

    def raw_stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """A stub of this class whose calls get their tokens by themselves."""
        return self._make(kind, self._intercepted)

    def _make(self, kind: Callable[[grpc.Channel], Stub], channel: grpc.Channel) -> Stub:
        """A stub on an open channel: making one on a closed channel ends the process (a fault of grpcio 1.85.1)."""
        with self._closing:
            if self._closed:
                raise ClientClosed("the client is closed")
            self._making = True
            try:
                return kind(channel)
            finally:
                self._made()

    def _made(self) -> None:
        self._making = False
        if self._closed:
            self._channel.close()

    def opens(self, stream: Closable) -> None:
        """Notes a stream, to end with the session. Raises ClientClosed."""
        with self._closing:
            if self._closed:
                raise ClientClosed("the client is closed")
            self._streams.add(stream)

    def close(self) -> None:
        """Ends calls under way and closes the channel; called by a signal handler amid `_make`, that does."""
        with self._closing:
            self._closed = True
            making, streams = self._making, list(self._streams)
        if self.authenticator is not None:
            self.authenticator.close()
        for stream in streams:
            stream.client_closed()
        if not making:
            self._channel.close()


class Closable(Protocol):
    """A stream, which ends with its session."""

    def client_closed(self) -> None:
        """Ends it."""


def unanswered(tries: Tries | None, seconds: float) -> DeadlineExceeded:
    """The error of a caller who got no token. Without a token request under way, the secret is waited for."""
    if tries is None:
        return DeadlineExceeded(f"no client secret to ask for a token with within {round(seconds, 2):g} s")
    return tries.unanswered(seconds)
