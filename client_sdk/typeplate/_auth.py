"""Owns the token of a synchronous client: drives the rules of `_token` with a lock and a thread for each refresh.

A refresh runs in a thread of its own with a deadline of its own, so that no caller's short deadline fails the others.
The fast path, a fresh token, takes no lock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typeplate._credentials import Credentials, token_of
from typeplate._secret import fingerprint, read_now
from typeplate._token import AMPLE_S, Attach, Await, Decision, Pause, Refusal, Token, TokenCache
from typeplate.errors import ClientClosed, InternalError, SecretUnavailable, TypeplateError

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

REFRESH, BEFORE_FORK_S = "typeplate-refresh", 1.0
Found = Token | TypeplateError | None
"""How a refresh ended; None: nobody was asked, for the secret is the refused one still."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants a token: since when (the process's monotonic seconds), and for how many at most; see `decide`."""

    started: float
    timeout: float
    ample: bool

    def wants_ample(self) -> bool:
        """Whether it still waits for a token with ample life."""
        return self.ample and time.monotonic() - self.started < AMPLE_S

    def wait(self, decision: Decision, now: float, unanswered: Callable[[float], TypeplateError]) -> float:
        """Seconds to wait before it asks again. Raises what it is to be told where that is too long for it."""
        waited = time.monotonic() - self.started
        left = self.timeout - waited
        if isinstance(decision, Refusal) or (isinstance(decision, Pause) and decision.until - now > left):
            raise decision.error.again(decision.until - now)
        if isinstance(decision, Pause):
            return decision.until - now
        if left <= 0:
            raise unanswered(self.timeout)
        longest = decision.seconds if isinstance(decision, Await) else left
        return min(left, longest, AMPLE_S - waited if self.wants_ample() else left)


def _before_fork() -> None:
    """Waits a moment for token requests to end: gRPC cannot prepare a fork while another thread is inside of it."""
    until = time.monotonic() + BEFORE_FORK_S
    for thread in threading.enumerate():
        if thread.name == REFRESH and thread is not threading.current_thread():
            thread.join(max(until - time.monotonic(), 0.0))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)


class Authenticator:
    """Gives each call its token. `issue` performs IssueToken and raises TypeplateError; `clock` is monotonic.

    `unanswered` words the error of a caller who has waited for so many seconds.
    """

    def __init__(
        self,
        credentials: Credentials,
        issue: Callable[[IssueTokenRequest], IssueTokenResponse],
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
        self._changed = threading.Condition()
        self._closed = False
        self.cache = cache

    def token(self, timeout: float, *, ample: bool = False) -> Token:
        """A token to attach, within `timeout` seconds. `ample`: not a stale one, if that can be had soon.

        Raises what the server answered when there is none, Unavailable when it did not answer, SecretUnavailable.
        """
        token = self.cache.token
        if token is not None and self._clock() < token.stale_at:
            return token
        caller = Caller(time.monotonic(), timeout, ample)
        while (found := self._step(caller)) is None:
            pass
        return found

    def _step(self, caller: Caller) -> Token | None:
        """Decides once, and starts a refresh or waits where that is needed."""
        with self._changed:
            if self._closed:
                raise ClientClosed("the client is closed")
            now = self._clock()
            decision = self.cache.decide(now, ample=caller.wants_ample())
            flight = self.cache.flight
            lead = isinstance(decision, (Attach, Await)) and decision.lead
            if not lead and not isinstance(decision, Attach):
                self._changed.wait(caller.wait(decision, now, self._unanswered))
        if lead:
            self._take_off(flight)
        return decision.token if isinstance(decision, Attach) else None

    def rejected(self, token: Token, error: TypeplateError, *, last: bool) -> bool:
        """Whether a call refused with this token shall be tried once more; see TokenCache.rejected."""
        with self._changed:
            return self.cache.rejected(token, error, self._clock(), last=last)

    def close(self) -> None:
        """Tells those who wait for a token."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take_off(self, flight: int) -> None:
        try:
            threading.Thread(target=self._refresh, args=(flight,), name=REFRESH, daemon=True).start()
        except RuntimeError:  # no new threads while the interpreter exits
            self._refresh(flight)
        except BaseException:  # a signal handler's, amid the start: another may start at once
            self._landed(flight, self.cache.abandoned)
            raise

    def _refresh(self, flight: int) -> None:
        secret = ""
        found: Found = None
        try:
            if not self._goes_on(flight):
                return
            secret, asked_at = read_now(self._credentials.secret), self._clock()
            if self._goes_on(flight) and not self.cache.refused(fingerprint(secret), asked_at):
                answer = self._issue(self._credentials.request(secret))
                found = token_of(answer, secret, asked_at, self._draw)
        except BaseException as error:  # noqa: BLE001 - SystemExit too: one without an outcome would hang every caller
            found = outcome_of(error, secret)
        self._landed(flight, lambda: land(self.cache, found, fingerprint(secret), self._clock()))

    def _goes_on(self, flight: int) -> bool:
        with self._changed:
            return self.cache.begun(flight, self._clock())

    def _landed(self, flight: int, tell: Callable[[], None]) -> None:
        """Unless it was given up."""
        with self._changed:
            if self.cache.flight == flight:
                tell()
            self._changed.notify_all()


def land(cache: TokenCache, found: Found, secret: bytes, now: float) -> None:
    """Tells the cache how a refresh ended. A secret that could not be read is nobody's fingerprint."""
    if found is None:
        cache.unchanged(now)
    elif isinstance(found, Token):
        cache.succeeded(found)
    else:
        cache.failed(b"" if isinstance(found, SecretUnavailable) else secret, found, now)


def outcome_of(error: BaseException, secret: str) -> TypeplateError:
    """What callers are told, each as a new exception: without the error's past, whose frames hold the secret.

    The text of an error that nobody foresaw may quote the request, so only its type is told.
    """
    if not isinstance(error, TypeplateError):
        return InternalError(f"the token request failed: {type(error).__name__}")
    if secret and secret in str(error):
        return type(error)("the server's answer quotes the client secret", code=error.code, reason=error.reason)
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
