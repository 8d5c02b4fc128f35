"""Owns the rules of an access token's life: when to attach, refresh, wait, or give up. No I/O, no clock, no lock.

Times are seconds on a monotonic clock, passed in; the server's `expires_in` is counted on it, never its wall clock, so
a stepped clock changes nothing. Thresholds are shares of the life, for fixed ones refresh short tokens on each call.

A TokenCache is driven by one process (under a lock) or one event loop. It decides that at most one refresh is under
way: whoever gets a decision with `lead` starts it, and reports that it has `begun` and how it ended; others wait and
ask again. A refresh that nobody hears of (a signal came amid its start, its secret's callable hangs) is given up, and
what it reports later counts no more: each has a number, which is the cache's `flight` while it is under way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from typeplate.errors import (
    ClientRevoked,
    ClientSuspended,
    CredentialsRejected,
    InternalError,
    InvalidArgument,
    ResourceExhausted,
    TokenRejected,
    TypeplateError,
    Unavailable,
)

STALE_FROM, STALE_TO = 0.70, 0.85
"""Share of the life after which a token is stale, drawn once per token, where the server draws none."""
MARGIN_S, MARGIN_SHARE = 5.0, 0.05
"""A token counts as expired this much before its end, whichever is less."""
REFUSED_FIRST_S, REFUSED_LONGEST_S = 30.0, 300.0
"""How long a terminal refusal is remembered, doubling, so that a revoked fleet does not hammer the server."""
FAILED_FIRST_S, FAILED_LONGEST_S = 1.0, 10.0
"""The same for failures that may be over sooner: a fault of the server's, a secret that cannot be read."""
BLIPS = 2
"""So many of these in a row are blips, after which it is asked again at once; the next is remembered."""
LOOK_S = 1.0
"""How often a secret that may change is read again while the one before is refused."""
BACKOFF_FIRST_S, BACKOFF_LONGEST_S = 0.2, 2.0
"""Pause after a refresh that failed for want of a server, doubling, less a jitter of up to a half. Short, for the
refresh has tried for seconds itself, and each one more is an outage that the application sees and the server not."""
RETRY_AFTER_S = 60.0
"""The longest that a server's wish to be asked later is followed: a wrong one would disable the client for good."""
START_S, FLIGHT_S = 1.0, 30.0
"""After so long a refresh is given up for lost: one that has not begun, and one that has (its request ends before)."""
AMPLE_S = 1.0
"""So long a stream waits for a token with ample life while it has another."""
BURST, SPACING_S = 3, 0.25
"""So many token requests at once, and one more each so many seconds; with `tried` never more than ten in a second.
Where one replica among many refuses every token, each call that meets it would cost one otherwise."""
USELESS_S = 0.5
"""A new token that is refused at once counts as so many seconds of refreshes. Nothing more: it may be one bad replica
that one caller met twice, so the others go on, and where every token is refused, few are asked for."""

TERMINAL = (ClientRevoked, ClientSuspended, CredentialsRejected, InvalidArgument)
TRANSIENT = (Unavailable, ResourceExhausted)
USABLE = re.compile(r"[\x21-\x7e]{1,4096}")  # what can be sent in a header, and a server would look at


class Authorization(str):
    """The value of the header, which is in local variables of gRPC's: error trackers record how those look."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer …'"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and when it becomes stale and expired. `secret`: fingerprint of the secret it was got with."""

    value: str = field(repr=False)
    secret: bytes = field(repr=False)
    stale_at: float
    expired_at: float
    authorization: tuple[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "authorization", ("authorization", Authorization(f"Bearer {self.value}")))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token cannot be pickled: whoever has it can call in its client's name")


def new_token(
    value: str, secret: bytes, *, asked_at: float, life: float, refresh_after: float, draw: Callable[[], float]
) -> Token:
    """The token of an IssueToken answer. Its life is counted from when it was asked for, which errs on the safe side.

    Raises InternalError for an answer without a token or a life.
    """
    if not USABLE.fullmatch(value) or life <= 0:
        raise InternalError("the server issued no usable token")
    expired_at = asked_at + life - min(MARGIN_S, MARGIN_SHARE * life)
    after = refresh_after if 0 < refresh_after < life else life * (STALE_FROM + (STALE_TO - STALE_FROM) * draw())
    return Token(value, secret, stale_at=min(asked_at + after, expired_at), expired_at=expired_at)


@dataclass(frozen=True, slots=True)
class Attach:
    """Send this token. With `lead`, start a refresh behind everybody's back."""

    token: Token
    lead: bool = False


