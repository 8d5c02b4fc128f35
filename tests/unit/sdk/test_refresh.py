"""A refresh that is broken off leaves a client that can begin another."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from typeplate._auth import Authenticator
from typeplate._auth_aio import AsyncAuthenticator
from typeplate._credentials import Credentials
from typeplate._secret import CallableSecret, SecretSource, StringSecret
from typeplate._token import TokenCache
from typeplate.errors import ClientRevoked, DeadlineExceeded
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
    """SystemExit is no Exception, and threads end silently on it. Once is a blip."""

    broken = [True]

    def secret() -> str:
        if broken:
            broken.pop()
            raise SystemExit
        return "tps_secret"

    cache = TokenCache(lambda: 0.0, changes=True)
    made = Authenticator(credentials(CallableSecret(secret)), issue, cache, time.monotonic, lambda: 0.0, unanswered)
    assert made.token(PATIENCE_S).value == "a-token"


READS_S = 0.1


def test_a_refused_secret_is_read_by_one_caller_a_second_and_in_nobodys_time() -> None:
    """Fifty callers of a slow vault: one reading for the token, one more each second; their deadlines hold."""
    reads, now = list[float](), [0.0]

    def secret() -> str:
        reads.append(now[0])
        time.sleep(READS_S)
        return "tps_secret"

    def refuse(_: IssueTokenRequest) -> IssueTokenResponse:
        raise ClientRevoked("revoked")

    cache = TokenCache(lambda: 0.0, changes=True)
    made = Authenticator(credentials(CallableSecret(secret)), refuse, cache, lambda: now[0], lambda: 0.0, unanswered)
    with ThreadPoolExecutor(50) as pool:
        for seconds in (0.0, 0.5, 1.0, 1.5, 2.0):
            now[0] = seconds
            futures = [pool.submit(made.token, PATIENCE_S) for _ in range(50)]
            assert {type(future.exception()) for future in futures} == {ClientRevoked}
    assert reads == [0.0, 1.0, 2.0]
    now[0] = 3.0
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        made.token(READS_S / 10)
    assert time.monotonic() - started < READS_S


def test_the_same_with_asyncio() -> None:
    reads, now = list[float](), [0.0]

    async def secret() -> str:
        reads.append(now[0])
        await asyncio.sleep(READS_S)
        return "tps_secret"

    async def refuse(_: IssueTokenRequest) -> IssueTokenResponse:
        raise ClientRevoked("revoked")

    async def scenario() -> None:
        cache = TokenCache(lambda: 0.0, changes=True)
        source = credentials(CallableSecret(secret))
        made = AsyncAuthenticator(source, refuse, cache, lambda: now[0], lambda: 0.0, unanswered)
        for seconds in (0.0, 0.5, 1.0, 1.5, 2.0):
            now[0] = seconds
            answers = await asyncio.gather(*(made.token(PATIENCE_S) for _ in range(50)), return_exceptions=True)
            assert {type(answer) for answer in answers} == {ClientRevoked}
        now[0] = 3.0
        with pytest.raises(DeadlineExceeded):
            await made.token(READS_S / 10)
        await made.close()

    asyncio.run(scenario())
    assert reads == [0.0, 1.0, 2.0, 3.0]


def test_a_refresh_cancelled_before_its_first_step_is_begun_again_for_its_callers() -> None:
    """As when an application cancels all tasks there are."""

    async def scenario() -> None:
        source = credentials(StringSecret("tps_secret"))
        made = AsyncAuthenticator(source, issue_aio, TokenCache(lambda: 0.0), lambda: 0.0, lambda: 0.0, unanswered)
        caller = asyncio.create_task(made.token(PATIENCE_S))
        await asyncio.sleep(0)
        assert made._flight is not None
        made._flight.cancel()
        assert (await caller).value == "a-token"

    asyncio.run(scenario())
