"""What may be set on a client, and what is refused before anything is connected."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import make_certificates
from typeplate import AsyncClient, Client, _options
from typeplate._tls import TlsSettings, Transport, channel_credentials, is_loopback, system_authorities, transport_of
from typeplate.errors import ConfigurationError, Unavailable
from typeplate.v1 import auth_service_pb2, data_service_pb2, waits_pb2

ENVIRON = {
    "TYPEPLATE_TARGET": "vehicles.internal:443",
    "TYPEPLATE_CLIENT_ID": "app",
    "TYPEPLATE_CLIENT_SECRET": "tps_sentinel",
}
SERVICES = [
    service for file in (auth_service_pb2, data_service_pb2) for service in file.DESCRIPTOR.services_by_name.values()
]


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.9.1:1", True),
        ("localhost:50051", True),
        ("LocalHost", True),
        ("[::1]:50051", True),
        ("::1", True),
        ("dns:///localhost:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("ipv6:[::1]:50051", True),
        ("vehicles.internal:443", False),
        ("localhost.evil.example:443", False),
        ("127.0.0.1.evil.example:443", False),
        ("10.0.0.1:50051", False),
        ("[2001:db8::1]:443", False),
        ("0.0.0.0:50051", False),
        ("dns:///vehicles.internal:443", False),
        ("dns://127.0.0.1/vehicles.internal:443", False),
        ("dns:localhost:50051", True),
        ("dns:/localhost:50051", True),
        ("ipv6:[::1]:50051,[::1]:50052", True),
        ("ipv6:[::1]:50051,[2001:db8::1]:50051", False),
        ("ipv4:127.0.0.1:50051,10.0.0.1:50051", False),
        ("dns://8.8.8.8/localhost:50051", False),
        ("xds:///localhost:50051", False),
    ],
)
def test_loopback_is_known_by_its_address(target: str, local: bool) -> None:
    assert is_loopback(target) is local


@pytest.mark.parametrize(
    ("target", "plaintext", "tls", "expected"),
    [
        ("vehicles.internal:443", None, TlsSettings(), Transport.TLS),
        ("vehicles.internal:443", True, TlsSettings(), Transport.PLAINTEXT),
        ("127.0.0.1:50051", None, TlsSettings(), Transport.LOCAL),
        ("127.0.0.1:50051", False, TlsSettings(), Transport.TLS),
        ("127.0.0.1:50051", True, TlsSettings(), Transport.PLAINTEXT),
        ("127.0.0.1:50051", None, TlsSettings(ca_file=Path("ca")), Transport.TLS),
        ("unix:/run/typeplate.sock", None, TlsSettings(), Transport.LOCAL),
        ("unix:///run/typeplate.sock", None, TlsSettings(), Transport.LOCAL),
        ("unix-abstract:typeplate", None, TlsSettings(), Transport.LOCAL),
    ],
)
def test_plaintext_leaves_the_machine_only_when_asked_for(
    target: str, plaintext: bool | None, tls: TlsSettings, expected: Transport
) -> None:
    assert transport_of(target, tls, plaintext) is expected


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="plaintext"):
        Client("h:1", plaintext=True, ca_file="ca.pem")
    with pytest.raises(ConfigurationError, match="belong together"):
        Client("h:1", client_cert_file="cert.pem")
    with pytest.raises(ConfigurationError, match="client_id and client_secret"):
        Client("h:1", client_id="app")
    with pytest.raises(ConfigurationError, match="client_id and client_secret"):
        Client("h:1", client_secret="tps_x")
    with pytest.raises(ConfigurationError, match="timeout"):
        Client("h:1", timeout=0)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_lone_string_is_no_list_of_scopes(kind: type[Client] | type[AsyncClient]) -> None:
    """It would be taken letter by letter."""
    with pytest.raises(ConfigurationError, match="scopes is a list"):
        kind("h:1", client_id="app", client_secret="tps_x", scopes="vehicles:read")


@pytest.mark.parametrize(
    "target",
    ["", "https://h", "grpc://h:443", "vehicles.internal", "localhost", "::1", "[::1]", "h:", "h:0", "h:65536", "h:x",
     "dns:///h", "ipv4:127.0.0.1", "ipv4:127.0.0.1:1,127.0.0.2"],
)  # fmt: skip
def test_a_target_without_a_port_is_refused(target: str) -> None:
    """gRPC would silently take port 443."""
    with pytest.raises(ConfigurationError, match=r"target .* host:port"):
        Client(target)


@pytest.mark.parametrize(
    "target",
    ["h:1", "127.0.0.1:50051", "[::1]:443", "dns:///h:443", "dns:h:443", "dns://127.0.0.1/h:443", "ipv6:[::1]:443",
     "ipv4:127.0.0.1:1,127.0.0.2:2", "unix:/run/t.sock", "unix-abstract:t", "xds:///vehicles"],
)  # fmt: skip
def test_all_names_of_a_server_with_a_port_are_taken(target: str) -> None:
    assert target in repr(Client(target))


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_ca_file_without_a_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    """Else every connection would fail for a reason that nobody sees."""
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"ca_file .*ca\.pem holds no certificate"):
        channel_credentials(Transport.TLS, TlsSettings(ca_file=file))


def test_a_ca_file_may_hold_comments_in_any_language(tmp_path: Path) -> None:
    """Bundles name their authorities beside the certificates."""
    file = make_certificates(tmp_path).ca
    file.write_bytes("# Főtanúsítvány\n".encode() + file.read_bytes())
    assert channel_credentials(Transport.TLS, TlsSettings(ca_file=file)) is not None


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ca_file .*missing\.pem: No such file"):
        channel_credentials(Transport.TLS, TlsSettings(ca_file=tmp_path / "missing.pem"))


def test_the_systems_authorities_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python's ssl looks for them; left to gRPC where its own setting is given."""
    file = tmp_path / "roots.pem"
    file.write_bytes(b"roots")
    monkeypatch.delenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert system_authorities() == b"roots"
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(file))
    assert system_authorities() is None


