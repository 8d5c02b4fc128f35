"""How much time the server sees a call to have, the same for both clients."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import Connect, Driver


def test_a_unary_call_has_ten_seconds_unless_it_says_otherwise(client: Driver, server: FakeServer) -> None:
    client.get()
    client.get(timeout=3)
    client.vehicles(page_token="6")
    default, given, page = (call.timeout for call in server.calls)
    assert 8.0 < default <= 10.1
    assert 1.0 < given <= 3.1
    assert 8.0 < page <= 10.1


def test_streams_have_no_deadline_unless_they_say_otherwise(client: Driver, server: FakeServer) -> None:
    """Of all kinds: a stream may be meant to last."""
    client.export()
    client.import_(1)
    client.collect(1)
    assert [call.timeout for call in server.calls] == [math.inf] * 3
    client.export(timeout=7)
    client.import_(1, timeout=7)
    assert all(5.0 < call.timeout <= 7.1 for call in server.calls[3:])


def test_a_raw_stubs_call_has_the_deadline_that_it_is_given(client: Driver, server: FakeServer) -> None:
    client.raw_get()
    client.raw_get(timeout=7)
    none, given = (call.timeout for call in server.calls)
    assert none == math.inf
    assert 5.0 < given <= 7.1


@pytest.mark.parametrize("timeout", [math.inf, 1e12, 1e300, timedelta.max], ids=str)
def test_a_timeout_beyond_all_clocks_is_none(connect: Connect, server: FakeServer, timeout: float | timedelta) -> None:
    """gRPC would take some of them for times long past."""
    for client, given in ((connect(), timeout), (connect(timeout=timeout), None)):
        client.get(timeout=given)
        client.export(timeout=given)
        assert client.token(timeout=given)
    assert {call.timeout for call in server.calls} == {math.inf}
