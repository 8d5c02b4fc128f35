"""The SDK in an empty environment: what its wheel brings along, and what it costs to import it there.

It installs from the package index that pip is set up with.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path

import pytest

from tests.support.foreign import NAME, server_for_strangers
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
PAIRS = 7
IMPORT_RATIO, HELP_S = 1.5, 0.25

pytestmark = [pytest.mark.fresh_clone, pytest.mark.timeout(300), pytest.mark.xdist_group("empty_environment")]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment where nothing but the wheel was asked for."""
    place = tmp_path_factory.mktemp("empty")
    return install_alone(build_wheel(ROOT / "client_sdk", place), place, *DEPENDENCIES)


def run(*command: str | Path, **settings: str) -> tuple[float, str]:
    """CPU seconds of a program, which other programs on the machine do not change, and what it printed."""
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    environ |= {f"TYPEPLATE_{name}": value for name, value in settings.items()}
    with subprocess.Popen(list(map(str, command)), env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return usage.ru_utime + usage.ru_stime, said


def test_the_wheel_brings_its_three_dependencies_and_their_own(python: Path) -> None:
    """grpcio needs typing-extensions; there is nothing else."""
    code = "import importlib.metadata, json; print(json.dumps([d.name for d in importlib.metadata.distributions()]))"
    installed = {name.lower().replace("_", "-") for name in json.loads(run(python, "-c", code)[1])}
    assert installed == {"typeplate", *DEPENDENCIES}


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
    assert "pip install 'typeplate[testing]'" in run(python, "-W", "error", "-c", code)[1]


def test_import_and_construction_cost_little_more_than_grpc_itself(python: Path) -> None:
    """At most half as much again: the median of pairs of new interpreters, less the first, which compiles."""
    pairs = [(run(python, "-c", "import grpc")[0], run(python, "-c", USE)[0]) for _ in range(PAIRS + 1)][1:]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    assert ratio <= IMPORT_RATIO, pairs


def test_the_command_is_quick_to_help(python: Path) -> None:
    """The installed command, with nothing of the server about."""
    help_s = [run(python.with_name("typeplate"), "--help") for _ in range(PAIRS)]
    assert all("usage: typeplate" in said for _, said in help_s)
    assert statistics.median(seconds for seconds, _ in help_s[1:]) <= HELP_S


def test_both_clients_and_the_command_work_without_the_server_package(python: Path, tmp_path: Path) -> None:
    with server_for_strangers(tmp_path) as server:
        key = {"TARGET": server.address, "CLIENT_ID": server.client_id, "CLIENT_SECRET": server.client_secret}
        command = python.with_name("typeplate")
        assert json.loads(run(command, "vehicles", "get", NAME, "--json", **key)[1])["make"] == "Audi"
        assert "admin" in run(command, "clients", "list", **key)[1]
        assert run(python, "-W", "error", "-c", CALL, NAME, **key)[1].split() == ["Audi", "Audi"]
