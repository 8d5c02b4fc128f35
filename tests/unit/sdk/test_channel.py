"""The settings of a client's channels: keepalive, reconnection, retries, proxies, and whose process they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import grpc

from typeplate import Client, _channel, _options
from typeplate._surface import methods
from typeplate._tls import TlsSettings, Transport, channel_credentials

ROOT = Path(__file__).resolve().parents[3]
FORKING = """
import os
from typeplate import Client
from typeplate._channel import channel_options
options = Client("127.0.0.1:1")._options
parents = channel_options(options)
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(channel_options(options) == parents)
"""


def options(target: str = "127.0.0.1:1", **settings: object) -> _options.Options:
    return Client(target, **settings)._options  # type: ignore[arg-type]


def test_only_idempotent_unary_methods_are_retried_and_wait_for_the_server() -> None:
    """For UNAVAILABLE, and the CANCELLED of a stopping server: what else gRPC core would replay is not its business."""
    (config,) = json.loads(dict(_channel.channel_options(options()))["grpc.service_config"])["methodConfig"]
    assert config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE", "CANCELLED"]
    assert config["waitForReady"] is True
    expected = [path for path in methods.IDEMPOTENT_UNARY if path not in methods.PUBLIC]
    assert [f"/{n['service']}/{n['method']}" for n in config["name"]] == expected


def test_every_public_method_may_be_sent_again() -> None:
    """The SDK does so by itself, see `typeplate._reach`; one that may not needs another way there."""
    assert set(methods.PUBLIC) <= set(methods.IDEMPOTENT_UNARY)


def test_proxies_are_obeyed_only_off_this_machine() -> None:
    def proxied(**settings: object) -> int:
        chosen: int = dict(_channel.channel_options(options(**settings)))["grpc.enable_http_proxy"]  # type: ignore[arg-type]
        return chosen

    assert proxied(target="vehicles.internal:443") == 1
    assert proxied(target="vehicles.internal:443", proxy=False) == 0
    assert proxied() == 0


def test_only_tls_needs_credentials() -> None:
    assert channel_credentials(Transport.PLAINTEXT, TlsSettings()) is None
    assert channel_credentials(Transport.LOCAL, TlsSettings()) is None
    assert isinstance(channel_credentials(Transport.TLS, TlsSettings()), grpc.ChannelCredentials)


def test_a_silent_server_is_noticed_and_a_restarted_one_found_within_a_call() -> None:
    """Well within the 10 s that a call has: of the pauses between tries to connect, the longest is 3 s."""
    chosen = dict(_channel.channel_options(options()))
    assert {name: value for name, value in chosen.items() if "keepalive" in name or "backoff" in name} == {
        "grpc.keepalive_time_ms": 30_000,
        "grpc.keepalive_timeout_ms": 10_000,
        "grpc.initial_reconnect_backoff_ms": 200,
        "grpc.min_reconnect_backoff_ms": 5_000,
        "grpc.max_reconnect_backoff_ms": 3_000,
    }
    assert chosen["grpc.max_reconnect_backoff_ms"] < _options.DEFAULT_TIMEOUT_S * 1000


def test_a_forked_child_has_channel_options_of_its_own() -> None:
    """Else grpcio 1.76 to 1.78 would let it share its parent's connections, which fail there."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "client_sdk")}
    done = subprocess.run(
        [sys.executable, "-c", FORKING], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
