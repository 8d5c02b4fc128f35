"""Every open stream of a revoked client ends with the reason, and produces nothing afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.fleet_client import FleetClient
from tests.support.open_streams import KINDS, OpenStreams, fill
from tests.support.server import Credentials, InProcessServer, server_in_process

EACH = 50
VEHICLES = 6000
PROMISE_S = 0.250
BUFFERED = 3
"""Messages that had been produced before: one in the stream's window, one in the reader's hands, one between."""
SCOPES = ("vehicles:read", "vehicles:write")
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, "CLIENT_REVOKED")
MASKED = (grpc.StatusCode.INTERNAL, "")
"""What grpc.aio makes of any status that arrives while its client writes."""


@pytest.mark.long
async def test_two_hundred_streams_of_a_revoked_client_end_and_leave_nothing_behind(tmp_path: Path) -> None:
    """A quarter of them silent, a quarter busy, a quarter read slowly, a quarter not read at all."""
    async with server_in_process(tmp_path / "data") as server:
        admin = Credentials(server.client_id, server.client_secret)
        async with FleetClient([server.address], admin) as client:
            await fill(client.channel(0), await client.as_admin(), VEHICLES)
            app = await client.create(0, "streaming", SCOPES)
            issue = await client.issue(0, app)
            before = len(asyncio.all_tasks())
            streams = OpenStreams(server.address, (("authorization", f"Bearer {issue.token}"),), EACH)
            await streams.open()
            assert len(asyncio.all_tasks()) >= before + 2 * len(streams.streams), "the handlers are tasks of this loop"
            revocation = await client.revoke(0, app)
            deadline = revocation.end + PROMISE_S
            await streams.ended(PROMISE_S + 1.0, KINDS[:3])
            _require_ended_on_the_server(server, streams, deadline)
            streams.resume.set()
            await streams.ended(5.0)
            await streams.close()
            _require_told(streams)
            assert sum(each.received_after(deadline) for each in streams.of(*KINDS[:2])) == 0
            assert max(each.received_after(revocation.end) for each in streams.of(*KINDS[2:])) <= BUFFERED
            assert await _settled(before), "handlers are left"


def _require_ended_on_the_server(server: InProcessServer, streams: OpenStreams, deadline: float) -> None:
    """All of them, those too whose readers stall and cannot know yet."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in server.log.splitlines() if '"streaming"' in line]
    ends = [line for line in lines if line.get("client_id") == "streaming" and "reason" in line]
    assert Counter((end["code"], end["reason"]) for end in ends) == {
        ("UNAUTHENTICATED", "CLIENT_REVOKED"): len(streams.streams)
    }
    ahead = time.time() - time.monotonic()
    assert max(datetime.fromisoformat(end["time"]).timestamp() for end in ends) <= deadline + ahead


def _require_told(streams: OpenStreams) -> None:
    """All clients, but for those whom their own library kept from hearing it."""
    told = Counter((each.kind, (each.code, each.reason)) for each in streams.streams)
    told[KINDS[1], REFUSED] += told.pop((KINDS[1], MASKED), 0)
    assert told == {(kind, REFUSED): EACH for kind in KINDS}


async def _settled(count: int, tries: int = 150) -> bool:
    for _ in range(tries):
        if len(asyncio.all_tasks()) <= count:
            return True
        await asyncio.sleep(0.02)
    return False
