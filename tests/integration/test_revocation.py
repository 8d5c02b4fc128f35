"""After RevokeClient has returned, nothing of the client is admitted: not now, not after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.raw_calls import Answer, call
from tests.support.server import ServerProcess, running_server
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc, client_pb2
from typeplate_server.auth.secrets import new_secret

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
GET_VEHICLE = "/typeplate.v1.DataService/GetVehicle"
ISSUE_TOKEN = "/typeplate.v1.AuthService/IssueToken"
CALLS = 10_000
CONCURRENT = 100


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running_server(tmp_path / "data") as server:
        yield server


@dataclass(frozen=True)
class App:
    """An application with a secret and some of its tokens."""

    client_id: str
    secret: str
    tokens: list[str]


def create(server: ServerProcess, channel: grpc.Channel, client_id: str, tokens: int) -> App:
    stub = auth_service_pb2_grpc.AuthServiceStub(channel)
    request = pb.CreateClientRequest(client_id=client_id, client=client_pb2.Client(scopes=["vehicles:read"]))
    secret = stub.CreateClient(request, metadata=admin(server, channel)).secrets[0].value
    exchange = pb.IssueTokenRequest(client_id=client_id, client_secret=secret)
    return App(client_id, secret, [stub.IssueToken(exchange).access_token for _ in range(tokens)])


def admin(server: ServerProcess, channel: grpc.Channel) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {server.token(channel)}"),)


def revoke(server: ServerProcess, channel: grpc.Channel, app: App) -> None:
    stub = auth_service_pb2_grpc.AuthServiceStub(channel)
    response = stub.RevokeClient(
        pb.RevokeClientRequest(name=f"clients/{app.client_id}"), metadata=admin(server, channel)
    )
    assert response.client.state == client_pb2.CLIENT_STATE_REVOKED


def outcomes(channel: grpc.Channel, tokens: list[str], calls: int) -> dict[grpc.StatusCode, int]:
    """How this many GetVehicle calls on these tokens in turn end; a hundred of them are under way at any time."""
    get_vehicle: Any = channel.unary_unary(GET_VEHICLE)
    counts: dict[grpc.StatusCode, int] = {}
    pending: list[Any] = []
    for number in range(calls):
        metadata = (("authorization", f"Bearer {tokens[number % len(tokens)]}"),)
        pending.append(get_vehicle.future(b"\n\x0evehicles/epa-1", metadata=metadata, timeout=30))
        if len(pending) == CONCURRENT or number == calls - 1:
            for future in pending:
                code = future.code()
                counts[code] = counts.get(code, 0) + 1
            pending.clear()
    return counts


def exchange(channel: grpc.Channel, client_id: str, secret: str) -> Answer:
    body = pb.IssueTokenRequest(client_id=client_id, client_secret=secret).SerializeToString()
    return call(channel, ISSUE_TOKEN, body)


def test_no_call_on_an_old_token_is_admitted_after_the_revocation_nor_after_a_crash(server: ServerProcess) -> None:
    """10,000 calls right after RevokeClient has returned, and again after kill -9 and restart: 0 admitted."""
    with server.channel() as channel:
        app = create(server, channel, "doomed", tokens=20)
        bystander = create(server, channel, "bystander", tokens=1)
        assert outcomes(channel, app.tokens, 40) == {grpc.StatusCode.NOT_FOUND: 40}
        revoke(server, channel, app)
        assert outcomes(channel, app.tokens, CALLS) == {UNAUTHENTICATED: CALLS}
        assert outcomes(channel, bystander.tokens, 20) == {grpc.StatusCode.NOT_FOUND: 20}
    server.kill()
    server.start()
    with server.channel() as channel:
        assert outcomes(channel, app.tokens, CALLS) == {UNAUTHENTICATED: CALLS}
        answer = call(channel, GET_VEHICLE, b"", [f"Bearer {app.tokens[0]}"])
        assert (answer.code, answer.reason) == (UNAUTHENTICATED, "CLIENT_REVOKED")
        assert outcomes(channel, bystander.tokens, 20) == {grpc.StatusCode.NOT_FOUND: 20}


def test_a_kill_right_after_the_answer_loses_no_revocation(server: ServerProcess) -> None:
    for number in range(5):
        with server.channel() as channel:
            app = create(server, channel, f"doomed-{number}", tokens=1)
            revoke(server, channel, app)
            server.kill()
        server.start()
        with server.channel() as channel:
            assert outcomes(channel, app.tokens, 20) == {UNAUTHENTICATED: 20}


def test_that_a_client_is_revoked_is_told_to_those_who_have_its_secret_alone(server: ServerProcess) -> None:
    with server.channel() as channel:
        app = create(server, channel, "doomed", tokens=1)
        revoke(server, channel, app)
        assert exchange(channel, "doomed", app.secret).reason == "CLIENT_REVOKED"
        assert exchange(channel, "doomed", new_secret().value).reason == "CREDENTIALS_INVALID"
        assert exchange(channel, "doomed", "").reason == "CREDENTIALS_INVALID"


def test_a_repeated_revocation_succeeds_and_changes_nothing(server: ServerProcess) -> None:
    with server.channel() as channel:
        app = create(server, channel, "doomed", tokens=1)
        revoke(server, channel, app)
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        before = stub.GetClient(pb.GetClientRequest(name="clients/doomed"), metadata=admin(server, channel))
        revoke(server, channel, app)
        after = stub.GetClient(pb.GetClientRequest(name="clients/doomed"), metadata=admin(server, channel))
        assert before == after


def test_wrong_credentials_of_every_kind_get_the_same_answer_to_the_byte(server: ServerProcess) -> None:
    """Unknown id, wrong secret and malformed secret differ in the request id and in nothing else."""
    with server.channel() as channel:
        good = server.client_secret
        other_checksum = good[:-1] + ("a" if good[-1] != "a" else "b")
        tries = {
            "unknown id, well-formed secret": ("nobody", new_secret().value),
            "unknown id, the administrator's secret": ("nobody", good),
            "wrong secret": ("admin", new_secret().value),
            "wrong checksum": ("admin", other_checksum),
            "malformed secret": ("admin", "hunter2"),
            "no secret": ("admin", ""),
            "no id": ("", good),
            "impossible id": ("\u202e/../admin", good),
            "long secret": ("admin", good * 100),
        }
        answers = {name: exchange(channel, *pair) for name, pair in tries.items()}
    assert {answer.reason for answer in answers.values()} == {"CREDENTIALS_INVALID"}
    assert len({answer.request_id for answer in answers.values()}) == len(tries)
    assert len({_bytes_but_for_the_request_id(answer) for answer in answers.values()}) == 1
    assert len({len(answer.request_id) for answer in answers.values()}) == 1


def _bytes_but_for_the_request_id(answer: Answer) -> tuple[object, ...]:
    placeholder = b"0" * len(answer.request_id)
    trailers = tuple(
        (
            key,
            value.replace(answer.request_id.encode(), placeholder)[: -len(placeholder)]
            if isinstance(value, bytes)
            else value,
        )
        for key, value in answer.trailers
    )
    return answer.code, answer.message, answer.messages, trailers
