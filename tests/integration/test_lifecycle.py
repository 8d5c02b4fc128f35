"""Starting, draining and stopping the server process; what it refuses to start on."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.certificates import Certificates, make_certificates, private_pem
from tests.support.raw_calls import call
from tests.support.server import ServerProcess, eventually, running_server
from tests.support.server import command_here as command
from typeplate.v1 import data_service_pb2 as data
from typeplate.v1 import data_service_pb2_grpc, vehicle_pb2

IMPORT = "/typeplate.v1.DataService/ImportVehicles"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory to copy."""
    path: Path = tmp_path_factory.mktemp("initialised") / "data"
    assert command(path, "init").returncode == 0
    return path


@pytest.fixture
def data_dir(initialised: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(initialised, tmp_path / "data"))


@pytest.fixture
def server(data_dir: Path) -> Iterator[ServerProcess]:
    with running_server(data_dir) as server:
        yield server


def bearer(server: ServerProcess, channel: grpc.Channel) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {server.token(channel)}"),)


class OpenImport:
    """An import that has begun, has been answered once, and goes on until it is finished."""

    def __init__(self, server: ServerProcess, channel: grpc.Channel) -> None:
        self._finished = threading.Event()
        stub = data_service_pb2_grpc.DataServiceStub(channel)
        self.answers = stub.ImportVehicles(self._requests(), metadata=bearer(server, channel))
        next(self.answers)

    def _requests(self) -> Iterator[data.ImportVehiclesRequest]:
        row = data.ImportVehiclesRequest.Row(row_number=1, vehicle=vehicle_pb2.Vehicle(name="vehicles/own-1"))
        yield data.ImportVehiclesRequest(config=data.ImportVehiclesRequest.Config(source="own"))
        yield data.ImportVehiclesRequest(rows=data.ImportVehiclesRequest.Rows(rows=[row]))
        self._finished.wait(30)

    def finish(self) -> list[data.ImportVehiclesResponse]:
        """End the requests; returns the rest of the answers."""
        self._finished.set()
        return list(self.answers)

    def abandon(self) -> grpc.StatusCode:
        """The status that the server ended it with."""
        with pytest.raises(grpc.RpcError) as error:
            list(self.answers)
        self._finished.set()
        code: grpc.StatusCode = error.value.code()
        return code


def test_sigterm_ends_an_idle_server_with_code_0_at_once(server: ServerProcess) -> None:
    begin = time.monotonic()
    server.terminate()
    assert server.wait(10) == 0
    assert time.monotonic() - begin < 3


def test_sigterm_lets_a_call_in_progress_finish(server: ServerProcess) -> None:
    with server.channel() as channel:
        stream = OpenImport(server, channel)
        server.terminate()
        eventually(lambda: "stopping" in server.log, "the drain")
        assert stream.finish()[-1].summary.rejected == 1
    assert server.wait(10) == 0


def test_sigterm_ends_the_server_within_10_s_though_a_stream_stays_open(server: ServerProcess) -> None:
    with server.channel() as channel:
        stream = OpenImport(server, channel)
        begin = time.monotonic()
        server.terminate()
        assert server.wait(15) == 0
        took = time.monotonic() - begin
        assert 7 < took < 10
        assert stream.abandon() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_a_second_signal_ends_it_at_once(server: ServerProcess) -> None:
    with server.channel() as channel:
        stream = OpenImport(server, channel)
        server.terminate()
        eventually(lambda: "stopping" in server.log, "the drain")
        server.process.send_signal(signal.SIGINT)
        assert server.wait(3) == 128 + signal.SIGINT
        assert stream.abandon() is grpc.StatusCode.UNAVAILABLE


