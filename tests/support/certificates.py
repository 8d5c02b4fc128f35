"""A certificate authority for one test run, and a certificate from it, for loopback or another name."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: who trusts `ca` accepts a server with `certificate` and `key` under the names it was made for."""

    ca: Path
    certificate: Path
    key: Path


def make_certificates(directory: Path, host: str | None = None) -> Certificates:
    """Write a fresh authority and a certificate, good for a day, into `directory`.

    It is for `host`, absent for 127.0.0.1, ::1 and localhost, and serves a server as well as a client.
    """
    directory.mkdir(parents=True, exist_ok=True)
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Typeplate test authority")
    ca = _builder(ca_name, ca_name, ca_key.public_key())
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    server = _builder(_name(host or "localhost"), ca_name, server_key.public_key())
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    names = [x509.DNSName(host)] if host else [x509.DNSName("localhost"), *addresses]
    server = server.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    made.ca.write_bytes(_pem(ca.sign(ca_key, hashes.SHA256())))
    made.certificate.write_bytes(_pem(server.sign(ca_key, hashes.SHA256())))
    made.key.write_bytes(private_pem(server_key))
    return made


def private_pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    """The key as PKCS #8, encrypted when a password is given."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
