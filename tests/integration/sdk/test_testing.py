"""typeplate.testing: what its server and each of its switches do, as an application's clients see it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.polling import eventually
from tests.support.sdk_drivers import DRIVERS, Clock, Driver
from typeplate import Client
from typeplate.errors import (
    AuthStateStale,
    ClientRevoked,
    ClientSuspended,
    CredentialsRejected,
    DeadlineExceeded,
    NotFound,
    ScopeMissing,
    TokenRejected,
)
from typeplate.testing import Credentials, Server
from typeplate.v1.vehicle_pb2 import Vehicle

NAME = "vehicles/own-1"


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with Server() as server:
        server.add_vehicle("own-1", make="Make", model="Model", model_year=2024)
        yield server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    yield shared
    shared.mend()


@pytest.fixture
def key(server: Server) -> Credentials:
    return server.create_client()


@pytest.fixture(params=sorted(DRIVERS))
def client(request: pytest.FixtureRequest, key: Credentials, clock: Clock) -> Iterator[Driver]:
    """A client of each kind, with a token; the test turns its clock."""
    driver: Driver = DRIVERS[request.param](**key.settings({"clock": clock}))
    driver.get(NAME)
    yield driver
    driver.close()


def test_an_expired_token_costs_one_refresh(client: Driver, server: Server) -> None:
    asked = server.calls("IssueToken")
    server.expire_tokens()
    assert client.get(NAME).make == "Make"
    assert server.calls("IssueToken") == asked + 1


def test_tokens_expire_as_often_as_they_are_told_to(client: Driver, server: Server, clock: Clock) -> None:
    asked = server.calls("IssueToken")
    for _ in range(3):
        server.expire_tokens()
        client.get(NAME)
        clock.now += 1.0
    assert server.calls("IssueToken") == asked + 3


def test_a_revoked_client_is_refused(client: Driver, server: Server) -> None:
    server.revoke(client.client)
    with pytest.raises(ClientRevoked):
        client.get(NAME)


def test_a_suspended_client_is_refused_until_it_is_resumed(client: Driver, server: Server, clock: Clock) -> None:
    server.suspend(client.client)
    with pytest.raises(ClientSuspended):
        client.get(NAME)
    server.resume(client.client)
    clock.now += 30.0
    assert client.get(NAME).make == "Make"


def test_a_server_that_is_away_refuses_connections(client: Driver, server: Server) -> None:
    host, _, port = server.target.partition(":")
    with server.away():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))
        with pytest.raises(DeadlineExceeded):
            client.get(NAME, timeout=0.2)
    assert client.get(NAME).make == "Make"


def test_no_other_is_given_the_port_of_a_server_that_is_away(server: Server) -> None:
    with server.away(), socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", int(server.target.rpartition(":")[2])))


def test_a_server_that_went_away_comes_back_with_its_data(client: Driver, server: Server) -> None:
    """A call that began meanwhile is answered, with the token from before."""
    asked = server.calls("IssueToken")
    server.go_away(0.3)
    assert client.get(NAME).make == "Make"
    assert server.calls("IssueToken") == asked


def test_a_rotated_key_is_not_noticed_and_a_compromised_one_costs_one_refresh(client: Driver, server: Server) -> None:
    asked = server.calls("IssueToken")
    server.rotate_signing_key()
    client.get(NAME)
    assert server.calls("IssueToken") == asked
    server.rotate_signing_key(compromised=True)
    client.get(NAME)
    assert server.calls("IssueToken") == asked + 1


def test_a_rotated_secret_is_taken_from_its_file(server: Server, key: Credentials, tmp_path: Path) -> None:
    """The old one is refused; tokens that were got with it live on."""
    file = tmp_path / "secret"
    file.write_text(key.client_secret)
    mounted, given = server.client(key, client_secret_file=file), server.client(key)
    for client in (mounted, given):
        client.data.get_vehicle(name=NAME)
    file.write_text(server.rotate_secret(key).client_secret)
    given.data.get_vehicle(name=NAME)
    server.expire_tokens()
    mounted.data.get_vehicle(name=NAME)
    with pytest.raises(CredentialsRejected):
        given.data.get_vehicle(name=NAME)
    assert server.rotate_secret(key).client_secret.startswith("tps_")


@pytest.mark.parametrize(
    ("reason", "error"),
    [("SCOPE_MISSING", ScopeMissing), ("NOT_FOUND", NotFound), ("CLIENT_REVOKED", ClientRevoked)],
)
def test_a_call_is_refused_for_the_given_reason(
    client: Driver, server: Server, reason: str, error: type[Exception]
) -> None:
    server.refuse(reason, metadata={"scope": "vehicles:read"})
    with pytest.raises(error) as caught:
        client.get(NAME)
    assert getattr(caught.value, "metadata") == {"scope": "vehicles:read"}  # noqa: B009 - of an error of any type


def test_refusals_are_for_so_many_calls_and_one_method(client: Driver, server: Server) -> None:
    server.refuse("SCOPE_MISSING", times=2, method="GetVehicle")
    assert client.vehicles() != []
    for _ in range(2):
        with pytest.raises(ScopeMissing):
            client.get(NAME)
    client.get(NAME)


def test_a_token_that_is_refused_twice_is_told(client: Driver, server: Server) -> None:
    """Token requests and public methods are none of those calls that take a token."""
    server.refuse("TOKEN_REVOKED", times=2)
    client.call("auth", "get_jwks")
    with pytest.raises(TokenRejected):
        client.get(NAME)


def test_token_requests_can_be_refused_too(server: Server, key: Credentials) -> None:
    server.refuse("AUTH_STATE_STALE", times=5, method="IssueToken", retry_after=3600.0)
    with pytest.raises(AuthStateStale) as caught:
        server.client(key).data.get_vehicle(name=NAME)
    assert caught.value.retry_after is not None


def test_a_refused_stream_says_why(client: Driver, server: Server) -> None:
    """Whatever it was sending."""
    server.refuse("SCOPE_MISSING", times=2)
    with pytest.raises(ScopeMissing):
        client.export()
    with pytest.raises(ScopeMissing):
        client.import_(3)


def test_a_reason_that_there_is_not_is_refused_itself(server: Server) -> None:
    with pytest.raises(ValueError, match="DATABASE_UNAVAILABLE"):
        server.refuse("DATABASE_AWAY")


@pytest.mark.parametrize(
    ("name", "meant"), [("GetVehicel", "GetVehicle"), ("get_vehicle", "GetVehicle"), ("xyz", "AuthService|IssueToken")]
)
def test_a_method_that_there_is_not_is_refused_with_those_that_there_are(server: Server, name: str, meant: str) -> None:
    """Else a switch would be turned that nothing is wired to, and a count be 0 for ever."""
    for turn in (
        lambda: server.refuse("SCOPE_MISSING", method=name),
        lambda: server.slow(1, method=name),
        lambda: server.calls(name),
    ):
        with pytest.raises(ValueError, match=f"no service has a method '{name}'.*({meant})"):
            turn()


def test_a_method_may_be_named_by_its_whole_path(client: Driver, server: Server) -> None:
    """As the log names it; the standard services count too."""
    server.refuse("SCOPE_MISSING", method="/typeplate.v1.DataService/GetVehicle")
    with pytest.raises(ScopeMissing):
        client.get(NAME)
    assert server.calls("/typeplate.v1.DataService/GetVehicle") == server.calls("GetVehicle") >= 1
    assert server.calls("Check") == 0


@pytest.mark.parametrize(
    ("fields", "kind", "told"),
    [
        ({"make": 5}, TypeError, r"^make cannot be int \(Vehicle\.make\)$"),
        ({"mak": "Make"}, TypeError, r"^a vehicle has no field 'mak'; did you mean make or "),
        ({"xyz": 1}, TypeError, "there are .*make, "),
        ({"fuel": "COAL"}, ValueError, "^fuel is out of range or no such value"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    server: Server, fields: dict[str, object], kind: type[Exception], told: str
) -> None:
    with pytest.raises(kind, match=told):
        server.add_vehicle(**fields)


def test_answers_can_be_slow(client: Driver, server: Server) -> None:
    server.slow(0.3, method="GetVehicle")
    with pytest.raises(DeadlineExceeded):
        client.get(NAME, timeout=0.1)
    started = time.monotonic()
    client.get(NAME)
    assert time.monotonic() - started >= 0.3
    server.slow(30)
    client.get(NAME)
    server.mend()
    client.vehicles()


def test_faults_leave_the_tests_own_administration_alone(server: Server) -> None:
    """Nor is it counted."""
    seen = server.calls()
    server.refuse("SCOPE_MISSING", times=1)
    server.slow(30)
    server.create_client()
    assert server.calls() == seen


def test_vehicles_can_be_loaded(server: Server) -> None:
    """Of several sources at once; a bad one is named."""
    made = [Vehicle(name=f"vehicles/{source}-{n}", make="Many", model="M", model_year=2020 + n) for source in
            ("own", "epa") for n in range(2, 5)]  # fmt: skip
    assert server.load_vehicles(made) == 6
    assert len(list(server.client().data.list_vehicles(make="Many"))) == 6
    with pytest.raises(ValueError, match="vehicle 1 of own: model_year"):
        server.load_vehicles([Vehicle(name="vehicles/own-9", make="Many", model="M", model_year=3)])


def test_the_sample_can_be_loaded(server: Server) -> None:
    assert server.load_sample() > 1000
    assert next(iter(server.client().data.list_vehicles(make="Toyota"))).model


async def test_it_serves_asyncio_on_the_tests_own_loop(server: Server) -> None:
    """Many calls at once, while switches are turned from that loop."""
    async with server.async_client() as client:
        for _ in range(3):
            server.expire_tokens()
            got = await asyncio.gather(*(client.data.get_vehicle(name=NAME) for _ in range(50)))
            assert {vehicle.make for vehicle in got} == {"Make"}
        server.revoke(client)
        with pytest.raises(ClientRevoked):
            await client.data.get_vehicle(name=NAME)


def test_an_application_gets_its_credentials_from_the_environment(server: Server) -> None:
    key = server.create_client("sales", scopes=["vehicles:read", "vehicles:write"])
    with Client.from_env(key.environ) as client:
        assert client.data.get_vehicle(name=NAME).make == "Make"
    assert key.client_id == "sales"
    server.revoke("sales")
    with Client.from_env(key.environ) as client, pytest.raises(ClientRevoked):
        client.data.get_vehicle(name=NAME)


def test_nothing_secret_is_shown(server: Server, key: Credentials) -> None:
    client = server.client(key)
    client.data.get_vehicle(name=NAME)
    shown = "\n".join(repr(each) for each in (server, key, client, vars(server), vars(server._host), server.admin))
    token = client.access_token()
    eventually(lambda: key.client_id in server.log, "the call is in the log")
    assert key.client_secret not in shown + server.log
    assert token not in shown + server.log
    assert server.target in repr(server)
