"""What both clients say of a server that they cannot reach: which one it is, how long they tried, and why it failed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.fake_auth_server import FakeServer
from tests.support.polling import eventually
from tests.support.sdk_drivers import SECRET, Clock, Connect, Driver
from typeplate import Client
from typeplate.errors import DeadlineExceeded, Unavailable


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def tls_server(certificates: Certificates) -> Iterator[FakeServer]:
    pair = (certificates.key.read_bytes(), certificates.certificate.read_bytes())
    with FakeServer(credentials=grpc.ssl_server_credentials([pair])) as running:
        yield running


def said(client: Driver, timeout: float = 1.0) -> str:
    with pytest.raises(Unavailable) as caught:
        client.get(timeout=timeout)
    return str(caught.value)


def test_a_server_that_does_not_run_is_named_with_the_cause(connect: Connect) -> None:
    """However short the deadline is beside the SDK's own for its token request."""
    told = said(connect("127.0.0.1:1"), timeout=0.4)
    assert told.startswith("127.0.0.1:1 did not answer within 0.4 s: connection refused")


def test_the_clients_own_deadline_tells_the_same(connect: Connect) -> None:
    client = connect("127.0.0.1:1", timeout=0.4)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 did not answer within 0\.4 s: connection refused"):
        client.get()


def test_public_methods_tell_the_same(connect: Connect) -> None:
    """They need no token, so no token request finds the cause for them."""
    client = connect("127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 did not answer within 0\.4 s: connection refused"):
        client.call("auth", "get_jwks", timeout=0.4)


def test_an_authority_that_is_not_trusted(connect: Connect, tls_server: FakeServer, tmp_path: Path) -> None:
    others = make_certificates(tmp_path)
    assert "not from an authority that is trusted" in said(connect(tls_server.target, ca_file=others.ca))


def test_a_certificate_for_another_name(connect: Connect, tls_server: FakeServer, certificates: Certificates) -> None:
    client = connect(tls_server.target, ca_file=certificates.ca, server_name="other.example")
    assert "another host name" in said(client)


def test_plaintext_to_a_server_that_wants_tls(connect: Connect, tls_server: FakeServer) -> None:
    assert "perhaps it wants TLS" in said(connect(tls_server.target))


def test_tls_to_a_server_that_has_none(connect: Connect, server: FakeServer, certificates: Certificates) -> None:
    assert "does not speak TLS" in said(connect(server.target, ca_file=certificates.ca))


def test_a_socket_that_does_not_exist(connect: Connect, tmp_path: Path) -> None:
    assert "no such socket" in said(connect(f"unix:{tmp_path}/s"))


def test_a_server_that_keeps_silent_is_named(connect: Connect) -> None:
    """It takes the connection and says nothing: there is no cause to tell."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        assert said(connect(target), timeout=0.3) == f"{target} did not answer within 0.3 s"


def test_a_server_that_goes_away_is_named(connect: Connect, clock: Clock) -> None:
    """Calls that have a token already."""
    with FakeServer() as server:
        client = connect(server.target, clock=clock)
        client.get()
    with pytest.raises(DeadlineExceeded, match=f"{server.target} did not answer within 0.3 s"):
        client.get(timeout=0.3)


def test_one_token_request_is_under_way_however_often_it_is_tried(connect: Connect, tmp_path: Path) -> None:
    """Many callers wait for a server that is not there yet; it then sees one request."""
    target = f"unix:{tmp_path}/s"
    client = connect(target)
    calls = [client.start_get(timeout=20) for _ in range(10)]
    assert "did not answer" in said(client, timeout=0.5)
    with FakeServer(address=target) as server:
        assert [call.result(20).make for call in calls] == ["Make"] * 10
        assert len(server.issued) == 1


def test_a_server_that_says_it_is_not_available_is_asked_a_few_times(client: Driver, server: FakeServer) -> None:
    """Its own words come through. The client's clock stands still, so no second token request follows the first."""
    server.refuse_issue("DATABASE_UNAVAILABLE")
    with pytest.raises(Unavailable, match="refused: DATABASE_UNAVAILABLE"):
        client.get(timeout=3)
    eventually(lambda: len(server.issued) == 5, "five requests")


def test_a_secret_that_does_not_come_is_not_blamed_on_the_server(server: FakeServer) -> None:
    with slow_secret() as secret, pytest.raises(DeadlineExceeded, match=r"no client secret .* within 0\.2 s"):
        Client(server.target, client_id="app", client_secret=secret).data.get_vehicle(name="vehicles/x", timeout=0.2)


def test_a_client_closed_while_its_secret_is_fetched_ends_quietly(server: FakeServer) -> None:
    """grpcio would end the process when a method is looked up on a channel that is closed already."""
    with (
        slow_secret() as secret,
        Client(server.target, client_id="app", client_secret=secret) as client,
        pytest.raises(Unavailable),
    ):
        client.data.get_vehicle(name="vehicles/x", timeout=0.05)
    assert refreshes() == []
    assert server.issued == []


@contextmanager
def slow_secret() -> Iterator[Callable[[], str]]:
    """A callable that gives its secret only once the block is left."""
    released = threading.Event()

    def fetch() -> str:
        released.wait(30)
        return SECRET

    try:
        yield fetch
    finally:
        released.set()
        for refresh in refreshes():
            refresh.join(30)


def refreshes() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "typeplate-refresh"]
