"""Owns how a method of the surface becomes a call of an asyncio client: channel of this loop, deadline, typed errors.

Channels are built at the first call on each event loop of each process, because grpc.aio binds them to both. A later
loop (a second `asyncio.run`) starts from the token of the one before.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc

from typeplate._attach import remaining
from typeplate._auth_aio import AsyncAuthenticator
from typeplate._calls import deadline_of, patience_of
from typeplate._channel import open_aio_channel
from typeplate._credentials import Credentials
from typeplate._interceptors_aio import StreamStreamTokens, StreamUnaryTokens, UnaryStreamTokens, UnaryTokens
from typeplate._options import DEFAULT_TIMEOUT_S, Options
from typeplate._replay import AsyncReplay
from typeplate._status import typed_error
from typeplate._token import Token, TokenCache
from typeplate.errors import ClientClosed, ConfigurationError, TypeplateError

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

Stub = TypeVar("Stub")
Response = TypeVar("Response")


class AsyncSession:
    """What belongs to one event loop: the channel, and the token. IssueToken's path is public, so one channel does."""

    def __init__(self, options: Options, cache: TokenCache) -> None:
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self.cache = cache
        self.stubs: dict[Any, Any] = {}
        self.authenticator: AsyncAuthenticator | None = None
        interceptors: list[grpc.aio.ClientInterceptor] = []
        if options.credentials is not None:
            interceptors = self._authenticate(options, options.credentials)
        self.channel = open_aio_channel(options, interceptors)

    def _authenticate(self, options: Options, credentials: Credentials) -> list[grpc.aio.ClientInterceptor]:
        found = AsyncAuthenticator(credentials, self._issue, self.cache, options.clock, random.random)
        self.authenticator = found
        kinds = (UnaryTokens, UnaryStreamTokens, StreamUnaryTokens, StreamStreamTokens)
        return [kind(found, patience_of(options)) for kind in kinds]

    async def _issue(self, request: IssueTokenRequest) -> IssueTokenResponse:
        from typeplate.v1.auth_service_pb2_grpc import AuthServiceStub

        try:
            return await AuthServiceStub(self.channel).IssueToken(request, timeout=DEFAULT_TIMEOUT_S)
        except grpc.RpcError as error:
            raise typed_error(error) from error

    async def close(self) -> None:
        """Ends the refresh under way and closes the channel."""
        if self.authenticator is not None:
            await self.authenticator.close()
        await self.channel.close()


class AsyncCalls:
    """Performs the calls of one client."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sessions: dict[int, AsyncSession] = {}
        self._cache = TokenCache(random.random)
        self._closed = False
        self.patience = patience_of(options)

    def session(self) -> AsyncSession:
        """The running loop's session."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(id(loop))
        if session is None or session.loop is not loop or session.pid != os.getpid() or self._closed:
            return self._begin(loop)
        return session

    def _begin(self, loop: asyncio.AbstractEventLoop) -> AsyncSession:
        if self._closed:
            raise ClientClosed("the client is closed")
        known = list(self._sessions.values())
        self._sessions = {key: session for key, session in self._sessions.items() if not session.loop.is_closed()}
        session = AsyncSession(self._options, known[-1].cache.copy() if known else self._cache)
        self._sessions[id(loop)] = session
        return session

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """The stub of this class on the running loop's channel."""
        session = self.session()
        if (found := session.stubs.get(kind)) is None:
            found = session.stubs[kind] = kind(session.channel)
        return cast(Stub, found)

    async def unary(
        self,
        method: Callable[..., Awaitable[Response]],
        request: Any,
        timeout: float | None,
    ) -> Response:
        """One request, one response."""
        try:
            return await method(request, timeout=deadline_of(timeout, self._options.timeout))
        except grpc.RpcError as error:
            raise typed_error(error) from error

    async def stream_unary(
        self,
        method: Callable[..., Awaitable[Response]],
        requests: Iterable[Any] | AsyncIterable[Any],
        timeout: float | None,
    ) -> Response:
        """Many requests, one response; no limit of time unless one is given. Recovers from a refused token."""
        replay, limit = AsyncReplay(requests), deadline_of(timeout, math.inf)
        started = time.monotonic()
        last = False
        try:
            while True:
                token = await self.stream_token(remaining(limit, time.monotonic() - started))
                metadata = (token.authorization,) if token else None
                left = remaining(limit, time.monotonic() - started)
                try:
                    return await method(replay.attempt(), timeout=left, metadata=metadata)
                except grpc.RpcError as error:
                    failure = typed_error(error)
                    again = self.replaceable(token, failure, last=last)
                    if not (again and replay.complete):
                        raise failure from error
                last = True
        finally:
            replay.close()

    def authenticator(self) -> AsyncAuthenticator:
        """What gives the tokens. Raises ConfigurationError where the client has no credentials."""
        if (found := self.session().authenticator) is None:
            raise ConfigurationError("this client was made without client_id and client_secret")
        return found

    async def stream_token(self, left: float | None) -> Token | None:
        """A token with ample life for a stream, within the seconds left; None where there are no credentials."""
        if self._options.credentials is None:
            return None
        return await self.authenticator().token(self.patience if left is None else left, ample=True)

    def replaceable(self, token: Token | None, error: TypeplateError, *, last: bool) -> bool:
        """Whether to try once more with another token; see TokenCache.rejected."""
        return token is not None and self.authenticator().rejected(token, error, last=last)

    async def close(self) -> None:
        """Closes the running loop's channel; those of other loops end with their loops."""
        self._closed = True
        if (session := self._sessions.pop(id(asyncio.get_running_loop()), None)) is not None:
            await session.close()
