"""A foreign client, `buf curl`, that knows nothing of Typeplate but an address: reflection tells it the rest."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from tests.support.foreign import NAME, server_for_strangers
from tests.support.secret_watch import WATCH
from tests.support.server import ServerProcess, running_server

BUF = Path(sys.executable).with_name("buf")
COMMAND = [str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge"]


def call(url: str, *arguments: str, request: dict[str, Any] | None = None, expect: int = 0) -> str:
    """Runs `buf curl`; the request goes through standard input, so that no secret is an argument."""
    words = [*COMMAND, *arguments, *(["--data", "@-"] if request is not None else []), f"http://{url}"]
    done = subprocess.run(
        words, input=json.dumps(request or {}), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode == 0) == (expect == 0), done.stderr
    return done.stdout if expect == 0 else done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with reflection on and one vehicle."""
    with server_for_strangers(tmp_path_factory.mktemp("buf")) as running:
        yield running


def token(server: ServerProcess) -> str:
    """An access token, issued through `buf curl`."""
    credentials = {"client_id": server.client_id, "client_secret": server.client_secret}
    with WATCH.learning():
        answer = json.loads(call(f"{server.address}/typeplate.v1.AuthService/IssueToken", request=credentials))
    assert answer["tokenType"] == "Bearer"
    return str(answer["accessToken"])


def test_reflection_lists_the_services(server: ServerProcess) -> None:
    """Both of ours and the standard ones, with every method."""
    methods = call(server.address, "--list-methods").split()
    assert {"typeplate.v1.AuthService/IssueToken", "typeplate.v1.DataService/GetVehicle"} <= set(methods)
    services = set(call(server.address, "--list-services").split())
    assert {"typeplate.v1.AuthService", "typeplate.v1.DataService", "grpc.health.v1.Health"} <= services


def test_a_token_is_issued_and_a_vehicle_is_read_with_it(server: ServerProcess) -> None:
    """The whole main job, with presence kept: 0 g CO2 is a value, and what is unknown is absent."""
    header = f"authorization: Bearer {token(server)}"
    url = f"{server.address}/typeplate.v1.DataService/GetVehicle"
    vehicle = json.loads(call(url, "--header", header, request={"name": NAME}))
    assert vehicle["make"] == "Audi"
    assert vehicle["co2GPerKm"] == 0
    assert "powerKw" not in vehicle


def test_a_stream_is_read(server: ServerProcess) -> None:
    """Server streaming works as well."""
    header = f"authorization: Bearer {token(server)}"
    said = call(f"{server.address}/typeplate.v1.DataService/ExportVehicles", "--header", header, request={})
    assert f'"{NAME}"' in said


@pytest.mark.parametrize(
    ("method", "request_", "authorized", "code", "reason"),
    [
        ("GetVehicle", {"name": NAME}, False, "unauthenticated", "TOKEN_MISSING"),
        ("ExportVehicles", {}, False, "unauthenticated", "TOKEN_MISSING"),
        ("GetVehicle", {"name": "vehicles/own-none"}, True, "not_found", "NOT_FOUND"),
    ],
    ids=["unary without token", "stream without token", "not found"],
)
def test_a_refusal_has_its_reason(
    server: ServerProcess, method: str, request_: dict[str, Any], authorized: bool, code: str, reason: str
) -> None:
    """In a form that a foreign client understands: the status code, and the details, which it hands on as they came."""
    header = ["--header", f"authorization: Bearer {token(server)}"] if authorized else []
    url = f"{server.address}/typeplate.v1.DataService/{method}"
    said = json.loads(call(url, *header, request=request_, expect=1))
    (value,) = [detail["value"] for detail in said["details"] if detail["type"] == "google.rpc.ErrorInfo"]
    info = ErrorInfo.FromString(base64.b64decode(value + "=" * (-len(value) % 4)))
    assert (said["code"], info.domain, info.reason) == (code, "typeplate", reason)


def test_health_needs_no_token(server: ServerProcess) -> None:
    """As load balancers ask."""
    answer = json.loads(call(f"{server.address}/grpc.health.v1.Health/Check", request={}))
    assert answer == {"status": "SERVING"}


def test_without_the_setting_there_is_no_reflection(tmp_path: Path) -> None:
    """What is served is nobody's business by default."""
    with running_server(tmp_path / "data") as running:
        assert "unimplemented" in call(running.address, "--list-services", expect=1).lower()
