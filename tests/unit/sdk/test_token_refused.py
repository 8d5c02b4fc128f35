"""The rules when the server refuses a client, its secret or its tokens: who asks again, when, and how often."""

from __future__ import annotations

import pytest

from tests.support.token_rules import OTHER, SECRET, cache, token
from typeplate._token import (
    BLIPS,
    BURST,
    FAILED_LONGEST_S,
    LOOK_S,
    REFUSED_FIRST_S,
    REFUSED_LONGEST_S,
    SPACING_S,
    USELESS_S,
    Attach,
    Await,
    Pause,
    Refusal,
)
from typeplate.errors import (
    ClientRevoked,
    CredentialsRejected,
    InternalError,
    NotFound,
    TokenRejected,
)


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
    assert asked == pytest.approx(60.0 * 2 / (2 * SPACING_S + USELESS_S), abs=2 * BURST)


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