def test_while_draining_health_says_so_and_new_calls_are_refused(server: ServerProcess) -> None:
    with server.channel() as channel, server.channel() as later:
        grpc.channel_ready_future(later).result(10)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == SERVING
        stream = OpenImport(server, channel)
        server.terminate()
        assert next(watch).status == NOT_SERVING
        assert list(watch) == [], "watchers are sent home, so that they do not hold up the stop"
        eventually(lambda: not _accepts(server.address), "no new connection is accepted")
        stream.finish()
    assert server.wait(10) == 0


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_health_knows_the_server_and_each_service(server: ServerProcess) -> None:
    with server.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "typeplate.v1.AuthService", "typeplate.v1.DataService"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING
        with pytest.raises(grpc.RpcError) as error:
            stub.Check(health_pb2.HealthCheckRequest(service="no.such.Service"))
        assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_is_off_unless_switched_on(server: ServerProcess) -> None:
    with server.channel() as channel:
        answer = call(channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", b"")
        assert answer.code is grpc.StatusCode.UNIMPLEMENTED


def test_the_log_is_json_lines_and_holds_no_credential(server: ServerProcess) -> None:
    with server.channel() as channel:
        token = server.token(channel)
        call(channel, "/typeplate.v1.AuthService/ListClients", b"", [f"Bearer {token}"])
        call(channel, "/typeplate.v1.AuthService/ListClients", b"", [f"Bearer {token}x"])
    server.stop()
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    calls = [line for line in lines if "method" in line]
    assert [line["code"] for line in calls] == ["OK", "OK", "UNAUTHENTICATED"]
    assert calls[1]["client_id"] == "admin"
    assert server.client_secret not in server.log
    assert token.rpartition(".")[2][:-8] not in server.log


def test_at_warning_only_failed_calls_are_logged(data_dir: Path) -> None:
    with running_server(data_dir, LOG_LEVEL="warning") as server:
        with server.channel() as channel:
            server.token(channel)
            call(channel, "/typeplate.v1.AuthService/ListClients", b"")
        server.stop()
        assert [json.loads(line)["code"] for line in server.log.splitlines()] == ["UNAUTHENTICATED"]


def test_a_taken_port_is_refused_with_a_clear_sentence(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as a server that would share it
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = command(data_dir, "serve", LISTEN=address)
    assert result.returncode == 4
    assert f"typeplate-server: cannot listen on {address}: Address already in use\n" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_second_server_on_the_same_data_is_refused(server: ServerProcess) -> None:
    for arguments in (["serve"], ["init"], ["init", "--new-admin"], ["migrate"]):
        result = command(server.data_dir, *arguments)
        assert result.returncode == 4
        assert f"a typeplate-server (process {server.pid}) is running on {server.data_dir}" in result.stderr
        assert "Traceback" not in result.stderr


def test_the_lock_of_a_killed_server_holds_nobody_up(server: ServerProcess) -> None:
    server.kill()
    server.start()
    with server.channel() as channel:
        assert server.token(channel)


def test_a_database_of_a_newer_version_is_refused(data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "typeplate.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for arguments in (["serve"], ["migrate"], ["check-config"]):
        result = command(data_dir, *arguments)
        assert result.returncode == 3
        assert "newer than this program" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"LISTEN": "nowhere"}, "TYPEPLATE_LISTEN"),
        ({"LISTEN": "0.0.0.0:0"}, "TYPEPLATE_ALLOW_PLAINTEXT"),
        ({"MAX_TOKEN_LIFETIME": "3600"}, "TYPEPLATE_MAX_TOKEN_LIFETIME"),
        ({"TLS_CERT_FILE": "x"}, "TYPEPLATE_TLS_KEY_FILE"),
        ({"LISTN": "x"}, "TYPEPLATE_LISTEN"),
    ],
)
def test_a_bad_setting_is_refused_by_name(data_dir: Path, settings: dict[str, str], named: str) -> None:
    result = command(data_dir, "serve", **settings)
    assert (result.returncode, result.stdout) == (2, "")
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_a_key_file_that_others_can_read_is_refused(data_dir: Path) -> None:
    (data_dir / "keys.json").chmod(0o644)
    result = command(data_dir, "serve")
    assert result.returncode == 3
    assert "keys.json" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def test_tls_round_trip(data_dir: Path, certificates: Certificates) -> None:
    """Who trusts the authority gets through; who does not, or speaks plaintext, gets nothing."""
    settings = {"TLS_CERT_FILE": str(certificates.certificate), "TLS_KEY_FILE": str(certificates.key)}
    with running_server(data_dir, LISTEN="0.0.0.0:0", **settings) as server:
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        trusting = grpc.ssl_channel_credentials(certificates.ca.read_bytes())
        with grpc.secure_channel(address, trusting) as channel:
            assert server.token(channel)
        for channel in (grpc.secure_channel(address, grpc.ssl_channel_credentials()), grpc.insecure_channel(address)):
            with channel, pytest.raises(grpc.FutureTimeoutError):
                grpc.channel_ready_future(channel).result(1)


def test_tls_files_that_cannot_be_used_are_refused(data_dir: Path, certificates: Certificates, tmp_path: Path) -> None:
    other, encrypted, junk = tmp_path / "other.key", tmp_path / "encrypted.key", tmp_path / "junk.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(private_pem(key))
    encrypted.write_bytes(private_pem(key, b"password"))
    junk.write_text("junk")
    cases = [
        (certificates.certificate, other, "key values mismatch"),
        (certificates.certificate, encrypted, "encrypted"),
        (junk, certificates.key, "cannot be used"),
        (certificates.certificate, tmp_path / "absent.key", "No such file"),
    ]
    for certificate, key_file, what in cases:
        for arguments in (["serve"], ["check-config"]):
            result = command(data_dir, *arguments, TLS_CERT_FILE=str(certificate), TLS_KEY_FILE=str(key_file))
            assert result.returncode == 3
            assert what in result.stderr
            assert "Traceback" not in result.stderr


def test_a_unix_socket_serves_too(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with running_server(data_dir, LISTEN=f"unix:{path}") as server, server.channel() as channel:
        assert server.address == f"unix:{path}"
        assert server.token(channel)


def test_an_oversized_message_is_refused_by_name_of_its_size(server: ServerProcess) -> None:
    with server.channel() as channel:
        answer = call(
            channel, "/typeplate.v1.AuthService/IssueToken", b"\n" + bytes([0x80, 0x80, 0x80, 0x04]) + b"x" * 2**23
        )
    assert (answer.code, answer.messages) == (grpc.StatusCode.RESOURCE_EXHAUSTED, ())


def test_what_is_secret_on_disk_is_for_its_owner_alone(server: ServerProcess) -> None:
    for name in ("keys.json", "admin.env", "typeplate.db", "serve.lock"):
        assert (server.data_dir / name).stat().st_mode & 0o077 == 0, name
