"""The rules of a token's life as rules: time is an argument, nothing is asked of anybody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from typeplate._token import (
    BACKOFF_LONGEST_S,
    BLIPS,
    BURST,
    FAILED_LONGEST_S,
    FLIGHT_S,
    LOOK_S,
    REFUSED_FIRST_S,
    REFUSED_LONGEST_S,
    RETRY_AFTER_S,
    SPACING_S,
    START_S,
    USELESS_S,
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
    AuthStateStale,
    ClientRevoked,
    CredentialsRejected,
    InternalError,
    NotFound,
    TokenRejected,
    Unavailable,
)

SECRET, OTHER = b"fingerprint", b"another"


def token(value: str = "t", *, asked_at: float = 0.0, life: float = 100.0, refresh_after: float = 0.0) -> Token:
    return new_token(value, SECRET, asked_at=asked_at, life=life, refresh_after=refresh_after, draw=lambda: 0.0)


def cache(known: Token | None = None, *, changes: bool = False) -> TokenCache:
    return TokenCache(lambda: 0.0, known, changes=changes)


@given(st.floats(1.0, 1e6), st.floats(0.0, 1.0), st.floats(0.0, 1e9))
def test_thresholds_are_shares_of_the_life(life: float, draw: float, asked_at: float) -> None:
    """Stale from 70-85 %; expired at most 5 s or 5 % before the end; never the other way round."""
    made = new_token("t", SECRET, asked_at=asked_at, life=life, refresh_after=0.0, draw=lambda: draw)
    slack = 1e-6 * (asked_at + life)
    assert 0.70 * life - slack <= made.stale_at - asked_at <= 0.85 * life + slack
    assert made.stale_at <= made.expired_at
    assert made.expired_at - asked_at == pytest.approx(life - min(5.0, 0.05 * life), abs=slack)


@given(st.floats(1.0, 1e6), st.floats(-10.0, 2e6))
def test_the_servers_refresh_after_counts_where_it_makes_sense(life: float, refresh_after: float) -> None:
    made = new_token("t", SECRET, asked_at=0.0, life=life, refresh_after=refresh_after, draw=lambda: 0.5)
    if 0 < refresh_after < life:
        assert made.stale_at == min(refresh_after, made.expired_at)
    else:
        assert made.stale_at == pytest.approx(0.775 * life)


@pytest.mark.parametrize(
    ("value", "life"),
    [("", 100.0), ("t", 0.0), ("t", -1.0), ("t\n", 100.0), ("t t", 100.0), ("é", 100.0), ("t" * 4097, 100.0)],
)
def test_an_answer_without_a_usable_token_is_an_error(value: str, life: float) -> None:
    with pytest.raises(InternalError):
        new_token(value, SECRET, asked_at=0.0, life=life, refresh_after=0.0, draw=lambda: 0.0)


def test_a_token_shows_neither_itself_nor_its_secret() -> None:
    assert "t0ken" not in repr(token("t0ken"))
    assert "t0ken" not in repr(token("t0ken").authorization)
    assert token("t0ken").authorization == ("authorization", "Bearer t0ken")
    assert "fingerprint" not in repr(token())


def test_fresh_stale_and_expired() -> None:
    """Attach; attach and let one refresh behind; wait for one."""
    held = token()
    state = cache(held)
    assert state.decide(69.9) == Attach(held)
    assert state.decide(70.0) == Attach(held, lead=True)
    state.begun(state.flight, 70.0)
    assert state.decide(70.0) == Attach(held)
    assert state.decide(95.0) == Await()
    state.succeeded(newer := token("u", asked_at=95.0))
    assert state.decide(95.0) == Attach(newer)


def test_an_empty_cache_has_one_leader() -> None:
    state = cache()
    assert [state.decide(0.0) for _ in range(3)] == [Await(lead=True), Await(), Await()]


def test_a_stream_waits_for_a_new_token_where_a_unary_call_takes_the_stale_one() -> None:
    held = token()
    state = cache(held)
    assert state.decide(80.0, ample=True) == Await(lead=True)
    assert state.decide(80.0, ample=True) == Await()
    assert state.decide(80.0) == Attach(held)
    state.failed(SECRET, Unavailable("away"), 80.0)
    assert state.decide(80.0, ample=True) == Attach(held)


def test_a_refresh_behind_that_failed_is_tried_again_after_a_pause() -> None:
    held = token()
    state = cache(held)
    state.decide(80.0)
    state.failed(SECRET, Unavailable("away", retry_after=3.0), 80.0)
    assert state.decide(82.9) == Attach(held)
    assert state.decide(83.0) == Attach(held, lead=True)


def test_without_a_token_an_error_that_passes_is_waited_out() -> None:
    """The pause doubles up to its limit, and success begins anew."""
    state = cache()
    now, pauses = 0.0, []
    for _ in range(12):
        assert state.decide(now) == Await(lead=True)
        state.failed(SECRET, error := AuthStateStale("stale"), now)
        decision = state.decide(now)
        assert isinstance(decision, Pause)
        assert decision.error is error
        pauses.append(decision.until - now)
        now = decision.until
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 2.0, *[BACKOFF_LONGEST_S] * 7])
    state.decide(now)
    state.succeeded(token(asked_at=now, life=1.0))
    now += 10
    state.decide(now)
    state.failed(SECRET, Unavailable("away"), now)
    assert state.decide(now) == Pause(now + 0.2, state._error)


def test_a_server_that_wants_to_be_asked_much_later_is_asked_after_a_minute() -> None:
    state = cache()
    state.decide(0.0)
    state.failed(SECRET, AuthStateStale("stale", retry_after=86_400.0), 0.0)
    assert state.decide(0.0) == Pause(RETRY_AFTER_S, state._error)


def test_a_refresh_that_is_never_heard_of_is_given_up() -> None:
    """Soon where it has not even begun. Its number is another's then, by which it knows that it has to end."""
    state = cache()
    assert state.decide(0.0) == Await(lead=True)
    lost = state.flight
    assert state.decide(START_S - 0.1) == Await()
    assert state.decide(START_S) == Await(lead=True)
    assert not state.begun(lost, START_S)
    assert state.begun(state.flight, START_S)
    assert state.decide(START_S + FLIGHT_S - 0.1) == Await()
    assert state.decide(START_S + FLIGHT_S) == Await(lead=True)


