"""Whatever a server does, one client asks it for ten tokens in a second at most: by simulation, in no time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.token_requests import most_within
from typeplate._reach import Tries
from typeplate._token import Attach, Await, TokenCache, new_token
from typeplate.errors import AuthStateStale, TokenRejected, Unavailable

MOST_A_SECOND = 10
ISSUED, REFUSED_AT_ONCE, STALE, AWAY = "issued", "refused at once", "stale", "away"
Plan = list[tuple[str, float]]


def requests(plan: Plan) -> list[float]:
    """When each token request is sent, by callers who come as fast as they can. One step of the plan for each."""
    state, now, sent, steps = TokenCache(lambda: 1.0), 0.0, list[float](), iter(plan)
    while True:
        decision = state.decide(now)
        if isinstance(decision, Attach):  # and refused
            state.rejected(decision.token, TokenRejected("no"), now, last=False)
        elif not isinstance(decision, Await):
            now = decision.until
        elif (ended := refresh(state, now, sent, steps)) is None:
            return sent
        else:
            now = ended


def refresh(state: TokenCache, now: float, sent: list[float], steps: Iterator[tuple[str, float]]) -> float | None:
    """One refresh with all its tries; returns when it has ended, None with the plan."""
    tries = Tries("server", now, 10.0)
    for what, draw in steps:
        sent.append(now)
        if what in (ISSUED, REFUSED_AT_ONCE):
            state.tried(tries.failures)
            state.succeeded(token := new_token("t", b"", asked_at=now, life=900.0, refresh_after=0.0, draw=lambda: 0.5))
            if what == REFUSED_AT_ONCE:
                state.rejected(token, TokenRejected("no"), now, last=True)
            return now
        error = AuthStateStale("stale", reason="AUTH_STATE_STALE") if what == STALE else Unavailable("away")
        if (pause := tries.pause(error, now, draw)) is None:
            state.tried(tries.failures)
            state.failed(b"", error, now)
            return now
        now += pause
    return None


STEPS = st.tuples(st.sampled_from([ISSUED, REFUSED_AT_ONCE, STALE, AWAY]), st.floats(0.0, 1.0))


@settings(max_examples=500, deadline=None)
@given(st.lists(STEPS, min_size=11, max_size=80))
def test_never_more_than_ten_token_requests_in_a_second(plan: Plan) -> None:
    assert most_within(requests(plan), 1.0) <= MOST_A_SECOND


@pytest.mark.parametrize("failures", range(5))
def test_tokens_that_come_at_the_nth_try_and_are_refused_are_few_too(failures: int) -> None:
    """The hardest mixtures, with the shortest pauses."""
    plan = [*[(STALE, 1.0)] * failures, (ISSUED, 1.0)] * 40
    assert most_within(requests(plan), 1.0) <= MOST_A_SECOND


def test_a_server_that_issues_and_refuses_is_asked_as_often_as_the_rate_allows() -> None:
    """Which the others would not notice if nothing were asked at all."""
    assert 6 <= most_within(requests([(ISSUED, 1.0)] * 40), 1.0) <= MOST_A_SECOND
