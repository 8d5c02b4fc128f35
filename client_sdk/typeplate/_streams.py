"""Owns streams of responses of a synchronous client, and the rule when a stream is opened again.

Nothing is ever delivered twice: a stream is opened again only before its first message, or if it can go on after the
last one received (`_resume`). It is so once after a refused token, and while the server is away and the method is
idempotent: within the client's default timeout, or, of a stream that has moved on, within `OUTAGE_S`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import grpc
from google.protobuf.message import Message

from typeplate._options import Timeout, deadline_of
from typeplate._reach import jitter, told
from typeplate._replay import Once, Replay
from typeplate._resume import Resumable, Resume
from typeplate._status import frameless, received, typed_error
from typeplate.errors import Cancelled, ClientClosed, TypeplateError, Unavailable

if TYPE_CHECKING:
    from typeplate._calls import Calls
    from typeplate._token import Token

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
OUTAGE_S = 300.0
"""How long a stream that has moved on waits for the server to come back, where its timeout does not end it first."""
STOOD_S = 30.0
"""A call that lasted so long was no failed try, even if the stream had nothing to say."""


@dataclass(slots=True)
class Opening:
    """The tries to open one stream, and to open it again: since when (monotonic seconds), how often, at what cost."""

    started: float
    timeout: float | None
    patience: float
    repeatable: bool
    attempts: int = 0
    replaced: bool = False
    opened: float = math.inf
    since: float = -math.inf

    def moved_on(self) -> None:
        """The stream has come further: the next failure is the first of another outage."""
        self.attempts, self.replaced, self.since = 0, False, math.inf

    def failed(self, now: float) -> None:
        """A call has failed."""
        if now - self.opened >= STOOD_S:
            self.moved_on()
        self.opened = math.inf
        self.since = min(self.since, now)

    def left(self, now: float) -> float | None:
        """What is left of the stream's own timeout."""
        return None if self.timeout is None else max(self.timeout - (now - self.started), 0.0)

    def pause(self, error: TypeplateError, now: float, draw: float) -> float | None:
        """Seconds until the stream is opened again after `error`; None: it is not."""
        if not self.repeatable or not isinstance(error, Unavailable):
            return None
        longest = min(FIRST_PAUSE_S * 2.0 ** min(self.attempts, 8), LONGEST_PAUSE_S)
        self.attempts += 1
        seconds = max(longest * (1 - draw / 2), error.retry_after or 0.0)
        until = self.started + self.patience if self.since < self.started else self.since + OUTAGE_S
        if self.timeout is not None:
            until = min(until, self.started + self.timeout)
        return seconds if now + seconds < until else None


class Requests(Protocol):
    """What is sent, and whether it may be sent again."""

    @property
    def complete(self) -> bool:
        """Whether another call would lose or repeat nothing."""


class Recoverable(Protocol):
    """Who performs the calls, of either kind."""

    def replaceable(self, token: Token | None, error: TypeplateError, *, last: bool) -> bool:
        """Whether to try once more with another token."""


def again(
    calls: Recoverable, requests: Requests, opening: Opening, token: Token | None, error: TypeplateError
) -> float | None:
    """Seconds until a stream is opened again after `error`, which its call with this token met; None: it is not."""
    now = time.monotonic()
    opening.failed(now)
    replaceable = calls.replaceable(token, error, last=opening.replaced)
    if not requests.complete:
        return None
    if replaceable:
        opening.replaced = True
        return 0.0
    return opening.pause(error, now, jitter())


def once(request: Message, resume: Resume | None) -> Once | Resumable:
    """The one request of a stream of responses."""
    return Once(request) if resume is None else Resumable(request, resume)