def test_who_waits_for_a_refresh_asks_again_when_it_may_be_given_up() -> None:
    state = cache()
    for decision, seconds in ((state.decide(0.0), START_S), (state.decide(0.25), START_S - 0.25)):
        assert isinstance(decision, Await)
        assert decision.seconds == seconds


def test_a_refresh_that_the_application_breaks_off_is_nobodys_failure() -> None:
    state = cache()
    state.decide(0.0)
    state.abandoned()
    assert state.decide(0.0) == Await(lead=True)
    assert state.copy().decide(0.0) == Await(lead=True)


def test_a_terminal_refusal_after_a_lesser_failure_is_remembered_as_long_as_any() -> None:
    state = cache()
    now = 0.0
    for _ in range(BLIPS + 1):
        state.decide(now)
        state.failed(SECRET, InternalError("a fault"), now)
        now = state.decide(now).until  # type: ignore[union-attr]
    state.decide(now)
    state.failed(SECRET, ClientRevoked("revoked"), now)
    assert state.decide(now + REFUSED_FIRST_S - 0.1) == state._refusal


def test_a_refusal_doubles_while_it_is_repeated_and_is_forgotten_after_a_while() -> None:
    state = cache()
    now, delays = 0.0, []
    for _ in range(6):
        state.decide(now)
        state.failed(SECRET, ClientRevoked("revoked"), now)
        refusal = state.decide(now)
        assert isinstance(refusal, Refusal)
        assert state.decide(refusal.until - 0.1) == refusal
        delays.append(refusal.until - now)
        now = refusal.until
    assert delays == [30.0, 60.0, 120.0, 240.0, 300.0, REFUSED_LONGEST_S]
    now += 1000
    state.decide(now)
    state.failed(SECRET, ClientRevoked("revoked"), now)
    assert state.decide(now) == Refusal(SECRET, state.decide(now).error, now + 30.0, 30.0)  # type: ignore[union-attr]


