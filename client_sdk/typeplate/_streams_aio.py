"""Owns streams of responses of an asyncio client; `_streams` says when a stream is opened again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc
from google.protobuf.message import Message

from typeplate._options import Timeout
from typeplate._reach import told
from typeplate._replay import AsyncReplay
from typeplate._resume import Resume
from typeplate._status import frameless, received
from typeplate._streams import BaseStream, Opening, again, once
from typeplate.errors import Cancelled, TypeplateError

if TYPE_CHECKING:
    from typeplate._calls_aio import AsyncCalls

T = TypeVar("T")
C = TypeVar("C")
STATUS_WITHIN_S = 1.0


class AsyncResponseStream(BaseStream[T]):
    """Iterates over the messages of a stream; the call starts with the first. Leaving `async with` cancels it."""

    def __init__(
        self,
        calls: AsyncCalls,
        method: Callable[[], Callable[..., Any]],
        request: Message | Iterable[Any] | AsyncIterable[Any],
        timeout: Timeout | None,
        *,
        idempotent: bool = False,
        public: bool = False,
        resume: Resume | None = None,
    ) -> None:
        super().__init__(method, timeout, idempotent=idempotent or resume is not None, public=public)
        self._calls = calls
        self._requests = AsyncReplay(request) if not isinstance(request, Message) else once(request, resume)
        self._messages: AsyncIterator[T] | None = None
        self._cancelled = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._ended:
            raise StopAsyncIteration if self._over is None else self._over.again(None)
        try:
            return await self._next()
        except BaseException as error:
            told = self._end(error)
            self.cancel()
            if told is not error:
                raise told from None
            raise

    async def _next(self) -> T:
        """The next message, of another call where one has failed and that is no loss."""
        opening = self._started()
        while True:
            try:
                message = await self._receive(opening)
            except TypeplateError as error:
                if (pause := again(self._calls, self._requests, opening, self._token, error)) is None:
                    raise
                self._messages = None
            else:
                if self._requests.received(message):
                    opening.moved_on()
                return message
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._cancelled.wait(), pause)
            self._check()

    async def _receive(self, opening: Opening) -> T:
        if self._messages is None:
            self._messages = await self._open(opening)
        try:
            return received(await anext(self._messages))
        except (grpc.RpcError, asyncio.CancelledError) as error:
            if self._requests.error is not None and not being_cancelled():
                raise self._requests.error from None
            raise told(self._calls.failure(error), self._calls.peer, self._timeout) from frameless(error)

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("the stream was cancelled")

    async def _open(self, opening: Opening) -> AsyncIterator[T]:
        self._token = None
        self._calls.session().opens(self)
        if not self._public:
            self._token = await self._calls.token(opening.left(time.monotonic()), ample=True)
        self._check()
        self._call = keeping_status(self._send(opening))
        messages: AsyncIterator[T] = self._call.__aiter__()
        return messages

    def cancel(self) -> None:
        """Ends the stream; an `anext` under way raises Cancelled."""
        self._cancelled.set()
        if isinstance(self._requests, AsyncReplay):
            self._requests.close()
        super().cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()


def being_cancelled() -> bool:
    """Whether somebody has cancelled the running task, a timeout of asyncio's among others."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _KeepsStatus:
    """A call of grpc's core in which the server's status comes before a failed send."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def set_internal_error(self, text: str) -> None:
        """Waits for the status that made the send fail; core does not promise one, so not for ever."""
        asyncio.get_running_loop().call_later(STATUS_WITHIN_S, self._give_up, text)

    def _give_up(self, text: str) -> None:
        if not self._call.done():
            self._call.set_internal_error(text)


def keeping_status(call: C) -> C:
    """Keeps grpc.aio from hiding why the server ended a stream of requests (https://github.com/grpc/grpc/issues/36066).

    A message sent while the server's status is on its way fails, and grpc.aio (1.76 to 1.85) then records INTERNAL
    "Internal error from Core" in its place: measured in half of the streams that are refused at once.
    """
    if hasattr(call, "_cython_call"):
        call._cython_call = _KeepsStatus(call._cython_call)
    return call
