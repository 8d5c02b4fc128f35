"""Owns how a method of the surface becomes a synchronous call: channel of this process, deadline, typed errors.

Channels are built at the first call of each process: a channel that a forked child inherits answers UNAVAILABLE, so a
prefork server's children each get their own. They start from the parent's token.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc

from typeplate._attach import remaining
from typeplate._auth import Authenticator
from typeplate._channel import open_channel
from typeplate._credentials import Credentials
from typeplate._interceptors import StreamTokens, UnaryTokens
from typeplate._options import DEFAULT_TIMEOUT_S, Options
from typeplate._replay import Replay
from typeplate._status import typed_error
from typeplate._token import Token, TokenCache
from typeplate.errors import ClientClosed, ConfigurationError, TypeplateError

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

Stub = TypeVar("Stub")
Response = TypeVar("Response")


class Session:
    """What belongs to one process: the channel, and the token with its lock."""

    def __init__(self, options: Options, cache: TokenCache) -> None:
        self.bare = open_channel(options)
        self.channel = self.bare
        self.cache = cache
        self.stubs: dict[Any, Any] = {}
        self.authenticator: Authenticator | None = None
        if options.credentials is not None:
            self._authenticate(options, options.credentials)

    def _authenticate(self, options: Options, credentials: Credentials) -> None:
        self.authenticator = Authenticator(credentials, self._issue, self.cache, options.clock, random.random)
        patience = patience_of(options)
        interceptors = (UnaryTokens(self.authenticator, patience), StreamTokens(self.authenticator, patience))
        self.channel = grpc.intercept_channel(self.bare, *interceptors)

    def _issue(self, request: IssueTokenRequest) -> IssueTokenResponse:
        from typeplate.v1.auth_service_pb2_grpc import AuthServiceStub

        try:
            return AuthServiceStub(self.bare).IssueToken(request, timeout=DEFAULT_TIMEOUT_S)
        except grpc.RpcError as error:
            raise typed_error(error) from error
        except ValueError as error:  # "Cannot invoke RPC on closed channel!"
            raise ClientClosed("the client is closed") from error


class Calls:
    """Performs the calls of one client."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sessions: dict[int, Session] = {}
        self._cache = TokenCache(random.random)
        self._closed = False
        self.patience = patience_of(options)

    def session(self) -> Session:
        """This process's session. Of two threads that build it at once, one wins and the other's is closed."""
        session = self._sessions.get(os.getpid())
        return session if session is not None and not self._closed else self._begin()

    def _begin(self) -> Session:
        if self._closed:
            raise ClientClosed("the client is closed")
        known = list(self._sessions.values())
        cache = known[-1].cache.copy() if known else self._cache
        built = Session(self._options, cache)
        kept = self._sessions.setdefault(os.getpid(), built)
        if kept is not built:
            built.bare.close()
        return kept

    def stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """The stub of this class on this process's channel."""
        stubs = self.session().stubs
        if (found := stubs.get(kind)) is None:
            found = stubs.setdefault(kind, kind(self.session().channel))
        return cast(Stub, found)

    def unary(self, method: Callable[..., Response], request: Any, timeout: float | None) -> Response:
        """One request, one response."""
        try:
            return method(request, timeout=deadline_of(timeout, self._options.timeout))
        except grpc.RpcError as error:
            raise typed_error(error) from error

    def stream_unary(self, method: Callable[..., Response], requests: Iterable[Any], timeout: float | None) -> Response:
        """Many requests, one response; no limit of time unless one is given. Recovers from a refused token."""
        replay, limit = Replay(requests), deadline_of(timeout, math.inf)
        started = time.monotonic()
        last = False
        while True:
            token = self.stream_token(remaining(limit, time.monotonic() - started))
            metadata = (token.authorization,) if token else None
            left = remaining(limit, time.monotonic() - started)
            try:
                return method(replay.attempt(), timeout=left, metadata=metadata)
            except grpc.RpcError as error:
                failure = typed_error(error)
                again = self.replaceable(token, failure, last=last)
                if not (again and replay.complete):
                    raise failure from error
            last = True

    def authenticator(self) -> Authenticator:
        """What gives the tokens. Raises ConfigurationError where the client has no credentials."""
        if (found := self.session().authenticator) is None:
            raise ConfigurationError("this client was made without client_id and client_secret")
        return found

    def stream_token(self, left: float | None) -> Token | None:
        """A token with ample life for a stream, within the seconds left; None where there are no credentials."""
        if self._options.credentials is None:
            return None
        return self.authenticator().token(self.patience if left is None else left, ample=True)

    def replaceable(self, token: Token | None, error: TypeplateError, *, last: bool) -> bool:
        """Whether to try once more with another token; see TokenCache.rejected."""
        return token is not None and self.authenticator().rejected(token, error, last=last)

    def close(self) -> None:
        """Closes this process's channel; what a parent process opened is its own."""
        self._closed = True
        if (session := self._sessions.pop(os.getpid(), None)) is not None:
            session.bare.close()


def deadline_of(given: float | None, default: float) -> float | None:
    """The timeout for gRPC: the call's, else the default; infinite is none."""
    timeout = default if given is None else given
    return None if math.isinf(timeout) else timeout


def patience_of(options: Options) -> float:
    """Seconds to wait for a token or a server where a call has no deadline."""
    return options.timeout if math.isfinite(options.timeout) else DEFAULT_TIMEOUT_S
