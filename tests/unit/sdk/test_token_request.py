"""One exchange of credentials for a token, with both authenticators: what is counted, remembered, and told."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.support.authenticators import LIFE_S, PATIENCE_S, aio_authenticator, authenticator, issue
from tests.support.token_rules import OTHER, SECRET, cache
from typeplate._auth import land, outcome_of
from typeplate._credentials import token_of
from typeplate._token import BLIPS, REFUSED_FIRST_S, Refusal
from typeplate.errors import (
    ClientClosed,
    CredentialsRejected,
    InternalError,
    InvalidArgument,
    SecretUnavailable,
    TypeplateError,
)
from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

VALUE = "tps_key0_sentinelSECRET"
SLOW_S = 7.0


def test_a_tokens_life_is_counted_from_when_it_was_asked_for() -> None:
    """However slow the answer: the server counts from before it sends it."""
    now = [100.0]

    def slow(request: IssueTokenRequest) -> IssueTokenResponse:
        now[0] += SLOW_S
        return issue(request)

    async def slow_aio(request: IssueTokenRequest) -> IssueTokenResponse:
        return slow(request)

    assert authenticator(lambda: VALUE, slow, lambda: now[0]).token(PATIENCE_S).expired_at == 100.0 + LIFE_S - 5.0

    async def scenario() -> float:
        made = aio_authenticator(lambda: VALUE, slow_aio, lambda: now[0])
        return (await made.token(PATIENCE_S)).expired_at

    assert asyncio.run(scenario()) == 100.0 + SLOW_S + LIFE_S - 5.0


def test_fractions_of_a_second_count() -> None:
    """A test's server, or a strict one, may issue tokens for less than one."""
    response = IssueTokenResponse(access_token="a-token")
    response.expires_in.FromMilliseconds(1500)
    response.refresh_after.FromMilliseconds(250)
    token = token_of(response, VALUE, 100.0, lambda: 0.0)
    assert (token.stale_at, token.expired_at) == pytest.approx((100.25, 101.425))


def test_a_secret_that_was_refused_for_long_says_nothing_of_another() -> None:
    """The other's refusal begins at the beginning."""
    state = cache(changes=True)
    state.decide(0.0)
    state.failed(SECRET, CredentialsRejected("no"), 0.0)
    state.decide(REFUSED_FIRST_S)
    state.failed(OTHER, CredentialsRejected("no"), REFUSED_FIRST_S)
    refusal = state.decide(REFUSED_FIRST_S)
    assert isinstance(refusal, Refusal)
    assert (refusal.secret, refusal.delay) == (OTHER, REFUSED_FIRST_S)


def test_a_secret_that_could_not_be_read_is_not_the_one_that_is_refused() -> None:
    """Read at last, it is asked with at once."""
    state = cache(changes=True)
    for now in range(BLIPS + 1):
        state.decide(float(now))
        land(state, SecretUnavailable("no such file"), SECRET, float(now))
    assert isinstance(state.decide(float(BLIPS)), Refusal)
    assert not state.refused(SECRET, float(BLIPS))


@pytest.mark.parametrize("error", [RuntimeError(f"bad request: {VALUE}"), SystemExit(VALUE), KeyError(VALUE)], ids=repr)
def test_the_text_of_an_unforeseen_error_is_not_told(error: BaseException) -> None:
    told = outcome_of(error, VALUE)
    assert type(told) is InternalError
    assert str(told) == f"the token request failed: {type(error).__name__}"


def test_a_servers_answer_that_quotes_the_secret_is_told_without_its_text() -> None:
    """Its type, code and reason stay."""
    secret = "hush"  # too short to be watched for
    told = outcome_of(InvalidArgument(f"client_secret {secret} is too long", reason="INVALID_ARGUMENT"), secret)
    assert (type(told), told.reason, told.code) == (InvalidArgument, "INVALID_ARGUMENT", InvalidArgument.default_code)
    assert secret not in f"{told!r} {told.message} {vars(told)}"
    assert outcome_of(InvalidArgument("client_secret is too long"), secret).message == "client_secret is too long"


def test_what_is_told_has_no_past() -> None:
    """Whose frames hold the secret."""
    try:
        raise InvalidArgument("no") from RuntimeError(VALUE)
    except TypeplateError as error:
        told = outcome_of(error, VALUE)
    assert (told.__traceback__, told.__cause__, told.__context__) == (None, None, None)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("begun", [False, True], ids=["before it ran", "while it runs"])
def test_a_signal_handler_that_raises_amid_the_start_of_a_refresh_leaves_a_usable_client(
    monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException], begun: bool
) -> None:
    """The next caller begins another, rather than wait for one that nobody has."""

    class Interrupted(threading.Thread):
        left = 1

        def start(self) -> None:
            if Interrupted.left:
                Interrupted.left -= 1
                if begun:
                    super().start()
                raise interruption
            super().start()

    made = authenticator(lambda: VALUE)
    monkeypatch.setattr(threading, "Thread", Interrupted)
    with pytest.raises(interruption):
        made.token(PATIENCE_S)
    assert made.token(PATIENCE_S).value == "a-token"


def test_closing_an_asyncio_client_ends_its_refresh_and_tells_who_waits_for_it() -> None:
    async def scenario() -> None:
        asked = asyncio.Event()

        async def never(_: IssueTokenRequest) -> IssueTokenResponse:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        made = aio_authenticator(lambda: VALUE, never)
        callers = [asyncio.create_task(made.token(PATIENCE_S)) for _ in range(3)]
        await asked.wait()
        await made.close()
        assert made._flight is not None
        assert made._flight.done()
        answers = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), PATIENCE_S / 2)
        assert [type(answer) for answer in answers] == [ClientClosed] * 3
        with pytest.raises(ClientClosed):
            await made.token(PATIENCE_S)

    asyncio.run(scenario())
