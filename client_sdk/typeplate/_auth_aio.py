"""Owns the token of an asyncio client on one event loop: drives the rules of `_token` with a task for each refresh.

A caller that is cancelled or out of time leaves the refresh running for the others. Secrets that may block (files,
plain callables) are read in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from typeplate._auth import land, told_anew, unexpected
from typeplate._credentials import Credentials, token_of
from typeplate._secret import SecretSource, checked, fingerprint
from typeplate._token import Attach, Await, Pause, Refusal, Token, TokenCache
from typeplate.errors import Cancelled, TypeplateError

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse


Outcome = tuple[Token | TypeplateError | None, bytes]


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
        self.cache = cache

    async def token(self, timeout: float, *, ample: bool = False) -> Token:
        """A token to attach, within `timeout` seconds; see Authenticator.token."""
        token = self.cache.token
        if token is not None and self._clock() < token.stale_at:
            return token
        deadline = time.monotonic() + timeout
        while True:
            now = self._clock()
            decision = self.cache.decide(now, ample=ample)
            if isinstance(decision, Refusal):
                raise decision.error.again(decision.until - now)
            if isinstance(decision, (Attach, Await)) and decision.lead:
                self._take_off()
            if isinstance(decision, Attach):
                return decision.token
            left = deadline - time.monotonic()
            if isinstance(decision, Await) and left <= 0:
                raise self._unanswered(timeout)
            await self._pause(decision, now, left)

    async def _pause(self, decision: Await | Pause, now: float, left: float) -> None:
        if isinstance(decision, Pause):
            if decision.until - now > left:
                raise decision.error.again(decision.until - now)
            await asyncio.sleep(decision.until - now)
        elif self._flight is not None:
            await asyncio.wait({self._flight}, timeout=left)

    def rejected(self, token: Token, error: TypeplateError, *, last: bool) -> bool:
        """Whether a call refused with this token shall be tried once more; see TokenCache.rejected."""
        return self.cache.rejected(token, error, self._clock(), last=last)

    async def close(self) -> None:
        """Ends a refresh under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait({self._flight})

    def _take_off(self) -> None:
        self._flight = asyncio.create_task(self._refresh(), name="typeplate-refresh")
        self._flight.add_done_callback(self._landed)

    async def _refresh(self) -> Outcome:
        """The outcome, and the fingerprint of the secret: a task shows its result, so never the secret itself."""
        secret = ""
        found: Token | TypeplateError | None = None
        try:
            secret, asked_at = await read(self._credentials.secret), self._clock()
            if not self.cache.refused(fingerprint(secret), asked_at):
                response = await self._issue(self._credentials.request(secret))
                found = token_of(response, secret, asked_at, self._draw)
        except TypeplateError as error:
            found = told_anew(error)
        except Exception as error:  # noqa: BLE001 - callers are told of it
            found = unexpected(error)
        return found, fingerprint(secret)

    def _landed(self, flight: asyncio.Task[Outcome]) -> None:
        """Also of a task cancelled before its first step: without an outcome it would hang every caller."""
        found: Token | TypeplateError | None = Cancelled("the token request was cancelled")
        secret = fingerprint("")
        if not flight.cancelled() and flight.exception() is None:
            found, secret = flight.result()
        land(self.cache, found, secret, self._clock())


async def read(source: SecretSource) -> str:
    """The secret, without blocking the loop."""
    if not source.changes:
        return checked(source.read())
    value = await asyncio.to_thread(source.read)
    return value if isinstance(value, str) else checked(await value)