@dataclass(frozen=True, slots=True)
class Await:
    """A refresh is needed: with `lead`, start it; then wait until it has ended, or for so long, and ask again."""

    lead: bool = False
    seconds: float = field(default=FLIGHT_S, compare=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """The last refresh failed with `error`, which may pass: ask again at `until`."""

    until: float
    error: TypeplateError


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server refused this secret (by fingerprint): not asked again before `until` unless it has changed."""

    secret: bytes = field(repr=False)
    error: TypeplateError
    until: float
    delay: float


Decision = Attach | Await | Pause | Refusal


class TokenCache:
    """The token of one client, the refresh under way, and what the server refused."""

    __slots__ = (
        "_changes",
        "_draw",
        "_due",
        "_error",
        "_failures",
        "_flying_until",
        "_look_at",
        "_refusal",
        "_retry_at",
        "flight",
        "token",
    )

    def __init__(
        self,
        draw: Callable[[], float],
        token: Token | None = None,
        refusal: Refusal | None = None,
        *,
        changes: bool = False,
    ) -> None:
        """`draw` gives jitter, 0 to 1; `changes`: the secret may be another one when it is read again."""
        self.token = token
        self.flight = 0
        self._draw = draw
        self._changes = changes
        self._refusal = refusal
        self._failures = 0
        self._flying_until = self._retry_at = self._due = self._look_at = float("-inf")
        self._error: TypeplateError = Unavailable("no token yet")

    def copy(self) -> TokenCache:
        """What another process or event loop starts from: the same knowledge, and no refresh under way."""
        return TokenCache(self._draw, self.token, self._refusal, changes=self._changes)

    def decide(self, now: float, *, ample: bool = False) -> Decision:
        """What a call that starts now does. `ample`: it wants a token that is not stale, for a long stream."""
        token = self.token
        if token is not None and now < token.stale_at:
            return Attach(token)
        if token is not None and now < token.expired_at:
            return self._decide_stale(token, now, ample)
        if (refusal := self._in_force(now)) is not None and not self._may_look(now):
            return refusal
        if not self._flying(now) and now < (ready_at := self._ready_at()):
            return Pause(ready_at, self._error)
        return self._await(now)

    def _decide_stale(self, token: Token, now: float, ample: bool) -> Decision:
        refused = self._in_force(now) is not None and not self._may_look(now)
        if not self._flying(now) and (refused or now < self._ready_at()):
            return Attach(token)
        return self._await(now) if ample else Attach(token, self._take_off(now))

    def _await(self, now: float) -> Await:
        lead = self._take_off(now)
        return Await(lead, self._flying_until - now)

    def _in_force(self, now: float) -> Refusal | None:
        return self._refusal if self._refusal is not None and now < self._refusal.until else None

    def _may_look(self, now: float) -> bool:
        """Whether, though refused, a refresh may read the secret and ask with it if it has changed (see `refused`)."""
        return self._changes and (self._flying(now) or now >= self._look_at)

    def _ready_at(self) -> float:
        """When the next refresh may start: after the last one's pause, and by the rate (GCRA, a leaky bucket)."""
        return max(self._retry_at, self._due - (BURST - 1) * SPACING_S)

    def _flying(self, now: float) -> bool:
        return now < self._flying_until

    def _take_off(self, now: float) -> bool:
        if self._flying(now):
            return False
        self.flight += 1
        self._flying_until, self._due = now + START_S, max(self._due, now) + SPACING_S
        return True

    def begun(self, flight: int, now: float) -> bool:
        """The refresh of this number goes on with its next step; False where it has been given up, and must end."""
        if self.flight != flight:
            return False
        self._flying_until = now + FLIGHT_S
        return True

    def tried(self, times: int) -> None:
        """The refresh under way has sent its request so many times more than once: they count as refreshes."""
        self._due += min(times, BURST) * SPACING_S

    def _land(self) -> None:
        self._flying_until = float("-inf")
        self.flight += 1

    def succeeded(self, token: Token) -> None:
        """The refresh brought a token."""
        self._land()
        self._failures, self._retry_at = 0, float("-inf")
        self.token = token

    def refused(self, secret: bytes, now: float) -> bool:
        """Whether the server need not be asked, as it has refused the secret of this fingerprint a moment ago."""
        return (known := self._in_force(now)) is not None and known.secret == secret

    def unchanged(self, now: float) -> None:
        """The refresh found the secret `refused`, and has asked nobody."""
        self._land()
        self._look_at = now + LOOK_S

    def abandoned(self) -> None:
        """The refresh was broken off by the application, which says nothing of the server: another may start."""
        self._land()

    def failed(self, secret: bytes, error: TypeplateError, now: float) -> None:
        """The refresh failed, with the secret of this fingerprint (empty: it could not even be read)."""
        self._land()
        self._look_at = now + LOOK_S
        blip = isinstance(error, TRANSIENT) or (self._failures < BLIPS and not isinstance(error, TERMINAL))
        if not blip:
            self._remember(secret, error, now, REFUSED_FIRST_S if isinstance(error, TERMINAL) else FAILED_FIRST_S)
            return
        delay = min(BACKOFF_FIRST_S * 2.0 ** min(self._failures, 16), BACKOFF_LONGEST_S)
        self._failures += 1
        self._error = error
        self._retry_at = now + max(delay * (1 - self._draw() / 2), min(error.retry_after or 0.0, RETRY_AFTER_S))

    def rejected(self, token: Token, error: TypeplateError, now: float, *, last: bool) -> bool:
        """The server refused a call with this token; returns whether to try once more with another token.

        Drops that very token, never a newer one (compare and clear). `last`: this was the second try already.
        """
        if not isinstance(error, (TokenRejected, ClientRevoked, ClientSuspended)):
            return False
        dropped = self.token is token
        if dropped:
            self.token, self._error = None, error.again(error.retry_after)
        if not isinstance(error, TokenRejected):
            if self.token is None:
                # Without its past: the call's frames would live as long as the refusal.
                self._remember(token.secret, error.again(error.retry_after), now, REFUSED_FIRST_S)
            return False
        if last and dropped:
            self._due = max(self._due, now) + USELESS_S
        return not last

    def _remember(self, secret: bytes, error: TypeplateError, now: float, first: float) -> None:
        """Doubles when the server refuses again soon after the last refusal ended; one in force stays as it is."""
        known = self._refusal
        if known is None or known.secret != secret or now >= known.until + known.delay:
            delay = first
        elif now < known.until:
            return
        else:
            longest = REFUSED_LONGEST_S if first == REFUSED_FIRST_S else FAILED_LONGEST_S
            delay = min(max(known.delay * 2, first), longest)
        self._refusal = Refusal(secret, error, now + delay, delay)
