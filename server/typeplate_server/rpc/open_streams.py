"""The calls that stay open for as long as their callers like, and their end when those are refused.

That is every stream, and every call whose one request has not come: gRPC gives each its place among the concurrent
calls at its headers.

Rules kept here:
* Registered, then checked, then served: a change that comes in between finds the stream.
* A stream whose caller is refused ends with that refusal as its status. Its task is cancelled only to leave whatever
  it waits for (a message, the database, a reader that takes nothing), and what ends the call is still the abort.
* Every change is followed at once by `recheck`, and one timer for all streams asks again ten times a second: that is
  how expiry and staleness, which nobody announces, end a stream. There is none while no stream is open.
* One request is waited for `REQUEST_S`, and not at all once the caller is refused.
* Of one client at most `per_client` are open, so that no application takes the places of all the others.
* Unary calls, once their request is here, do not come by. What they read is checked right before it leaves, and nothing
  can be applied between that check and the send, as no await is between them; what they write is checked by the commit
  guard. So a change that was applied may be acknowledged without waiting for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeVar

from grpc import aio

from typeplate_server.errors import InvalidArgument, RateLimited

if TYPE_CHECKING:
    from typeplate_server.rpc.call import Call

SWEEP_S: Final = 0.1
"""A stream may go on this long after its token expired or the state became stale; the promise is 250 ms."""
REQUEST_S: Final = 10.0
PER_CLIENT: Final = 250
RETRY_S: Final = 1.0

T = TypeVar("T")


class _Stream:
    """One open stream: its call, whose it is, the task that serves it, its last moment in the loop's time, and why it
    is to end, once it is.
    """

    __slots__ = ("call", "client_id", "refusal", "task", "until")

    def __init__(self, call: Call, client_id: str, task: asyncio.Task[Any], until: float) -> None:
        self.call = call
        self.client_id = client_id
        self.task = task
        self.until = until
        self.refusal: Exception | None = None


class OpenStreams:
    """Knows each stream from its admission to its end. For use in one event loop.

    `sweep_s`: seconds between sweeps. `per_client`: how many one client may have. `request_s`: how long one request is
    waited for, in seconds.
    """

    def __init__(self, sweep_s: float = SWEEP_S, *, per_client: int = PER_CLIENT, request_s: float = REQUEST_S) -> None:
        self._sweep_s = sweep_s
        self._per_client = per_client
        self._request_s = request_s
        self._open: set[_Stream] = set()
        self._of_client: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Serves an admitted stream in the current task; raises the refusal of its caller as soon as there is one."""
        if call.caller is None:
            return await work()  # public: there is nobody to refuse
        stream = self._register(call, call.caller.client_id, inf)
        try:
            call.recheck()
            return await work()
        except asyncio.CancelledError:
            raise _reason(stream) from None
        finally:
            self._discard(stream)

    async def request(self, call: Call, client_id: str, context: Any) -> bytes:
        """The one request of an admitted call, which the caller has to be checked again after.

        Raises what `serve` raises, and InvalidArgument when there is none or none comes in time.
        """
        stream = self._register(call, client_id, self._request_s)
        try:
            message = await context.read()
        except asyncio.CancelledError:
            raise _reason(stream) from None
        finally:
            self._discard(stream)
        if message is aio.EOF:
            raise InvalidArgument.of("request", "is missing")
        return message  # type: ignore[no-any-return]

    def recheck(self) -> None:
        """Ends each stream whose caller is refused by now. Called after every change and when freshness is lost."""
        for stream in self._open:
            if stream.refusal is None:
                try:
                    stream.call.recheck()
                except Exception as refusal:  # noqa: BLE001 - whatever it is, the stream does not go on
                    self._end(stream, refusal)

    def _register(self, call: Call, client_id: str, within_s: float) -> _Stream:
        count = self._of_client.get(client_id, 0)
        if count >= self._per_client:
            raise RateLimited("too many streams of this client are open or wait for their request", retry_after=RETRY_S)
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        stream = _Stream(call, client_id, task, loop.time() + within_s)
        self._of_client[client_id] = count + 1
        self._open.add(stream)
        if self._timer is None:
            self._timer = loop.call_later(self._sweep_s, self._sweep)
        return stream

    def _discard(self, stream: _Stream) -> None:
        self._open.discard(stream)
        count = self._of_client[stream.client_id]
        if count > 1:
            self._of_client[stream.client_id] = count - 1
        else:
            del self._of_client[stream.client_id]

    def _sweep(self) -> None:
        self._timer = None
        self.recheck()
        self._end_late()
        if self._open:
            self._timer = asyncio.get_running_loop().call_later(self._sweep_s, self._sweep)

    def _end_late(self) -> None:
        now = asyncio.get_running_loop().time()
        for stream in self._open:
            if stream.until < now and stream.refusal is None:
                self._end(stream, InvalidArgument.of("request", f"did not come within {self._request_s:g} s"))

    def _end(self, stream: _Stream, refusal: Exception) -> None:
        stream.refusal = refusal
        # Not now: it may be this very stream's task that runs, and a task that cancels itself takes the cancellation
        # along to wherever it waits next, past the abort.
        stream.task.get_loop().call_soon(self._wake, stream)

    def _wake(self, stream: _Stream) -> None:
        if stream in self._open:
            stream.task.cancel()


def _reason(stream: _Stream) -> BaseException:
    """Why the stream's task was cancelled: the refusal, or else by the peer or the server's stop."""
    if stream.refusal is None or stream.task.uncancel() > 0:
        return asyncio.CancelledError()
    return stream.refusal


def share(places: int) -> int:
    """How many of the server's places one client's open streams may take: a quarter."""
    return max(1, places // 4)
