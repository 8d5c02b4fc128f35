"""Owns what belongs to one event loop of an asyncio client: its channels, its token, the stubs on them.

grpc.aio binds channels to a loop and to a process, so each loop of each process gets its own session.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc

from typeplate._auth_aio import AsyncAuthenticator
from typeplate._channel import open_aio_channel
from typeplate._interceptors_aio import StreamStreamTokens, StreamUnaryTokens, UnaryStreamTokens, UnaryTokens
from typeplate._lazy import IMPORTING
from typeplate._options import DEFAULT_TIMEOUT_S, Options
from typeplate._overdue import Overdue
from typeplate._reach import Tries, jitter, reach_aio
from typeplate._session import Closable, unanswered
from typeplate._token import TokenCache
from typeplate.errors import DeadlineExceeded

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

Stub = TypeVar("Stub")


class AsyncSession:
    """The surface calls on the bare channel and attaches tokens itself; raw stubs have one with interceptors."""

    def __init__(self, options: Options, cache: TokenCache) -> None:
        self.cache = cache
        self.authenticator: AsyncAuthenticator | None = None
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._options = options
        self._tries: Tries | None = None
        self._channel = open_aio_channel(options)
        self._intercepted: grpc.aio.Channel | None = None
        self._stubs: dict[Any, Any] = {}
        self.overdue = Overdue()
        self._streams: weakref.WeakSet[Closable] = weakref.WeakSet()
        if options.credentials is not None:
            self.authenticator = AsyncAuthenticator(
                options.credentials, self._issue, cache, options.clock, jitter, self._unanswered
            )

    @property
    def over(self) -> bool:
        """Whether its loop will never run again."""
        return self._loop.is_closed()

    @property
    def inherited(self) -> bool:
        """Whether it belongs to the process that this one was forked from."""
        return self._pid != os.getpid()

    def serves(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this is the loop's session in this process."""
        return self._loop is loop and not self.inherited

    async def _issue(self, request: IssueTokenRequest) -> IssueTokenResponse:
        with IMPORTING:
            from typeplate.v1.auth_service_pb2_grpc import AuthServiceStub

        self._tries = tries = Tries(self._options.peer, time.monotonic(), DEFAULT_TIMEOUT_S)
        try:
            return await reach_aio(AuthServiceStub(self._channel).IssueToken, request, tries)
        finally:
            self._tries = None
            self.cache.tried(tries.failures)

    def _unanswered(self, seconds: float) -> DeadlineExceeded:
        return unanswered(self._tries, seconds)

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """The stub of this class for the surface."""
        if (found := self._stubs.get(kind)) is None:
            found = self._stubs[kind] = kind(self._channel)
        return cast(Stub, found)

    def raw_stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """A stub of this class whose calls get their tokens by themselves."""
        if self.authenticator is None:
            return self.stub(kind)
        if self._intercepted is None:
            kinds = (UnaryTokens, UnaryStreamTokens, StreamUnaryTokens, StreamStreamTokens)
            interceptors = [each(self.authenticator, self._options.patience) for each in kinds]
            self._intercepted = open_aio_channel(self._options, interceptors)
        return kind(self._intercepted)

    def opens(self, stream: Closable) -> None:
        """Notes a stream, to end with the session."""
        self._streams.add(stream)

    async def close(self) -> None:
        """Ends the refresh and the calls under way, and closes the channels."""
        for stream in list(self._streams):
            stream.client_closed()
        if self.authenticator is not None:
            await self.authenticator.close()
        for channel in (self._channel, self._intercepted):
            if channel is not None:
                await channel.close()
