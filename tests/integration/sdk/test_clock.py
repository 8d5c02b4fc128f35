"""The SDK reads no wall clock: one that is stepped moves no refresh, neither forward nor back."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.polling import eventually
from tests.support.sdk_drivers import Clock, Driver
from typeplate.testing import Server

SDK = Path(__file__).resolve().parents[3] / "client_sdk/typeplate"
WALL = {"time", "time_ns", "localtime", "gmtime", "now", "utcnow", "today", "clock_gettime", "GetCurrentTime"}
HOUR_S = 3600.0
LIFE_S, REFRESH_AFTER_S = 900.0, 600.0


def wall_clocks(code: str) -> list[str]:
    """What in some code asks a wall clock: `time.time()`, `datetime.now()`, and the like, under whatever name."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and node.attr in WALL:
            found.append(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom) and node.module in {"time", "datetime"}:
            found += [alias.name for alias in node.names if alias.name in WALL]
    return found


def test_no_module_asks_a_wall_clock() -> None:
    files = [file for file in SDK.rglob("*.py") if file.parent.name not in {"v1", "_surface"}]
    assert len(files) > 30
    assert {file.name: found for file in files if (found := wall_clocks(file.read_text("utf-8")))} == {}


@pytest.mark.parametrize("code", ["time.time() + 5", "from time import time", "datetime.now(UTC)", "now = time.time"])
def test_a_wall_clock_is_recognised(code: str) -> None:
    assert wall_clocks(code)


class Wall:
    """A wall clock that is stepped, and knows whether it was asked."""

    def __init__(self) -> None:
        self.stepped_s = 0.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return time.time() + self.stepped_s


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The wall clock of every module of the SDK that knows the time."""
    clock = Wall()
    known = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "typeplate"]
    timed = [module for module in known if getattr(module, "time", None) is time]
    assert len(timed) >= 5
    for module in timed:
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=time.sleep, time=clock))
    return clock


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_stepped_wall_clock_moves_no_refresh(
    wall: Wall, client: Driver, server: FakeServer, clock: Clock, step_s: float
) -> None:
    """No refresh before its time, none after it, and a wait exactly when the token has expired."""
    server.program.life, server.program.refresh_after = LIFE_S, REFRESH_AFTER_S
    client.get()
    clock.now += REFRESH_AFTER_S - 1
    wall.stepped_s = step_s
    client.get()
    assert len(server.issued) == 1, "premature"
    clock.now += 1
    client.get()
    eventually(lambda: len(server.issued) == 2, "the refresh that is due")
    eventually(lambda: client.token() == "token-2", "its token")
    wall.stepped_s = -step_s
    clock.now += LIFE_S - 5.0 - 0.001
    server.hold.clear()
    client.get()
    assert server.tokens_seen[-1] == "token-2", "still good, though stale"
    server.hold.set()
    eventually(lambda: client.token() == "token-3", "the next token")
    clock.now += LIFE_S
    client.get()
    assert server.tokens_seen[-1] == "token-4", "the expired one is not sent"
    assert len(server.issued) == 4
    assert wall.asked == 0


def test_the_servers_clock_moves_no_refresh(clock: Clock) -> None:
    """A token that says it was issued in an hour's time lives as long as any other."""
    with Server() as server:
        server.add_vehicle("own-1", make="Make", model="Model", model_year=2024)
        with server.client(clock=clock) as client:
            server.step_clock(HOUR_S)
            for later_s in (0.0, 0.69 * LIFE_S):
                clock.now += later_s
                client.data.get_vehicle(name="vehicles/own-1")
                assert server.calls("IssueToken") == 1
            clock.now += 0.3 * LIFE_S
            client.data.get_vehicle(name="vehicles/own-1")
            assert server.calls("IssueToken") == 2
