"""A stream ends when its caller is refused: why, how soon, and what is left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.support.endless_streams import KINDS, STREAMED, EndlessServer, end_of, endless_server, handlers, until
from typeplate_server.auth.keyring import SigningKey
from typeplate_server.auth.store import RevokedToken
from typeplate_server.rpc.errors import STALLED_S
from typeplate_server.rpc.open_streams import SWEEP_S

PROMISE_S = 0.25
NEVER_S = 3600.0
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


Cause = Callable[[EndlessServer], object]


def revoked(serving: EndlessServer) -> None:
    serving.world.set(state="revoked")


def suspended(serving: EndlessServer) -> None:
    serving.world.set(state="suspended", generation=2)


def of_an_older_generation(serving: EndlessServer) -> None:
    serving.world.set(generation=2)


def revoked_by_token(serving: EndlessServer) -> None:
    for token in serving.tokens:
        caller = serving.world.admit(token)
        assert caller is not None
        serving.world.revoked.apply(RevokedToken(caller.jti, caller.client_id, float(caller.expire_time)))


def by_a_removed_key(serving: EndlessServer) -> None:
    serving.world.keys.replace([SigningKey.generate()])


def expired(serving: EndlessServer) -> None:
    serving.world.clock.now += 901


def stale(serving: EndlessServer) -> None:
    serving.world.fresh.on = False


CAUSES: dict[Cause, tuple[grpc.StatusCode, str]] = {
    revoked: (UNAUTHENTICATED, "CLIENT_REVOKED"),
    suspended: (UNAUTHENTICATED, "CLIENT_SUSPENDED"),
    of_an_older_generation: (UNAUTHENTICATED, "TOKEN_REVOKED"),
    revoked_by_token: (UNAUTHENTICATED, "TOKEN_REVOKED"),
    by_a_removed_key: (UNAUTHENTICATED, "TOKEN_INVALID"),
    expired: (UNAUTHENTICATED, "TOKEN_EXPIRED"),
    stale: (grpc.StatusCode.UNAVAILABLE, "AUTH_STATE_STALE"),
}


@pytest.mark.long
async def test_two_hundred_streams_of_a_revoked_client_end_and_leave_no_handler_behind() -> None:
    """Fifty of their readers stall; they are told too, once they read on. Another client's stream goes on."""
    async with endless_server() as serving:
        opened = await serving.open_all(KINDS, 30)
        for kind, rpcs in (await serving.open_all(("stalled download",), 20)).items():
            opened[kind] += rpcs
        other = await serving.open("busy download", "root")
        await _stalled(serving)
        assert handlers() == serving.servicer.open == 201
        await serving.administration.revoke("reader")
        returned = time.monotonic()
        await until(lambda: serving.servicer.open == 1, "only the other client's stream is served")
        assert time.monotonic() <= returned + PROMISE_S
        assert len(serving.streams) == 1
        ends = await asyncio.gather(*(end_of(rpc) for kind in STREAMED for rpc in opened[kind]))
        assert ends == [(UNAUTHENTICATED, "CLIENT_REVOKED")] * 150
        await until(lambda: handlers() == 1, "nothing waits for the readers that stall", STALLED_S + PROMISE_S)
        ends = await asyncio.gather(*map(end_of, opened["stalled download"]))
        assert ends == [(UNAUTHENTICATED, "CLIENT_REVOKED")] * 50
        assert serving.servicer.last["reader"] <= returned + PROMISE_S
        assert serving.servicer.last["root"] > returned + PROMISE_S
        assert not other.done()


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "found by the sweep"])
@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.__name__)
async def test_every_kind_of_stream_ends_in_time_with_the_reason(cause: Cause, announced: bool) -> None:
    """A change is announced and ends them at once; expiry and staleness come unannounced."""
    async with endless_server(sweep_s=NEVER_S if announced else SWEEP_S) as serving:
        opened = await serving.open_all(KINDS)
        await _stalled(serving)
        cause(serving)
        refused = time.monotonic()
        if announced:
            serving.streams.recheck()
        await until(lambda: not serving.servicer.open, "all handlers are left")
        assert time.monotonic() <= refused + PROMISE_S
        ends = await asyncio.gather(*(end_of(rpc) for rpcs in opened.values() for rpc in rpcs))
        assert ends == [CAUSES[cause]] * len(KINDS)
        assert serving.servicer.last["reader"] <= refused + PROMISE_S
        assert len(serving.streams) == 0


