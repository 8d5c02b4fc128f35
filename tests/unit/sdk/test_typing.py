"""`mypy --strict` helps an application: it has nothing to say to a right one, and finds the mistakes in a wrong one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
APPLICATION = ROOT / "tests/support/typed_application.py"

Said = dict[str, list[tuple[int, str]]]
"""Line and code of each error, by module."""
CACHE = ROOT / ".mypy_cache/application"

# What a hurried programmer writes, what was meant, and what mypy calls it.
MISTAKES = [
    ("an argument of the wrong type", "year_min=first_year", "year_min=make", "arg-type"),
    ("an argument misspelt", "make=make, model_year_min", "make=make, year_min", "call-arg"),
    ("an argument forgotten", "batch_get_vehicles(names=names, timeout", "batch_get_vehicles(timeout", "call-overload"),
    ("a field that is not there", ".make\n    except", ".brand\n    except", "attr-defined"),
    ("a field taken for another type", "Car(name=vehicle.name", "Car(name=vehicle.model_year", "arg-type"),
    ("a presence test misspelt", 'vehicle.HasField("power_kw")', 'vehicle.HasField("power_kW")', "arg-type"),
    ("an enum of another kind", "fuels=[vehicle_pb2.FUEL_DIESEL]", "fuels=[vehicle_pb2.DRIVE_ALL_WHEEL]", "list-item"),
    ("a method that is not there", "client.data.export_vehicles(", "client.data.dump_vehicles(", "attr-defined"),
    ("a pager taken for a list", "found = client.data", "found: list[vehicle_pb2.Vehicle] = client.data", "assignment"),
    ("a page taken for a vehicle", "[len(page.vehicles) for page", "[len(page.make_list) for page", "attr-defined"),
    ("a request of another method", "import_vehicles(requests())", "import_vehicles(vehicles)", "arg-type"),
    ("a request message of another method", "get_vehicle(request=GetVehicleRequest(name=name))",
     "get_vehicle(request=ImportVehiclesRequest())", "call-overload"),
    ("a message built of the wrong field", "Config(source=", "Config(origin=", "call-arg"),
    ("an error without that fact", "error.metadata[", "error.scopes[", "attr-defined"),
    ("an error that does not exist", "errors.Unavailable", "errors.Unreachable", "attr-defined"),
    ("an await forgotten", "= await client.data.get_vehicle(name=name)\n    return",
     "= client.data.get_vehicle(name=name)\n    return", "attr-defined"),
    ("a pager iterated without async", "    async for vehicle in client", "    for vehicle in client", "attr-defined"),
    ("a setting misspelt", "client_secret_file=secret_file", "secret_file=secret_file", "call-arg"),
    ("a setting beside the environment misspelt", "plaintext=False)", "plain_text=False)", "call-arg"),
    ("a setting beside the environment that is text", "plaintext=False)", 'plaintext="no")', "arg-type"),
    ("a timeout that is text", "timeout=5) as client", 'timeout="5") as client', "arg-type"),
]  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What one run of mypy says of the application, and of a copy of it for each mistake."""
    folder = tmp_path_factory.mktemp("typed")
    right = APPLICATION.read_text(encoding="utf-8")
    (folder / "right.py").write_text(right)
    for number, (what, meant, written, _) in enumerate(MISTAKES):
        assert right.count(meant) == 1, what
        (folder / f"wrong_{number}.py").write_text(right.replace(meant, written))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", str(CACHE)]
    done = subprocess.run(
        [*command, "--hide-error-context", "--no-error-summary", "--no-pretty", *sorted(map(str, folder.glob("*.py")))],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "client_sdk")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Said = {}
    for file, line, code in re.findall(r"^(.+)\.py:(\d+): error: .*  \[([a-z-]+)\]$", done.stdout, re.MULTILINE):
        found.setdefault(file, []).append((int(line), code))
    return found


@pytest.mark.timeout(240)
def test_a_right_application_passes_and_every_mistake_is_found_where_it_is(said: Said) -> None:
    """Nothing else is complained of, in the SDK's own files neither."""
    right = APPLICATION.read_text(encoding="utf-8")
    assert len(said) == len(MISTAKES)
    for number, (what, meant, _, code) in enumerate(MISTAKES):
        first = right[: right.index(meant)].count("\n") + 1
        found = said[f"wrong_{number}"]
        assert code in [each for _, each in found], what
        assert {line for line, _ in found} <= {first, first + meant.count("\n")}, what
