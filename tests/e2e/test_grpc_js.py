"""A foreign client, `@grpc/grpc-js`: tests/foreign/grpc_js/client.js, whose messages come from reflection alone."""

import json
from typing import Any

import pytest

from tests.support.foreign import NAME, server_for_strangers
from tests.support.node import run_node
from tests.support.server import ROOT

SCRIPT = ROOT / "tests/foreign/grpc_js/client.js"

pytestmark = [pytest.mark.xdist_group("grpc_js"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script found out, in one run."""
    with server_for_strangers(tmp_path_factory.mktemp("grpc_js")) as server:
        credentials = {"client_id": server.client_id, "client_secret": server.client_secret}
        done = run_node(SCRIPT, json.dumps({"address": server.address, "name": NAME, **credentials}))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_reflection_lists_the_services(found: dict[str, Any]) -> None:
    assert {"typeplate.v1.AuthService", "typeplate.v1.DataService", "grpc.health.v1.Health"} <= set(found["services"])


def test_a_token_is_issued(found: dict[str, Any]) -> None:
    assert found["token_type"] == "Bearer"
    assert 0 < found["expires_in"] <= 900


def test_a_vehicle_is_read(found: dict[str, Any]) -> None:
    """With presence kept: 0 g CO2 is a value, and what is unknown is absent."""
    vehicle = found["vehicle"]
    assert (vehicle["name"], vehicle["make"], vehicle["co2_g_per_km"]) == (NAME, "Audi", 0)
    assert "power_kw" not in vehicle


def test_a_stream_is_read(found: dict[str, Any]) -> None:
    assert found["vehicle"] in found["exported"]


@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [
        ("without_token", "UNAUTHENTICATED", "TOKEN_MISSING"),
        ("stream_without_token", "UNAUTHENTICATED", "TOKEN_MISSING"),
        ("not_found", "NOT_FOUND", "NOT_FOUND"),
    ],
)
def test_a_refusal_has_its_reason(found: dict[str, Any], call: str, code: str, reason: str) -> None:
    """Decoded from `grpc-status-details-bin` with the messages that reflection gave."""
    assert found[call] == {"code": code, "domain": "typeplate", "reason": reason}
