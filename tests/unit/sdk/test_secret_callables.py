"""Secrets that a callable fetches: slow, failing, hanging, asynchronous. Nobody but its own callers waits for one."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from tests.support.authenticators import PATIENCE_S, aio_authenticator, authenticator
from typeplate._auth_aio import read
from typeplate._secret import CallableSecret, SecretCallable
from typeplate._token import FLIGHT_S
from typeplate.errors import DeadlineExceeded, SecretUnavailable

SECRET = "tps_key0_sentinelSECRET"


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
    """Its text may hold anything."""
    with pytest.raises(SecretUnavailable) as caught:
        await read(CallableSecret(coroutine(PermissionError(f"vault refused {SECRET}"))))
    assert str(caught.value) == "the client secret's callable raised PermissionError"


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


class Vault:
    """Its first answer does not come until it is let go; further ones do at once."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = 0

    def fetch(self) -> str:
        self.asked += 1
        if self.asked == 1:
            self.released.wait(30)
            return "tps_late"
        return SECRET


def test_a_callable_that_hangs_is_given_up_after_half_a_minute() -> None:
    """Its late answer counts no more."""
    vault, now = Vault(), [0.0]
    made = authenticator(vault.fetch, clock=lambda: now[0])
    for seconds in (0.0, FLIGHT_S - 0.1):
        now[0] = seconds
        with pytest.raises(DeadlineExceeded):
            made.token(0.02)
    now[0] = FLIGHT_S
    token = made.token(PATIENCE_S)
    late = [thread for thread in threading.enumerate() if thread.name == "typeplate-refresh"]
    vault.released.set()
    for thread in late:
        thread.join(PATIENCE_S)
    assert (vault.asked, made.cache.token) == (2, token)


async def test_the_same_with_asyncio() -> None:
    vault, now = Vault(), [0.0]
    made = aio_authenticator(vault.fetch, clock=lambda: now[0])
    for seconds in (0.0, FLIGHT_S - 0.1):
        now[0] = seconds
        with pytest.raises(DeadlineExceeded):
            await made.token(0.02)
    late = made._flight
    now[0] = FLIGHT_S
    token = await made.token(PATIENCE_S)
    vault.released.set()
    assert late is not None
    await asyncio.wait({late}, timeout=PATIENCE_S)
    assert late.done()
    assert (vault.asked, made.cache.token) == (2, token)
    await made.close()
