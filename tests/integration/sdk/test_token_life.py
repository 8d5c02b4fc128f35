"""The token's life over a real wire, the same for both clients: who asks for a token, when, and how often."""

from __future__ import annotations

import time

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.polling import eventually
from tests.support.sdk_drivers import Clock, Connect, Driver
from typeplate.errors import (
    AuthStateStale,
    ConfigurationError,
    DeadlineExceeded,
    TokenRejected,
    TypeplateError,
    Unavailable,
)


def test_many_callers_on_a_cold_cache_cause_one_token_request(client: Driver, server: FakeServer) -> None:
    """50 threads, 1,000 tasks: one IssueToken, and every call succeeds with its token."""
    answers = client.gather()
    assert [answer for answer in answers if isinstance(answer, BaseException)] == []
    assert len(answers) == client.many
    assert len(server.issued) == 1
    assert set(server.tokens_seen) == {"token-1"}


def test_a_fresh_token_is_used_without_asking_again(client: Driver, server: FakeServer, clock: Clock) -> None:
    """Up to the earliest time a token may become stale, 70 % of its life."""
    client.get()
    clock.now += 0.699 * server.program.life
    client.get()
    assert (len(server.issued), server.tokens_seen) == (1, ["token-1", "token-1"])


def test_a_stale_token_is_attached_while_one_refresh_runs_behind(
    client: Driver, server: FakeServer, clock: Clock
) -> None:
    """Nobody waits for it: calls go on while the server does not answer IssueToken."""
    client.get()
    server.hold.clear()
    clock.now += 0.86 * server.program.life
    for _ in range(5):
        client.get(timeout=5)
    eventually(lambda: len(server.issued) == 2, "a refresh has begun")
    assert set(server.tokens_seen) == {"token-1"}
    server.hold.set()
    eventually(lambda: client.get() is not None and server.tokens_seen[-1] == "token-2", "the new token is used")
    assert len(server.issued) == 2


def test_the_servers_refresh_after_decides_when_a_token_is_stale(
    client: Driver, server: FakeServer, clock: Clock
) -> None:
    server.program.refresh_after = 100.0
    client.get()
    clock.now += 99.0
    client.get()
    assert len(server.issued) == 1
    clock.now += 2.0
    client.get()
    eventually(lambda: len(server.issued) == 2, "a refresh has begun")


def test_each_token_becomes_stale_at_a_time_of_its_own(client: Driver, server: FakeServer, clock: Clock) -> None:
    """Else a fleet that began together would refresh together for ever."""
    shares = []
    for _ in range(6):
        client.get()
        (session,) = client.client._calls._sessions.values()
        assert session.cache.token is not None
        shares.append((session.cache.token.stale_at - clock.now) / server.program.life)
        clock.now += server.program.life
    assert len(set(shares)) > 3
    assert 0.699 < min(shares) <= max(shares) < 0.851


def test_a_failed_refresh_is_ignored_while_the_token_lives(client: Driver, server: FakeServer, clock: Clock) -> None:
    """And it is not tried again at each call."""
    client.get()
    server.refuse_issue("INTERNAL")
    clock.now += 0.86 * server.program.life
    client.get()
    eventually(lambda: len(server.issued) == 2, "a refresh was tried")
    for _ in range(10):
        client.get()
    assert set(server.tokens_seen) == {"token-1"}
    assert len(server.issued) == 2


def test_an_expired_token_is_never_sent(client: Driver, server: FakeServer, clock: Clock) -> None:
    """All callers wait for the one new token. 5 s before its end a token counts as expired."""
    client.get()
    clock.now += server.program.life - 4.9
    assert [answer for answer in client.gather() if isinstance(answer, BaseException)] == []
    assert len(server.issued) == 2
    assert server.tokens_seen.count("token-1") == 1


@pytest.mark.parametrize("reason", ["TOKEN_REVOKED", "TOKEN_EXPIRED", "TOKEN_INVALID", "TOKEN_MALFORMED"])
def test_a_refused_token_costs_one_refresh_and_one_retry(client: Driver, server: FakeServer, reason: str) -> None:
    client.get()
    server.refuse_token("token-1", reason)
    assert client.get().make == "Make"
    assert len(server.issued) == 2
    assert server.tokens_seen == ["token-1", "token-1", "token-2"]


