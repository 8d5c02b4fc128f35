"""A server of several worker processes on one port, on SQLite or PostgreSQL, and which of them answers on a connection.

with running_workers(tmp_path / "data", "postgresql", workers=3) as server:
    server.pids()                                       # of the workers that are registered as replicas
    answers(server.address, token, connections=20)      # one call on each of 20 new connections
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import grpc

from tests.support.postgres import shared_postgres
from tests.support.raw_calls import Answer, call
from tests.support.server import ServerProcess, command_here
from typeplate.v1 import data_service_pb2

OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
GET_VEHICLE = "/typeplate.v1.DataService/GetVehicle"
REQUEST = data_service_pb2.GetVehicleRequest(name="vehicles/own-1").SerializeToString()
ROWS = "SELECT replica_id FROM replicas"


class WorkersProcess(ServerProcess):
    """The parent process; `database` is a PostgreSQL database's name, empty for SQLite."""

    def __init__(self, data_dir: Path, workers: int, database: str, settings: dict[str, str]) -> None:
        self.kind = "postgresql" if database else "sqlite"
        self._database = database
        super().__init__(data_dir, {"WORKERS": str(workers), **settings}, ("-W", "error"))

    def pids(self) -> set[int]:
        """The process ids of all replicas that the database knows."""
        if self._database:
            with shared_postgres().connect(self._database) as connection:
                rows = connection.execute(ROWS).fetchall()
        else:
            with closing(sqlite3.connect(self.data_dir / "typeplate.db")) as file:
                rows = file.execute(ROWS).fetchall()
        return {int(replica_id.rpartition(":")[2]) for (replica_id,) in rows}


@contextmanager
def running_workers(data_dir: Path, kind: str, workers: int = 2, **settings: str) -> Iterator[WorkersProcess]:
    """Workers on a new database, stopped on leaving. Skips visibly without PostgreSQL, where that is asked for."""
    database = shared_postgres().create_database() if kind == "postgresql" else ""
    if database:
        settings = {"DATABASE_URL": shared_postgres().url(database), **settings}
    made = command_here(data_dir, "init", **settings)
    assert made.returncode == 0, made.stderr
    server = WorkersProcess(data_dir, workers, database, settings)
    try:
        yield server
    finally:
        server.stop()
        if database:
            shared_postgres().drop_database(database)


def answers(address: str, token: str, connections: int) -> list[Answer]:
    """The answers to a GetVehicle on each of so many connections of their own."""
    return [answer_on(channel, token) for channel in _channels(address, connections)]


def _channels(address: str, count: int) -> Iterator[grpc.Channel]:
    for _ in range(count):
        with grpc.insecure_channel(address, options=OWN_CONNECTION) as channel:
            yield channel


def answer_on(channel: grpc.Channel, token: str) -> Answer:
    """The answer to a GetVehicle of a vehicle that there is not: NOT_FOUND once admitted."""
    return call(channel, GET_VEHICLE, REQUEST, [f"Bearer {token}"])


def worker_of(answer: Answer) -> str:
    """Which process gave an answer: the part of a request id that all calls of one process share."""
    return answer.request_id.rpartition("-")[0]


def workers_of(given: Sequence[Answer]) -> set[str]:
    """Which processes answered, of those that did."""
    return {worker_of(answer) for answer in given if answer.request_id}


def running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
