"""What `init`, `migrate`, `check-config` and a first `serve` do to a data directory."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import grpc
import pytest

from tests.support.raw_calls import call
from tests.support.server import command_here as command
from tests.support.server import environment, read_credentials, running_server
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc, client_pb2, data_service_pb2, data_service_pb2_grpc

SCOPES = {"vehicles:read", "vehicles:write", "clients:admin", "tokens:introspect"}


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("initialised") / "data"
    assert command(path, "init").returncode == 0
    return path


@pytest.fixture
def data_dir(initialised: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(initialised, tmp_path / "data"))


def contents(data_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data_dir.iterdir() if path.suffix in (".json", ".env", ".db")}


def clients(data_dir: Path) -> int:
    connection = sqlite3.connect(data_dir / "typeplate.db")
    try:
        return int(connection.execute("SELECT count(*) FROM clients").fetchone()[0])
    finally:
        connection.close()


def scopes_of(data_dir: Path, env_file: str) -> set[str]:
    """The scopes of a token that the credentials in this file get from a server on this directory."""
    credentials = read_credentials(data_dir / env_file)
    with running_server(data_dir) as server, server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        request = pb.IssueTokenRequest(client_id=credentials.client_id, client_secret=credentials.client_secret)
        return set(stub.IssueToken(request, timeout=10).scopes)


def test_init_makes_a_private_directory_with_an_administrator_who_may_do_everything(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    result = command(data_dir, "init")
    assert (result.returncode, result.stdout) == (0, f"{data_dir / 'admin.env'}\n")
    assert data_dir.stat().st_mode & 0o777 == 0o700
    for name in ("admin.env", "keys.json", "typeplate.db"):
        assert (data_dir / name).stat().st_mode & 0o077 == 0, name
    assert scopes_of(data_dir, "admin.env") == SCOPES


def test_a_shell_can_source_the_credentials(data_dir: Path) -> None:
    script = f". '{data_dir}/admin.env' && env"
    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert f"TYPEPLATE_CLIENT_SECRET={read_credentials(data_dir / 'admin.env').client_secret}\n" in printed
    assert "TYPEPLATE_CLIENT_ID=admin\n" in printed
    assert "TYPEPLATE_TARGET=" in printed


def test_a_first_serve_does_what_init_does(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        with server.channel() as channel:
            assert server.token(channel)
        assert "admin.env" in server.log
        assert server.client_secret not in server.log


def test_a_second_init_changes_nothing(data_dir: Path) -> None:
    before = contents(data_dir)
    result = command(data_dir, "init")
    assert result.returncode == 0
    assert "initialised already; nothing was changed" in result.stderr
    assert contents(data_dir) == before


def test_credentials_moved_away_are_not_made_anew(data_dir: Path) -> None:
    (data_dir / "admin.env").unlink()
    assert command(data_dir, "init").returncode == 0
    assert not (data_dir / "admin.env").exists()
    assert clients(data_dir) == 1


def test_new_admin_recovers_a_deployment_whose_last_administrator_is_revoked(data_dir: Path) -> None:
    with running_server(data_dir) as server, server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        metadata = (("authorization", f"Bearer {server.token(channel)}"),)
        stub.RevokeClient(pb.RevokeClientRequest(name="clients/admin", force=True), metadata=metadata)
    result = command(data_dir, "init", "--new-admin")
    made = Path(result.stdout.strip())
    assert result.returncode == 0
    assert made.parent == data_dir
    assert made.stat().st_mode & 0o077 == 0
    assert scopes_of(data_dir, made.name) == SCOPES


def test_new_admin_recovers_a_deployment_whose_last_administrators_secret_is_deleted(data_dir: Path) -> None:
    """Which takes force, for nobody gets in any more."""
    with running_server(data_dir) as server, server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        metadata = (("authorization", f"Bearer {server.token(channel)}"),)
        [secret] = stub.GetClient(pb.GetClientRequest(name="clients/admin"), metadata=metadata).secrets
        delete = pb.DeleteClientSecretRequest(name=f"clients/admin/secrets/{secret.secret_id}", compromised=True)
        with pytest.raises(grpc.RpcError, match="no active client with clients:admin and a live secret"):
            stub.DeleteClientSecret(delete, metadata=metadata)
        delete.force = True
        stub.DeleteClientSecret(delete, metadata=metadata)
    made = Path(command(data_dir, "init", "--new-admin").stdout.strip())
    assert scopes_of(data_dir, made.name) == SCOPES


def test_new_admin_needs_an_initialised_directory(tmp_path: Path) -> None:
    result = command(tmp_path / "data", "init", "--new-admin")
    assert result.returncode == 3
    assert "typeplate-server init" in result.stderr


def test_a_lost_key_file_is_told_and_not_replaced(data_dir: Path) -> None:
    """A new pepper would silently kill every secret."""
    (data_dir / "keys.json").unlink()
    for name in ("serve", "init", "check-config"):
        result = command(data_dir, name)
        assert result.returncode == 3
        assert "keys.json is missing" in result.stderr
    assert not (data_dir / "keys.json").exists()


@pytest.mark.parametrize("known_by", ["keys.json", "seen.json"])
def test_a_lost_database_is_told_and_not_replaced(data_dir: Path, known_by: str) -> None:
    """Beside a key file, and where one was seen."""
    (data_dir / "typeplate.db").unlink()
    if known_by == "seen.json":
        (data_dir / "keys.json").unlink()
        (data_dir / known_by).write_text('{"epoch": "e", "seq": 3, "earlier": []}')
    for name in ("serve", "init", "migrate", "check-config"):
        result = command(data_dir, name)
        assert (result.returncode, "restore the database" in result.stderr) == (3, True), (name, result.stderr)
    assert not (data_dir / "typeplate.db").exists()


def test_an_empty_database_in_the_place_of_one_that_was_seen_is_told_and_not_begun(data_dir: Path) -> None:
    """Somebody has made it with another program's `migrate`; it is not claimed for the key file."""
    before = (data_dir / "admin.env").read_bytes()
    (data_dir / "typeplate.db").unlink()
    kept = (data_dir / "keys.json").rename(data_dir / "kept")
    assert command(data_dir, "migrate").returncode == 0
    kept.rename(data_dir / "keys.json")
    (data_dir / "seen.json").write_text('{"epoch": "e", "seq": 3, "earlier": []}')
    for name in ("serve", "init", "check-config"):
        result = command(data_dir, name)
        assert (result.returncode, "restore the database" in result.stderr) == (3, True), (name, result.stderr)
    assert (data_dir / "admin.env").read_bytes() == before


