"""The packages as users install them: what is in the wheels, and that it works away from this checkout."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import clean_environment
from tests.support.server import ROOT
from tests.support.wheels import build_wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, built as `make dist` builds them."""
    out = tmp_path_factory.mktemp("dist")
    built = [build_wheel(project, out) for project in (ROOT, ROOT / "client_sdk")]
    return {path.name.partition("-")[0]: path for path in built}


def names(wheel: Path) -> set[str]:
    """The files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel: Path) -> str:
    """A wheel's METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()


def test_the_sdk_is_typed_and_brings_three_dependencies(wheels: dict[str, Path]) -> None:
    """No file of Google's, none of the server's, none of the generator's."""
    found = names(wheels["typeplate"])
    assert {"typeplate/py.typed", "typeplate/v1/data_service_pb2.pyi", "typeplate/cli/__main__.py"} <= found
    assert {name.split("/")[0].split("-")[0] for name in found} == {"typeplate"}
    wanted = [line for line in metadata(wheels["typeplate"]).splitlines() if line.startswith("Requires-Dist:")]
    needed = [re.split("[ <>=]", line)[1] for line in wanted if "; extra ==" not in line]
    assert sorted(needed) == ["googleapis-common-protos", "grpcio", "protobuf"]


def test_the_testing_extra_brings_the_server_of_the_same_version_and_nothing_else(wheels: dict[str, Path]) -> None:
    """For the tests of applications; without it the SDK knows of no server."""
    wanted = [line for line in metadata(wheels["typeplate"]).splitlines() if "; extra ==" in line]
    version = wheels["typeplate_server"].name.split("-")[1]
    assert wanted == [f"Requires-Dist: typeplate-server=={version}; extra == 'testing'"]


def test_the_server_brings_its_migrations_and_the_sample(wheels: dict[str, Path]) -> None:
    """And no script, test or lock."""
    found = names(wheels["typeplate_server"])
    assert any(name.startswith("typeplate_server/store/migrations/versions/") for name in found)
    assert any(name.startswith("typeplate_server/vehicles/sample/vehicles.jsonl") for name in found)
    assert {name.split("/")[0].split("-")[0] for name in found} == {"typeplate_server"}


@pytest.mark.parametrize("package", ["typeplate", "typeplate_server"])
def test_each_wheel_has_its_licence_and_its_command(wheels: dict[str, Path], package: str) -> None:
    """As whoever packages them further needs it."""
    assert "License-Expression: Apache-2.0" in metadata(wheels[package])
    assert any(name.endswith("/licenses/LICENSE") for name in names(wheels[package]))
    assert any(name.endswith("/entry_points.txt") for name in names(wheels[package]))


def test_the_wheels_work_away_from_the_checkout(wheels: dict[str, Path], tmp_path: Path) -> None:
    """A data directory is made and the sample is loaded, by nothing but what is in the wheels."""
    site = tmp_path / "site"
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    environ = clean_environment() | {"PYTHONPATH": str(site), "TYPEPLATE_DATA_DIR": str(tmp_path / "data")}
    for arguments in (["init"], ["import", "sample"], ["check-config"]):
        command = [sys.executable, "-c", RUN.format(site=str(site) + os.sep), *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/admin.env").exists()


RUN = """
import sys, typeplate, typeplate_server
from typeplate_server.cli import main
assert typeplate.__file__.startswith({site!r}), typeplate.__file__
assert typeplate_server.__file__.startswith({site!r}), typeplate_server.__file__
sys.exit(main(sys.argv[1:]))
"""