class BaseStream(Generic[T]):
    """What streams of both clients have in common: how they are opened, and what is told when they are over."""

    _calls: Any
    _requests: Any

    def __init__(
        self,
        method: Callable[[], Callable[..., Any]],
        timeout: Timeout | None,
        *,
        idempotent: bool,
        public: bool,
    ) -> None:
        self._method = method
        self._timeout = deadline_of(timeout, math.inf)
        self._idempotent = idempotent
        self._public = public
        self._opening: Opening | None = None
        self._token: Token | None = None
        self._call: Any = None
        self._ended = False
        self._over: TypeplateError | None = None

    def _started(self) -> Opening:
        """Since the first message was asked for."""
        if self._opening is None:
            self._opening = Opening(time.monotonic(), self._timeout, self._calls.patience, self._idempotent)
        return self._opening

    def _send(self, opening: Opening) -> Any:
        """The call, with the token that there is."""
        opening.opened = time.monotonic()
        left = opening.left(opening.opened)
        metadata = self._token and (self._token.authorization,)
        return self._method()(self._requests.attempt(), timeout=left, metadata=metadata)

    def _end(self, error: BaseException) -> BaseException:
        """Nothing comes after an error, and it is told again: an end would look as if the stream were complete.

        Returns what to tell now, which is another where the client was closed meanwhile.
        """
        self._ended = True
        if isinstance(self._over, ClientClosed) and isinstance(error, Cancelled):
            return self._over.again(None)
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            self._over = None
        elif isinstance(error, TypeplateError):
            self._over = error.again(None)
        else:
            self._over = Cancelled(f"the stream broke off before: {type(error).__name__}")
        return error

    def cancel(self) -> None:
        """Ends the stream; who waits for its next message gets Cancelled."""
        self._ended = True
        if self._call is not None:
            self._call.cancel()

    def client_closed(self) -> None:
        """Ends the stream, which is not complete."""
        self._over = ClientClosed("the client is closed")
        self.cancel()


class ResponseStream(BaseStream[T]):
    """Iterates over the messages of a stream; the call starts with the first. Leaving `with` cancels it."""

    def __init__(
        self,
        calls: Calls,
        method: Callable[[], Callable[..., Any]],
        request: Message | Iterable[Any],
        timeout: Timeout | None,
        *,
        idempotent: bool = False,
        public: bool = False,
        resume: Resume | None = None,
    ) -> None:
        super().__init__(method, timeout, idempotent=idempotent or resume is not None, public=public)
        self._calls = calls
        self._requests = Replay(request) if not isinstance(request, Message) else once(request, resume)
        self._broken = True
        self._cancelled = threading.Event()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._ended:
            raise StopIteration if self._over is None else self._over.again(None)
        try:
            return self._next()
        except BaseException as error:
            if (failure := self._end(error)) is not error:
                raise failure from None
            raise

    def _next(self) -> T:
        """The next message, of another call where one has failed and that is no loss."""
        opening = self._started()
        while True:
            try:
                message = self._receive(opening)
            except TypeplateError as error:
                if (pause := again(self._calls, self._requests, opening, self._token, error)) is None:
                    raise
                self._broken = True
            else:
                if self._requests.received(message):
                    opening.moved_on()
                return message
            if self._cancelled.wait(pause):
                raise Cancelled("the stream was cancelled")

    def _receive(self, opening: Opening) -> T:
        if self._broken:
            self._open(opening)
        try:
            message: T = received(next(self._call))
        except grpc.RpcError as error:
            if self._requests.error is not None:
                raise self._requests.error from None
            raise told(typed_error(error), self._calls.peer, self._timeout) from frameless(error)
        return message

    def _open(self, opening: Opening) -> None:
        self._token = None
        self._calls.session().opens(self)
        if not self._public:
            self._token = self._calls.token(opening.left(time.monotonic()), ample=True)
        self._call = self._send(opening)
        self._broken = False
        if self._cancelled.is_set():
            self._call.cancel()

    def cancel(self) -> None:
        """Ends the stream; a `next` under way raises Cancelled."""
        self._cancelled.set()
        super().cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()