def test_a_refusal_belongs_to_one_secret() -> None:
    """Another secret's refusal starts at the beginning; a changed one is asked with."""
    state = cache(changes=True)
    for now in (0.0, 30.0):
        state.decide(now)
        state.failed(SECRET, CredentialsRejected("no"), now)
    assert state.decide(31.0) == Await(lead=True)
    assert (state.refused(SECRET, 31.0), state.refused(OTHER, 31.0)) == (True, False)
    state.failed(OTHER, CredentialsRejected("no"), 31.0)
    other = state.decide(31.0)
    assert isinstance(other, Refusal)
    assert (other.secret, other.delay) == (OTHER, REFUSED_FIRST_S)


def test_while_a_secret_is_refused_one_caller_a_second_looks_for_another() -> None:
    """The others wait for it while it looks, and are refused once it has found nothing. The refusal's time runs on."""
    state = cache(changes=True)
    state.decide(0.0)
    state.failed(SECRET, CredentialsRejected("no"), 0.0)
    refusal = state.decide(0.0)
    assert isinstance(refusal, Refusal)
    for looked_at in (LOOK_S, 2 * LOOK_S, 3 * LOOK_S):
        assert state.decide(looked_at - 0.01) is refusal
        assert [state.decide(looked_at) for _ in range(3)] == [Await(lead=True), Await(), Await()]
        state.unchanged(looked_at)
        assert state.decide(looked_at) is refusal
    assert refusal.until == REFUSED_FIRST_S
    assert state.refused(SECRET, REFUSED_FIRST_S) is False


def test_a_refusal_on_a_call_is_looked_after_at_once() -> None:
    """The secret may have changed since the token was got with it."""
    state = cache(held := token(), changes=True)
    state.rejected(held, ClientRevoked("revoked"), 1.0, last=False)
    assert state.decide(1.0) == Await(lead=True)
    assert state.refused(SECRET, 1.0)


def test_a_secret_that_never_changes_is_not_looked_at() -> None:
    state = cache()
    state.decide(0.0)
    state.failed(SECRET, CredentialsRejected("no"), 0.0)
    assert isinstance(state.decide(REFUSED_FIRST_S - 0.1), Refusal)


def test_behind_a_stale_token_the_changed_secret_is_looked_for_too() -> None:
    held = token()
    state = cache(held, changes=True)
    assert state.decide(70.0) == Attach(held, lead=True)
    state.failed(SECRET, CredentialsRejected("rotated away"), 70.0)
    assert state.decide(70.9) == Attach(held)
    assert state.decide(71.0) == Attach(held, lead=True)


def test_a_failure_that_may_be_over_sooner_is_remembered_for_ten_seconds_at_most() -> None:
    """A blip is not; after two in a row the third is."""
    state = cache()
    now, delays = 0.0, []
    for _ in range(BLIPS):
        state.decide(now)
        state.failed(SECRET, InternalError("a fault"), now)
        decision = state.decide(now)
        assert isinstance(decision, Pause)
        now = decision.until
    assert now == pytest.approx(0.6)
    for _ in range(6):
        state.decide(now)
        state.failed(SECRET, InternalError("a fault"), now)
        refusal = state.decide(now)
        assert isinstance(refusal, Refusal)
        delays.append(refusal.until - now)
        now = refusal.until
    assert delays == pytest.approx([1.0, 2.0, 4.0, 8.0, 10.0, FAILED_LONGEST_S])


