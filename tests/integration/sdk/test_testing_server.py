"""typeplate.testing: how its server starts and ends, and what it is started with."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
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


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary directories are made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_server_starts_and_stops_within_half_a_second(shared: Server, temporary: Path) -> None:
    """Of the processor's time, for the machine may be busy. It leaves neither thread, file nor directory."""
    files, threads, started = set(os.listdir("/proc/self/fd")), servers(), time.process_time()
    with Server():
        assert len(list(temporary.iterdir())) == 1
    assert time.process_time() - started < 0.5
    assert list(temporary.iterdir()) == []
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


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(temporary: Path) -> None:
    server = Server(environ={"TYPEPLATE_MAX_TOKEN_LIFETIME": "forever"})
    with pytest.raises(Exception, match="TYPEPLATE_MAX_TOKEN_LIFETIME"), server:
        pass
    assert list(temporary.iterdir()) == []


def test_a_server_takes_nothing_of_the_machine_before_its_block(temporary: Path) -> None:
    """One that is made and not used leaves neither a directory nor a socket, of which Python would warn."""
    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert "outside" in repr(Server())
        assert list(temporary.iterdir()) == []
        gc.collect()
    assert [str(warning.message) for warning in told] == []


def test_outside_of_its_block_a_server_says_so() -> None:
    """Before it and after it, for all that needs a server; what was seen may still be asked for."""
    server = Server()
    uses: list[Callable[[], object]] = [
        server.client, server.create_client, server.load_sample, server.go_away, server.mend, lambda: server.target,
    ]  # fmt: skip
    for _ in range(2):
        for use in uses:
            with pytest.raises(RuntimeError, match="use it inside of `with Server"):
                use()
        with server:
            server.client().auth.get_jwks()
    assert server.calls("GetJwks") == 2
    assert server.log


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
