"""`typeplate-server import`: beside a running server and without one, killed and run again, with bad rows."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import pytest

from tests.support.epa_file import GASOLINE_ROW, write_csv, write_zip
from tests.support.server import ServerProcess, environment, eventually, running_server
from typeplate.v1 import auth_service_pb2 as auth_pb
from typeplate.v1 import auth_service_pb2_grpc, data_service_pb2_grpc
from typeplate.v1 import data_service_pb2 as pb
from typeplate.v1.client_pb2 import Client
from typeplate_server.cli import main

ROWS = 6000


def epa_csv(path: Path, ids: Sequence[int], **cells: str) -> Path:
    """An EPA file of good rows with these ids."""
    return write_csv(path, [{**GASOLINE_ROW, "id": str(number), **cells} for number in ids])


class Command:
    """`typeplate-server` on one data directory, in this process: twenty times as quick as in its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self._capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *self._capsys.readouterr()

    def imported(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """What `import … --json` says, less what is 0, false or empty."""
        ended, out, err = self("import", *arguments, "--json")
        assert ended == code, err
        return told(out)


def told(out: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(out).items() if value}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Of an initialised data directory with no server on it."""
    monkeypatch.setattr("typeplate_server.config.tune_grpc", lambda environ: None)
    for name in [name for name in os.environ if name.startswith("TYPEPLATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TYPEPLATE_DATA_DIR", str(tmp_path / "data"))
    made = Command(capsys)
    assert made("init")[0] == 0
    return made


def test_a_file_twice(command: Command, tmp_path: Path) -> None:
    """Created, then unchanged; a zip is the same file."""
    path = epa_csv(tmp_path / "vehicles.csv", range(1, 701))
    assert command.imported("epa", str(path)) == {"created": 700}
    assert command.imported("epa", str(write_zip(tmp_path / "vehicles.zip", path))) == {"unchanged": 700}


def test_changed_and_vanished(command: Command, tmp_path: Path) -> None:
    """A new fuel cost is no change; a new gear is; what has vanished stays until `--replace`."""
    command.imported("epa", str(epa_csv(tmp_path / "a.csv", [1, 2, 3])))
    dearer = str(epa_csv(tmp_path / "b.csv", [1, 2], fuelCost08="9999"))
    vanished = {"vanished": 1, "vanished_names": ["vehicles/epa-3"]}
    assert command.imported("epa", dearer) == {"unchanged": 2, **vanished}
    changed = str(epa_csv(tmp_path / "c.csv", [1, 2], trany="Manual 6-spd"))
    assert command.imported("epa", changed, "--dry-run") == {"dry_run": True, "updated": 2, **vanished}
    assert command.imported("epa", changed, "--replace") == {"updated": 2, "deleted": 1, **vanished}
    assert command.imported("epa", changed, "--replace") == {"unchanged": 2}


def test_bad_rows(command: Command, tmp_path: Path) -> None:
    """Each loses only itself and is told with row number and column; the exit code says so."""
    rows = [{**GASOLINE_ROW, "id": str(number)} for number in range(1, 6)]
    rows[1]["year"], rows[3]["id"] = "soon", ""
    path = str(write_csv(tmp_path / "vehicles.csv", rows))
    report = command.imported("epa", path, "--replace", code=6)
    assert (report["created"], report["rejected"]) == (3, 2)
    assert [(error["row_number"], error["column"]) for error in report["errors"]] == [(3, "year"), (5, "id")]
    _, out, err = command("import", "epa", path)
    assert out == "0 created, 0 updated, 3 unchanged, 2 rejected, 0 vanished, 0 deleted\n"
    assert "row 3, column year: " in err


def test_the_sample_and_json_lines(command: Command, tmp_path: Path) -> None:
    """Both go into one catalogue beside EPA's; sources do not touch each other."""
    sample = command.imported("sample")
    assert sample["created"] >= 1500
    assert command.imported("sample", "--replace") == {"unchanged": sample["created"]}
    own = tmp_path / "own.jsonl"
    good = '{"name":"vehicles/own-1","make":"Opel","model":"Astra","modelYear":2020}'
    own.write_text(f'{good}\n{{"name":"vehicles/own-2","make":"Opel"}}\nnonsense\n')
    report = command.imported("jsonl", str(own), code=6)
    assert (report["created"], report["rejected"]) == (1, 2)
    assert [(error["row_number"], error["column"]) for error in report["errors"]] == [(2, "model"), (3, "")]
    own.write_text(good)
    assert command.imported("jsonl", str(own), "--replace") == {"unchanged": 1}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("epa", "nowhere.csv"), 5, "nowhere.csv: no such file"),
        (("epa", __file__), 5, "not EPA's vehicles.csv"),
        (("jsonl", os.devnull), 5, "no such file"),
        (("epa",), 2, "FILE"),
        (("nrcan", "x"), 2, "invalid choice"),
    ],
)
def test_what_cannot_be_imported(command: Command, arguments: tuple[str, ...], code: int, message: str) -> None:
    """A sentence and an exit code, no traceback."""
    ended, out, err = command("import", *arguments)
    assert (ended, out) == (code, "")
    assert message in err


