"""Owns what belongs to one process of a synchronous client: its channel, its token, the stubs on it.

A channel that a forked child inherits answers UNAVAILABLE, so a prefork server's children each get their own session.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc

from typeplate._auth import Authenticator
from typeplate._channel import open_channel
from typeplate._interceptors import StreamTokens, UnaryTokens
from typeplate._options import DEFAULT_TIMEOUT_S, Options
from typeplate._status import typed_error
from typeplate._token import TokenCache
from typeplate.errors import ClientClosed

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

Stub = TypeVar("Stub")


class Session:
    """The surface calls on the bare channel and attaches tokens itself; raw stubs go through interceptors."""

    def __init__(self, options: Options, cache: TokenCache) -> None:
        self.cache = cache
        self.authenticator: Authenticator | None = None
        self._channel = self._intercepted = open_channel(options)
        self._stubs: dict[Any, Any] = {}
        if options.credentials is not None:
            found = Authenticator(options.credentials, self._issue, cache, options.clock, random.random)
            interceptors = (UnaryTokens(found, options.patience), StreamTokens(found, options.patience))
            self._intercepted = grpc.intercept_channel(self._channel, *interceptors)
            self.authenticator = found

    def _issue(self, request: IssueTokenRequest) -> IssueTokenResponse:
        from typeplate.v1.auth_service_pb2_grpc import AuthServiceStub

        try:
            return AuthServiceStub(self._channel).IssueToken(request, timeout=DEFAULT_TIMEOUT_S)
        except grpc.RpcError as error:
            raise typed_error(error) from error
        except ValueError as error:  # "Cannot invoke RPC on closed channel!"
            raise ClientClosed("the client is closed") from error

    def stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """The stub of this class for the surface."""
        if (found := self._stubs.get(kind)) is None:
            found = self._stubs.setdefault(kind, kind(self._channel))
        return cast(Stub, found)

    def raw_stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """A stub of this class whose calls get their tokens by themselves."""
        return kind(self._intercepted)

    def close(self) -> None:
        """Ends calls under way and closes the channel."""
        self._channel.close()
