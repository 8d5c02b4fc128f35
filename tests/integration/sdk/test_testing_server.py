"""typeplate.testing: how its server starts and ends, and what it is started with."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.support.certificates import make_certificates
from typeplate import Client
from typeplate.errors import (
    Unavailable,
)
from typeplate.testing import Server

NAME = "vehicles/own-1"


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with Server() as server:
        yield server


def test_a_server_starts_and_stops_within_half_a_second(shared: Server) -> None:
    """Of the processor's time, for the machine may be busy. It leaves neither thread, file nor directory."""
    files, threads, started = set(os.listdir("/proc/self/fd")), servers(), time.process_time()
    with Server() as server:
        directory = Path(server._host._directory.name)
        assert directory.exists()
    assert time.process_time() - started < 0.5
    assert not directory.exists()
    assert servers() == threads
    assert len(set(os.listdir("/proc/self/fd")) - files) < 10


def servers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "typeplate-testing"]


def test_a_server_with_tls_and_settings_of_its_own(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    environ = {"TYPEPLATE_TLS_CERT_FILE": str(made.certificate), "TYPEPLATE_TLS_KEY_FILE": str(made.key)}
    environ["TYPEPLATE_MAX_TOKEN_LIFETIME"] = "60"
    with Server(environ=environ, ca_file=made.ca) as server:
        vehicle = server.add_vehicle(make="Make", model="Model", model_year=2024)
        key = server.create_client()
        with Client.from_env(key.environ) as client:
            assert client.data.get_vehicle(name=vehicle.name) == vehicle
            issued = client.auth.issue_token(client_id=key.client_id, client_secret=key.client_secret)
        assert issued.expires_in.seconds <= 60
        with grpc.insecure_channel(server.target) as channel, pytest.raises(grpc.FutureTimeoutError):
            grpc.channel_ready_future(channel).result(0.2)


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    server = Server(environ={"TYPEPLATE_MAX_TOKEN_LIFETIME": "forever"})
    with pytest.raises(Exception, match="TYPEPLATE_MAX_TOKEN_LIFETIME"), server:
        pass
    assert not Path(server._host._directory.name).exists()


def test_clients_end_with_their_server() -> None:
    with Server() as server:
        client = server.client()
        server.go_away(60)
        with pytest.raises(Unavailable):
            client.data.get_vehicle(name=NAME, timeout=0.1)
    with pytest.raises(Exception, match="closed"):
        client.data.get_vehicle(name=NAME)


def test_one_complaint_of_older_grpc_is_kept_out_of_the_logs_and_no_other(
    shared: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Several event loops in a process make grpcio 1.76 complain at each call."""
    logger = logging.getLogger("asyncio")
    known = "Exception in callback PollerCompletionQueue._handle_events(<loop>)()"
    for message, error in ((known, BlockingIOError()), (known, OSError()), ("Exception in f()", BlockingIOError())):
        logger.error(message, exc_info=error)
    logger.error("no exception at all")
    assert [(record.getMessage(), record.exc_info is None) for record in caplog.records] == [
        (known, False),
        ("Exception in f()", False),
        ("no exception at all", True),
    ]
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[0] is OSError
