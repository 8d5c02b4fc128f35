"""Raw stubs of both clients: who gets a token on its way out, and what a refused one comes to."""

from __future__ import annotations

import grpc
import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.polling import eventually
from tests.support.sdk_drivers import Driver


def test_raw_stubs_carry_the_token_too(client: Driver, server: FakeServer) -> None:
    client.get()
    server.refuse_token("token-1", "TOKEN_REVOKED")
    assert client.raw_get(timeout=5).make == "Make"
    assert server.tokens_seen == ["token-1", "token-1", "token-2"]


def test_a_raw_stream_that_is_refused_drops_its_token(client: Driver, server: FakeServer) -> None:
    """It fails as gRPC's do, and the next call has another token."""
    client.get()
    server.refuse_token("token-1", "TOKEN_REVOKED")
    with pytest.raises(grpc.RpcError) as caught:
        client.raw_export(timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    eventually(lambda: client.token() == "token-2", "another token is had")
    assert client.raw_export(timeout=5) == [1, 2, 3]
    assert server.tokens_seen == ["token-1", "token-1", "token-2"]


def test_raw_stubs_fail_as_grpc_does(client: Driver, server: FakeServer) -> None:
    """Also when the call was never sent, for want of a token."""
    server.refuse_issue("CLIENT_REVOKED")
    with pytest.raises(grpc.RpcError) as caught:
        client.raw_get(timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert server.calls == []


def test_a_token_that_the_caller_brings_is_left_alone(client: Driver, server: FakeServer) -> None:
    """Two `authorization` entries would both arrive."""
    client.raw_get(timeout=5, metadata=(("authorization", "Bearer mine"),))
    assert server.calls[-1].authorization == ["Bearer mine"]
    assert server.issued == []
