"""A fork while another thread is in the middle of a client's first use: the child's calls work, and do not hang.

The SDK imports late, and so does gRPC. A module imported at that moment would stay locked in the child for ever.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fake_auth_server import FakeServer

ROOT = Path(__file__).resolve().parents[3]

FORKING = """
import os, signal, sys, threading, time
from typeplate import Client
target, module, first_use = sys.argv[1:]
inside, forking = threading.Event(), threading.Event()

class Stopping:
    '''Stops the first import of the module until a fork has begun, and some more: without the lock it would be over.'''
    def find_spec(self, name, path=None, target=None):
        if name == module and not inside.is_set():
            inside.set()
            forking.wait(20)
            time.sleep(0.3)

sys.meta_path.insert(0, Stopping())
os.register_at_fork(before=forking.set)
client = Client(target, client_id="app", client_secret="tps_x")

def use():
    assert client.data.get_vehicle(name="vehicles/x", timeout=20).make == "Make"

first = threading.Thread(target=eval, args=(first_use, globals()))  # no call, for gRPC itself does not fork amid one
first.start()
assert inside.wait(20), "that module is not imported at the first use"
if child := os.fork():
    first.join()
    use()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.alarm(10)
use()
os._exit(0)
"""


@pytest.mark.parametrize(
    ("module", "first_use"),
    [
        ("typeplate._surface.data", "client.data"),
        ("typeplate.v1.auth_service_pb2", "client._options.credentials.request('tps_x')"),
        ("grpc._channel", "client.stub(lambda channel: channel)"),
    ],
)
def test_a_child_forked_while_another_thread_imports_makes_its_calls(
    server: FakeServer, module: str, first_use: str
) -> None:
    """So does its parent."""
    done = subprocess.run(
        [sys.executable, "-c", FORKING, server.target, module, first_use],
        env={**os.environ, "PYTHONPATH": str(ROOT / "client_sdk")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [call.method for call in server.calls] == ["GetVehicle"] * 2
