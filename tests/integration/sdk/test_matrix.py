"""Every cell of tests/support/sdk_matrix.py, against the real server: how the call ends, and what it cost in tokens."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.support import probe_service
from tests.support.certificates import make_certificates
from tests.support.polling import eventually
from tests.support.sdk_drivers import DRIVERS, Clock, Driver
from tests.support.sdk_matrix import (
    CELLS,
    CLIENTS,
    DOWNLOAD,
    EXCHANGE,
    KINDS,
    OK,
    TABLE,
    TRANSPORTS,
    UNARY,
    UPLOAD,
    Row,
)
from typeplate.errors import TypeplateError
from typeplate.testing import Credentials, Server
from typeplate.v1 import access_pb2
from typeplate.v1.data_service_pb2 import ImportVehiclesRequest
from typeplate.v1.vehicle_pb2 import Vehicle
from typeplate_server.rpc.call_log import CallLog
from typeplate_server.rpc.interceptor import Interceptor, Service

NAME = "vehicles/own-1"
LIFE_S = 900.0
SCOPES = ("vehicles:read", "vehicles:write")
AWAY_S = 0.1
PROBE = probe_service.service("Matrix", access_pb2.Access(scope="vehicles:write"))


class Probed(grpc.aio.ServerInterceptor):
    """Serves the probe's methods beside the real ones, behind the real server's admission."""

    def __init__(self, server: Server) -> None:
        self._host = server._host
        self._parts: Any = None
        self._inner: Any = None

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if not handler_call_details.method.startswith("/probe."):
            return await continuation(handler_call_details)
        if self._parts is not self._host.running.parts:
            self._parts = self._host.running.parts
            service = Service(PROBE, probe_service.ProbeServicer())
            self._inner = Interceptor([service], self._parts.admission, CallLog(io.StringIO(), lambda: 0.0))
        return await self._inner.intercept_service(continuation, handler_call_details)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """The server of each transport, begun when its first cell comes."""
    begun: dict[str, Server] = {}

    def server_of(transport: str) -> Server:
        if transport not in begun:
            server = begin(transport, tmp_path_factory.mktemp("tls"))
            begun[transport] = server
        return begun[transport]

    yield server_of
    for server in begun.values():
        server.__exit__(None, None, None)


def begin(transport: str, directory: Path) -> Server:
    environ: dict[str, str] = {}
    ca_file: Path | None = None
    if transport == "tls":
        made = make_certificates(directory)
        ca_file = made.ca
        environ = {"TYPEPLATE_TLS_CERT_FILE": str(made.certificate), "TYPEPLATE_TLS_KEY_FILE": str(made.key)}
    server = Server(environ=environ, ca_file=ca_file)
    server._host.interceptors.append(Probed(server))
    server.__enter__()
    server.add_vehicle(NAME.removeprefix("vehicles/"), make="Make", model="Model", model_year=2024)
    return server


# The kinds of calls


def upload(driver: Driver) -> object:
    def stub(channel: Any) -> Any:
        return channel.stream_unary("/probe.Matrix/Upload", StringValue.SerializeToString, StringValue.FromString)

    return driver.upload(stub, (StringValue(value=letter) for letter in "abc")).value == "abc"


def exchange(driver: Driver) -> object:
    config = ImportVehiclesRequest.Config(source="own", validate_only=True)
    vehicle = Vehicle(name="vehicles/own-2", make="Make", model="Model", model_year=2024)
    rows = ImportVehiclesRequest.Rows(rows=[ImportVehiclesRequest.Row(row_number=1, vehicle=vehicle)])
    answers = driver.exchange([ImportVehiclesRequest(config=config), ImportVehiclesRequest(rows=rows)])
    return answers[-1].summary.created == 1


CALLS: dict[str, Callable[[Driver], object]] = {
    UNARY: lambda driver: driver.get(NAME).make == "Make",
    DOWNLOAD: lambda driver: len(driver.export()) > 0,
    UPLOAD: upload,
    EXCHANGE: exchange,
}


# The states


@dataclass
class Cell:
    """What a state is brought about with."""

    server: Server
    key: Credentials
    clock: Clock
    secret_file: Path


def rotate_the_secret(cell: Cell) -> None:
    cell.secret_file.write_text(cell.server.rotate_secret(cell.key).client_secret)
    cell.clock.now += LIFE_S


def suspend_and_resume(cell: Cell) -> None:
    cell.server.suspend(cell.key)
    cell.server.resume(cell.key)


def turn(seconds: float) -> Callable[[Cell], None]:
    def turned(cell: Cell) -> None:
        cell.clock.now += seconds

    return turned


STATES: dict[str, Callable[[Cell], None]] = {
    "fresh": lambda cell: None,
    "stale": turn(0.86 * LIFE_S),
    "expired": turn(LIFE_S - 4.9),
    "expired by the server's clock alone": lambda cell: cell.server.expire_tokens(),
    "refused once": lambda cell: cell.server.refuse("TOKEN_REVOKED", times=1),
    "refused twice": lambda cell: cell.server.refuse("TOKEN_REVOKED", times=2),
    "revoked": lambda cell: cell.server.revoke(cell.key),
    "suspended": lambda cell: cell.server.suspend(cell.key),
    "suspended, then resumed": suspend_and_resume,
    "server away, then back": lambda cell: cell.server.go_away(AWAY_S),
    "key rotated": lambda cell: cell.server.rotate_signing_key(),
    "key compromised": lambda cell: cell.server.rotate_signing_key(compromised=True),
    "secret rotated, read from a file": rotate_the_secret,
    "secret rotated, given as a string": rotate_the_secret,
}


ASKED_FOR = (
    "fresh",
    "stale",
    "expired",
    "refused once",
    "refused twice",
    "revoked",
    "suspended",
    "server away, then back",
    "key rotated",
    "secret rotated",
)
"""The states that there must be, by their names or the beginnings of them."""


def outcome_of(call: Callable[[Driver], object], driver: Driver) -> str:
    try:
        return OK if call(driver) else "another answer"
    except TypeplateError as error:
        return type(error).__name__


def parameters() -> Iterator[Any]:
    """One process of pytest-xdist does all cells of a transport, for they share its server."""
    for transport, row, kind, client in CELLS:
        name = f"{transport}-{client}-{kind}-{row.state}".replace(" ", "_")
        yield pytest.param(transport, row, kind, client, id=name, marks=pytest.mark.xdist_group(f"matrix-{transport}"))


@pytest.mark.parametrize(("transport", "row", "kind", "client"), list(parameters()))
def test_each_cell_ends_as_the_table_says(
    transport: str, row: Row, kind: str, client: str, servers: Callable[[str], Server], tmp_path: Path
) -> None:
    server = servers(transport)
    cell = Cell(server, server.create_client(scopes=SCOPES), Clock(), tmp_path / "secret")
    settings: dict[str, Any] = {"clock": cell.clock}
    if transport == "plaintext":
        settings["plaintext"] = True
    if row.state.endswith("file"):
        cell.secret_file.write_text(cell.key.client_secret)
        settings["client_secret_file"] = cell.secret_file
    before = server.calls("IssueToken")
    driver: Driver = DRIVERS[client](**cell.key.settings(settings))
    try:
        driver.token()
        STATES[row.state](cell)
        assert outcome_of(CALLS[kind], driver) == row.outcome
        server.mend()
        cell.clock.now += 1.0
        if row.outcome == "Unavailable":
            eventually(lambda: outcome_of(CALLS[kind], driver) == row.again, "the server is found again")
        else:
            assert outcome_of(CALLS[kind], driver) == row.again
        # A stale token is replaced behind everybody's back, so the request may come after the call.
        eventually(lambda: server.calls("IssueToken") - before >= row.issued, "as many tokens were asked for")
        assert server.calls("IssueToken") - before == row.issued
    finally:
        server.mend()
        driver.close()


def test_the_table_has_every_cell_once_and_says_why_one_cannot_recover() -> None:
    """4 kinds, both clients, 3 transports, every state."""
    cells = [(transport, row.state, kind, client) for transport, row, kind, client in CELLS]
    assert len(set(cells)) == len(cells) == len(KINDS) * len(CLIENTS) * len(TRANSPORTS) * len(STATES)
    assert {row.state for row in TABLE} == set(STATES)
    assert [row.state for row in TABLE if bool(row.why) == (row.outcome == OK)] == []


def test_no_cell_that_was_asked_for_is_missing() -> None:
    """Written down once more, so that none can be dropped from the table and the states alike."""
    kinds = ("unary", "stream of responses", "stream of requests", "stream both ways")
    wanted = set(product(("tls", "loopback", "plaintext"), ASKED_FOR, kinds, ("sync", "aio")))
    assert len(wanted) == 240
    found = {
        (transport, state, kind, client)
        for transport, row, kind, client in CELLS
        for state in (row.state, row.state.partition(",")[0])
    }
    assert wanted - found == set()