def test_from_env_reads_the_environment_and_arguments_come_first() -> None:
    client = Client.from_env(ENVIRON)
    assert repr(client) == "Client('vehicles.internal:443', client_id='app', transport='tls')"
    assert Client.from_env({**ENVIRON, "TYPEPLATE_PLAINTEXT": "true"})._options.transport is Transport.PLAINTEXT
    assert Client.from_env(ENVIRON, target="127.0.0.1:1")._options.target == "127.0.0.1:1"
    file = {name: value for name, value in ENVIRON.items() if name != "TYPEPLATE_CLIENT_SECRET"}
    assert Client.from_env(
        {**file, "TYPEPLATE_CLIENT_SECRET_FILE": "/s", "TYPEPLATE_CA_FILE": "/ca"}
    )._options.tls.given


@pytest.mark.parametrize("name", sorted(ENVIRON))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Client.from_env({key: value for key, value in ENVIRON.items() if key != name})


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="TYPEPLATE_PLAINTEXT"):
        Client.from_env({**ENVIRON, "TYPEPLATE_PLAINTEXT": "perhaps"})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"target": None}, "target None"),
        ({"client_secret": b"tps_sentinel"}, "client_secret is bytes"),
        ({"client_secret": 5}, "client_secret is int"),
        ({"client_id": 5}, "client_id is int"),
        ({"scopes": "vehicles:read"}, "scopes is a list"),
        ({"ca_file": ""}, "ca_file is empty"),
        ({"proxy": "http://proxy.internal:3128"}, "https_proxy"),
    ],
)
def test_a_setting_of_a_wrong_type_is_named(settings: dict[str, Any], told: str) -> None:
    given = {"target": "h:1", "client_id": "app", "client_secret": "tps_sentinel", **settings}
    with pytest.raises(ConfigurationError, match=told) as caught:
        Client(**given)
    assert "sentinel" not in str(caught.value)


def test_a_client_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """gRPC would try until the deadline, and say that the server does not answer."""
    mine, other = make_certificates(tmp_path / "mine"), make_certificates(tmp_path / "other")
    channel_credentials(Transport.TLS, TlsSettings(mine.ca, mine.certificate, mine.key))
    (junk := tmp_path / "junk.pem").write_text("no certificate")
    for certificate, key in (
        (mine.certificate, other.key),
        (mine.key, mine.certificate),
        (junk, mine.key),
        (mine.certificate, junk),
        (mine.certificate, tmp_path / "missing.pem"),
    ):
        with pytest.raises(ConfigurationError, match=r"client_cert_file .* client_key_file"):
            channel_credentials(Transport.TLS, TlsSettings(mine.ca, certificate, key))


def options(target: str = "127.0.0.1:1", **settings: object) -> _options.Options:
    return Client(target, **settings)._options  # type: ignore[arg-type]


def test_a_client_without_a_timeout_gives_10_seconds_and_30_to_what_waits() -> None:
    assert [options().timeout_of(waits=waits) for waits in (False, True)] == [10, 30]
    assert [options(timeout=None).timeout_of(waits=waits) for waits in (False, True)] == [10, 30]
    assert [options(timeout=12).timeout_of(waits=waits) for waits in (False, True)] == [12, 12]


def test_every_method_that_waits_for_the_replicas_declares_it() -> None:
    """Those that may be told not to, and those whose answer is the thing that they changed."""
    found = {m for service in SERVICES for m in service.methods if m.GetOptions().Extensions[waits_pb2.waits]}
    told = {m for service in SERVICES for m in service.methods if "wait" in m.input_type.fields_by_name}
    assert told <= found
    assert {m.name for m in found - told} == {"CreateClient", "UpdateClient", "CreateClientSecret"}


def test_authorities_that_the_system_has_in_a_directory_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of whatever else is there, nothing."""
    made = make_certificates(tmp_path / "made")
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (hashed / "1a2b3c4d.0").write_bytes(made.ca.read_bytes())
    (hashed / "README").write_text("not a certificate")
    monkeypatch.delenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(hashed))
    assert system_authorities() == made.ca.read_bytes()


@pytest.mark.parametrize(
    ("target", "environ", "variable"),
    [
        ("vehicles.internal:443", {}, None),
        ("vehicles.internal:443", {"https_proxy": "http://p:1"}, "https_proxy"),
        ("vehicles.internal:443", {"http_proxy": "http://p:1", "grpc_proxy": "http://q:1"}, "grpc_proxy"),
        ("vehicles.internal:443", {"https_proxy": "http://p:1", "no_proxy": "example, .internal"}, None),
        ("127.0.0.1:50051", {"https_proxy": "http://p:1"}, None),
    ],
)
def test_a_proxy_between_is_known_by_its_variable(target: str, environ: dict[str, str], variable: str | None) -> None:
    assert _options.proxy_variable(target, environ) == variable


def test_an_unreachable_proxy_is_named_where_the_server_would_be_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with (
        Client("vehicles.invalid:443", client_id="app", client_secret="tps_sentinel", timeout=0.3) as client,
        pytest.raises(Unavailable, match=r"proxy in https_proxy; proxy=False goes without"),
    ):
        client.data.get_vehicle(name="vehicles/x")


def test_from_env_takes_what_the_constructor_takes() -> None:
    """As a type checker sees it."""
    constructor = signature(Client.__init__).parameters
    assert set(_options.Settings.__annotations__) == set(constructor) - {"self"}
