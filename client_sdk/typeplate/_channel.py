"""Owns the channel's settings: keepalive, reconnection, retries and user agent, fitting the server's limits.

Retries are gRPC's own, by service config (gRPC A6): UNAVAILABLE on methods whose proto says idempotent, which also wait
for the server within their deadline, and one UNAUTHENTICATED on streams, whose call credentials then give a new token.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import grpc

from typeplate._options import Options
from typeplate._surface.methods import IDEMPOTENT_UNARY, STREAMING
from typeplate._tls import Transport, channel_credentials
from typeplate._version import __version__

ChannelOptions = tuple[tuple[str, Any], ...]

FIXED: ChannelOptions = (
    # The server allows a ping each 20 s and pings by itself each 60 s.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A restarted server is found again well within the default deadline of 10 s.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
    # What a stream has sent before the server's first word is replayed after a refused token.
    ("grpc.per_rpc_retry_buffer_size", 1 << 20),
)


def carries_call_credentials(transport: Transport) -> bool:
    """Whether gRPC lets call credentials over this transport."""
    return transport is not Transport.PLAINTEXT


def channel_options(options: Options) -> ChannelOptions:
    """The options of a channel of this process."""
    agent = f"{options.user_agent} typeplate-python/{__version__}".strip()
    chosen: list[tuple[str, Any]] = [
        *FIXED,
        ("grpc.primary_user_agent", agent),
        ("grpc.service_config", service_config(carries_call_credentials(options.transport))),
        ("grpc.enable_http_proxy", int(options.proxy and not is_local(options.transport))),
        # Keeps a forked child from sharing subchannels with its parent, which fails on grpcio 1.76-1.78.
        ("typeplate.pid", os.getpid()),
    ]
    if options.tls.server_name:
        chosen.append(("grpc.ssl_target_name_override", options.tls.server_name))
    return tuple(chosen)


def is_local(transport: Transport) -> bool:
    """Whether the server is on this machine."""
    return transport in (Transport.LOCAL_TCP, Transport.LOCAL_UNIX)


def service_config(replay_streams: bool) -> str:
    """Which methods are sent again, and when."""
    unary = {
        "name": _names(IDEMPOTENT_UNARY),
        "waitForReady": True,
        "retryPolicy": _retry_policy(5, "0.1s", "2s", "UNAVAILABLE"),
    }
    streams = {"name": _names(STREAMING), "retryPolicy": _retry_policy(2, "0.01s", "0.01s", "UNAUTHENTICATED")}
    return json.dumps({"methodConfig": [unary, streams] if replay_streams else [unary]})


def _names(paths: Iterable[str]) -> list[dict[str, str]]:
    parts = (path[1:].partition("/") for path in paths)
    return [{"service": service, "method": method} for service, _, method in parts]


def _retry_policy(attempts: int, initial: str, longest: str, code: str) -> dict[str, Any]:
    return {
        "maxAttempts": attempts,
        "initialBackoff": initial,
        "maxBackoff": longest,
        "backoffMultiplier": 2,
        "retryableStatusCodes": [code],
    }


def open_channel(options: Options) -> grpc.Channel:
    """A channel without interceptors."""
    credentials = channel_credentials(options.transport, options.tls)
    if credentials is None:
        return grpc.insecure_channel(options.target, channel_options(options))
    return grpc.secure_channel(options.target, credentials, channel_options(options))


def open_aio_channel(options: Options, interceptors: Sequence[grpc.aio.ClientInterceptor]) -> grpc.aio.Channel:
    """A channel for the running event loop, with these interceptors."""
    credentials = channel_credentials(options.transport, options.tls)
    if credentials is None:
        return grpc.aio.insecure_channel(options.target, channel_options(options), interceptors=interceptors)
    return grpc.aio.secure_channel(options.target, credentials, channel_options(options), interceptors=interceptors)
