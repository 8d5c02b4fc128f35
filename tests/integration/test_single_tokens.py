"""RevokeToken, IntrospectToken and RotateSigningKey on a real server: one token dies, all others live on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.support.server import ServerProcess, command_here, running_server
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc, client_pb2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("tokens") / "data") as server:
        yield server


def _as(token: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {token}"),)


def test_a_revoked_token_is_refused_and_introspected_as_dead_while_others_live(server: ServerProcess) -> None:
    """Everywhere, when the call has returned; repeated it says the same."""
    with server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        good, bad = server.token(channel), server.token(channel)
        before = stub.IntrospectToken(pb.IntrospectTokenRequest(token=bad), metadata=_as(good))
        assert (before.active, before.client_id) == (True, "admin")
        assert before.expire_time.ToSeconds() - before.issue_time.ToSeconds() in (900, 901)
        for _ in range(2):
            answer = stub.RevokeToken(pb.RevokeTokenRequest(token=bad), metadata=_as(good))
            assert (answer.effective, answer.proof) == (
                client_pb2.EFFECTIVE_EVERYWHERE,
                client_pb2.EFFECTIVE_PROOF_ACKNOWLEDGED,
            )
        with pytest.raises(grpc.RpcError) as refused:
            stub.ListClients(pb.ListClientsRequest(), metadata=_as(bad))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        after = stub.IntrospectToken(pb.IntrospectTokenRequest(token=bad), metadata=_as(good))
        assert after == pb.IntrospectTokenResponse(active=False)
        assert stub.ListClients(pb.ListClientsRequest(), metadata=_as(good)).clients


def test_a_rotation_refuses_no_token_and_a_compromised_key_takes_its_own_along(server: ServerProcess) -> None:
    """The old key's tokens live on after a rotation, and die with the key."""
    with server.channel() as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        [old_key] = stub.GetJwks(pb.GetJwksRequest()).keys
        old = server.token(channel)
        rotated = stub.RotateSigningKey(pb.RotateSigningKeyRequest(), metadata=_as(old))
        assert (rotated.state, rotated.effective) == (pb.SIGNING_KEY_STATE_SIGNING, client_pb2.EFFECTIVE_EVERYWHERE)
        assert rotated.kid != old_key.kid
        new = server.token(channel)
        for token in (old, new):
            assert stub.IntrospectToken(pb.IntrospectTokenRequest(token=token), metadata=_as(new)).active
        killed = stub.RotateSigningKey(pb.RotateSigningKeyRequest(compromised_kid=old_key.kid), metadata=_as(new))
        assert (killed.kid, killed.state) == (old_key.kid, pb.SIGNING_KEY_STATE_REMOVED)
        assert not stub.IntrospectToken(pb.IntrospectTokenRequest(token=old), metadata=_as(new)).active
        assert [key.kid for key in stub.GetJwks(pb.GetJwksRequest()).keys] == [rotated.kid]


def test_a_new_epoch_kills_every_token_and_no_secret(tmp_path: Path) -> None:
    """What `restore-epoch` is for: a backup's tokens may belong to what was revoked after it."""
    with running_server(tmp_path / "data") as server:
        with server.channel() as channel:
            old = server.token(channel)
        refused = command_here(tmp_path / "data", "restore-epoch", "--yes")
        assert refused.returncode == 4
        server.stop()
        done = command_here(tmp_path / "data", "restore-epoch", "--yes")
        assert done.returncode == 0, done.stderr
        for hint in ("revoke again", "typeplate keys rotate --compromised KID"):
            assert hint in done.stderr
        server.start()
        with server.channel() as channel:
            stub = auth_service_pb2_grpc.AuthServiceStub(channel)
            with pytest.raises(grpc.RpcError) as error:
                stub.ListClients(pb.ListClientsRequest(), metadata=_as(old))
            assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert stub.ListClients(pb.ListClientsRequest(), metadata=_as(server.token(channel))).clients


def test_a_clock_set_back_while_no_server_runs_revives_no_token(tmp_path: Path) -> None:
    """As if the clock had stood an hour later: what had expired by then stays so, and new tokens count from there."""
    with running_server(tmp_path / "data") as server:
        with server.channel() as channel:
            old = server.token(channel)
        server.stop()
        with sqlite3.connect(tmp_path / "data" / "typeplate.db") as database:
            (told,) = database.execute("SELECT time FROM latest_time").fetchone()
            database.execute("UPDATE latest_time SET time = time + 3600")
        database.close()
        assert abs(told - time.time()) < 30
        server.start()
        with server.channel() as channel:
            stub = auth_service_pb2_grpc.AuthServiceStub(channel)
            with pytest.raises(grpc.RpcError, match="expired"):
                stub.ListClients(pb.ListClientsRequest(), metadata=_as(old))
            new = server.token(channel)
            found = stub.IntrospectToken(pb.IntrospectTokenRequest(token=new), metadata=_as(new))
            assert found.active
            assert found.issue_time.ToSeconds() >= told + 3600
