"""Owns the channel's settings: keepalive, reconnection, retries and user agent, fitting the server's limits.

Retries are gRPC's own, by service config (gRPC A6): UNAVAILABLE on unary methods whose proto says idempotent, which
also wait for the server within their deadline; CANCELLED too, which is how some calls end that a stopping server cuts
off (what is cancelled on this side is never sent again). Public methods are left out: `_reach` sends those again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import grpc

from typeplate._options import Options
from typeplate._surface.methods import IDEMPOTENT_UNARY, PUBLIC
from typeplate._tls import channel_credentials, on_this_machine
from typeplate._version import __version__

ChannelOptions = tuple[tuple[str, Any], ...]

FIXED: ChannelOptions = (
    # The server allows a ping each 20 s and pings by itself each 60 s. A peer gone silent is noticed after 40 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A restarted server is found again well within the default deadline of 10 s.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", 16 << 20),
)


def channel_options(options: Options) -> ChannelOptions:
    """The options of a channel of this process."""
    agent = f"{options.user_agent} typeplate-python/{__version__}".strip()
    chosen: list[tuple[str, Any]] = [
        *FIXED,
        ("grpc.primary_user_agent", agent),
        ("grpc.service_config", service_config()),
        ("grpc.enable_http_proxy", int(options.proxy and not on_this_machine(options.target))),
        # Keeps a forked child from sharing subchannels with its parent, which fails on grpcio 1.76-1.78.
        ("typeplate.pid", os.getpid()),
    ]
    if options.tls.server_name:
        chosen.append(("grpc.ssl_target_name_override", options.tls.server_name))
    return tuple(chosen)


def service_config() -> str:
    """Which methods are sent again, and when."""
    parts = (path[1:].partition("/") for path in IDEMPOTENT_UNARY if path not in PUBLIC)
    retry_policy = {
        "maxAttempts": 5,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
    }
    names = [{"service": service, "method": method} for service, _, method in parts]
    return json.dumps({"methodConfig": [{"name": names, "waitForReady": True, "retryPolicy": retry_policy}]})


def open_channel(options: Options) -> grpc.Channel:
    """A channel without interceptors."""
    credentials = channel_credentials(options.transport, options.tls)
    if credentials is None:
        return grpc.insecure_channel(options.target, channel_options(options))
    return grpc.secure_channel(options.target, credentials, channel_options(options))


def open_aio_channel(options: Options, interceptors: Sequence[grpc.aio.ClientInterceptor] = ()) -> grpc.aio.Channel:
    """A channel for the running event loop, with these interceptors."""
    credentials = channel_credentials(options.transport, options.tls)
    if credentials is None:
        return grpc.aio.insecure_channel(options.target, channel_options(options), interceptors=interceptors)
    return grpc.aio.secure_channel(options.target, credentials, channel_options(options), interceptors=interceptors)
