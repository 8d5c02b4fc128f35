"""Owns the token of an asyncio client on one event loop: drives the rules of `_token` with a task for each refresh.

A caller that is cancelled or out of time leaves the refresh running for the others. Secrets that may block (files,
plain callables) are read in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from typeplate._auth import Caller, Found, land, outcome_of
from typeplate._credentials import Credentials, token_of
from typeplate._secret import SecretSource, checked, failed, fingerprint
from typeplate._token import Attach, Await, Token, TokenCache
from typeplate.errors import ClientClosed, TypeplateError

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

T = TypeVar("T")
Outcome = tuple[Found, bytes]


class AsyncAuthenticator:
    """Gives each call its token; the arguments are Authenticator's."""

    def __init__(
        self,
        credentials: Credentials,
        issue: Callable[[IssueTokenRequest], Awaitable[IssueTokenResponse]],
        cache: TokenCache,
        clock: Callable[[], float],
        draw: Callable[[], float],
        unanswered: Callable[[float], TypeplateError],
    ) -> None:
        self._credentials = credentials
        self._issue = issue
        self._clock = clock
        self._draw = draw
        self._unanswered = unanswered
        self._flight: asyncio.Task[Outcome] | None = None
        self._closed = False
        self.cache = cache

    async def token(self, timeout: float, *, ample: bool = False) -> Token:
        """A token to attach, within `timeout` seconds; see Authenticator.token."""
        token = self.cache.token
        if token is not None and self._clock() < token.stale_at:
            return token
        caller = Caller(time.monotonic(), timeout, ample)
        while (found := await self._step(caller)) is None:
            pass
        return found

    async def _step(self, caller: Caller) -> Token | None:
        """Decides once, and starts a refresh or waits where that is needed."""
        if self._closed:
            raise ClientClosed("the client is closed")
        now = self._clock()
        decision = self.cache.decide(now, ample=caller.wants_ample())
        if isinstance(decision, (Attach, Await)) and decision.lead:
            self._take_off(self.cache.flight)
        if isinstance(decision, Attach):
            return decision.token
        seconds = caller.wait(decision, now, self._unanswered)
        if isinstance(decision, Await) and self._flight is not None:
            await asyncio.wait({self._flight}, timeout=seconds)
        else:
            await asyncio.sleep(seconds)
        return None

    def rejected(self, token: Token, error: TypeplateError, *, last: bool) -> bool:
        """Whether a call refused with this token shall be tried once more; see TokenCache.rejected."""
        return self.cache.rejected(token, error, self._clock(), last=last)

    async def close(self) -> None:
        """Ends a refresh under way."""
        self._closed = True
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})

    def _take_off(self, number: int) -> None:
        self._flight = asyncio.create_task(self._refresh(number), name="typeplate-refresh")
        self._flight.add_done_callback(lambda flight: self._landed(number, flight))

    async def _refresh(self, number: int) -> Outcome:
        """The outcome, and the fingerprint of the secret: a task shows its result, so never the secret itself."""
        secret = ""
        found: Found = None
        try:
            if not self.cache.begun(number, self._clock()):
                return found, b""
            secret, asked_at = await read(self._credentials.secret), self._clock()
            if self.cache.begun(number, asked_at) and not self.cache.refused(fingerprint(secret), asked_at):
                answer = await self._issue(self._credentials.request(secret))
                found = token_of(answer, secret, asked_at, self._draw)
        except Exception as error:  # noqa: BLE001 - callers are told of it
            found = outcome_of(error, secret)
        return found, fingerprint(secret)

    def _landed(self, number: int, flight: asyncio.Task[Outcome]) -> None:
        """Unless it was given up. Also of a task cancelled before its first step, which would hang every caller."""
        if self.cache.flight != number:
            return
        if flight.cancelled() or flight.exception() is not None:
            self.cache.abandoned()
        else:
            land(self.cache, *flight.result(), self._clock())


async def read(source: SecretSource) -> str:
    """The secret, without blocking the loop. Raises SecretUnavailable."""
    if not source.changes:
        return checked(source.read())
    value = await in_thread(source.read)
    if isinstance(value, str):
        return value
    try:
        fetched = await value
    except Exception as error:
        raise failed(error) from error
    return checked(fetched)


async def in_thread(function: Callable[[], T]) -> T:
    """Runs what may block in a daemon thread: the process's end waits for those of `asyncio.to_thread`."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: Exception | None) -> None:
        if done.done():  # cancelled
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as raised:  # noqa: BLE001 - SystemExit too: it would hang every caller
            error = raised if isinstance(raised, Exception) else failed(raised)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, result, error)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name="typeplate-secret", daemon=True).start()
    return await done