@pytest.mark.parametrize("arguments", ["migrate", "restore-epoch --yes"])
def test_a_missing_data_directory_is_told_as_such(tmp_path: Path, arguments: str) -> None:
    result = command(tmp_path / "data", *arguments.split())
    assert (result.returncode, f"there is no data directory {tmp_path / 'data'}" in result.stderr) == (3, True)


@pytest.mark.parametrize("arguments", ["audit verify", "restore-epoch --yes", "init --new-admin"])
def test_whoever_lost_the_key_file_is_told_to_restore_it(data_dir: Path, arguments: str) -> None:
    """`init`, which makes one for a new deployment, would refuse to."""
    (data_dir / "keys.json").unlink()
    result = command(data_dir, *arguments.split())
    assert (result.returncode, "restore it from its backup" in result.stderr) == (3, True), result.stderr


def test_a_first_serve_on_a_taken_port_and_the_next_one_tell_where_the_credentials_are(tmp_path: Path) -> None:
    """The first has made them before it knew that it could not serve."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = command(tmp_path / "data", "serve", LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
    assert (result.returncode, str(tmp_path / "data" / "admin.env") in result.stderr) == (4, True), result.stderr
    with running_server(tmp_path / "data") as server:
        assert str(tmp_path / "data" / "admin.env") in server.log


@pytest.mark.parametrize("left", ["nothing", "database", "database and keys"])
def test_a_setup_that_was_broken_off_is_completed(data_dir: Path, left: str) -> None:
    with sqlite3.connect(data_dir / "typeplate.db") as connection:
        connection.execute("DELETE FROM client_secrets")
        connection.execute("DELETE FROM clients")
        if left == "database":
            connection.execute("DELETE FROM signing_keys")
            connection.execute("UPDATE deployment SET key_fingerprint = '', issuer = ''")
    connection.close()
    (data_dir / "admin.env").unlink()
    if left != "database and keys":
        (data_dir / "keys.json").unlink()
    if left == "nothing":
        (data_dir / "typeplate.db").unlink()
    assert command(data_dir, "init").returncode == 0
    assert scopes_of(data_dir, "admin.env") == SCOPES


def test_migrate_says_that_a_current_schema_is_current(data_dir: Path) -> None:
    result = command(data_dir, "migrate")
    assert result.returncode == 0
    assert "nothing was changed" in result.stderr


def test_check_config_shows_every_setting_and_finds_what_is_wrong(data_dir: Path) -> None:
    result = command(data_dir, "check-config")
    assert result.returncode == 0
    assert "TYPEPLATE_MAX_TOKEN_LIFETIME   900\n" in result.stdout
    assert read_credentials(data_dir / "admin.env").client_secret not in result.stdout
    (data_dir / "keys.json").write_text("{}")
    result = command(data_dir, "check-config", TLS_CERT_FILE="absent", TLS_KEY_FILE="absent")
    assert result.returncode == 3
    assert "keys.json" in result.stderr
    assert "absent" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_config_of_a_directory_still_to_be_made_is_content_and_makes_nothing(tmp_path: Path) -> None:
    assert command(tmp_path / "data", "check-config").returncode == 0
    assert not (tmp_path / "data").exists()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = command(tmp_path / "file" / "data", "init")
    assert result.returncode == 3
    assert "cannot be made" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_command_or_an_unknown_one_is_wrong_use(tmp_path: Path) -> None:
    assert command(tmp_path / "data").returncode == 2
    assert command(tmp_path / "data", "frobnicate").returncode == 2


def test_help_and_version_say_what_a_user_asks(tmp_path: Path) -> None:
    helped = command(tmp_path / "data", "--help")
    assert helped.returncode == 0
    assert "serve run the server until it is told to stop init make the data directory" in " ".join(
        helped.stdout.split()
    )
    versioned = command(tmp_path / "data", "--version")
    assert versioned.returncode == 0
    assert versioned.stdout.startswith("typeplate-server ")


def test_what_another_process_imports_a_running_server_shows_within_a_second(data_dir: Path, tmp_path: Path) -> None:
    """The changed vehicle was hot in the server's memory, and must not be answered from there any more."""
    file = tmp_path / "vehicles.jsonl"

    def write(make: str) -> None:
        file.write_text(json.dumps({"name": "vehicles/own-1", "make": make, "model": "M", "modelYear": 2024}) + "\n")
        result = command(data_dir, "import", "jsonl", str(file))
        assert result.returncode == 0, result.stderr

    with running_server(data_dir) as server, server.channel() as channel:
        stub = data_service_pb2_grpc.DataServiceStub(channel)
        metadata = (("authorization", f"Bearer {server.token(channel)}"),)
        request = data_service_pb2.GetVehicleRequest(name="vehicles/own-1")
        write("Before")
        for _ in range(20):
            assert stub.GetVehicle(request, metadata=metadata).make == "Before"
        write("After")
        time.sleep(1.0)  # the promise itself
        assert stub.GetVehicle(request, metadata=metadata).make == "After"


