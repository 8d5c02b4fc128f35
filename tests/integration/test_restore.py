"""A backup that is put in the database's place: noticed at the start, and `restore-epoch` kills every older token."""

from __future__ import annotations

import os
import pty
import shutil
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from tests.support.postgres import shared_postgres
from tests.support.server import ServerProcess, command, command_here, running_server
from tests.support.store import BACK_ENDS
from typeplate.v1 import audit_pb2, auth_service_pb2_grpc, client_pb2
from typeplate.v1 import auth_service_pb2 as pb
from typeplate_server.app.seen import Seen
from typeplate_server.auth.audit import Head
from typeplate_server.store.reached import Reached


@dataclass
class Deployment:
    """A data directory and its database, which can be backed up and restored while no server runs."""

    data_dir: Path
    settings: dict[str, str]

    def backup(self) -> None:
        if self.settings:
            self._copied = shared_postgres().create_database(self.settings["DATABASE_URL"].rpartition("/")[2])
        else:
            shutil.copy(self.data_dir / "typeplate.db", self.data_dir / "backup")

    def restore(self) -> None:
        if self.settings:
            shared_postgres().execute("UPDATE deployment SET max_staleness_s = 1", self._copied)  # it is waited for
            self.settings["DATABASE_URL"] = shared_postgres().url(self._copied)
        else:
            shutil.copy(self.data_dir / "backup", self.data_dir / "typeplate.db")

    def command(self, *arguments: str) -> tuple[int, str]:
        # What should not serve, and does, must be ended; the others are ten times as fast in this process.
        run = command if arguments == ("serve",) else command_here
        done = run(self.data_dir, *arguments, **self.settings)
        return done.returncode, done.stderr


@pytest.fixture(params=BACK_ENDS)
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    settings = {}
    if request.param == "postgres":
        settings["DATABASE_URL"] = shared_postgres().url(shared_postgres().create_database())
    return Deployment(tmp_path / "data", settings)


class Admin:
    """What an administrator does on a server."""

    def __init__(self, server: ServerProcess, channel: grpc.Channel) -> None:
        self.stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        self.token = server.token(channel)

    @property
    def metadata(self) -> tuple[tuple[str, str]]:
        return (("authorization", f"Bearer {self.token}"),)

    def create(self, client_id: str) -> str:
        client = client_pb2.Client(scopes=["vehicles:read"])
        request = pb.CreateClientRequest(client=client, client_id=client_id)
        return self.stub.CreateClient(request, metadata=self.metadata).secrets[0].value

    def revoke(self, client_id: str) -> None:
        self.stub.RevokeClient(pb.RevokeClientRequest(name=f"clients/{client_id}"), metadata=self.metadata)

    def exchange(self, client_id: str, secret: str) -> str:
        return self.stub.IssueToken(pb.IssueTokenRequest(client_id=client_id, client_secret=secret)).access_token

    def is_active(self, token: str) -> bool:
        return self.stub.IntrospectToken(pb.IntrospectTokenRequest(token=token), metadata=self.metadata).active


def test_a_restored_backup_is_noticed_and_its_tokens_die(deployment: Deployment) -> None:
    """It has forgotten what was revoked and created since: secrets are as it has them, no older token lives."""
    with running_server(deployment.data_dir, **deployment.settings) as server, server.channel() as channel:
        admin = Admin(server, channel)
        secrets = {client_id: admin.create(client_id) for client_id in ("kept", "leaver")}
        old = {client_id: admin.exchange(client_id, secret) for client_id, secret in secrets.items()}
        old["admin"] = admin.token
    deployment.backup()
    with running_server(deployment.data_dir, **deployment.settings) as server, server.channel() as channel:
        admin = Admin(server, channel)
        admin.revoke("leaver")
        secrets["newcomer"] = admin.create("newcomer")
        old["newcomer"] = admin.exchange("newcomer", secrets["newcomer"])
        assert [admin.is_active(old[each]) for each in ("kept", "leaver")] == [True, False]
    deployment.restore()

    for _ in range(2):
        code, message = deployment.command("serve")
        assert code == 3
        assert "restore-epoch" in message
        assert "revoke again" in message
    assert deployment.command("restore-epoch")[0] == 2, "there is no terminal to ask on"
    assert deployment.command("serve")[0] == 3
    assert deployment.command("restore-epoch", "--yes")[0] == 0

    with running_server(deployment.data_dir, **deployment.settings) as server, server.channel() as channel:
        admin = Admin(server, channel)
        assert [client_id for client_id, token in old.items() if admin.is_active(token)] == []
        assert admin.is_active(admin.exchange("kept", secrets["kept"]))
        revived = admin.exchange("leaver", secrets["leaver"])
        assert admin.is_active(revived), "the backup has forgotten the revocation"
        admin.revoke("leaver")
        assert not admin.is_active(revived)
        with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
            admin.exchange("newcomer", secrets["newcomer"])
        events = admin.stub.ListAuditEvents(pb.ListAuditEventsRequest(), metadata=admin.metadata).audit_events
        assert [event.type for event in events].count(audit_pb2.AUDIT_EVENT_TYPE_EPOCH_BEGUN) == 1
    assert deployment.command("audit", "verify")[0] == 0


