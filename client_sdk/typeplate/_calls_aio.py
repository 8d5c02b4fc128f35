"""Owns how a method of the surface becomes an asyncio call: session, deadline, token, typed errors.

grpc.aio survives a fork only where none of its channels is open (measured on grpcio 1.85.1: else the child hangs or
crashes). So before a fork the sessions of loops that have ended are let go, and a child that inherits one is told.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import time
import weakref
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, TypeVar

import grpc

from typeplate._attach import remaining
from typeplate._auth_aio import AsyncAuthenticator
from typeplate._calls_base import BaseCalls
from typeplate._lazy import IMPORTING
from typeplate._options import Options, Timeout, deadline_of
from typeplate._reach import Tries, reach_aio, told
from typeplate._replay import AsyncReplay, Once
from typeplate._session_aio import AsyncSession
from typeplate._status import frameless, received, typed_error
from typeplate._streams_aio import being_cancelled, keeping_status
from typeplate._token import Token
from typeplate.errors import Cancelled, ClientClosed, ConfigurationError, DeadlineExceeded, TypeplateError

Stub = TypeVar("Stub")
Response = TypeVar("Response")


class AsyncCalls(BaseCalls[AsyncAuthenticator]):
    """Performs the calls of one client. Sessions are begun at the first call, a later loop's from the token before."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._sessions: dict[int, AsyncSession] = {}
        _in_use.add(self)

    def session(self) -> AsyncSession:
        """The running loop's session."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(id(loop))
        return session if session is not None and session.serves(loop) and not self._closed else self._begin(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> AsyncSession:
        self._refuse_closed()
        if any(session.inherited for session in list(self._sessions.values())):
            raise ConfigurationError(
                "this process was forked while the client was open on a running event loop, which grpc.aio does not "
                "survive: close the client before, make it afterwards, or spawn the process"
            )
        self.let_go()
        with IMPORTING:  # gRPC imports parts of itself for the first channel
            session = self._sessions[id(loop)] = AsyncSession(self._options, self._cache.copy())
        return session

    def let_go(self) -> bool:
        """Forgets the sessions of loops that have ended, keeping the newest token; returns whether there were any."""
        known = len(self._sessions)
        for key, session in list(self._sessions.items()):  # other threads' loops add to it
            self._cache = session.cache.copy()
            if session.over:
                self._sessions.pop(key, None)
        return len(self._sessions) < known

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """The surface's stub of this class."""
        return self.session().stub(kind)

    async def unary(
        self,
        method: Callable[..., Awaitable[Response]],
        request: Any,
        timeout: Timeout | None,
        *,
        public: bool = False,
        waits: bool = False,
    ) -> Response:
        """One request, one response. All public methods may be sent again, see `_reach`."""
        limit = deadline_of(timeout, self._options.timeout_of(waits=waits))
        if public:
            try:
                return await reach_aio(method, request, Tries(self.peer, time.monotonic(), limit))
            except (grpc.aio.BaseError, asyncio.CancelledError) as error:
                raise self.failure(error) from None
        return await self._perform(method, Once(request), limit, public=False, ample=False)

    async def stream_unary(
        self,
        method: Callable[..., Awaitable[Response]],
        requests: Iterable[Any] | AsyncIterable[Any],
        timeout: Timeout | None,
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
        started, replaced, overdue = time.monotonic(), False, self.session().overdue
        while True:
            token = None if public else await self.token(remaining(limit, time.monotonic() - started), ample=ample)
            left = remaining(limit, time.monotonic() - started)
            sent: Awaitable[Response] | None = None
            try:
                sent = method(requests.attempt(), timeout=left, metadata=token and (token.authorization,))
                if left is not None:
                    overdue.expect(sent, left)
                return received(await sent)
            except (grpc.RpcError, grpc.aio.BaseError, asyncio.CancelledError) as error:
                if overdue.ended(sent) and not being_cancelled():
                    raise told(DeadlineExceeded("gRPC gave no answer"), self.peer, limit) from None
                if requests.error is not None and not being_cancelled():
                    raise requests.error from None
                failure = self.failure(error)
                again = self.replaceable(token, failure, last=replaced)
                if not (again and requests.complete):
                    raise told(failure, self.peer, limit) from frameless(error)
            finally:
                overdue.ended(sent)
            replaced = True

    def failure(self, error: BaseException) -> TypeplateError:
        """The typed error for what a stub raised. Raises it as it is where it is asyncio's own, or nobody foresaw it.

        grpc.aio cancels whoever awaits a call that ends with its channel, or is cancelled by somebody else.
        """
        if isinstance(error, grpc.RpcError):
            return typed_error(error)
        if isinstance(error, asyncio.CancelledError) and not being_cancelled():
            return Cancelled("the client was closed" if self._closed else "the call was cancelled")
        if not self._closed or isinstance(error, asyncio.CancelledError):
            raise error
        return ClientClosed("the client is closed")

    async def token(self, left: float | None, *, ample: bool) -> Token | None:
        """The token for a call with these seconds left; None where there are no credentials."""
        if self._options.credentials is None:
            return None
        return await self.authenticator().token(self._options.patience if left is None else left, ample=ample)

    async def close(self) -> None:
        """Closes the running loop's session; those of other loops end with their loops."""
        self._closed = True
        session = self._sessions.pop(id(asyncio.get_running_loop()), None)
        if session is not None and not session.inherited:
            await session.close()


_in_use: weakref.WeakSet[AsyncCalls] = weakref.WeakSet()


def _before_fork() -> None:
    if sum(calls.let_go() for calls in _in_use):
        gc.collect()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
