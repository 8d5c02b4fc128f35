"""The generated methods over a real wire, the same for both clients: arguments, pagers, retries, deadlines, errors."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import SECRET, Connect, Driver
from typeplate import AsyncClient, Client
from typeplate._version import __version__
from typeplate.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    DeadlineExceeded,
    FieldViolation,
    InvalidArgument,
    NotFound,
    ScopeMissing,
    Unavailable,
)
from typeplate.v1 import auth_service_pb2, client_pb2, data_service_pb2, vehicle_pb2


def test_a_pager_fetches_all_pages_and_can_start_over(client: Driver, server: FakeServer) -> None:
    """Seven vehicles in pages of three."""
    assert [vehicle.name for vehicle in client.vehicles()] == [f"vehicles/epa-{n}" for n in range(7)]
    assert client.pages() == [3, 3, 1]
    assert client.pages(page_token="3") == [3, 1]


def test_the_fields_of_the_filter_are_arguments(client: Driver, server: FakeServer) -> None:
    """Absent ones stay absent: zero is a condition, None is not."""
    found = client.vehicles(make="Toyota", model_year_min=2020, co2_g_per_km_max=0.0, fuels=[vehicle_pb2.FUEL_DIESEL])
    expected = data_service_pb2.VehicleFilter(
        make="Toyota", model_year_min=2020, co2_g_per_km_max=0.0, fuels=[vehicle_pb2.FUEL_DIESEL]
    )
    assert found[0].model == str(expected)
    assert client.vehicles()[0].model == ""


def test_a_request_message_does_instead_of_arguments(client: Driver, server: FakeServer) -> None:
    """A pager pages through a copy: the caller's request stays as it was."""
    request = data_service_pb2.ListVehiclesRequest(page_token="3")
    assert client.pages(request=request) == [3, 1]
    assert request.page_token == "3"
    found = client.call("data", "get_vehicle", request=data_service_pb2.GetVehicleRequest(name="vehicles/x"))
    assert found.name == "vehicles/x"


def test_an_argument_beside_a_request_is_refused(client: Driver) -> None:
    with pytest.raises(TypeError, match="either request= or name"):
        client.call("data", "get_vehicle", request=data_service_pb2.GetVehicleRequest(), name="vehicles/x")


def test_a_request_message_of_another_method_is_refused_before_anything_is_sent(
    client: Driver, server: FakeServer
) -> None:
    """On the wire a GetClientRequest is a SuspendClientRequest too."""
    with pytest.raises(TypeError, match=r"^request= is GetClientRequest, not SuspendClientRequest$"):
        client.call("auth", "suspend_client", request=auth_service_pb2.GetClientRequest(name="clients/app"))
    with pytest.raises(TypeError, match=r"^request= is dict, not GetJwksRequest$"):
        client.call("auth", "get_jwks", request={})
    with pytest.raises(TypeError, match=r"^request= is GetVehicleRequest, not ListVehiclesRequest$"):
        client.vehicles(request=data_service_pb2.GetVehicleRequest())
    assert (server.issued, server.calls) == ([], [])


def test_a_request_message_of_another_method_ends_a_stream(client: Driver, server: FakeServer) -> None:
    wrong: list[Any] = [data_service_pb2.GetVehicleRequest(name="vehicles/x")]
    with pytest.raises(TypeError, match=r"^a request of a stream is GetVehicleRequest, not ImportVehiclesRequest$"):
        client.exchange(wrong)


async def test_an_asynchronous_iterator_of_other_messages_is_refused_too(server: FakeServer) -> None:
    async def wrong() -> AsyncIterator[Any]:
        yield data_service_pb2.GetVehicleRequest(name="vehicles/x")

    async with AsyncClient(server.target, client_id="app", client_secret="tps_x") as client:
        with pytest.raises(TypeError, match="a request of a stream is GetVehicleRequest, not ImportVehiclesRequest"):
            async for _ in client.data.import_vehicles(wrong()):
                pass


@pytest.mark.parametrize(
    "lone", ["vehicles/x", b"vehicles/x", {"vehicles/x": "vehicles/y"}], ids=["str", "bytes", "dict"]
)
def test_what_is_no_list_is_not_taken_for_one(client: Driver, server: FakeServer, lone: object) -> None:
    """A string would be taken letter by letter."""
    kind = type(lone).__name__
    with pytest.raises(TypeError, match=rf"^names is a list and cannot be {kind} \(BatchGetVehiclesRequest\.names\)$"):
        client.call("data", "batch_get_vehicles", names=lone)
    with pytest.raises(TypeError, match="fuels is a list"):
        client.vehicles(fuels=lone)
    with pytest.raises(TypeError, match="a field mask is a list of paths, not"):
        client.vehicles(read_mask=lone)
    assert server.calls == []


def test_durations_and_field_masks_may_be_given_as_python_has_them(client: Driver, server: FakeServer) -> None:
    call = {"client_id": "app", "client_secret": SECRET}
    client.call("auth", "issue_token", **call, lifetime=timedelta(minutes=1, microseconds=5))
    assert server.issued[-1].lifetime.ToTimedelta() == timedelta(minutes=1, microseconds=5)
    changed = client_pb2.Client(name="clients/app")
    for mask in (["labels", "scopes"], FieldMask(paths=["labels", "scopes"])):
        assert client.call("auth", "update_client", client=changed, update_mask=mask).display_name == "labels,scopes"
    with pytest.raises(TypeError, match="list of paths"):
        client.call("auth", "update_client", client=changed, update_mask="labels")


