"""Clients come and go by the thousand and leave nothing behind: no open file, no thread."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.noise import silence
from tests.support.polling import eventually
from tests.support.scale import scaled
from tests.support.sdk_drivers import SECRET
from typeplate import AsyncClient, Client
from typeplate.errors import Cancelled, ClientClosed

CLIENTS = scaled(300, 10_000)
WARM_UP, AT_ONCE, SLACK = 60, 20, 4


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> list[str]:
    """Less those of the fake server's pool, which grows to its size as it likes."""
    return [each.name for each in threading.enumerate() if not each.name.startswith("ThreadPoolExecutor")]


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fails where files or threads are left over, allowing for what gRPC and the fake server start once."""
    gc.collect()
    open_files, running, started = files(), len(threads()), time.monotonic()
    yield
    gc.collect()
    print(f"{CLIENTS} clients in {time.monotonic() - started:.1f} s")
    eventually(lambda: files() <= open_files + SLACK, "files closed")
    eventually(lambda: len(threads()) <= running + SLACK, "threads ended")


def use(target: str, number: int) -> None:
    """One is not used at all, one calls, one leaves a stream open, one is closed while another thread is calling."""
    with Client(target, client_id="app", client_secret=SECRET) as client:
        if number % 4 == 1:
            client.data.get_vehicle(name="vehicles/x")
        elif number % 4 == 2:
            next(client.data.export_vehicles())
        elif number % 4 == 3:
            client.data.get_vehicle(name="vehicles/x")
            threading.Thread(target=called_or_closed, args=(client,)).start()


def called_or_closed(client: Client) -> None:
    """Closed before the call, or amid it."""
    with contextlib.suppress(ClientClosed, Cancelled):
        client.data.get_vehicle(name="vehicles/x")


async def use_aio(target: str, number: int) -> None:
    async with AsyncClient(target, client_id="app", client_secret=SECRET) as client:
        if number % 4 == 1:
            await client.data.get_vehicle(name="vehicles/x")
        elif number % 4 == 2:
            await anext(client.data.export_vehicles())
        elif number % 4 == 3:
            await client.data.get_vehicle(name="vehicles/x")
            task = asyncio.create_task(client.data.get_vehicle(name="vehicles/x"))
            await asyncio.sleep(0)
            task.cancel()


def one_by_one(target: str) -> None:
    for number in range(WARM_UP):
        use(target, number)
    with nothing_left_behind():
        for number in range(CLIENTS):
            use(target, number)


def many_at_once(target: str) -> None:
    async def batches(count: int) -> None:
        for first in range(0, count, AT_ONCE):
            await asyncio.gather(*(use_aio(target, number) for number in range(first, first + AT_ONCE)))

    with asyncio.Runner() as runner:
        runner.run(batches(WARM_UP))
        with nothing_left_behind():
            runner.run(batches(CLIENTS))


@pytest.mark.timeout(scaled(60, 900))
@pytest.mark.parametrize("clients", [one_by_one, many_at_once])
def test_clients_that_are_closed_leave_nothing_behind(clients: Callable[[str], None], server: FakeServer) -> None:
    """Nor do they say anything out of sight."""
    with silence():
        clients(server.target)
