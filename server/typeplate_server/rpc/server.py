"""Builds the gRPC server and gives it an address.

The limits below are set because gRPC's own defaults leave a server open to slow, idle and greedy peers: unbounded
concurrent calls, sockets that never finish their handshake kept for two minutes, connections kept for ever.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import grpc
from grpc import aio

from typeplate_server.rpc.interceptor import Interceptor

MIB: Final = 1024 * 1024

OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.max_receive_message_length", 4 * MIB),
    ("grpc.max_concurrent_streams", 100),
    # One bound, not two: between a soft and a hard limit gRPC refuses at random.
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.absolute_max_metadata_size", 16 * 1024),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 5 * 60_000),
)


class CannotListenError(Exception):
    """The address cannot be had; the message is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The server's certificate chain and private key (PEM)."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "TlsFiles(...)"


def build(
    interceptor: Interceptor,
    *,
    max_concurrent_rpcs: int,
    shared_port: bool = False,
    before: Sequence[aio.ServerInterceptor] = (),
) -> aio.Server:
    """A server that serves what `interceptor` holds and nothing else. To be called inside the running event loop.

    `shared_port`: processes of this user may listen on the same port; `ports.reserved` keeps all but its workers off.
    `before`: asked about each call before `interceptor` is; nothing but a test has a use for it.
    """
    # Else a forgotten second server would bind the same port silently.
    options = (("grpc.so_reuseport", int(shared_port)), *OPTIONS)
    return aio.server(interceptors=(*before, interceptor), options=options, maximum_concurrent_rpcs=max_concurrent_rpcs)


def bind(server: aio.Server, address: str, tls: TlsFiles | None) -> str:
    """Take `address` (`host:port`, `unix:path`); returns it with the port the system chose for port 0."""
    try:
        if tls is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, grpc.ssl_server_credentials([(tls.key, tls.certificate)]))
    except RuntimeError:
        port = 0
    if not port:
        raise CannotListenError(f"cannot listen on {address}: {_why_not(address)}")
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


def _why_not(address: str) -> str:
    """gRPC keeps the system's reason to itself, so ask the system once more."""
    if address.startswith("unix:"):
        return "the path cannot be bound"
    host, _, port = address.rpartition(":")
    try:
        for family, kind, protocol, _, where in socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
    except OSError as error:
        return error.strerror or type(error).__name__
    return "the address cannot be bound"
