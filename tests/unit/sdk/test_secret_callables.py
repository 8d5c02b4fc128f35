"""Secrets that a callable fetches: slow, failing, hanging, asynchronous. Nobody but its own callers waits for one."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from tests.support.authenticators import PATIENCE_S, aio_authenticator, authenticator, issue
from typeplate._auth import Authenticator
from typeplate._auth_aio import AsyncAuthenticator, in_thread, read
from typeplate._secret import CallableSecret, SecretCallable
from typeplate._token import Token
from typeplate.errors import DeadlineExceeded, SecretUnavailable
from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

SECRET = "tps_key0_sentinelSECRET"
GIVEN_UP_S = 30.0


def coroutine(value: object) -> SecretCallable:
    async def fetch() -> str:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[return-value]

    return fetch


async def test_an_asynchronous_callables_secret_is_taken_less_white_space() -> None:
    assert await read(CallableSecret(coroutine(f" {SECRET}\n"))) == SECRET


@pytest.mark.parametrize("value", [None, "", " ", b"tps_x", 5])
async def test_an_asynchronous_callable_must_return_a_secret(value: object) -> None:
    with pytest.raises(SecretUnavailable, match=f"returned {type(value).__name__}, not a secret"):
        await read(CallableSecret(coroutine(value)))


async def test_what_an_asynchronous_callable_raises_is_told_by_its_type_alone() -> None:
    """Its text may hold anything, so it is not the cause of what is told either."""
    made = aio_authenticator(coroutine(PermissionError(f"vault refused {SECRET}")))
    with pytest.raises(SecretUnavailable) as caught:
        await made.token(PATIENCE_S)
    assert str(caught.value) == "the client secret's callable raised PermissionError"
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_the_event_loop_goes_on_while_a_plain_callable_blocks() -> None:
    """It is read in another thread, which has the caller's context."""
    released, tenant = threading.Event(), contextvars.ContextVar("tenant", default="none")
    tenant.set("ours")

    def fetch() -> str:
        return SECRET + tenant.get() if released.wait(PATIENCE_S) else "tps_the_loop_stood_still"

    reading = asyncio.create_task(read(CallableSecret(fetch)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not reading.done()
    released.set()
    assert await reading == f"{SECRET}ours"


async def test_a_plain_callable_may_end_its_thread_and_nobody_hangs() -> None:
    """SystemExit is no Exception."""

    def leave() -> str:
        raise SystemExit

    with pytest.raises(SecretUnavailable, match="raised SystemExit"):
        await asyncio.wait_for(read(CallableSecret(leave)), PATIENCE_S)


class Slow:
    """Its first answer does not come until it is let go; further ones do at once. `asked` is how often it was asked."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = 0

    def secret(self) -> str:
        """A secret; the first time another one."""
        self.asked += 1
        if self.asked == 1:
            self.released.wait(30)
        return SECRET

    def issue(self, request: IssueTokenRequest) -> IssueTokenResponse:
        """A token, with its number."""
        self.asked += 1
        number = self.asked
        if number == 1:
            self.released.wait(30)
        answer = issue(request)
        answer.access_token += f"-{number}"
        return answer

    async def issue_aio(self, request: IssueTokenRequest) -> IssueTokenResponse:
        """The same without blocking the loop."""
        return await in_thread(lambda: self.issue(request))


def given_up(made: Authenticator, slow: Slow, now: list[float]) -> Token:
    """Asks until the slow one is given up, then lets go of it; the token that was had meanwhile."""
    for seconds in (0.0, GIVEN_UP_S - 0.1):
        now[0] = seconds
        with pytest.raises(DeadlineExceeded):
            made.token(0.02)
    now[0] = GIVEN_UP_S
    token = made.token(PATIENCE_S)
    late = [thread for thread in threading.enumerate() if thread.name == "typeplate-refresh"]
    slow.released.set()
    for thread in late:
        thread.join(PATIENCE_S)
    return token


async def given_up_aio(made: AsyncAuthenticator, slow: Slow, now: list[float]) -> Token:
    """The same with asyncio."""
    for seconds in (0.0, GIVEN_UP_S - 0.1):
        now[0] = seconds
        with pytest.raises(DeadlineExceeded):
            await made.token(0.02)
    late = made._flight
    assert late is not None
    now[0] = GIVEN_UP_S
    token = await made.token(PATIENCE_S)
    slow.released.set()
    await asyncio.wait({late}, timeout=PATIENCE_S)
    assert late.done()
    return token


def test_a_callable_that_hangs_is_given_up_after_half_a_minute() -> None:
    """When it answers after all, nothing is asked for any more."""
    slow, issuing, now = Slow(), Slow(), [0.0]
    issuing.released.set()
    made = authenticator(slow.secret, issuing.issue, lambda: now[0])
    assert given_up(made, slow, now) is made.cache.token
    assert (slow.asked, issuing.asked) == (2, 1)


async def test_a_callable_that_hangs_under_asyncio_is_given_up_as_well() -> None:
    slow, issuing, now = Slow(), Slow(), [0.0]
    issuing.released.set()
    made = aio_authenticator(slow.secret, issuing.issue_aio, lambda: now[0])
    assert await given_up_aio(made, slow, now) is made.cache.token
    assert (slow.asked, issuing.asked) == (2, 1)


def test_a_token_that_comes_after_its_request_was_given_up_replaces_no_newer_one() -> None:
    slow, now = Slow(), [0.0]
    made = authenticator(lambda: SECRET, slow.issue, lambda: now[0])
    token = given_up(made, slow, now)
    assert (made.cache.token, token.value) == (token, "a-token-2")


async def test_a_token_that_comes_too_late_under_asyncio_replaces_none_either() -> None:
    slow, now = Slow(), [0.0]
    made = aio_authenticator(lambda: SECRET, slow.issue_aio, lambda: now[0])
    token = await given_up_aio(made, slow, now)
    assert (made.cache.token, token.value) == (token, "a-token-2")