def test_an_empty_file_replaces_nothing(command: Command, tmp_path: Path) -> None:
    """A download that failed must not delete a source."""
    command.imported("epa", str(epa_csv(tmp_path / "a.csv", [1])))
    code, _, err = command("import", "epa", str(epa_csv(tmp_path / "b.csv", [])), "--replace")
    assert (code, "no rows" in err) == (5, True)
    assert command.imported("epa", str(tmp_path / "a.csv")) == {"unchanged": 1}


def test_no_database(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import makes no data directory: that is `init`'s."""
    monkeypatch.setenv("TYPEPLATE_DATA_DIR", str(tmp_path / "nothing"))
    code, out, _ = command("import", "sample")
    assert (code, out) == (3, "")


def test_progress_on_a_terminal(command: Command, tmp_path: Path) -> None:
    """A bar on standard error when that is a terminal; the summary alone on standard output."""
    path = epa_csv(tmp_path / "vehicles.csv", range(1, 301))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    arguments = [sys.executable, "-m", "typeplate_server", "import", "epa", str(path)]
    done = subprocess.run(
        arguments,
        env=environment(tmp_path / "data"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=60,
        check=True,
    )
    shown = os.read(ours, 65536)
    os.close(theirs)
    os.close(ours)
    assert b"rows" in shown
    assert b"300" in shown
    assert done.stdout == "300 created, 0 updated, 0 unchanged, 0 rejected, 0 vanished, 0 deleted\n"


class Running:
    """A running server and its administrator's stubs."""

    def __init__(self, server: ServerProcess, channel: grpc.Channel) -> None:
        self.server = server
        self.data: Any = data_service_pb2_grpc.DataServiceStub(channel)
        self.auth: Any = auth_service_pb2_grpc.AuthServiceStub(channel)
        self.metadata = (("authorization", f"Bearer {server.token(channel)}"),)

    def count(self) -> int:
        """Vehicles there are, up to one page."""
        request = pb.ListVehiclesRequest(page_size=1000)
        return len(self.data.ListVehicles(request, metadata=self.metadata, timeout=10).vehicles)

    def trim(self, name: str) -> str:
        """The transmission's text of a vehicle."""
        found = self.data.GetVehicle(pb.GetVehicleRequest(name=name), metadata=self.metadata, timeout=10)
        return str(found.transmission.text)

    def timed_revocation(self, client_id: str) -> float:
        """Make a client, and say how many seconds its revocation took."""
        request = auth_pb.CreateClientRequest(client_id=client_id, client=Client(scopes=["vehicles:read"]))
        self.auth.CreateClient(request, metadata=self.metadata, timeout=10)
        started = monotonic()
        revoke = auth_pb.RevokeClientRequest(name=f"clients/{client_id}")
        self.auth.RevokeClient(revoke, metadata=self.metadata, timeout=10)
        return monotonic() - started


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with running_server(tmp_path / "data") as server, server.channel() as channel:
        yield Running(server, channel)


def start(data_dir: Path, path: Path) -> subprocess.Popen[str]:
    """`import epa --json` in a process of its own."""
    arguments = [sys.executable, "-m", "typeplate_server", "import", "epa", str(path), "--json"]
    return subprocess.Popen(arguments, env=environment(data_dir), stdout=subprocess.PIPE, text=True)


def imported(data_dir: Path, path: Path) -> dict[str, Any]:
    """What it says when it has ended."""
    process = start(data_dir, path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return told(out)


def test_a_running_server_shows_the_result_within_a_second(running: Running, tmp_path: Path) -> None:
    """Even of a vehicle it has in memory."""
    path = epa_csv(tmp_path / "vehicles.csv", [1, 2])
    imported(running.server.data_dir, path)
    eventually(lambda: running.count() == 2, "two vehicles", 1.0)
    for transmission in ("Manual 5-spd", "Manual 6-spd"):
        running.trim("vehicles/epa-1")
        imported(running.server.data_dir, epa_csv(path, [1, 2], trany=transmission))
        done = monotonic()
        eventually(lambda wanted=transmission: running.trim("vehicles/epa-1") == wanted, transmission, 5.0)  # type: ignore[misc]
        assert monotonic() - done < 1.0


def test_a_revocation_during_an_import_returns_within_a_second(running: Running, tmp_path: Path) -> None:
    """One after the other for as long as the import runs, each measured."""
    process = start(running.server.data_dir, epa_csv(tmp_path / "vehicles.csv", range(1, ROWS + 1)))
    eventually(lambda: running.count() > 0, "the import has begun")
    took: list[float] = []
    while process.poll() is None:
        took.append(running.timed_revocation(f"app-{len(took)}"))
    assert told(process.communicate()[0]) == {"created": ROWS}
    assert len(took) >= 3
    assert max(took) < 1.0


def test_an_import_killed_half_way_is_run_again(running: Running, tmp_path: Path) -> None:
    """What was written stays, nothing is written twice, and the server goes on meanwhile."""
    path = epa_csv(tmp_path / "vehicles.csv", range(1, ROWS + 1))
    process = start(running.server.data_dir, path)
    eventually(lambda: running.count() > 200, "the import is under way")
    process.kill()
    process.communicate()
    report = imported(running.server.data_dir, path)
    assert 0 < report["unchanged"] < ROWS
    assert report == {"created": ROWS - report["unchanged"], "unchanged": report["unchanged"]}
