"""One asyncio client on several event loops, one after another and at the same time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.fake_auth_server import FakeServer
from typeplate import AsyncClient
from typeplate.errors import ClientClosed

LOOPS = 8


def test_loops_in_several_threads_share_a_client(server: FakeServer) -> None:
    """Each has its own connection and makes its own calls; none waits for another's loop."""
    client = AsyncClient(server.target, client_id="app", client_secret="tps_x")
    together = threading.Barrier(LOOPS)

    async def use() -> set[str]:
        together.wait(20)
        calls = (client.data.get_vehicle(name="vehicles/x") for _ in range(20))
        made = {vehicle.make for vehicle in await asyncio.gather(*calls)}
        rows = [message async for message in client.data.export_vehicles()]
        assert len(rows) == 3
        return made

    with ThreadPoolExecutor(LOOPS) as pool:
        answers = [future.result(60) for future in [pool.submit(asyncio.run, use()) for _ in range(LOOPS)]]
    assert answers == [{"Make"}] * LOOPS
    assert len(server.issued) <= LOOPS
    asyncio.run(client.close())


def test_a_later_loop_goes_on_with_the_newest_token(server: FakeServer) -> None:
    client = AsyncClient(server.target, client_id="app", client_secret="tps_x")
    assert asyncio.run(client.access_token()) == "token-1"
    server.refuse_token("token-1", "TOKEN_REVOKED")

    async def use() -> str:
        return (await client.data.get_vehicle(name="vehicles/x")).make

    assert asyncio.run(use()) == "Make"
    assert asyncio.run(client.access_token()) == "token-2"
    asyncio.run(client.close())
    with pytest.raises(ClientClosed):
        asyncio.run(use())
    assert len(server.issued) == 2