def test_a_refused_token_is_dropped_once_and_never_a_newer_one() -> None:
    old, new = token("old"), token("new")
    state = cache(old)
    assert state.rejected(old, TokenRejected("expired"), 1.0, last=False)
    assert state.token is None
    state.succeeded(new)
    assert state.rejected(old, TokenRejected("expired"), 1.0, last=False)
    assert state.rejected(old, ClientRevoked("late news of the old one"), 1.0, last=False) is False
    assert state.decide(1.0) == Attach(new)


def test_a_call_that_is_refused_twice_fails_nobody_else() -> None:
    """The next caller gets a new token, after a quarter of a second at most."""
    state = cache(held := token())
    assert state.rejected(held, TokenRejected("no"), 1.0, last=False)
    assert state.decide(1.0) == Await(lead=True)
    state.succeeded(held := token(asked_at=1.0))
    assert state.rejected(held, TokenRejected("no"), 1.0, last=True) is False
    decision = state.decide(1.0)
    assert isinstance(decision, Pause)
    assert decision.until - 1.0 <= 0.25
    assert state.decide(decision.until) == Await(lead=True)


def test_where_every_token_is_refused_few_are_asked_for() -> None:
    """Each call costs two, and they are counted against the next ones; callers of one token count once."""
    state = cache()
    now, asked = 0.0, 0
    while now < 60.0:
        for last in (False, True):
            decision = state.decide(now)
            if isinstance(decision, Pause):
                now = decision.until
                decision = state.decide(now)
            assert decision == Await(lead=True)
            asked += 1
            state.succeeded(held := token(asked_at=now))
            for _ in range(3):
                state.rejected(held, TokenRejected("no"), now, last=last)
    assert asked == pytest.approx(60.0 * 2 / (2 * SPACING_S + USELESS_S), abs=BURST)


def test_no_refusals_make_a_client_ask_for_ten_tokens_a_second() -> None:
    """As one bad replica among good ones would: each call that meets it drops a token, and succeeds with the next."""
    state = cache()
    now, asked = 0.0, []
    while now < 60.0:
        decision = state.decide(now)
        if isinstance(decision, Pause):
            assert isinstance(decision.error, TokenRejected)
            now = decision.until
        else:
            asked.append(now)
            state.succeeded(held := token(asked_at=now))
            state.rejected(held, TokenRejected("no"), now, last=False)
            now += 0.002
    for start in asked:
        assert sum(start <= moment < start + 1.0 for moment in asked) < 10
    assert len(asked) == pytest.approx(60.0 / SPACING_S, abs=BURST)


def test_a_stale_token_serves_while_the_next_refresh_has_to_wait() -> None:
    state = cache()
    for _ in range(BURST):
        assert state.decide(0.0) == Await(lead=True)
        state.succeeded(held := token(life=0.5))
        state.rejected(held, TokenRejected("no"), 0.0, last=False)
    state.succeeded(held)
    assert state.decide(held.stale_at) == Attach(held, lead=True)
    state.succeeded(held := token(asked_at=0.1, life=0.1))
    assert state.decide(held.stale_at) == Attach(held)
    assert isinstance(state.decide(held.expired_at), Pause)


def test_a_revoked_clients_token_is_dropped_without_a_retry() -> None:
    state = cache(held := token())
    assert state.rejected(held, ClientRevoked("revoked"), 1.0, last=False) is False
    refusal = state.decide(30.9)
    assert isinstance(refusal, Refusal)
    assert refusal.until == 31.0


def test_other_errors_say_nothing_about_the_token() -> None:
    state = cache(held := token())
    assert state.rejected(held, NotFound("no such vehicle"), 1.0, last=False) is False
    assert state.decide(1.0) == Attach(held)


def test_a_copy_knows_the_token_and_has_no_refresh_under_way() -> None:
    state = cache()
    state.decide(0.0)
    assert state.copy().decide(0.0) == Await(lead=True)
    state.succeeded(held := token())
    assert state.copy().decide(0.0) == Attach(held)


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
        self.longest = FLIGHT_S
        self.started = self.now

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