def test_a_token_refused_to_many_at_once_costs_one_refresh(client: Driver, server: FakeServer) -> None:
    """Each drops that very token; who comes late finds a newer one and leaves it alone."""
    client.get()
    server.refuse_token("token-1", "TOKEN_REVOKED")
    assert [answer for answer in client.gather() if isinstance(answer, BaseException)] == []
    assert len(server.issued) == 2
    assert server.tokens_seen.count("token-2") == client.many


def test_a_new_token_that_is_refused_too_surfaces_and_does_not_hammer(connect: Connect, server: FakeServer) -> None:
    """Two seconds of calls, each refused twice: few tokens are asked for, and the first good call is served."""
    client = connect()
    server.refuse_calls("TOKEN_INVALID", times=100)
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        with pytest.raises(TokenRejected) as caught:
            client.get()
    assert caught.value.reason == "TOKEN_INVALID"
    assert len(server.calls) <= len(server.issued) <= 10
    server.refuse_calls("", times=0)
    assert client.get().make == "Make"


def test_a_call_that_is_refused_twice_fails_no_other(connect: Connect, server: FakeServer) -> None:
    """It may be one replica's fault, and the others' calls are served."""
    client = connect()
    server.refuse_calls("TOKEN_INVALID", times=2)
    with pytest.raises(TokenRejected):
        client.get()
    assert [answer for answer in client.gather() if isinstance(answer, BaseException)] == []
    assert len(server.issued) == 3


def test_a_callers_short_deadline_does_not_fail_the_others(client: Driver, server: FakeServer) -> None:
    """The refresh has a deadline of its own: it goes on when the caller who began it has given up."""
    server.hold.clear()
    with pytest.raises(DeadlineExceeded):
        client.get(timeout=0.1)
    patient = client.start_get(timeout=20)
    with pytest.raises(DeadlineExceeded):
        client.get(timeout=0.1)
    server.hold.set()
    assert patient.result(20).make == "Make"
    assert len(server.issued) == 1


def test_a_server_that_cannot_issue_for_a_moment_is_waited_for(client: Driver, server: FakeServer) -> None:
    """Within the caller's deadline: AUTH_STATE_STALE passes by itself."""
    server.refuse_issue("AUTH_STATE_STALE")
    waiting = client.start_get(timeout=20)
    eventually(lambda: len(server.issued) >= 2, "it was asked again")
    server.refuse_issue(None)
    assert waiting.result(20).make == "Make"


def test_the_servers_answer_surfaces_when_no_token_can_be_had_in_time(client: Driver, server: FakeServer) -> None:
    """Told to come again in an hour, a caller is not kept until its deadline, and the server is left in peace."""
    server.refuse_issue("AUTH_STATE_STALE", retry_after=3600.0)
    started = time.monotonic()
    with pytest.raises(AuthStateStale) as caught:
        client.get(timeout=10)
    assert time.monotonic() - started < 8
    assert caught.value.retry_after is not None
    asked = len(server.issued)
    for _ in range(5):
        with pytest.raises(AuthStateStale):
            client.get(timeout=10)
    assert len(server.issued) == asked


def test_without_a_server_the_error_is_unavailable(connect: Connect) -> None:
    """Also when it is the token that could not be had."""
    with pytest.raises(Unavailable):
        connect("127.0.0.1:1").get(timeout=0.3)


def test_public_methods_carry_no_token(client: Driver, server: FakeServer) -> None:
    """The fake refuses them with one; no token is asked for either."""
    assert client.call("auth", "get_jwks").keys[0].kid == "key-1"
    assert server.issued == []


def test_without_credentials_public_methods_work_and_others_say_what_is_missing(
    connect: Connect, server: FakeServer
) -> None:
    client = connect(client_id=None, client_secret=None)
    assert client.call("auth", "get_jwks").keys[0].kid == "key-1"
    with pytest.raises(ConfigurationError, match="client_id"):
        client.token()
    with pytest.raises(TypeplateError) as caught:
        client.get()
    assert caught.value.reason == "TOKEN_MISSING"


def test_the_access_token_can_be_had_for_diagnostics(client: Driver, server: FakeServer) -> None:
    assert client.token() == "token-1"
    client.get()
    assert len(server.issued) == 1


def test_scopes_are_asked_for(connect: Connect, server: FakeServer) -> None:
    connect(scopes=["vehicles:read"]).get()
    assert list(server.issued[0].scopes) == ["vehicles:read"]
    assert server.issued[0].client_id == "app"
