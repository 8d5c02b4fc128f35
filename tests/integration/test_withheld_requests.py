"""Calls of an admitted client whose request never comes: they lock out nobody else, and do not last."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.support.endless_streams import EndlessServer, endless_server, handlers, until
from tests.support.probe_service import KINDS
from tests.support.raw_calls import failed
from tests.support.server import server_in_process
from tests.support.silent_peer import SilentPeer
from typeplate.v1 import auth_service_pb2, auth_service_pb2_grpc
from typeplate_server.rpc.open_streams import share

PLACES = 200
PER_CONNECTION = 100
ONE_REQUEST = ("Single", "Download")
PROMISE_S = 0.25
NEVER_S = 3600.0
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT.value[0]
RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED.value[0]


@asynccontextmanager
async def withheld(serving: EndlessServer, kind: str, count: int) -> AsyncIterator[list[SilentPeer]]:
    """So many calls of `reader` with headers and nothing else; entered when the server has all of them."""
    token = serving.world.token()
    async with AsyncExitStack() as stack:
        peers = []
        for begun in range(0, count, PER_CONNECTION):
            peers.append(await stack.enter_async_context(SilentPeer(serving.address, token)))
            peers[-1].begin(f"/probe.Endless/{kind}", min(PER_CONNECTION, count - begun))
        await until(lambda: len(serving.streams) + len(ends(peers)) == count, "all have come")
        yield peers


def ends(peers: Sequence[SilentPeer]) -> list[int]:
    """The status of each call that the server has ended."""
    return [status for peer in peers for status in peer.ended.values()]


async def answer(serving: EndlessServer, client_id: str) -> tuple[grpc.StatusCode, str]:
    """What a call of this client comes to, on a connection of its own: its code and the reason given."""
    metadata = (("authorization", f"Bearer {serving.world.token(client_id)}"),)
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(serving.address, options=options) as channel:
        call: Any = channel.unary_unary("/probe.Endless/Single")
        try:
            await call(StringValue(value="x").SerializeToString(), metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return error.code(), failed(error, ()).reason
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("kind", KINDS)
async def test_they_lock_out_nobody_but_their_own_client(kind: str) -> None:
    """As many as there are places: a quarter of them wait, the rest are refused, and others are served."""
    async with (
        endless_server(max_concurrent_rpcs=PLACES, per_client=share(PLACES)) as serving,
        withheld(serving, kind, PLACES) as peers,
    ):
        assert ends(peers) == [RESOURCE_EXHAUSTED] * (PLACES - share(PLACES))
        assert len(serving.streams) == share(PLACES)
        assert await answer(serving, "root") == (grpc.StatusCode.OK, "")
        assert await answer(serving, "reader") == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")


@pytest.mark.parametrize("kind", ONE_REQUEST)
async def test_they_end_in_time_and_give_their_places_back(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Even of a client that may have every place, whose connection closes nothing; and no log complains."""
    async with (
        endless_server(max_concurrent_rpcs=PLACES, per_client=PLACES, request_s=1.5) as serving,
        withheld(serving, kind, PLACES) as peers,
    ):
        assert (await answer(serving, "root"))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        await until(lambda: len(ends(peers)) == PLACES, "all have ended", 5)
        assert ends(peers) == [INVALID_ARGUMENT] * PLACES
        await require_all_places(serving)
    require_nothing_said(caplog)


@pytest.mark.parametrize("kind", KINDS)
async def test_they_end_at_once_when_their_client_is_revoked(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """And their places are free again for others."""
    async with (
        endless_server(max_concurrent_rpcs=PLACES, per_client=PLACES, sweep_s=NEVER_S) as serving,
        withheld(serving, kind, PLACES) as peers,
    ):
        await serving.administration.revoke("reader")
        returned = time.monotonic()
        await until(lambda: not len(serving.streams), "none is waited for")
        assert time.monotonic() <= returned + PROMISE_S
        await until(lambda: len(ends(peers)) == PLACES, "all have ended", 1)
        assert ends(peers) == [UNAUTHENTICATED] * PLACES
        await require_all_places(serving)
    require_nothing_said(caplog)


@pytest.mark.parametrize("kind", ONE_REQUEST)
async def test_who_hangs_up_before_the_request_leaves_nothing_behind(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a place nor a word in the log."""
    async with endless_server(max_concurrent_rpcs=PLACES, per_client=PLACES) as serving:
        async with withheld(serving, kind, PLACES):
            pass
        await require_all_places(serving)
    require_nothing_said(caplog)


async def test_the_product_gives_one_client_a_quarter_of_its_places(tmp_path: Path) -> None:
    """As TYPEPLATE_MAX_CONCURRENT_RPCS says; the rest are told at their headers."""
    async with server_in_process(tmp_path / "data", MAX_CONCURRENT_RPCS="16") as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            issued = await auth_service_pb2_grpc.AuthServiceStub(channel).IssueToken(
                auth_service_pb2.IssueTokenRequest(client_id=server.client_id, client_secret=server.client_secret)
            )
        async with SilentPeer(server.address, issued.access_token) as peer:
            peer.begin("/typeplate.v1.DataService/GetVehicle", 10)
            await until(lambda: len(peer.ended) == 6, "all but a quarter are refused")
            assert set(peer.ended.values()) == {RESOURCE_EXHAUSTED}


async def require_all_places(serving: EndlessServer) -> None:
    """Another client can have every place that there is, at once."""
    await until(lambda: not handlers(), "no call is served")
    await serving.open("silent upload", "root")
    for _ in range(PLACES - 1):
        await serving.open("silent upload", "root")
    await until(lambda: serving.servicer.open == PLACES, "all places are taken", 5)
    assert (await answer(serving, "root"))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def require_nothing_said(caplog: pytest.LogCaptureFixture) -> None:
    """No complaint of gRPC's, asyncio's or ours, but those of gRPC's poller about the event loops of other tests."""
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line for line in said if "PollerCompletionQueue" not in line] == []