def test_an_administrator_s_token_lives_as_long_as_the_setting_says(data_dir: Path) -> None:
    with running_server(data_dir, MAX_TOKEN_LIFETIME="60") as server, server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        request = pb.IssueTokenRequest(client_id=server.client_id, client_secret=server.client_secret)
        request.lifetime.FromSeconds(900)
        issued = stub.IssueToken(request)
        life = issued.expires_in.ToMicroseconds() / 1e6
        assert 59 < life <= 60
        assert 0.70 * life <= issued.refresh_after.ToMicroseconds() / 1e6 <= 0.85 * life
        assert (issued.token_type, set(issued.scopes)) == ("Bearer", SCOPES)


def test_a_client_lives_from_creation_to_change_over_the_wire(data_dir: Path) -> None:
    with running_server(data_dir) as server, server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        metadata = (("authorization", f"Bearer {server.token(channel)}"),)
        wanted = client_pb2.Client(display_name="My app", scopes=["vehicles:read"], labels={"team": "x"})
        wanted.max_token_lifetime.FromSeconds(120)
        made = stub.CreateClient(pb.CreateClientRequest(client=wanted, client_id="my-app"), metadata=metadata)
        assert (made.name, made.state, made.secrets[0].value[:4]) == (
            "clients/my-app",
            client_pb2.CLIENT_STATE_ACTIVE,
            "tps_",
        )
        read = stub.GetClient(pb.GetClientRequest(name="clients/my-app"), metadata=metadata)
        assert read.secrets[0].value == ""
        made.secrets[0].ClearField("value")
        assert made.HasField("change_effect")
        made.ClearField("change_effect")
        assert read == made
        change = pb.UpdateClientRequest(
            client=client_pb2.Client(name="clients/my-app", display_name="New", etag=read.etag)
        )
        changed = stub.UpdateClient(change, metadata=metadata)
        assert (changed.display_name, list(changed.scopes)) == ("New", ["vehicles:read"])
        with pytest.raises(grpc.RpcError) as error:
            stub.UpdateClient(change, metadata=metadata)
        assert error.value.code() is grpc.StatusCode.ABORTED
        listed = stub.ListClients(pb.ListClientsRequest(page_size=1), metadata=metadata)
        assert [client.client_id for client in listed.clients] == ["admin"]
        listed = stub.ListClients(pb.ListClientsRequest(page_token=listed.next_page_token), metadata=metadata)
        changed.ClearField("change_effect")
        assert list(listed.clients) == [changed]
        answer = call(channel, "/typeplate.v1.AuthService/GetClient", b"\n\x0eclients/nobody", [metadata[0][1]])
        assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        [key] = stub.GetJwks(pb.GetJwksRequest()).keys
        assert (key.kty, key.crv, key.alg, key.use) == ("OKP", "Ed25519", "EdDSA", "sig")


def test_the_environment_of_a_test_server_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TYPEPLATE_LISTEN", "0.0.0.0:1")
    assert environment(tmp_path)["TYPEPLATE_LISTEN"] == "127.0.0.1:0"
