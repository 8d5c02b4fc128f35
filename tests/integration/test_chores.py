"""What a running server does each minute; here a minute is a tenth of a second, and time can be set."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from sqlalchemy import create_engine, text

from tests.support.server import read_credentials
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc
from typeplate_server.app import chores
from typeplate_server.app.hooks import Hooks
from typeplate_server.app.logs import JsonFormatter
from typeplate_server.app.serving import running
from typeplate_server.auth.usage import Usage
from typeplate_server.config import Settings
from typeplate_server.errors import DatabaseUnavailable

ROUND_S = 0.1
LONGER_THAN_A_TOKEN_LIVES_S = 1200.0


class Clock:
    """The wall clock, and what has been added to it."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass(frozen=True)
class World:
    """A running server and a caller of it; nothing but its chores writes what is asked for."""

    data_dir: Path
    clock: Clock
    stub: Any

    async def token(self, secret: str = "") -> str:
        """The administrator's."""
        admin = read_credentials(self.data_dir / "admin.env")
        request = pb.IssueTokenRequest(client_id=admin.client_id, client_secret=secret or admin.client_secret)
        return str((await self.stub.IssueToken(request)).access_token)

    async def as_admin(self) -> tuple[tuple[str, str], ...]:
        """Metadata of a call by the administrator."""
        return (("authorization", f"Bearer {await self.token()}"),)

    def ask(self, question: str) -> list[Any]:
        """The answer's first column."""
        engine = create_engine(f"sqlite:///{self.data_dir / 'typeplate.db'}")
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(question)).scalars())
        finally:
            engine.dispose()


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(chores, "ROUND_S", ROUND_S)
    clock = Clock()
    names = {"LISTEN": "127.0.0.1:0", "DATA_DIR": str(tmp_path / "data"), "DRAIN_SECONDS": "0"}
    settings = Settings.from_env({f"TYPEPLATE_{name}": value for name, value in names.items()})
    async with (
        running(settings, io.StringIO(), Hooks(clock=clock)) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield World(tmp_path / "data", clock, auth_service_pb2_grpc.AuthServiceStub(channel))


async def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 10
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, f"not done: {what}"
        await asyncio.sleep(0.02)


async def test_what_was_counted_is_written(world: World) -> None:
    """The last use of a secret, the calls of a client, and who was refused."""
    await world.stub.GetJwks(pb.GetJwksRequest())
    await world.stub.ListClients(pb.ListClientsRequest(), metadata=await world.as_admin())
    with pytest.raises(grpc.aio.AioRpcError):
        await world.token("wrong")
    await until(lambda: world.ask("SELECT 1 FROM secret_uses WHERE client_id = 'admin'"), "the use of the secret")
    await until(lambda: world.ask("SELECT 1 FROM client_calls WHERE method LIKE '%ListClients'"), "the call")
    await until(lambda: world.ask("SELECT 1 FROM audit WHERE event = 'issue_refused'"), "the refusal")


async def test_what_nobody_needs_any_more_goes(world: World) -> None:
    """A revoked token once it would have expired, a retired key once its last token has; neither before."""
    admin = await world.as_admin()
    await world.stub.RevokeToken(pb.RevokeTokenRequest(token=await world.token()), metadata=admin)
    [old] = (await world.stub.GetJwks(pb.GetJwksRequest())).keys
    new = await world.stub.RotateSigningKey(pb.RotateSigningKeyRequest(), metadata=admin)
    await asyncio.sleep(3 * ROUND_S)  # rounds in which nothing is to be done
    assert len(world.ask("SELECT jti FROM revoked_tokens")) == 1
    assert {key.kid for key in (await world.stub.GetJwks(pb.GetJwksRequest())).keys} == {old.kid, new.kid}
    world.clock.ahead_s += LONGER_THAN_A_TOKEN_LIVES_S
    await until(lambda: not world.ask("SELECT jti FROM revoked_tokens"), "forgetting the expired token")
    await until(lambda: "removed" in world.ask("SELECT state FROM signing_keys"), "dropping the retired key")
    assert {key.kid for key in (await world.stub.GetJwks(pb.GetJwksRequest())).keys} == {new.kid}
    await world.stub.ListClients(pb.ListClientsRequest(), metadata=await world.as_admin())


async def test_how_the_replica_stands_is_told_in_one_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """What a monitor may watch: rows that were missing, how far it has come, how old that is, who else is there."""
    caplog.set_level(logging.INFO, chores.logger.name)
    await world.stub.GetJwks(pb.GetJwksRequest())
    await until(lambda: caplog.records, "the line")
    line = json.loads(JsonFormatter().format(caplog.records[0]))
    assert (line["message"], line["drift"], line["fresh"], line["replicas"]) == ("replica", 0, True, 1)
    assert [line["seq"]] == world.ask("SELECT seq FROM auth_clock")
    assert 0 <= line["age_s"] < 10.0


@pytest.mark.parametrize("fault", [DatabaseUnavailable(), RuntimeError("bug")], ids=["outage", "bug"])
async def test_a_chore_that_fails_keeps_none_from_being_done(
    world: World, fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither those after it in its round, nor itself in the next."""
    failed = []

    async def failing(self: Usage) -> None:
        failed.append(self)
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(Usage, "flush", failing)
        await until(lambda: len(failed) >= 2, "a second try")
        with pytest.raises(grpc.aio.AioRpcError):
            await world.token("wrong")
        await until(lambda: world.ask("SELECT 1 FROM audit WHERE event = 'issue_refused'"), "the chore after it")
        await world.stub.ListClients(pb.ListClientsRequest(), metadata=await world.as_admin())
    await until(lambda: world.ask("SELECT 1 FROM client_calls WHERE method LIKE '%ListClients'"), "the chore itself")
    assert "chore" in caplog.text
