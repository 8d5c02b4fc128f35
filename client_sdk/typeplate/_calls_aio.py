"""Owns how a method of the surface becomes an asyncio call: session, deadline, token, typed errors."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, TypeVar

import grpc

from typeplate._attach import remaining
from typeplate._auth_aio import AsyncAuthenticator
from typeplate._calls import deadline_of
from typeplate._options import Options
from typeplate._replay import AsyncReplay, Once
from typeplate._session_aio import AsyncSession
from typeplate._status import typed_error
from typeplate._streams_aio import keeping_status
from typeplate._token import Token, TokenCache
from typeplate.errors import ClientClosed, ConfigurationError, TypeplateError

Stub = TypeVar("Stub")
Response = TypeVar("Response")


class AsyncCalls:
    """Performs the calls of one client. Sessions are begun at the first call, a later loop's from the token before."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._sessions: dict[int, AsyncSession] = {}
        self._cache = TokenCache(random.random)
        self._closed = False

    @property
    def patience(self) -> float:
        """Seconds to wait for a token or a server where a call has no deadline."""
        return self._options.patience

    def session(self) -> AsyncSession:
        """The running loop's session."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(id(loop))
        return session if session is not None and session.serves(loop) and not self._closed else self._begin(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> AsyncSession:
        if self._closed:
            raise ClientClosed("the client is closed")
        known = list(self._sessions.values())
        self._sessions = {key: session for key, session in self._sessions.items() if not session.over}
        session = AsyncSession(self._options, known[-1].cache.copy() if known else self._cache)
        self._sessions[id(loop)] = session
        return session

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """The surface's stub of this class."""
        return self.session().stub(kind)

    async def unary(
        self, method: Callable[..., Awaitable[Response]], request: Any, timeout: float | None, *, public: bool = False
    ) -> Response:
        """One request, one response."""
        limit = deadline_of(timeout, self._options.timeout)
        return await self._perform(method, Once(request), limit, public=public, ample=False)

    async def stream_unary(
        self,
        method: Callable[..., Awaitable[Response]],
        requests: Iterable[Any] | AsyncIterable[Any],
        timeout: float | None,
        *,
        public: bool = False,
    ) -> Response:
        """Many requests, one response; no limit of time unless one is given."""
        replay, limit = AsyncReplay(requests), deadline_of(timeout, math.inf)

        def begin(*arguments: Any, **options: Any) -> Awaitable[Response]:
            return keeping_status(method(*arguments, **options))

        try:
            return await self._perform(begin, replay, limit, public=public, ample=True)
        finally:
            replay.close()

    async def _perform(
        self,
        method: Callable[..., Awaitable[Response]],
        requests: Once | AsyncReplay[Any],
        limit: float | None,
        *,
        public: bool,
        ample: bool,
    ) -> Response:
        """Sends; refused, drops that token and sends once more with the next."""
        started, replaced = time.monotonic(), False
        while True:
            token = None if public else await self.token(remaining(limit, time.monotonic() - started), ample=ample)
            metadata = (token.authorization,) if token is not None else None
            left = remaining(limit, time.monotonic() - started)
            try:
                return await method(requests.attempt(), timeout=left, metadata=metadata)
            except grpc.RpcError as error:
                failure = typed_error(error)
                again = self.replaceable(token, failure, last=replaced)
                if not (again and requests.complete):
                    raise failure from error
            replaced = True

    def authenticator(self) -> AsyncAuthenticator:
        """What gives the tokens. Raises ConfigurationError where the client has no credentials."""
        if (found := self.session().authenticator) is None:
            raise ConfigurationError("this client was made without client_id and client_secret")
        return found

    async def token(self, left: float | None, *, ample: bool) -> Token | None:
        """The token for a call with these seconds left; None where there are no credentials."""
        if self._options.credentials is None:
            return None
        return await self.authenticator().token(self._options.patience if left is None else left, ample=ample)

    def replaceable(self, token: Token | None, error: TypeplateError, *, last: bool) -> bool:
        """Whether to try once more with another token; see TokenCache.rejected."""
        return token is not None and self.authenticator().rejected(token, error, last=last)

    async def close(self) -> None:
        """Closes the running loop's session; those of other loops end with their loops."""
        self._closed = True
        if (session := self._sessions.pop(id(asyncio.get_running_loop()), None)) is not None:
            await session.close()
