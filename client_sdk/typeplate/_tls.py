"""Owns how the connection is protected, from the target and the TLS settings alone.

Plaintext goes to this machine only (loopback, unix sockets), unless `plaintext=True` is written by hand; everything
else is TLS. Python gRPC does not read the system's certificate authorities, so they are read here.
"""

from __future__ import annotations

import enum
import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

import grpc

from typeplate.errors import ConfigurationError

HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""How OpenSSL calls each file of a directory of certificates."""
ADDRESS = re.compile(r"(\[[^\[\]\s]+\]|[^:/\[\]\s]+):[0-9]{1,5}")


class Transport(enum.Enum):
    """LOCAL is plaintext that never leaves the machine; PLAINTEXT was asked for by hand."""

    TLS = "tls"
    LOCAL = "local"
    PLAINTEXT = "plaintext"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files and the server's name. None: the system's authorities, no client certificate, the target's host."""

    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    server_name: str | None = None

    @property
    def given(self) -> bool:
        """Whether any of them is set."""
        return any((self.ca_file, self.client_cert_file, self.client_key_file, self.server_name))


def transport_of(target: str, tls: TlsSettings, plaintext: bool | None) -> Transport:
    """How to connect. Raises ConfigurationError where the settings contradict each other."""
    if plaintext and tls.given:
        raise ConfigurationError("plaintext=True and TLS settings contradict each other")
    if bool(tls.client_cert_file) != bool(tls.client_key_file):
        raise ConfigurationError("client_cert_file and client_key_file belong together")
    if plaintext:
        return Transport.PLAINTEXT
    if tls.given or plaintext is False:
        return Transport.TLS
    return Transport.LOCAL if on_this_machine(target) else Transport.TLS


def on_this_machine(target: str) -> bool:
    """Whether what is sent to a target never leaves the machine."""
    return target.startswith(("unix:", "unix-abstract:")) or is_loopback(target)


def is_target(text: str) -> bool:
    """Whether this is `host:port`, `unix:/path`, or another name of gRPC's; without a port it would mean 443."""
    if text.startswith(("unix:", "unix-abstract:", "vsock:", "xds:")):
        return True
    scheme, _, rest = text.partition(":")
    addresses = rest.rpartition("/")[2] if scheme in ("dns", "ipv4", "ipv6") else text
    return all(ADDRESS.fullmatch(each) and 0 < int(each.rpartition(":")[2]) < 65536 for each in addresses.split(","))


def is_loopback(target: str) -> bool:
    """Whether all addresses of a target are this machine's. A name other than `localhost` is not looked up."""
    scheme, _, rest = target.partition(":")
    addresses = rest if scheme in ("dns", "ipv4", "ipv6") else target
    if addresses.startswith("//"):
        authority, _, addresses = addresses[2:].partition("/")
        if authority:  # another machine decides what the name means
            return False
    return all(_is_loopback(each.removeprefix("/")) for each in addresses.split(","))


def _is_loopback(address: str) -> bool:
    host = address
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def channel_credentials(transport: Transport, tls: TlsSettings) -> grpc.ChannelCredentials | None:
    """Credentials for the channel; None without TLS. Raises ConfigurationError for files that cannot be used."""
    if transport is not Transport.TLS:
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=_authorities(tls.ca_file) or system_authorities(),
        private_key=_read("client_key_file", tls.client_key_file),
        certificate_chain=_read("client_cert_file", tls.client_cert_file),
    )


def _authorities(path: Path | None) -> bytes | None:
    """The file's certificates. gRPC itself would only fail to connect, and not say why, when there are none."""
    content = _read("ca_file", path)
    if content is None:
        return None
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError):  # not chained: it says nothing to an application
        raise ConfigurationError(f"ca_file {path} holds no certificate (PEM)") from None
    return content


def _read(setting: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{setting} {path}: {error.strerror}") from error


def system_authorities() -> bytes | None:
    """The certificate authorities that Python's ssl trusts, as PEM; None where there are none (gRPC's own then count).

    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, gRPC's own setting, is left to gRPC.
    """
    if os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        return None
    import ssl  # only where TLS is used: it costs milliseconds

    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    if paths.capath:  # which ssl looks into only when it meets a certificate
        hashed = sorted(file for file in Path(paths.capath).iterdir() if HASHED.fullmatch(file.name) and file.is_file())
        if hashed:
            return b"\n".join(file.read_bytes() for file in hashed)
    context = ssl.create_default_context()  # Windows keeps them elsewhere
    return "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))).encode() or None
