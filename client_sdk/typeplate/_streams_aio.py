"""Owns streams of responses of an asyncio client; `_streams` says when a stream is opened again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import grpc
from google.protobuf.message import Message

from typeplate._replay import AsyncReplay, Once
from typeplate._status import typed_error
from typeplate._streams import Opening
from typeplate.errors import TypeplateError

if TYPE_CHECKING:
    from typeplate._calls_aio import AsyncCalls
    from typeplate._token import Token

T = TypeVar("T")


class AsyncResponseStream(Generic[T]):
    """Iterates over the messages of a stream; the call starts with the first. Leaving `async with` cancels it."""

    def __init__(
        self,
        calls: AsyncCalls,
        method: Callable[[], Callable[..., Any]],
        request: Message | Iterable[Any] | AsyncIterable[Any],
        timeout: float | None,
        *,
        idempotent: bool = False,
    ) -> None:
        self._calls = calls
        self._method = method
        self._requests = Once(request) if isinstance(request, Message) else AsyncReplay(request)
        self._timeout = timeout
        self._idempotent = idempotent
        self._call: Any = None
        self._messages: AsyncIterator[T] | None = None
        self._ended = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if self._ended:
            raise StopAsyncIteration
        try:
            return await (self._first() if self._messages is None else self._receive(self._messages))
        except BaseException:  # StopAsyncIteration too: nothing comes after any of them
            self.cancel()
            raise

    async def _first(self) -> T:
        opening = Opening(time.monotonic(), self._timeout, self._calls.patience, self._idempotent)
        replaced = False
        while True:
            token = None
            try:
                token = await self._calls.stream_token(opening.left(time.monotonic()))
                messages = self._open(token, opening)
                message = await self._receive(messages)
            except TypeplateError as error:
                if self._calls.replaceable(token, error, last=replaced) and self._requests.complete:
                    replaced = True
                    continue
                if (pause := opening.pause(error, time.monotonic(), random.random())) is None:  # noqa: S311 - jitter
                    raise
            else:
                self._messages = messages
                self._requests.commit()
                return message
            await asyncio.sleep(pause)

    def _open(self, token: Token | None, opening: Opening) -> AsyncIterator[T]:
        metadata = (token.authorization,) if token else None
        left = opening.left(time.monotonic())
        self._call = self._method()(self._requests.attempt(), timeout=left, metadata=metadata)
        messages: AsyncIterator[T] = self._call.__aiter__()
        return messages

    async def _receive(self, messages: AsyncIterator[T]) -> T:
        try:
            return await anext(messages)
        except grpc.RpcError as error:
            raise typed_error(error) from error

    def cancel(self) -> None:
        """Ends the stream."""
        self._ended = True
        if isinstance(self._requests, AsyncReplay):
            self._requests.close()
        if self._call is not None:
            self._call.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()
