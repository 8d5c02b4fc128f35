"""Clients across forks, event loops and pickles: they simply work, and share no channel."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import SECRET, Connect
from typeplate import AsyncClient, Client
from typeplate.errors import ClientRevoked, TypeplateError

ROOT = Path(__file__).resolve().parents[3]

PREFORK = """
import os, sys
from typeplate import Client
client = Client(sys.argv[1], client_id="app", client_secret=sys.argv[2])
client.data.get_vehicle(name="vehicles/parent")
parents = client._calls.session()
for number in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(3):
            client.data.get_vehicle(name="vehicles/child", timeout=10)
        assert client._calls.session() is not parents
        client.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
client.data.get_vehicle(name="vehicles/parent")
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "client_sdk"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_forked_child_calls_with_its_own_channel_and_the_parents_token(server: FakeServer) -> None:
    """As in a prefork server. One token serves parent and children."""
    done = run(PREFORK, server.target, SECRET)
    assert done.returncode == 0, done.stderr
    assert len(server.calls) == 2 + 3 * 3
    assert len(server.issued) == 1


def test_a_program_that_ends_without_close_ends_without_noise(server: FakeServer) -> None:
    code = (
        "import sys; from typeplate import Client\n"
        "client = Client(sys.argv[1], client_id='app', client_secret=sys.argv[2])\n"
        "client.data.get_vehicle(name='vehicles/x'); next(client.data.export_vehicles())"
    )
    done = run(code, server.target, SECRET)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_asyncio_client_works_on_a_second_event_loop(server: FakeServer) -> None:
    """It takes the token along."""
    client = AsyncClient(server.target, client_id="app", client_secret=SECRET)

    async def use() -> str:
        return (await client.data.get_vehicle(name="vehicles/x")).make

    assert asyncio.run(use()) == "Make"
    assert asyncio.run(use()) == "Make"
    asyncio.run(client.close())
    assert len(server.issued) == 1


def child(client: Client) -> str:
    with client:
        return client.data.get_vehicle(name="vehicles/x").make


def test_a_client_with_a_secret_file_travels_to_a_spawned_process(server: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    client = Client(server.target, client_id="app", client_secret_file=file)
    assert SECRET.encode() not in pickle.dumps(client)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(child, (client,)) == "Make"


def test_a_client_that_holds_its_secret_does_not_travel(server: FakeServer) -> None:
    client = Client(server.target, client_id="app", client_secret=SECRET)
    with pytest.raises(TypeError, match="client_secret_file") as caught:
        pickle.dumps(client)
    assert SECRET not in str(caught.value)


def test_nothing_secret_is_shown(connect: Connect, server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither secret nor token in reprs, logs at debug level, errors or tracebacks."""
    caplog.set_level(logging.DEBUG)
    driver = connect()
    driver.get()
    shown = [repr(driver.client), repr(vars(driver.client)), str(driver.client._options)]
    server.refuse_token("token-1", "CLIENT_REVOKED")
    for attempt in (driver.get, driver.export):
        with pytest.raises(TypeplateError) as caught:
            attempt()
        shown += [repr(caught.value), str(caught.value), "".join(traceback.format_exception(caught.value))]
        shown.append(pickle.dumps(caught.value).decode("latin-1"))
    assert caught.type is ClientRevoked
    everything = "\n".join([*shown, caplog.text])
    assert "app" in everything
    assert SECRET not in everything
    assert "token-1" not in everything
