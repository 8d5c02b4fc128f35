"""Every change and every refusal leaves its trace, over the wire, and `audit verify` finds what was edited."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.raw_calls import call
from tests.support.server import ServerProcess, command_here, running_server
from typeplate.v1 import audit_pb2, auth_service_pb2_grpc, client_pb2
from typeplate.v1 import auth_service_pb2 as pb

GET_VEHICLE = "/typeplate.v1.DataService/GetVehicle"
VEHICLE = b"\n\x0evehicles/epa-1"
Admin = tuple[tuple[str, str], ...]
Type = audit_pb2.AuditEventType


@dataclass
class World:
    """A server, its administrator, and one application that has called and was then revoked."""

    server: ServerProcess
    stub: auth_service_pb2_grpc.AuthServiceStub
    admin: Admin
    channel: grpc.Channel
    secret: client_pb2.ClientSecret
    token: str

    def events(self, **conditions: Any) -> list[audit_pb2.AuditEvent]:
        request = pb.ListAuditEventsRequest(filter=pb.ListAuditEventsRequest.Filter(**conditions))
        return list(self.stub.ListAuditEvents(request, metadata=self.admin).audit_events)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_server(tmp_path / "data") as server, server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        admin = (("authorization", f"Bearer {server.token(channel)}"),)
        client = client_pb2.Client(display_name="One", scopes=["vehicles:read"])
        made = stub.CreateClient(pb.CreateClientRequest(client=client, client_id="app-one"), metadata=admin)
        issue = pb.IssueTokenRequest(client_id="app-one", client_secret=made.secrets[0].value)
        token = stub.IssueToken(issue).access_token
        for _ in range(3):
            assert call(channel, GET_VEHICLE, VEHICLE, [f"Bearer {token}"]).reason == "NOT_FOUND"
        yield World(server, stub, admin, channel, made.secrets[0], token)


def test_changes_are_listed_with_who_made_them(world: World) -> None:
    """Newest first; a change that has returned is in it."""
    world.stub.RevokeClient(pb.RevokeClientRequest(name="clients/app-one", reason="left"), metadata=world.admin)
    found = world.events(client="clients/app-one")
    types = [Type.Name(event.type).removeprefix("AUDIT_EVENT_TYPE_") for event in found]
    assert types == ["CLIENT_REVOKED", "SECRET_CREATED", "CLIENT_CREATED"]
    assert {(event.actor, event.peer) for event in found} == {("clients/admin", "127.0.0.1")}
    assert found[1].details["secret_id"] == world.secret.secret_id
    admin = world.events(client="clients/admin", types=[Type.AUDIT_EVENT_TYPE_CLIENT_CREATED])
    assert [event.actor for event in admin] == [""]


def test_usage_tells_methods_peers_and_secrets(world: World) -> None:
    """Three reads of one client from here, with the secret that it has."""
    usage = world.stub.GetClientUsage(pb.GetClientUsageRequest(name="clients/app-one"), metadata=world.admin)
    assert [(each.method, each.call_count) for each in usage.methods] == [(GET_VEHICLE, 3)]
    assert [(each.peer, each.call_count) for each in usage.peers] == [("127.0.0.1", 3)]
    assert [(each.secret_id, each.peer) for each in usage.secrets] == [(world.secret.secret_id, "127.0.0.1")]
    times = [usage.methods[0].last_use_time, usage.secrets[0].last_use_time]
    assert usage.last_use_time.ToNanoseconds() == max(time.ToNanoseconds() for time in times)
    shown = world.stub.GetClient(pb.GetClientRequest(name="clients/app-one"), metadata=world.admin)
    [listed] = [
        client
        for client in world.stub.ListClients(pb.ListClientsRequest(), metadata=world.admin).clients
        if client.client_id == "app-one"
    ]
    assert shown == listed
    assert shown.last_use_time == usage.last_use_time
    assert [(each.last_use_time, each.last_use_peer) for each in shown.secrets] == [(times[1], "127.0.0.1")]
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        world.stub.GetClientUsage(pb.GetClientUsageRequest(name="clients/nobody"), metadata=world.admin)


def test_refusals_are_summed_up_and_nothing_secret_is_kept(world: World) -> None:
    """By client, reason and address; the database holds neither secret nor token afterwards."""
    world.stub.SuspendClient(pb.SuspendClientRequest(name="clients/app-one"), metadata=world.admin)
    for _ in range(5):
        assert call(world.channel, GET_VEHICLE, VEHICLE, [f"Bearer {world.token}"]).reason == "CLIENT_SUSPENDED"
    wrong = pb.IssueTokenRequest(client_id="app-one", client_secret="tps_wrong").SerializeToString()
    assert call(world.channel, "/typeplate.v1.AuthService/IssueToken", wrong).reason == "CREDENTIALS_INVALID"
    world.server.terminate()
    world.server.wait()
    with sqlite3.connect(world.server.data_dir / "typeplate.db") as database:
        rows = database.execute(
            "SELECT event, client_id, detail FROM audit WHERE event LIKE '%refused' ORDER BY 1"
        ).fetchall()
        dump = "\n".join(database.iterdump())
    database.close()
    assert rows == [
        ("issue_refused", "app-one", '{"count":"1","from":"127.0.0.1","reason":"CREDENTIALS_INVALID"}'),
        ("token_refused", "app-one", '{"count":"5","from":"127.0.0.1","reason":"CLIENT_SUSPENDED"}'),
    ]
    assert world.secret.value not in dump
    assert world.token not in dump
    assert "tps_" not in dump


def test_audit_verify_finds_an_edit_and_a_cut_tail(world: World) -> None:
    """Beside the running server; an edit is found by itself, a cut tail by the head that was kept."""
    data_dir = world.server.data_dir
    whole = command_here(data_dir, "audit", "verify")
    head = whole.stdout.strip()
    assert (whole.returncode, int(head.partition(":")[0])) == (0, len(world.events()))
    world.stub.SuspendClient(pb.SuspendClientRequest(name="clients/app-one"), metadata=world.admin)
    assert command_here(data_dir, "audit", "verify", "--expect-head", head).returncode == 0
    later = command_here(data_dir, "audit", "verify").stdout.strip()
    database = sqlite3.connect(data_dir / "typeplate.db", isolation_level=None)
    database.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    assert command_here(data_dir, "audit", "verify").returncode == 0
    cut = command_here(data_dir, "audit", "verify", "--expect-head", later)
    assert (cut.returncode, "cut off" in cut.stderr) == (7, True)
    database.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    database.close()
    edited = command_here(data_dir, "audit", "verify")
    assert (edited.returncode, edited.stdout, "entry 2" in edited.stderr) == (7, "", True)
    assert command_here(data_dir, "audit", "verify", "--expect-head", "7").returncode == 2


def test_audit_verify_finds_what_was_put_in_before_the_first_and_that_all_is_gone(world: World) -> None:
    """Whatever number, and whatever type, a row was given that no server wrote."""
    data_dir = world.server.data_dir
    database = sqlite3.connect(data_dir / "typeplate.db", isolation_level=None)
    forge = (
        "INSERT INTO audit (seq, time, event, client_id, actor, peer, detail, chain) "
        "VALUES (?, 1.0, 'client_revoked', 'app-one', 'admin', '192.0.2.1', '{}', zeroblob(32))"
    )
    for seq in (0, -7):
        database.execute(forge, [seq])
        found = command_here(data_dir, "audit", "verify")
        assert (found.returncode, found.stdout, f"stands entry {seq}" in found.stderr) == (7, "", True)
        database.execute("DELETE FROM audit WHERE seq < 1")
    assert command_here(data_dir, "audit", "verify").returncode == 0
    for edit in ("UPDATE audit SET chain = 'text' WHERE seq = 1", "DELETE FROM audit"):
        database.execute(edit)
        found = command_here(data_dir, "audit", "verify")
        assert (found.returncode, found.stdout) == (7, "")
    assert "all were removed" in found.stderr
    database.close()


def test_only_an_administrator_reads_the_traces(world: World) -> None:
    """A token without clients:admin gets neither."""
    bearer = (("authorization", f"Bearer {world.token}"),)
    for refused in (
        lambda: world.stub.ListAuditEvents(pb.ListAuditEventsRequest(), metadata=bearer),
        lambda: world.stub.GetClientUsage(pb.GetClientUsageRequest(name="clients/app-one"), metadata=bearer),
    ):
        with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
            refused()


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListAuditEventsRequest(page_size=-1), "page_size"),
        (pb.ListAuditEventsRequest(page_token="x"), "page_token"),
        (pb.ListAuditEventsRequest(filter=pb.ListAuditEventsRequest.Filter(client="app-one")), "filter.client"),
        (pb.ListAuditEventsRequest(filter=pb.ListAuditEventsRequest.Filter(types=[99])), "filter.types"),  # type: ignore[list-item]
    ],
)
def test_a_bad_request_is_refused_and_named(world: World, request_: pb.ListAuditEventsRequest, field: str) -> None:
    """Which field it is."""
    with pytest.raises(grpc.RpcError, match="INVALID_ARGUMENT") as error:
        world.stub.ListAuditEvents(request_, metadata=world.admin)
    assert field in str(error.value.trailing_metadata())


def test_a_new_epoch_leaves_its_entry(world: World) -> None:
    """Made offline, by the operator; the trail goes on from there and is whole."""
    world.server.terminate()
    world.server.wait()
    data_dir = world.server.data_dir
    before = int(command_here(data_dir, "audit", "verify").stdout.partition(":")[0])
    assert command_here(data_dir, "restore-epoch", "--yes").returncode == 0
    after = command_here(data_dir, "audit", "verify")
    assert (after.returncode, int(after.stdout.partition(":")[0])) == (0, before + 1)
    database = sqlite3.connect(data_dir / "typeplate.db")
    last = database.execute("SELECT event, actor FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    database.close()
    assert last == ("epoch_begun", "")


def test_with_another_deployment_s_key_file_nobody_is_accused(tmp_path: Path) -> None:
    """The trail cannot be judged with it; that is told by the fingerprints, and is no tampering."""
    for name in ("one", "other"):
        assert command_here(tmp_path / name, "init").returncode == 0
    (tmp_path / "other" / "keys.json").replace(tmp_path / "one" / "keys.json")
    done = command_here(tmp_path / "one", "audit", "verify")
    assert (done.returncode, "is not the key file of this database" in done.stderr) == (3, True), done.stderr
