"""Suspension, resumption and the rotation of secrets, over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from tests.support.raw_calls import call
from tests.support.server import ServerProcess, running_server
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc, client_pb2

ISSUE_TOKEN = "/typeplate.v1.AuthService/IssueToken"
GET_VEHICLE = "/typeplate.v1.DataService/GetVehicle"
VEHICLE = b"\n\x0evehicles/epa-1"


@dataclass
class World:
    """A server, an administrator's stub and metadata, and one application."""

    channel: grpc.Channel
    stub: auth_service_pb2_grpc.AuthServiceStub
    admin: tuple[tuple[str, str], ...]
    secret: client_pb2.ClientSecret

    def exchange(self, secret: str) -> str:
        """A token for this secret."""
        return self.stub.IssueToken(pb.IssueTokenRequest(client_id="app-one", client_secret=secret)).access_token

    def refusal(self, secret: str) -> str:
        """The reason why this secret gets no token."""
        request = pb.IssueTokenRequest(client_id="app-one", client_secret=secret).SerializeToString()
        return call(self.channel, ISSUE_TOKEN, request).reason

    def outcome(self, token: str) -> str:
        """The reason with which a read with this token is refused; NOT_FOUND is good enough a read."""
        return call(self.channel, GET_VEHICLE, VEHICLE, [f"Bearer {token}"]).reason


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_server(tmp_path / "data") as server, server.channel() as channel:
        yield make(server, channel)


def make(server: ServerProcess, channel: grpc.Channel) -> World:
    stub = auth_service_pb2_grpc.AuthServiceStub(channel)
    admin = (("authorization", f"Bearer {server.token(channel)}"),)
    request = pb.CreateClientRequest(client_id="app-one", client=client_pb2.Client(scopes=["vehicles:read"]))
    return World(channel, stub, admin, stub.CreateClient(request, metadata=admin).secrets[0])


def test_a_suspension_is_answered_with_where_it_holds_and_can_be_taken_back(world: World) -> None:
    """EVERYWHERE of the only replica; old tokens stay dead, new ones work."""
    old = world.exchange(world.secret.value)
    suspended = world.stub.SuspendClient(pb.SuspendClientRequest(name="clients/app-one"), metadata=world.admin)
    assert suspended.client.state == client_pb2.CLIENT_STATE_SUSPENDED
    assert suspended.effective == client_pb2.EFFECTIVE_EVERYWHERE
    assert suspended.proof == client_pb2.EFFECTIVE_PROOF_ACKNOWLEDGED
    assert suspended.everywhere_time.seconds > 0
    assert world.outcome(old) == "CLIENT_SUSPENDED"
    assert world.refusal(world.secret.value) == "CLIENT_SUSPENDED"
    resumed = world.stub.ResumeClient(pb.ResumeClientRequest(name="clients/app-one"), metadata=world.admin)
    assert resumed.client.state == client_pb2.CLIENT_STATE_ACTIVE
    assert world.outcome(old) == "TOKEN_REVOKED"
    assert world.outcome(world.exchange(world.secret.value)) == "NOT_FOUND"


def test_tokens_from_before_a_suspension_stay_dead_after_a_crash(tmp_path: Path) -> None:
    """kill -9 right after the answer: the generation that the old token lacks is on disk."""
    with running_server(tmp_path / "data") as server:
        with server.channel() as channel:
            world = make(server, channel)
            old = world.exchange(world.secret.value)
            world.stub.SuspendClient(pb.SuspendClientRequest(name="clients/app-one"), metadata=world.admin)
            world.stub.ResumeClient(pb.ResumeClientRequest(name="clients/app-one"), metadata=world.admin)
            new = world.exchange(world.secret.value)
        server.kill()
        server.start()
        with server.channel() as channel:
            outcomes = [call(channel, GET_VEHICLE, VEHICLE, [f"Bearer {token}"]).reason for token in (old, new)]
        assert outcomes == ["TOKEN_REVOKED", "NOT_FOUND"]


def test_secrets_rotate_and_a_compromised_one_takes_the_tokens_with_it(world: World) -> None:
    """The value is in the answer that made it only; a third is refused, one in use too."""
    request = pb.CreateClientSecretRequest(parent="clients/app-one", lifetime=Duration(seconds=3600))
    made = world.stub.CreateClientSecret(request, metadata=world.admin)
    assert made.value.startswith(f"tps_{made.secret_id}_")
    assert made.expire_time.seconds - made.create_time.seconds == 3600
    got = world.stub.GetClient(pb.GetClientRequest(name="clients/app-one"), metadata=world.admin)
    assert [(secret.secret_id, secret.value) for secret in got.secrets] == [
        (world.secret.secret_id, ""), (made.secret_id, ""),
    ]  # fmt: skip
    token = world.exchange(world.secret.value)
    assert world.outcome(world.exchange(made.value)) == "NOT_FOUND"
    body = request.SerializeToString()
    assert call(world.channel, method("CreateClientSecret"), body, [world.admin[0][1]]).reason == "SECRET_LIMIT"
    name = f"clients/app-one/secrets/{world.secret.secret_id}"
    deletion = pb.DeleteClientSecretRequest(name=name, compromised=True)
    deleted = world.stub.DeleteClientSecret(deletion, metadata=world.admin)
    assert [secret.secret_id for secret in deleted.client.secrets] == [made.secret_id]
    again = world.stub.DeleteClientSecret(deletion, metadata=world.admin)
    assert (again.client, again.effective) == (deleted.client, client_pb2.EFFECTIVE_EVERYWHERE)
    assert deleted.effective == client_pb2.EFFECTIVE_EVERYWHERE
    unknown = pb.DeleteClientSecretRequest(name="clients/app-one/secrets/unknown", compromised=True)
    body = unknown.SerializeToString()
    assert call(world.channel, method("DeleteClientSecret"), body, [world.admin[0][1]]).reason == "NOT_FOUND"
    assert world.outcome(token) == "TOKEN_REVOKED"
    assert world.refusal(world.secret.value) == "CREDENTIALS_INVALID"
    assert world.outcome(world.exchange(made.value)) == "NOT_FOUND"


@pytest.mark.parametrize("name", ["", "clients/app-one", "clients/app-one/secrets/", "clients//secrets/x"])
def test_a_name_that_is_none_is_refused_by_its_field(world: World, name: str) -> None:
    """INVALID_ARGUMENT."""
    body = pb.DeleteClientSecretRequest(name=name).SerializeToString()
    assert call(world.channel, method("DeleteClientSecret"), body, [world.admin[0][1]]).reason == "INVALID_ARGUMENT"


def method(name: str) -> str:
    return f"/typeplate.v1.AuthService/{name}"
