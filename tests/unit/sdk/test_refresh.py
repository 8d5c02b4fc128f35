"""A refresh that is broken off leaves a client that can begin another."""

from __future__ import annotations

import asyncio
import time

import pytest

from typeplate._auth import Authenticator
from typeplate._auth_aio import AsyncAuthenticator
from typeplate._credentials import Credentials
from typeplate._secret import CallableSecret, SecretSource, StringSecret
from typeplate._token import TokenCache
from typeplate.errors import Cancelled, DeadlineExceeded
from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

PATIENCE_S = 2.0


def issue(_: IssueTokenRequest) -> IssueTokenResponse:
    response = IssueTokenResponse(access_token="a-token")
    response.expires_in.FromSeconds(900)
    return response


async def issue_aio(request: IssueTokenRequest) -> IssueTokenResponse:
    return issue(request)


def unanswered(seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(f"nothing within {seconds} s")


def credentials(source: SecretSource) -> Credentials:
    return Credentials("app", source)


def test_a_secret_that_once_ended_the_refreshing_thread_is_asked_again() -> None:
    """SystemExit is no Exception, and threads end silently on it."""

    broken = [True]

    def secret() -> str:
        if broken:
            broken.pop()
            raise SystemExit
        return "tps_secret"

    made = Authenticator(
        credentials(CallableSecret(secret)),
        issue,
        TokenCache(lambda: 0.0),
        time.monotonic,
        lambda: 0.0,
        unanswered,
    )
    assert made.token(PATIENCE_S).value == "a-token"


def test_a_refresh_cancelled_before_its_first_step_ends_for_its_callers_and_the_next_is_begun() -> None:
    """As when an application cancels all tasks there are."""

    async def scenario() -> None:
        now = 0.0
        source = credentials(StringSecret("tps_secret"))
        made = AsyncAuthenticator(source, issue_aio, TokenCache(lambda: 0.0), lambda: now, lambda: 0.0, unanswered)
        caller = asyncio.create_task(made.token(PATIENCE_S))
        await asyncio.sleep(0)
        assert made._flight is not None
        made._flight.cancel()
        with pytest.raises(Cancelled):
            await caller
        now = 60.0
        assert (await made.token(PATIENCE_S)).value == "a-token"

    asyncio.run(scenario())
