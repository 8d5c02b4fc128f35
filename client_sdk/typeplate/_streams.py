"""Owns streams of responses of a synchronous client, and the rule when a stream is opened again.

A stream is opened again only before its first message, so nothing is ever delivered twice: once after a refused token,
and while the server is away and the method is idempotent, within the client's default timeout.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import grpc
from google.protobuf.message import Message

from typeplate._replay import Once, Replay
from typeplate._status import typed_error
from typeplate.errors import DeadlineExceeded, TypeplateError, Unavailable

if TYPE_CHECKING:
    from typeplate._calls import Calls
    from typeplate._token import Token

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0


@dataclass(slots=True)
class Opening:
    """The tries to open one stream: since when (monotonic seconds), how often, and what they may cost."""

    started: float
    timeout: float | None
    patience: float
    repeatable: bool
    attempts: int = 0

    def left(self, now: float) -> float | None:
        """What is left of the stream's own timeout."""
        return None if self.timeout is None else max(self.timeout - (now - self.started), 0.0)

    def pause(self, error: TypeplateError, now: float, draw: float) -> float | None:
        """Seconds until the stream is opened again after `error`; None: it is not."""
        if not self.repeatable or not isinstance(error, Unavailable) or isinstance(error, DeadlineExceeded):
            return None
        longest = min(FIRST_PAUSE_S * 2.0 ** min(self.attempts, 8), LONGEST_PAUSE_S)
        self.attempts += 1
        seconds = max(longest * (1 - draw / 2), error.retry_after or 0.0)
        limit = self.patience if self.timeout is None else min(self.timeout, self.patience)
        return seconds if now + seconds < self.started + limit else None


class ResponseStream(Generic[T]):
    """Iterates over the messages of a stream; the call starts with the first. Leaving `with` cancels it."""

    def __init__(
        self,
        calls: Calls,
        method: Callable[[], Callable[..., Any]],
        request: Message | Iterable[Any],
        timeout: float | None,
        *,
        idempotent: bool = False,
        public: bool = False,
    ) -> None:
        self._calls = calls
        self._method = method
        self._requests = Once(request) if isinstance(request, Message) else Replay(request)
        self._timeout = timeout
        self._idempotent = idempotent
        self._public = public
        self._call: Any = None
        self._started = False
        self._ended = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration
        try:
            message = self._receive() if self._started else self._first()
        except BaseException:  # StopIteration too: nothing comes after any of them
            self._ended = True
            raise
        if not self._started:
            self._started = True
            self._requests.commit()
        return message

    def _first(self) -> T:
        opening = Opening(time.monotonic(), self._timeout, self._calls.patience, self._idempotent)
        replaced = False
        while True:
            token = None
            try:
                token = None if self._public else self._calls.token(opening.left(time.monotonic()), ample=True)
                self._open(token, opening)
                return self._receive()
            except TypeplateError as error:
                if self._calls.replaceable(token, error, last=replaced) and self._requests.complete:
                    replaced = True
                    continue
                if (pause := opening.pause(error, time.monotonic(), random.random())) is None:  # noqa: S311 - jitter
                    raise
            time.sleep(pause)

    def _open(self, token: Token | None, opening: Opening) -> None:
        metadata = (token.authorization,) if token else None
        left = opening.left(time.monotonic())
        self._call = self._method()(self._requests.attempt(), timeout=left, metadata=metadata)

    def _receive(self) -> T:
        try:
            message: T = next(self._call)
        except grpc.RpcError as error:
            raise typed_error(error) from error
        return message

    def cancel(self) -> None:
        """Ends the stream; a `next` under way raises Cancelled."""
        self._ended = True
        if self._call is not None:
            self._call.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()
