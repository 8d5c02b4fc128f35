"""The rules of a token's life as rules: time is an argument, nothing is asked of anybody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.token_rules import SECRET, cache, token
from typeplate._token import (
    BACKOFF_LONGEST_S,
    FLIGHT_S,
    RETRY_AFTER_S,
    START_S,
    Attach,
    Await,
    Pause,
    new_token,
)
from typeplate.errors import (
    AuthStateStale,
    InternalError,
    Unavailable,
)


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


def test_a_copy_knows_the_token_and_has_no_refresh_under_way() -> None:
    state = cache()
    state.decide(0.0)
    assert state.copy().decide(0.0) == Await(lead=True)
    state.succeeded(held := token())
    assert state.copy().decide(0.0) == Attach(held)
