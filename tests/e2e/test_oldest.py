"""The SDK on the lowest versions of grpcio and protobuf that it takes, against the server on the present ones.

This is what `make test` can afford; `make test-oldest`, which is part of `make check`, runs all tests of the SDK there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.foreign import server_for_strangers
from tests.support.server import ROOT

PYTHON = ROOT / ".venv-oldest/bin/python"

USE = """
import asyncio, importlib, json, pkgutil, sys
from importlib.metadata import version
import typeplate
from typeplate import AsyncClient, Client

def names():
    for module in pkgutil.walk_packages(typeplate.__path__, "typeplate."):
        if not module.name.endswith("__main__"):
            yield module.name

imported = [importlib.import_module(name).__name__ for name in names()]

def use():
    with Client.from_env() as client:
        vehicle = client.data.get_vehicle(name=sys.argv[1])
        listed = list(client.data.list_vehicles(make="audi"))
        return vehicle.make, len(listed), [v.name for page in client.data.export_vehicles() for v in page.vehicles]

async def use_aio():
    async with AsyncClient.from_env() as client:
        vehicle = await client.data.get_vehicle(name=sys.argv[1])
        listed = [vehicle async for vehicle in client.data.list_vehicles(make="audi")]
        exported = [v.name async for page in client.data.export_vehicles() for v in page.vehicles]
        return vehicle.make, len(listed), exported

packages = ("grpcio", "protobuf", "googleapis-common-protos")
versions = {name: version(name) for name in packages}
print(json.dumps({"imported": imported, "versions": versions, "sync": use(), "aio": asyncio.run(use_aio())}))
"""


def lowest() -> dict[str, str]:
    """The lower bounds in the SDK's pyproject.toml."""
    project = tomllib.loads((ROOT / "client_sdk/pyproject.toml").read_text())["project"]
    found = [re.fullmatch(r"([a-z-]+)>=([0-9.]+)(?:,<8)?", wanted) for wanted in project["dependencies"]]
    return {match[1]: match[2] for match in found if match}


def test_both_clients_work_on_the_oldest_packages(tmp_path: Path) -> None:
    """Every module can be imported without a warning; unary calls, pagers and streams bring what they should."""
    if not PYTHON.exists():
        assert not os.environ.get("CI"), "the environment with the oldest packages is missing: make test"
        pytest.skip("the environment with the oldest packages is missing: make test")
    with server_for_strangers(tmp_path) as server:
        settings = {"TARGET": server.address, "CLIENT_ID": server.client_id, "CLIENT_SECRET": server.client_secret}
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client_sdk")}
        done = subprocess.run(
            [str(PYTHON), "-W", "error", "-c", USE, "vehicles/own-1"],
            env=environ | {f"TYPEPLATE_{name}": value for name, value in settings.items()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["sync"] == found["aio"] == ["Audi", 1, ["vehicles/own-1"]]
    assert {"typeplate.testing", "typeplate.cli.commands", "typeplate.v1.data_service_pb2_grpc"} <= set(
        found["imported"]
    )
    wanted = lowest()
    assert len(wanted) == 3
    assert {name: version[: len(wanted[name])] for name, version in found["versions"].items()} == wanted
