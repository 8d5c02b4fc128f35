"""TLS by the certificate authorities that the system trusts, where an application names none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import Connect
from typeplate.errors import Unavailable


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def tls_server(certificates: Certificates) -> Iterator[FakeServer]:
    pair = certificates.key.read_bytes(), certificates.certificate.read_bytes()
    with FakeServer(credentials=grpc.ssl_server_credentials([pair])) as running:
        yield running


@pytest.fixture(autouse=True)
def untrusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system that trusts nobody so far."""
    monkeypatch.delenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))


def test_an_authority_in_the_systems_file_is_trusted(
    connect: Connect, tls_server: FakeServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    assert connect(tls_server.target, plaintext=False).get().make == "Make"


def test_an_authority_in_the_systems_directory_is_trusted(
    connect: Connect,
    tls_server: FakeServer,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Where OpenSSL keeps them one by one, each under the hash of its name; other files there are not looked at."""
    directory = tmp_path / "certs"
    directory.mkdir()
    (directory / "0a1b2c3d.0").write_bytes(certificates.ca.read_bytes())
    (directory / "README").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_DIR", str(directory))
    assert connect(tls_server.target, plaintext=False).get().make == "Make"


def test_an_authority_that_the_system_does_not_know_is_not_trusted(connect: Connect, tls_server: FakeServer) -> None:
    with pytest.raises(Unavailable, match="not from an authority that is trusted"):
        connect(tls_server.target, plaintext=False).get(timeout=0.5)
