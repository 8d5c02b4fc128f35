"""A program ends without a word, whatever its clients were about: open, refreshing, streaming, inherited by a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import SECRET

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 30.0

SYNC = """
import grpc, os, sys, threading, time
from typeplate import Client
client = Client(sys.argv[1], client_id="app", client_secret=sys.argv[2])
def get():
    client.data.get_vehicle(name="vehicles/x", timeout=20)
def fork():
    # grpcio 1.76 does not survive a fork while another thread is inside of it: here the one that refreshes.
    while grpc.__version__.startswith("1.76.") and threading.active_count() > 1:
        time.sleep(0.01)
    return os.fork()
def held():
    print("ready", flush=True)
    sys.stdin.readline()
"""
ASYNC = """
import asyncio, os, sys
from typeplate import AsyncClient
client = AsyncClient(sys.argv[1], client_id="app", client_secret=sys.argv[2])
async def get():
    await client.data.get_vehicle(name="vehicles/x", timeout=20)
def held():
    print("ready", flush=True)
    sys.stdin.readline()
"""
HANGING = """
import asyncio, sys, threading
from typeplate import AsyncClient, Client
from typeplate.errors import DeadlineExceeded
settings = {"client_id": "app", "client_secret": threading.Event().wait}
def held():
    print("ready", flush=True)
    sys.stdin.readline()
"""
PROGRAMS = {
    "sync, open, with a stream": SYNC + "get(); stream = client.data.export_vehicles(); next(stream); held()",
    "sync, first token pending": SYNC + "held(); threading.Thread(target=get, daemon=True).start()",
    "sync, refresh pending": SYNC + "get(); held(); get()",
    "sync, forked": SYNC
    + "get(); child = fork(); get(); child and os.waitpid(child, 0)[1] and 1 / 0; held() if child else None",
    "aio, open, with a stream": ASYNC
    + """
async def main():
    await get()
    stream = client.data.export_vehicles()
    await anext(stream)
    held()
asyncio.run(main())
""",
    "aio, first token pending": ASYNC
    + """
async def main():
    held()
    task = asyncio.create_task(get())
    await asyncio.sleep(0.1)
asyncio.run(main())
""",
    "aio, refresh pending": ASYNC
    + """
async def main():
    await get()
    held()
    await get()
asyncio.run(main())
""",
    "sync, secret that never comes": HANGING
    + """
client = Client(sys.argv[1], **settings)
try:
    client.data.get_vehicle(name="vehicles/x", timeout=0.1)
except DeadlineExceeded:
    held()
""",
    "aio, secret that never comes": HANGING
    + """
async def main():
    client = AsyncClient(sys.argv[1], **settings)
    try:
        await client.data.get_vehicle(name="vehicles/x", timeout=0.1)
    except DeadlineExceeded:
        held()
asyncio.run(main())
""",
    "aio, forked": ASYNC
    + """
asyncio.run(get())
child = os.fork()
asyncio.run(get())
if child:
    assert os.waitpid(child, 0)[1] == 0
    held()
""",
}
FORKED_WITHIN = (
    ASYNC
    + """
from typeplate.errors import ConfigurationError
async def main():
    await get()
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        await get()
        held()
        return
    try:
        asyncio.run(get())
    except ConfigurationError as error:
        os._exit("spawn" not in str(error))
asyncio.run(main())
"""
)


def run(program: str, server: FakeServer) -> tuple[int, str]:
    """Runs it, keeping its token requests waiting once it is ready to end; its exit code, and what it said."""
    path = os.pathsep.join([str(ROOT / "client_sdk"), str(ROOT)])
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program, server.target, SECRET],
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        if running.stdout.readline() != "ready\n":
            pytest.fail(running.communicate(timeout=WITHIN_S)[1])
        server.hold.clear()
        _, said = running.communicate("\n", timeout=WITHIN_S / 3)
    return running.returncode, said


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_a_program_ends_without_a_word(program: str, server: FakeServer) -> None:
    """And at once, though the server keeps its token request waiting."""
    if "refresh" in program:  # not where it forks: gRPC says so when it is used meanwhile
        server.program.refresh_after = 0.001
    assert run(PROGRAMS[program], server) == (0, "")


def test_a_child_forked_on_a_running_loop_is_told_rather_than_crashed(server: FakeServer) -> None:
    """grpc.aio does not survive that, and says so itself in a line of its log. The parent goes on."""
    code, said = run(FORKED_WITHIN, server)
    assert code == 0, said