def pb_type(name: str) -> int:
    from typeplate.v1 import audit_pb2

    return audit_pb2.AuditEventType.Value(f"AUDIT_EVENT_TYPE_{name}")


def there(epoch: str, seq: int, *, had: bool = True) -> Reached:
    return Reached(epoch, seq, Head(seq, bytes(32)), True, had)


def test_less_than_was_seen_is_told_from_more_and_from_another_epoch() -> None:
    """Also a backup from before an earlier restore, and another history that has counted as far."""
    seen = Seen("e1", 7).then(there("e1", 5)).then(there("e1", 9)).then(there("e2", 2))
    assert seen == Seen("e2", 2, ("e1",), Head(2, bytes(32)))
    ahead = [there("e2", 1), there("e1", 99), there("e2", 3, had=False)]
    assert [seen.is_ahead_of(each) for each in ahead] == [True] * 3
    behind = [there("e2", 2), there("e2", 3), there("e3", 0, had=False)]
    assert [seen.is_ahead_of(each) for each in behind] == [False] * 3


def test_no_command_writes_to_a_restored_backup_but_restore_epoch(tmp_path: Path) -> None:
    """What it wrote could make the backup look as far on as what was seen, and a start go unnoticed."""
    deployment = Deployment(tmp_path / "data", {})
    with running_server(deployment.data_dir, **deployment.settings) as server, server.channel() as channel:
        Admin(server, channel).create("victim")
    deployment.backup()
    with running_server(deployment.data_dir, **deployment.settings) as server, server.channel() as channel:
        Admin(server, channel).revoke("victim")
    deployment.restore()
    others = ("init",), ("init", "--new-admin"), ("set-max-staleness", "5"), ("import", "sample"), ("check-config",)
    for arguments in others:
        code, message = deployment.command(*arguments)
        assert (code, "restore-epoch" in message) == (3, True), (arguments, message)
    assert [path.name for path in deployment.data_dir.glob("admin*.env")] == ["admin.env"]
    assert deployment.command("restore-epoch", "--yes")[0] == 0
    for arguments in others:
        assert deployment.command(*arguments)[0] == 0, arguments


def test_another_history_that_has_counted_as_far_is_noticed(tmp_path: Path) -> None:
    """A restored backup that an older program, or a machine that has not seen more, has written to since."""
    deployment = Deployment(tmp_path / "data", {})
    seen = deployment.data_dir / "seen.json"
    with running_server(deployment.data_dir, **deployment.settings) as server, server.channel() as channel:
        Admin(server, channel).create("victim")
    deployment.backup()
    with running_server(deployment.data_dir, **deployment.settings) as server, server.channel() as channel:
        Admin(server, channel).revoke("victim")
    deployment.restore()
    seen.rename(deployment.data_dir / "kept")
    for _ in range(3):
        assert deployment.command("init", "--new-admin")[0] == 0
    (deployment.data_dir / "kept").rename(seen)
    for name in ("check-config", "serve"):
        code, message = deployment.command(name)
        assert (code, "restore-epoch" in message) == (3, True), message


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("operated") / "data"
    assert command_here(data_dir, "init").returncode == 0
    return data_dir


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2)])
def test_a_new_epoch_is_begun_after_asking(
    data_dir: Path, answer: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but yes means yes."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    with os.fdopen(theirs) as terminal, os.fdopen(ours, "rb"):
        monkeypatch.setattr("sys.stdin", terminal)
        done = command_here(data_dir, "restore-epoch")
    assert done.returncode == code
    assert ("has begun" in done.stderr) == (code == 0)


def test_the_bound_is_set_for_the_deployment_and_leaves_its_entry(data_dir: Path) -> None:
    """The old one is told; out of bounds it is refused; setting the same again writes nothing."""
    assert "it was 10 s" in command_here(data_dir, "set-max-staleness", "2.5").stderr
    heads = [command_here(data_dir, "audit", "verify").stdout]
    for refused in ("0.5", "61", "nan", "-1"):
        assert command_here(data_dir, "set-max-staleness", refused).returncode == 2
    assert "it was 2.5 s" in command_here(data_dir, "set-max-staleness", "2.5").stderr
    heads.append(command_here(data_dir, "audit", "verify").stdout)
    assert heads[0] == heads[1] != ""
    assert "it was 2.5 s" in command_here(data_dir, "set-max-staleness", "10").stderr
    assert command_here(data_dir, "audit", "verify").stdout != heads[1]