@pytest.mark.parametrize("timeout", [-1, 0, float("nan"), timedelta(0)])
def test_a_timeout_that_is_not_positive_is_refused_at_each_call(client: Driver, timeout: float | timedelta) -> None:
    """As in the constructor; gRPC would call it a deadline that was exceeded."""
    calls: list[Callable[..., object]] = [client.get, client.vehicles, client.export, client.token]
    for call in calls:
        with pytest.raises(ConfigurationError, match="timeout is not positive"):
            call(timeout=timeout)


def test_a_timeout_may_be_a_timedelta(connect: Connect, server: FakeServer) -> None:
    client = connect(timeout=timedelta(seconds=10))
    assert client.get(timeout=timedelta(seconds=10)).make == "Make"
    assert len(client.vehicles(timeout=timedelta(seconds=10))) == 7
    assert client.export(timeout=timedelta(seconds=10)) == [1, 2, 3]
    assert client.token(timeout=timedelta(seconds=10)) == "token-1"
    server.hold.clear()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
        client.get("vehicles/slow", timeout=timedelta(milliseconds=200))


def test_an_argument_of_the_wrong_type_is_named(client: Driver) -> None:
    """Without its value, which may be a secret."""
    with pytest.raises(TypeError, match=r"^name cannot be int \(GetVehicleRequest\.name\)$"):
        client.call("data", "get_vehicle", name=5)
    with pytest.raises(TypeError, match="make cannot be int"):
        client.vehicles(make=5)
    with pytest.raises(ValueError, match="page_size is out of range"):
        client.vehicles(page_size=1 << 40)
    with pytest.raises(TypeError, match="lifetime cannot be str"):
        client.call("auth", "issue_token", client_id="app", client_secret=SECRET, lifetime="5m")


def test_methods_and_pagers_say_what_they_are(connect: Connect, server: FakeServer) -> None:
    client = connect().client
    assert f"of {server.target}: batch_get_vehicles, " in repr(client.data)
    assert "tps_" not in repr(client.data) + repr(client.auth)
    pager = client.data.list_vehicles(make="Škoda", page_size=2)
    assert repr(pager) == f'<{type(pager).__name__} of ListVehiclesRequest: filter {{ make: "Škoda" }} page_size: 2>'


def test_an_idempotent_method_is_retried_while_the_server_is_unavailable(client: Driver, server: FakeServer) -> None:
    server.refuse_calls("DATABASE_UNAVAILABLE", times=2)
    assert client.get().make == "Make"
    assert len(server.calls) == 3


def test_a_method_that_is_not_idempotent_is_sent_once(client: Driver, server: FakeServer) -> None:
    server.refuse_calls("DATABASE_UNAVAILABLE", times=1)
    with pytest.raises(DatabaseUnavailable):
        client.call("data", "create_vehicle", vehicle=vehicle_pb2.Vehicle())
    assert len(server.calls) == 1


def test_unary_calls_have_the_clients_deadline(connect: Connect, server: FakeServer) -> None:
    """The wait for a token counts: the server does not answer IssueToken."""
    server.hold.clear()
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        connect(timeout=0.3).get()
    assert time.monotonic() - started < 5


def test_a_method_that_waits_for_the_replicas_has_longer(connect: Connect, server: FakeServer) -> None:
    """Unless the client or the call says something itself."""
    for settings, own, waiting, reading in [
        ({}, {}, 30, 10),
        ({"timeout": 20}, {}, 20, 20),
        ({}, {"timeout": 5}, 5, 5),
    ]:
        client = connect(**settings)
        client.call("auth", "create_client", client=client_pb2.Client(), **own)
        client.call("data", "get_vehicle", name="vehicles/x", **own)
        assert [call.timeout for call in server.calls[-2:]] == pytest.approx([waiting, reading], abs=4)


def test_a_call_that_the_server_does_not_answer_ends_with_its_deadline(connect: Connect, server: FakeServer) -> None:
    """The client's or the call's own; what the token took is not given to the call on top."""
    client = connect(timeout=0.3)
    client.get(timeout=10)
    server.hold.clear()
    for timeout in (None, 0.2):
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            client.get("vehicles/slow", timeout=timeout)
        assert time.monotonic() - started < 5


def test_a_calls_own_timeout_goes_first(connect: Connect, server: FakeServer) -> None:
    client = connect("127.0.0.1:1", timeout=60.0)
    started = time.monotonic()
    with pytest.raises(Unavailable):
        client.get(timeout=0.3)
    assert time.monotonic() - started < 5


def test_errors_carry_what_the_server_said(client: Driver, server: FakeServer) -> None:
    with pytest.raises(NotFound) as missing:
        client.get("vehicles/missing")
    assert missing.value.metadata == {"name": "vehicles/missing"}
    assert (missing.value.reason, missing.value.request_id) == ("NOT_FOUND", "req-fake")
    with pytest.raises(InvalidArgument) as invalid:
        client.get("")
    assert invalid.value.violations == (FieldViolation("name", "is empty"),)
    server.refuse_calls("SCOPE_MISSING", times=1)
    with pytest.raises(ScopeMissing):
        client.get()


def test_the_user_agent_says_who_calls(connect: Connect, server: FakeServer) -> None:
    connect(user_agent="sales-app/2.1").get()
    assert server.calls[0].metadata["user-agent"].startswith(f"sales-app/2.1 typeplate-python/{__version__} grpc-")


def test_a_closed_client_says_so(server: FakeServer) -> None:
    from typeplate.errors import ClientClosed

    client = Client(server.target, client_id="app", client_secret=SECRET)
    with client:
        client.data.get_vehicle(name="vehicles/x")
    with pytest.raises(ClientClosed):
        client.data.get_vehicle(name="vehicles/x")
