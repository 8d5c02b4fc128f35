"""Several worker processes on one port: each a replica in every respect, replaced when it dies, gone when all stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.fleet_client import FleetClient
from tests.support.fleet_load import Load, Watch
from tests.support.history import delays, percentile, violations
from tests.support.raw_calls import Answer, failed
from tests.support.scale import LONG, scaled
from tests.support.server import command_here, eventually, read_credentials
from tests.support.worker_fleet import (
    GET_VEHICLE,
    WorkersProcess,
    answers,
    running,
    running_workers,
    worker_of,
    workers_of,
)
from typeplate.v1 import data_service_pb2 as data
from typeplate.v1 import data_service_pb2_grpc, vehicle_pb2
from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.failure import BusyError

WORKERS = 2
CONNECTIONS = 24
"""So many that one worker takes them all once in 2^23 times."""
REVOCATIONS = scaled(10, 50)
P99_S = 0.1 if LONG else 1.0
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def on_back_end(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkersProcess]:
    with running_workers(tmp_path_factory.mktemp(request.param) / "data", request.param, WORKERS) as server:
        yield server


@pytest.fixture
def server(on_back_end: WorkersProcess) -> WorkersProcess:
    """All of it running, whatever the test before has ended."""
    if on_back_end.process.poll() is not None:
        on_back_end.start()
    return on_back_end


def in_short_on(kind: str) -> pytest.MarkDecorator:
    """Each start of all processes costs seconds, so a short run does on one back end what a full one does on both."""
    kinds = ["sqlite", "postgresql"] if LONG else [kind]
    return pytest.mark.parametrize("on_back_end", kinds, indirect=True)


def admin_token(server: WorkersProcess) -> str:
    with server.channel() as channel:
        return server.token(channel)


def test_connections_land_on_all_workers_and_each_is_a_replica(server: WorkersProcess) -> None:
    """A token that one of them issued is good on all of them."""
    given = answers(server.address, admin_token(server), CONNECTIONS)
    assert {answer.code for answer in given} == {NOT_FOUND}
    assert len(workers_of(given)) == WORKERS
    pids = server.pids()
    assert len(pids) == WORKERS
    assert server.pid not in pids
    assert all(running(pid) for pid in pids)


def test_a_revocation_through_one_connection_holds_on_all_workers(server: WorkersProcess) -> None:
    """It answers EVERYWHERE because all have acknowledged it, and then nobody is let in, on no connection."""
    token = asyncio.run(_revoked_token(server))
    given = answers(server.address, token, CONNECTIONS)
    assert {(answer.code, answer.reason) for answer in given} == {(grpc.StatusCode.UNAUTHENTICATED, "CLIENT_REVOKED")}
    assert len(workers_of(given)) == WORKERS


async def _revoked_token(server: WorkersProcess) -> str:
    async with FleetClient([server.address], read_credentials(server.data_dir / "admin.env")) as client:
        app = await client.create(0, "revoked-app")
        issue = await client.issue(0, app)
        revocation = await client.revoke(0, app)
        assert (revocation.effective, revocation.proof) == ("EVERYWHERE", "ACKNOWLEDGED")
        return issue.token


def test_a_revocation_is_in_force_on_the_other_worker_within_moments(server: WorkersProcess) -> None:
    """On SQLite, too, where a worker hears of it by looking at the file; how long it takes is printed."""
    client = asyncio.run(_revoke_one_by_one(server))
    assert violations(client.history) == []
    found = [each.refused for each in delays(client.history, client.replicas)]
    assert len(found) == REVOCATIONS
    p50, p99 = (percentile(found, percent) * 1000 for percent in (50, 99))
    print(f"{server.kind}: revocation begun → last worker refuses: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    assert p99 <= P99_S * 1000


async def _revoke_one_by_one(server: WorkersProcess) -> FleetClient:
    admin = read_credentials(server.data_dir / "admin.env")
    async with FleetClient([server.address] * WORKERS, admin) as client:
        await _spread(client, server)
        async with Load(client) as load:
            everyone = set(client.replicas)
            for number, member in enumerate(await client.crowd(REVOCATIONS, "app")):
                watch = Watch(client, member.app)
                load.aim([member])
                await load.until(lambda watch=watch: watch.admitted_by() == everyone, "admitted by all", 10)  # type: ignore[misc]
                revocation = await client.revoke(number % WORKERS, member.app)
                assert (revocation.effective, revocation.proof) == ("EVERYWHERE", "ACKNOWLEDGED")
                await client.on_all(member.issue)
        return client


async def _spread(client: FleetClient, server: WorkersProcess) -> None:
    """Connect anew until each channel of the client leads to a worker of its own."""
    known: set[str] = set()
    for replica in client.replicas:
        while True:
            get: Any = client.channel(replica).unary_unary(GET_VEHICLE)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await get(b"")
            worker = worker_of(failed(refused.value, ()))
            if worker not in known:
                known.add(worker)
                break
            await client.reconnect(replica, server.address)


@in_short_on("postgresql")
def test_a_killed_worker_comes_back_and_callers_see_at_most_unavailable(server: WorkersProcess) -> None:
    """Its row is gone at once, so that no change waits for it."""
    token, before = admin_token(server), server.pids()
    seen: list[Answer] = []
    victim = min(before)
    os.kill(victim, signal.SIGKILL)

    def back() -> bool:
        seen.extend(answers(server.address, token, CONNECTIONS))
        now = server.pids()
        return victim not in now and len(now) == WORKERS and len(workers_of(seen[-CONNECTIONS:])) == WORKERS

    eventually(back, "a new worker serves", 20)
    assert {answer.code for answer in seen} <= {NOT_FOUND, grpc.StatusCode.UNAVAILABLE}
    assert {answer.code for answer in seen[-CONNECTIONS:]} == {NOT_FOUND}
    assert f"(process {victim}) was ended by SIGKILL; another is started in 0.1 s" in server.log


def test_no_line_of_the_log_is_torn(server: WorkersProcess) -> None:
    """Though all processes write to one stream."""
    token = admin_token(server)
    threads = [threading.Thread(target=answers, args=(server.address, token, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finished = server.log.rpartition("\n")[0]  # what comes after it may be being written just now
    assert [line for line in finished.splitlines() if not _whole(line)] == []


def _whole(line: str) -> bool:
    try:
        return line.startswith("typeplate-server: ") or "time" in json.loads(line)
    except ValueError:
        return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_server_is_refused(server: WorkersProcess, tmp_path: Path, workers: str) -> None:
    """On the same data, and on the same port with data of its own, where it would get a share of the connections."""
    same_data = command_here(server.data_dir, "serve", WORKERS=workers)
    assert (same_data.returncode, same_data.stdout) == (4, "")
    assert f"a typeplate-server (process {server.pid}) is running on {server.data_dir}" in same_data.stderr
    same_port = command_here(tmp_path / "data", "serve", LISTEN=server.address, WORKERS=workers)
    assert (same_port.returncode, same_port.stdout) == (4, "")
    assert f"cannot listen on {server.address}: Address already in use" in same_port.stderr


def test_workers_cannot_share_a_unix_socket(tmp_path: Path) -> None:
    result = command_here(tmp_path / "data", "serve", "--workers", "2", LISTEN=f"unix:{tmp_path}/s")
    assert (result.returncode, result.stdout) == (2, "")
    assert "TYPEPLATE_WORKERS must be 1 on a unix socket" in result.stderr


def drains(server: WorkersProcess) -> int:
    """How often a process has begun to drain so far."""
    return server.log.count('"stopping: ')


class OpenImport:
    """A call that goes on until it is finished."""

    def __init__(self, server: WorkersProcess, channel: grpc.Channel) -> None:
        self._finished = threading.Event()
        metadata = (("authorization", f"Bearer {server.token(channel)}"),)
        stub = data_service_pb2_grpc.DataServiceStub(channel)
        self.answers = stub.ImportVehicles(self._requests(), metadata=metadata)
        next(self.answers)

    def _requests(self) -> Iterator[data.ImportVehiclesRequest]:
        yield data.ImportVehiclesRequest(config=data.ImportVehiclesRequest.Config(source="own"))
        row = data.ImportVehiclesRequest.Row(row_number=1, vehicle=vehicle_pb2.Vehicle(name="vehicles/own-1"))
        yield data.ImportVehiclesRequest(rows=data.ImportVehiclesRequest.Rows(rows=[row]))
        self._finished.wait(30)

    def finish(self) -> int:
        """End the requests; returns how many rows were rejected."""
        self._finished.set()
        return int(list(self.answers)[-1].summary.rejected)


@in_short_on("sqlite")
def test_workers_end_with_a_killed_parent_and_hold_its_lock_until_then(server: WorkersProcess) -> None:
    """Whoever took the data over meanwhile would count them for dead and not wait for them."""
    pids, before = server.pids(), drains(server)
    with server.channel() as channel:
        stream = OpenImport(server, channel)
        server.kill()
        eventually(lambda: drains(server) == before + WORKERS, "all workers drain")
        with pytest.raises(BusyError, match="is running on"), DataDir(server.data_dir).locked():
            pytest.fail("the data could be taken over")
        stream.finish()
    eventually(lambda: not any(running(pid) for pid in pids), "no worker is left")
    assert server.pids() == set()


@pytest.mark.skipif(not LONG, reason="in the full run only: it costs a start of all processes")
@in_short_on("sqlite")
def test_a_second_signal_ends_all_at_once(server: WorkersProcess) -> None:
    pids, before = server.pids(), drains(server)
    with server.channel() as channel:
        stream = OpenImport(server, channel)
        server.terminate()
        eventually(lambda: drains(server) == before + WORKERS, "all workers drain")
        server.process.send_signal(signal.SIGINT)
        assert server.wait(3) == 128 + signal.SIGINT
        eventually(lambda: not any(running(pid) for pid in pids), "no worker is left")
        with pytest.raises(grpc.RpcError):
            stream.finish()


@in_short_on("postgresql")
def test_sigterm_lets_calls_finish_and_leaves_no_process_and_no_row(server: WorkersProcess) -> None:
    pids, before = server.pids(), drains(server)
    with server.channel() as channel:
        stream = OpenImport(server, channel)
        server.terminate()
        eventually(lambda: drains(server) == before + WORKERS, "all workers drain")
        assert server.process.poll() is None
        assert stream.finish() == 1
    assert server.wait(10) == 0
    assert not any(running(pid) for pid in pids)
    assert server.pids() == set()
