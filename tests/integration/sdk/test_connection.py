"""What an application sets about its connection, seen from the other side: client certificate, server name, proxy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.connect_proxy import ConnectProxy
from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import Connect
from typeplate.errors import Unavailable

ELSEWHERE = "vehicles.test"
"""A name that no resolver knows (RFC 6761 §6.2)."""
PROXIES = ("grpc_proxy", "https_proxy", "http_proxy", "no_proxy", "no_grpc_proxy")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The server's, for the name of a host that is not the one it is reached by."""
    return make_certificates(tmp_path_factory.mktemp("server"), ELSEWHERE)


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Those of an application, from an authority of its own that the server trusts."""
    return make_certificates(tmp_path_factory.mktemp("application"), "app.test")


@pytest.fixture(scope="module")
def tls_server(ours: Certificates) -> Iterator[FakeServer]:
    with FakeServer(credentials=grpc.ssl_server_credentials([pair(ours)])) as running:
        yield running


@pytest.fixture(scope="module")
def mutual_server(ours: Certificates, applications: Certificates) -> Iterator[FakeServer]:
    """It takes no connection without an application's certificate."""
    trusted = applications.ca.read_bytes()
    credentials = grpc.ssl_server_credentials([pair(ours)], root_certificates=trusted, require_client_auth=True)
    with FakeServer(credentials=credentials) as running:
        yield running


def pair(certificates: Certificates) -> tuple[bytes, bytes]:
    return certificates.key.read_bytes(), certificates.certificate.read_bytes()


def test_a_client_certificate_opens_a_server_that_asks_for_one(
    connect: Connect, mutual_server: FakeServer, ours: Certificates, applications: Certificates
) -> None:
    """Calls and streams, the request for the token included."""
    client = connect(
        mutual_server.target,
        ca_file=ours.ca,
        server_name=ELSEWHERE,
        client_cert_file=applications.certificate,
        client_key_file=applications.key,
    )
    assert client.get().make == "Make"
    assert client.export() == [1, 2, 3]


def test_without_a_client_certificate_or_with_anothers_it_stays_shut(
    connect: Connect, mutual_server: FakeServer, ours: Certificates, tmp_path: Path
) -> None:
    asked = len(mutual_server.issued)
    strangers = make_certificates(tmp_path)
    stranger = {"client_cert_file": strangers.certificate, "client_key_file": strangers.key}
    for settings in ({}, stranger):
        client = connect(mutual_server.target, ca_file=ours.ca, server_name=ELSEWHERE, **settings)
        with pytest.raises(Unavailable):
            client.get(timeout=1)
    assert len(mutual_server.issued) == asked


def test_a_server_name_stands_in_for_the_targets_host(
    connect: Connect, tls_server: FakeServer, ours: Certificates
) -> None:
    """For a server that is reached by an address that its certificate does not name."""
    client = connect(tls_server.target, ca_file=ours.ca, server_name=ELSEWHERE)
    assert client.get().make == "Make"
    with pytest.raises(Unavailable, match="another host name"):
        connect(tls_server.target, ca_file=ours.ca).get(timeout=1)


@pytest.fixture
def proxy(tls_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectProxy]:
    """A proxy in the environment, and nothing that is exempt from it."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    with ConnectProxy(int(tls_server.target.rpartition(":")[2])) as running:
        monkeypatch.setenv("https_proxy", running.url)
        yield running


def test_a_proxy_in_the_environment_is_used(connect: Connect, proxy: ConnectProxy, ours: Certificates) -> None:
    """It is asked for the server's name, and TLS goes through it from end to end."""
    client = connect(f"{ELSEWHERE}:443", ca_file=ours.ca)
    assert client.get().make == "Make"
    assert client.export() == [1, 2, 3]
    assert set(proxy.asked) == {f"{ELSEWHERE}:443"}


def test_with_the_switch_off_the_proxy_is_passed_by(connect: Connect, proxy: ConnectProxy, ours: Certificates) -> None:
    """So that a name which only the proxy knows cannot be reached."""
    client = connect(f"{ELSEWHERE}:443", ca_file=ours.ca, proxy=False)
    with pytest.raises(Unavailable):
        client.get(timeout=1)
    assert proxy.asked == []


@pytest.mark.parametrize("settings", ["loopback", "plaintext", "tls"])
def test_this_machine_is_reached_without_a_proxy(
    connect: Connect, proxy: ConnectProxy, server: FakeServer, tls_server: FakeServer, ours: Certificates, settings: str
) -> None:
    """However the connection is protected: the proxy's loopback is another."""
    given: dict[str, dict[str, Any]]
    given = {"loopback": {}, "plaintext": {"plaintext": True}, "tls": {"ca_file": ours.ca, "server_name": ELSEWHERE}}
    client = connect((tls_server if settings == "tls" else server).target, **given[settings])
    assert client.get().make == "Make"
    assert proxy.asked == []
