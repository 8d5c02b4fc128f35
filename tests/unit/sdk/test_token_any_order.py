"""The rules of a token's life in any order of calls, answers, refusals and passing time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.token_rules import SECRET
from typeplate._token import (
    FLIGHT_S,
    START_S,
    Attach,
    Await,
    Decision,
    Pause,
    Refusal,
    Token,
    TokenCache,
    new_token,
)
from typeplate.errors import (
    ClientRevoked,
    CredentialsRejected,
    InternalError,
    TokenRejected,
    Unavailable,
)


class Life(RuleBasedStateMachine):
    """Any order of calls, answers, refusals and passing time: never two refreshes, never a dead or dropped token."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.flights = 0
        self.started, self.longest = 0.0, START_S
        self.state = TokenCache(lambda: 0.5, changes=True)
        self.dropped: list[Token] = []
        self.refused_until = 0.0

    def _decide(self, ample: bool) -> Decision:
        decision = self.state.decide(self.now, ample=ample)
        if isinstance(decision, (Attach, Await)) and decision.lead:
            self.flights += 1
            self.started, self.longest = self.now, START_S
        return decision

    @rule(ample=st.booleans())
    def call(self, ample: bool) -> None:
        decision = self._decide(ample)
        if isinstance(decision, Attach):
            assert self.now < decision.token.expired_at
            assert all(decision.token is not gone for gone in self.dropped)
        elif isinstance(decision, (Pause, Refusal)):
            assert decision.until > self.now
            assert self.flights == 0
        else:
            assert self.flights == 1

    @rule(seconds=st.floats(0.001, 400.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.started + self.longest:
            self.flights = 0  # given up

    @precondition(lambda self: self.flights)
    @rule()
    def begun(self) -> None:
        assert self.state.begun(self.state.flight, self.now)
        self.started, self.longest = self.now, FLIGHT_S

    @precondition(lambda self: self.flights)
    @rule(life=st.floats(0.5, 1000.0))
    def issued(self, life: float) -> None:
        self.flights -= 1
        self.state.succeeded(new_token("t", SECRET, asked_at=self.now, life=life, refresh_after=0.0, draw=lambda: 0.5))

    @precondition(lambda self: self.flights)
    @rule(error=st.sampled_from([Unavailable("away"), ClientRevoked("revoked"), InternalError("broken")]))
    def failed(self, error: Unavailable | ClientRevoked | InternalError) -> None:
        self.flights -= 1
        self.state.failed(SECRET, error, self.now)

    @precondition(lambda self: self.flights)
    @rule()
    def looked_in_vain(self) -> None:
        self.flights -= 1
        if self.state.refused(SECRET, self.now):
            self.state.unchanged(self.now)
        else:
            self.state.failed(SECRET, CredentialsRejected("no"), self.now)

    @rule(error=st.sampled_from([TokenRejected("no"), ClientRevoked("revoked")]), last=st.booleans())
    def rejected(self, error: TokenRejected | ClientRevoked, last: bool) -> None:
        if (held := self.state.token) is not None:
            self.dropped.append(held)
            self.state.rejected(held, error, self.now, last=last)

    @invariant()
    def at_most_one_refresh(self) -> None:
        assert self.flights in (0, 1)


TestLife = Life.TestCase