@pytest.mark.parametrize("question", [1, 2], ids=["at the headers", "once registered"])
async def test_a_change_in_the_middle_of_a_check_finds_the_stream(question: int) -> None:
    """The check that has read the state already passes. Neither a sweep nor a message comes to its help."""
    asked = 0

    def fresh() -> bool:
        nonlocal asked
        asked += 1
        if asked == question:
            revoked(serving)
            serving.streams.recheck()
        return True

    async with endless_server(sweep_s=NEVER_S, fresh=fresh) as serving:
        rpc = await serving.open("silent upload")
        assert await end_of(rpc, within_s=2) == (UNAUTHENTICATED, "CLIENT_REVOKED")


async def test_a_stream_that_brings_about_its_own_end_is_told_the_reason() -> None:
    """The task that is to be ended is the one that announces the change."""
    async with endless_server(sweep_s=NEVER_S) as serving:

        def announce() -> None:
            revoked(serving)
            serving.streams.recheck()

        rpc = await serving.open("exchange")
        await rpc.read()
        serving.servicer.on_message = announce
        await rpc.write(StringValue(value="x").SerializeToString())
        assert await end_of(rpc) == (UNAUTHENTICATED, "CLIENT_REVOKED")
        assert len(serving.streams) == 0


async def test_a_reader_that_stalls_holds_its_handler_no_longer_than_its_connection_lives() -> None:
    """Nobody is refused here: the connection's age and its grace are the backstop."""
    ages = {"grpc.max_connection_age_ms": 500, "grpc.max_connection_age_grace_ms": 500}
    async with endless_server(options=ages) as serving:
        rpc = await serving.open("stalled download")
        await until(lambda: serving.servicer.open == 1, "it is served")
        await until(lambda: not serving.servicer.open, "its handler is left", within_s=3)
        await until(lambda: not handlers(), "gRPC has done with it")
        assert len(serving.streams) == 0
        assert (await end_of(rpc))[0] is grpc.StatusCode.UNAVAILABLE


async def test_a_refused_reader_that_stalls_gives_its_place_back_with_its_connection() -> None:
    """Until then it counts among the concurrent calls, though nothing serves it: gRPC ends no single call from here."""
    ages = {"grpc.max_connection_age_ms": 2500, "grpc.max_connection_age_grace_ms": 500}
    async with endless_server(options=ages, max_concurrent_rpcs=1) as serving:
        began = time.monotonic()
        await serving.open("stalled download")
        await until(lambda: serving.servicer.open == 1, "it is served")
        await _stalled(serving)
        revoked(serving)
        serving.streams.recheck()
        await until(lambda: not handlers(), "nothing serves it any more", STALLED_S + PROMISE_S)
        assert await _answer(serving) is grpc.StatusCode.RESOURCE_EXHAUSTED
        while await _answer(serving) is grpc.StatusCode.RESOURCE_EXHAUSTED:
            await asyncio.sleep(0.05)
            assert time.monotonic() - began < 10
        assert 2 < time.monotonic() - began < 6


async def _answer(serving: EndlessServer) -> grpc.StatusCode:
    """What a call of the revoked client is answered on a connection of its own; if its refusal, then it had a place."""
    metadata = (("authorization", f"Bearer {serving.tokens[0]}"),)
    async with grpc.aio.insecure_channel(serving.address, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
        rpc: Any = channel.stream_stream("/probe.Endless/Download")(metadata=metadata)
        return (await end_of(rpc))[0]


async def _stalled(serving: EndlessServer) -> None:
    """Wait until the readers that do not read have brought their handlers to a stop."""
    made = -1
    while serving.servicer.long != made:
        made = serving.servicer.long
        await asyncio.sleep(0.1)
