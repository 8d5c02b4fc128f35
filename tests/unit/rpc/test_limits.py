"""The server's limits on connections and messages, and that the SDK keeps to them."""

from __future__ import annotations

from typeplate import Client
from typeplate._channel import channel_options
from typeplate._options import DEFAULT_TIMEOUT_S
from typeplate._token import USABLE
from typeplate_server.rpc.server import OPTIONS

SERVER = dict(OPTIONS)
CLIENT = dict(channel_options(Client("127.0.0.1:1")._options))


def test_no_peer_can_hold_the_server_for_long() -> None:
    """gRPC leaves it open to slow, idle and greedy peers: each limit is set."""
    assert SERVER == {
        "grpc.max_receive_message_length": 4 * 1024 * 1024,
        "grpc.max_concurrent_streams": 100,
        "grpc.max_metadata_size": 16 * 1024,
        "grpc.absolute_max_metadata_size": 16 * 1024,
        "grpc.server_handshake_timeout_ms": 10_000,
        "grpc.keepalive_time_ms": 60_000,
        "grpc.keepalive_timeout_ms": 20_000,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.min_ping_interval_without_data_ms": 20_000,
        "grpc.max_connection_age_ms": 30 * 60_000,
        "grpc.max_connection_age_grace_ms": 5 * 60_000,
    }


def test_the_sdk_pings_no_more_often_than_the_server_permits() -> None:
    """A third ping too soon, and the server closes the connection with all its calls."""
    assert CLIENT["grpc.keepalive_time_ms"] >= SERVER["grpc.http2.min_ping_interval_without_data_ms"] + 10_000


def test_what_one_side_may_send_the_other_can_take() -> None:
    """The SDK reads whatever could be written to the server, and leaves it to the server to refuse what is too long."""
    assert CLIENT["grpc.max_receive_message_length"] >= SERVER["grpc.max_receive_message_length"]
    assert CLIENT["grpc.max_send_message_length"] >= SERVER["grpc.max_receive_message_length"]


def test_the_longest_token_leaves_room_in_a_calls_metadata() -> None:
    """gRPC refuses metadata between 8 and 16 KiB at random where the two limits differ."""
    assert USABLE.fullmatch("t" * 4096)
    assert not USABLE.fullmatch("t" * 4097)
    assert SERVER["grpc.max_metadata_size"] == SERVER["grpc.absolute_max_metadata_size"] >= 2 * 4096


def test_a_connections_grace_is_longer_than_any_call_without_a_deadline_of_its_own() -> None:
    """So no such call is cut off when its connection has come of age."""
    assert SERVER["grpc.max_connection_age_grace_ms"] > DEFAULT_TIMEOUT_S * 1000
