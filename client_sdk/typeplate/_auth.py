"""Owns the token of a synchronous client: drives the rules of `_token` with a lock and a thread for each refresh.

A refresh runs in a thread of its own with a deadline of its own, so that no caller's short deadline fails the others.
The fast path, a fresh token, takes no lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from typeplate._credentials import Credentials, token_of
from typeplate._secret import fingerprint, read_now
from typeplate._token import Attach, Await, Pause, Refusal, Token, TokenCache
from typeplate.errors import InternalError, SecretUnavailable, TypeplateError

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse


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
        self.cache = cache

    def token(self, timeout: float, *, ample: bool = False) -> Token:
        """A token to attach, within `timeout` seconds. `ample`: not a stale one, if that can be had.

        Raises what the server answered when there is none, Unavailable when it did not answer, SecretUnavailable.
        """
        token = self.cache.token
        if token is not None and self._clock() < token.stale_at:
            return token
        deadline = time.monotonic() + timeout
        with self._changed:
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
                if isinstance(decision, Pause):
                    if decision.until - now > left:
                        raise decision.error.again(decision.until - now)
                    left = decision.until - now
                elif left <= 0:
                    raise self._unanswered(timeout)
                self._changed.wait(left)

    def rejected(self, token: Token, error: TypeplateError, *, last: bool) -> bool:
        """Whether a call refused with this token shall be tried once more; see TokenCache.rejected."""
        with self._changed:
            return self.cache.rejected(token, error, self._clock(), last=last)

    def _take_off(self) -> None:
        try:
            threading.Thread(target=self._refresh, name="typeplate-refresh", daemon=True).start()
        except RuntimeError:  # no new threads while the interpreter exits
            self._refresh()

    def _refresh(self) -> None:
        secret = ""
        found: Token | TypeplateError | None = None
        try:
            secret, asked_at = read_now(self._credentials.secret), self._clock()
            if not self.cache.refused(fingerprint(secret), asked_at):
                found = token_of(self._issue(self._credentials.request(secret)), secret, asked_at, self._draw)
        except TypeplateError as error:
            found = told_anew(error)
        except BaseException as error:  # noqa: BLE001 - SystemExit too: one without an outcome would hang every caller
            found = unexpected(error)
        with self._changed:
            land(self.cache, found, fingerprint(secret), self._clock())
            self._changed.notify_all()


def land(cache: TokenCache, found: Token | TypeplateError | None, secret: bytes, now: float) -> None:
    """Tells the cache how a refresh ended; None: nobody was asked. A secret that could not be read is nobody's."""
    if found is None:
        cache.unchanged(now)
    elif isinstance(found, Token):
        cache.succeeded(found)
    else:
        cache.failed(b"" if isinstance(found, SecretUnavailable) else secret, found, now)


def told_anew(error: TypeplateError) -> TypeplateError:
    """The error without its past, whose frames hold the secret: each caller gets it as a new exception."""
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def unexpected(error: BaseException) -> TypeplateError:
    """The typed error for one nobody foresaw. Its text may quote the request, so only its type is told."""
    return InternalError(f"the token request failed: {type(error).__name__}")
