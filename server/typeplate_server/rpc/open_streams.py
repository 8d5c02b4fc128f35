"""The streams that are open, and their end when their callers are refused.

Rules kept here:
* Registered, then checked, then served: a change that comes in between finds the stream.
* A stream whose caller is refused ends with that refusal as its status. Its task is cancelled only to leave whatever
  it waits for (a message, the database, a reader that takes nothing), and what ends the call is still the abort.
* Every change is followed at once by `recheck`, and one timer for all streams asks again ten times a second: that is
  how expiry and staleness, which nobody announces, end a stream. There is none while no stream is open.
* Unary calls do not come by here. What they read is checked right before it leaves, and nothing can be applied between
  that check and the send, as no await is between them; what they write is checked by the commit guard. So a change that
  was applied may be acknowledged without waiting for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from typeplate_server.rpc.call import Call

SWEEP_S: Final = 0.1
"""A stream may go on this long after its token expired or the state became stale; the promise is 250 ms."""

T = TypeVar("T")


class _Stream:
    """One open stream: its call, the task that serves it, and why it is to end, once it is."""

    __slots__ = ("call", "refusal", "task")

    def __init__(self, call: Call, task: asyncio.Task[Any]) -> None:
        self.call = call
        self.task = task
        self.refusal: Exception | None = None


class OpenStreams:
    """Knows each stream from its admission to its end. For use in one event loop. `sweep_s`: seconds between sweeps."""

    def __init__(self, sweep_s: float = SWEEP_S) -> None:
        self._sweep_s = sweep_s
        self._open: set[_Stream] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Serves an admitted stream in the current task; raises the refusal of its caller as soon as there is one."""
        if call.caller is None:
            return await work()  # public: there is nobody to refuse
        stream = self._register(call)
        try:
            call.recheck()
            return await work()
        except asyncio.CancelledError:
            if stream.refusal is None or stream.task.uncancel() > 0:
                raise  # by the peer, or by the server's stop
            raise stream.refusal from None
        finally:
            self._open.discard(stream)

    def recheck(self) -> None:
        """Ends each stream whose caller is refused by now. Called after every change and when freshness is lost."""
        for stream in self._open:
            if stream.refusal is None:
                try:
                    stream.call.recheck()
                except Exception as refusal:  # noqa: BLE001 - whatever it is, the stream does not go on
                    self._end(stream, refusal)

    def _register(self, call: Call) -> _Stream:
        task = asyncio.current_task()
        assert task is not None
        stream = _Stream(call, task)
        self._open.add(stream)
        if self._timer is None:
            self._timer = task.get_loop().call_later(self._sweep_s, self._sweep)
        return stream

    def _sweep(self) -> None:
        self._timer = None
        self.recheck()
        if self._open:
            self._timer = asyncio.get_running_loop().call_later(self._sweep_s, self._sweep)

    def _end(self, stream: _Stream, refusal: Exception) -> None:
        stream.refusal = refusal
        # Not now: it may be this very stream's task that runs, and a task that cancels itself takes the cancellation
        # along to wherever it waits next, past the abort.
        stream.task.get_loop().call_soon(self._wake, stream)

    def _wake(self, stream: _Stream) -> None:
        if stream in self._open:
            stream.task.cancel()
