"""The SDK in an empty environment: what its wheel holds and brings along, and what it costs to import it there.

With `-s` it prints its figures. It installs from the package index that pip is set up with.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.foreign import NAME, server_for_strangers
from tests.support.scale import scaled
from tests.support.secret_watch import WATCH
from tests.support.server import ROOT
from tests.support.wheels import build_wheel, install_alone

DEPENDENCIES = ("grpcio", "protobuf", "googleapis-common-protos", "typing-extensions")
USE = "from typeplate import Client; Client('vehicles.internal:443', client_id='app', client_secret='tps_x')"
CALL = """
import asyncio, sys
from typeplate import AsyncClient, Client

async def use():
    async with AsyncClient.from_env() as client:
        return (await client.data.get_vehicle(name=sys.argv[1])).make

with Client.from_env() as client:
    print(client.data.get_vehicle(name=sys.argv[1]).make, asyncio.run(use()))
"""
PAIRS = scaled(7, 25)
IMPORT_RATIO, HELP_S = 1.5, 0.25

pytestmark = [pytest.mark.fresh_clone, pytest.mark.timeout(300), pytest.mark.xdist_group("empty_environment")]


@dataclass(frozen=True, slots=True)
class Run:
    """What a program printed and what it took: seconds on the clock, and of CPU, which other programs do not change."""

    said: str
    wall: float
    cpu: float


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK's."""
    return build_wheel(ROOT / "client_sdk", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment where nothing but the wheel was asked for."""
    return install_alone(wheel, tmp_path_factory.mktemp("empty"), *DEPENDENCIES)


def run(*command: str | Path, **settings: str) -> Run:
    """Runs a program to its end, which has to be a good one."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    environ |= {f"TYPEPLATE_{name}": value for name, value in settings.items()}
    began = time.perf_counter()
    with subprocess.Popen(list(map(str, command)), env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    WATCH.hear(said)
    assert process.returncode == 0, said
    return Run(said, wall, usage.ru_utime + usage.ru_stime)


def test_the_wheel_holds_the_sdk_and_nothing_else(wheel: Path) -> None:
    """No file of Google's, none of the server's."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = Counter("/".join(name.split("/")[:-1]) or "." for name in names)
    print(f"{wheel.name}, {wheel.stat().st_size / 1024:.0f} KiB, {len(names)} files: {dict(sorted(folders.items()))}")
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"typeplate"}


def test_the_wheel_brings_its_three_dependencies_and_their_own(python: Path) -> None:
    """grpcio needs typing-extensions; there is nothing else."""
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    installed = json.loads(run(python, "-c", code).said)
    print(", ".join(f"{name} {version}" for name, version in sorted(installed.items())))
    assert {name.lower().replace("_", "-") for name in installed} == {"typeplate", *DEPENDENCIES}


def test_all_of_it_can_be_imported_and_the_server_for_tests_says_what_it_lacks(python: Path) -> None:
    """Only the plugin for pytest needs pytest."""
    code = """
import importlib, pkgutil, typeplate
for module in pkgutil.walk_packages(typeplate.__path__, "typeplate."):
    if not module.name.endswith(("__main__", "pytest_plugin")):
        importlib.import_module(module.name)
from typeplate.testing import Server
try:
    Server().__enter__()
except ImportError as error:
    print(error)
"""
    assert "pip install 'typeplate[testing]'" in run(python, "-W", "error", "-c", code).said


def pairs(python: Path, *command: str | Path) -> list[tuple[Run, Run]]:
    """A new interpreter that imports gRPC, and the command, in turn; less the first pair, which compiles."""
    return [(run(python, "-c", "import grpc"), run(*command)) for _ in range(PAIRS + 1)][1:]


def test_import_and_construction_cost_little_more_than_grpc_itself(python: Path) -> None:
    """At most half as much again: the median of pairs in CPU; on the clock, which a busy machine delays, the best."""
    found = pairs(python, python, "-c", USE)
    cpu = statistics.median(ours.cpu / theirs.cpu for theirs, ours in found)
    walls = [ours.wall / theirs.wall for theirs, ours in found]
    clock, ms = statistics.median(walls), statistics.median(ours.wall for _, ours in found) * 1000
    print(f"import and construction to import grpc: {cpu:.2f} in CPU, {clock:.2f} on the clock ({ms:.0f} ms)", end=" ")
    print(f"(best {min(walls):.2f})")
    assert cpu <= IMPORT_RATIO, found
    assert min(walls) <= IMPORT_RATIO, found


def test_the_command_is_quick_to_help(python: Path) -> None:
    """The installed command, with nothing of the server about: the median in CPU, and the best on the clock, less the
    delay of a busy machine, which is how much longer than its CPU time the import of gRPC takes beside it.
    """
    found = pairs(python, python.with_name("typeplate"), "--help")
    assert all("usage: typeplate" in ours.said for _, ours in found)
    cpu, wall = (statistics.median(times) for times in zip(*((o.cpu, o.wall) for _, o in found), strict=True))
    best = min(ours.wall / max(1.0, theirs.wall / theirs.cpu) for theirs, ours in found)
    print(f"typeplate --help: {cpu * 1000:.0f} ms of CPU, {wall * 1000:.0f} ms on the clock", end=" ")
    print(f"(best, on a machine of its own: {best * 1000:.0f} ms)")
    assert cpu <= HELP_S, found
    assert best <= HELP_S, found


def test_both_clients_and_the_command_work_without_the_server_package(python: Path, tmp_path: Path) -> None:
    with server_for_strangers(tmp_path) as server:
        key = {"TARGET": server.address, "CLIENT_ID": server.client_id, "CLIENT_SECRET": server.client_secret}
        command = python.with_name("typeplate")
        assert json.loads(run(command, "vehicles", "get", NAME, "--json", **key).said)["make"] == "Audi"
        assert "admin" in run(command, "clients", "list", **key).said
        assert run(python, "-W", "error", "-c", CALL, NAME, **key).said.split() == ["Audi", "Audi"]
