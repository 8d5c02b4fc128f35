"""Streams on every transport: a token on each, recovery from a refused one before the first answer, typed errors."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from tests.support.certificates import make_certificates
from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import SECRET, Clock, Connect, Driver, import_requests
from typeplate import AsyncClient
from typeplate._token import AMPLE_S
from typeplate.errors import (
    ClientRevoked,
    DatabaseUnavailable,
    ScopeMissing,
    TokenRejected,
    Unavailable,
)
from typeplate.v1.data_service_pb2 import ExportVehiclesRequest
from typeplate.v1.data_service_pb2_grpc import DataServiceStub

TRANSPORTS = ["loopback", "plaintext", "tls", "unix"]


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeServer]:
    """A fake server on the transport under test; on loopback where a test names none."""
    transport = request.getfixturevalue("transport") if "transport" in request.fixturenames else "loopback"
    credentials: grpc.ServerCredentials | None = None
    address = "127.0.0.1:0"
    if transport == "tls":
        made = make_certificates(tmp_path)
        credentials = grpc.ssl_server_credentials([(made.key.read_bytes(), made.certificate.read_bytes())])
    elif transport == "unix":
        address = f"unix:{tmp_path}/server.sock"
    with FakeServer(address=address, credentials=credentials) as running:
        yield running


@pytest.fixture
def client(connect: Connect, transport: str, tmp_path: Path, clock: Clock) -> Driver:
    if transport == "tls":
        return connect(ca_file=tmp_path / "ca.pem", clock=clock)
    return connect(plaintext=True, clock=clock) if transport == "plaintext" else connect(clock=clock)


def test_all_kinds_of_calls_carry_one_token(client: Driver, server: FakeServer) -> None:
    assert client.get().make == "Make"
    assert client.export() == [1, 2, 3]
    assert client.import_(4) == [0, 1, 2, 3]
    assert client.collect(5) == "5"
    assert server.tokens_seen == ["token-1"] * 4
    assert len(server.issued) == 1


def test_a_stream_of_responses_recovers_from_a_refused_token(client: Driver, server: FakeServer) -> None:
    """One refresh, one more try."""
    client.get()
    server.refuse_token("token-1", "TOKEN_REVOKED")
    assert client.export() == [1, 2, 3]
    assert server.tokens_seen[1:] == ["token-1", "token-2"]
    assert len(server.issued) == 2


def test_a_stream_of_requests_recovers_from_a_refused_token(client: Driver, server: FakeServer) -> None:
    """All that was sent is sent again."""
    client.get()
    server.refuse_token("token-1", "TOKEN_REVOKED")
    assert client.import_(3) == [0, 1, 2]
    assert server.tokens_seen[1:] == ["token-1", "token-2"]
    server.refuse_token("token-2", "TOKEN_REVOKED")
    assert client.collect(4) == "4"
    assert server.tokens_seen[3:] == ["token-2", "token-3"]
    assert len(server.issued) == 3


def test_no_request_is_lost_or_doubled_when_a_stream_recovers(
    connect: Connect, server: FakeServer, clock: Clock
) -> None:
    """50 streams refused at first, of as many lengths."""
    client = connect(clock=clock)
    for count in range(50):
        clock.now += 1.0
        server.refuse_calls("TOKEN_REVOKED", times=1)
        assert client.import_(count) == list(range(count))
        server.refuse_calls("TOKEN_REVOKED", times=1)
        assert client.collect(count) == str(count)


def test_a_stream_refused_twice_ends_in_the_servers_answer(client: Driver, server: FakeServer, clock: Clock) -> None:
    """The next one begins anew."""
    attempts: list[Callable[[], object]] = [lambda: client.import_(3), client.export, lambda: client.collect(3)]
    for number, attempt in enumerate(attempts, 1):
        server.refuse_calls("TOKEN_REVOKED", times=2)
        with pytest.raises(TokenRejected):
            attempt()
        assert (len(server.calls), len(server.issued)) == (2 * number, 2 * number)
        clock.now += 2.0
    assert client.export() == [1, 2, 3]


def test_streams_of_a_revoked_client_say_so_and_are_remembered(client: Driver, server: FakeServer) -> None:
    client.get()
    server.refuse_token("token-1", "CLIENT_REVOKED")
    server.refuse_issue("CLIENT_REVOKED")
    with pytest.raises(ClientRevoked):
        client.export()
    with pytest.raises(ClientRevoked):
        client.import_(3)
    calls, issued = len(server.calls), len(server.issued)
    for attempt in (client.export, lambda: client.import_(1), client.get):
        with pytest.raises(ClientRevoked):
            attempt()
    assert (len(server.calls), len(server.issued)) == (calls, issued)
    assert issued <= 2


def test_a_stream_that_cannot_get_a_token_says_why(client: Driver, server: FakeServer) -> None:
    """Not as UNAVAILABLE, which failing call credentials would be."""
    server.refuse_issue("CLIENT_REVOKED")
    with pytest.raises(ClientRevoked):
        client.export()
    with pytest.raises(ClientRevoked):
        client.import_(1)
    assert server.calls == []


def test_a_stream_wants_a_token_with_ample_life(client: Driver, server: FakeServer, clock: Clock) -> None:
    """A stream ends with its token, so a stale one is replaced first; a unary call would send it."""
    client.get()
    clock.now += 0.86 * server.program.life
    client.export()
    assert server.tokens_seen == ["token-1", "token-2"]


def test_a_stream_takes_the_stale_token_when_there_is_no_other(
    client: Driver, server: FakeServer, clock: Clock
) -> None:
    client.get()
    clock.now += 0.86 * server.program.life
    server.refuse_issue("INTERNAL")
    assert client.export() == [1, 2, 3]
    assert server.tokens_seen == ["token-1", "token-1"]


def test_a_stream_waits_a_second_for_a_better_token_and_no_longer(
    connect: Connect, server: FakeServer, clock: Clock
) -> None:
    """The server may hang for minutes, and the token at hand is good."""
    client = connect(clock=clock)
    client.get()
    clock.now += 0.86 * server.program.life
    server.hold.clear()
    started = time.monotonic()
    assert client.export(timeout=30) == [1, 2, 3]
    assert AMPLE_S <= time.monotonic() - started < AMPLE_S + 3.0
    assert server.tokens_seen == ["token-1", "token-1"]
    assert len(server.issued) == 2


def test_an_error_after_the_first_message_ends_a_stream_that_cannot_go_on(connect: Connect, server: FakeServer) -> None:
    """Nothing is delivered twice."""
    with pytest.raises(DatabaseUnavailable):
        connect().unresumed(ExportVehiclesRequest(source="broken"))
    assert len(server.calls) == 1


def test_an_idempotent_stream_is_opened_again_while_the_server_is_unavailable(
    connect: Connect, server: FakeServer
) -> None:
    server.refuse_calls("DATABASE_UNAVAILABLE", times=3)
    assert connect().export() == [1, 2, 3]
    assert len(server.calls) == 4
    assert len(server.issued) == 1


def test_a_stream_is_not_opened_again_for_another_error(connect: Connect, server: FakeServer) -> None:
    server.refuse_calls("SCOPE_MISSING", times=3)
    with pytest.raises(ScopeMissing):
        connect().export()
    assert len(server.calls) == 1


def test_opening_ends_with_the_streams_timeout(connect: Connect, server: FakeServer) -> None:
    server.refuse_calls("DATABASE_UNAVAILABLE", times=1000)
    with pytest.raises(Unavailable):
        connect().export(timeout=0.5)


def test_an_empty_stream_ends(connect: Connect, server: FakeServer) -> None:
    assert connect().export(source="none") == []
    assert len(server.calls) == 1


async def test_a_raw_stream_that_is_refused_while_it_writes_says_why(server: FakeServer) -> None:
    """grpc.aio reports the write that failed, as INTERNAL, in a quarter of such streams."""
    server.refuse_calls("SCOPE_MISSING", times=1000)
    async with AsyncClient(server.target, client_id="app", client_secret=SECRET) as client:
        stub = client.stub(DataServiceStub)

        async def code(count: int) -> grpc.StatusCode:
            with pytest.raises(grpc.RpcError) as caught:
                async for _ in stub.ImportVehicles(import_requests(count)):
                    pass
            return caught.value.code()

        codes = await asyncio.gather(*(code(number % 20) for number in range(200)))
    assert Counter(codes) == {grpc.StatusCode.PERMISSION_DENIED: 200}


def test_a_stream_that_has_ended_stays_ended(server: FakeServer) -> None:
    """Asked once more it neither delivers nor calls; one that broke off says so again, for it is not complete."""
    from typeplate import Client

    with Client(server.target, client_id="app", client_secret=SECRET) as client:
        stream = client.data.export_vehicles()
        assert len(list(stream)) == 3
        assert list(stream) == []
        with client.data.export_vehicles() as left:
            next(left)
        assert list(left) == []
        server.refuse_calls("SCOPE_MISSING", times=1)
        broken = client.data.export_vehicles()
        for _ in range(2):
            with pytest.raises(ScopeMissing):
                next(broken)
    assert len(server.calls) == 3
