"""Credentials that the server refuses, over a real wire and for both clients: remembered, and looked at again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.sdk_drivers import Clock, Connect, Driver
from typeplate._token import LOOK_S
from typeplate.errors import (
    ClientRevoked,
    ClientSuspended,
    CredentialsRejected,
    InvalidArgument,
    TypeplateError,
)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("CLIENT_REVOKED", ClientRevoked),
        ("CLIENT_SUSPENDED", ClientSuspended),
        ("CREDENTIALS_INVALID", CredentialsRejected),
        ("INVALID_ARGUMENT", InvalidArgument),
    ],
)
def test_a_refusal_of_the_credentials_is_remembered(
    client: Driver, server: FakeServer, clock: Clock, reason: str, error: type[TypeplateError]
) -> None:
    """30 s without a call to the server, then one, then 60 s."""
    server.refuse_issue(reason)
    for seconds, requests in ((0.0, 1), (29.9, 1), (0.2, 2), (59.0, 2), (1.1, 3)):
        clock.now += seconds
        for _ in range(3):
            with pytest.raises(error) as caught:
                client.get()
        assert len(server.issued) == requests
    assert (caught.value.reason, caught.value.request_id) == (reason, "req-fake")
    assert server.calls == []


def test_a_revoked_client_stops_calling_at_all(client: Driver, server: FakeServer, clock: Clock) -> None:
    """Told so on a call, it raises ClientRevoked and calls nothing for 30 s: no method, and no IssueToken."""
    client.get()
    server.refuse_token("token-1", "CLIENT_REVOKED")
    server.refuse_issue("CLIENT_REVOKED")
    for seconds in (0.0, 10.0, 19.9):
        clock.now += seconds
        with pytest.raises(ClientRevoked):
            client.get()
    assert (len(server.calls), len(server.issued)) == (2, 1)
    clock.now += 0.2
    with pytest.raises(ClientRevoked):
        client.get()
    assert (len(server.calls), len(server.issued)) == (2, 2)


def test_many_callers_of_a_revoked_client_all_learn_of_it_from_one_request(client: Driver, server: FakeServer) -> None:
    server.refuse_issue("CLIENT_REVOKED")
    answers = client.gather()
    assert {type(answer) for answer in answers} == {ClientRevoked}
    assert len(server.issued) == 1


def test_a_changed_secret_file_clears_the_refusal(
    connect: Connect, server: FakeServer, clock: Clock, tmp_path: Path
) -> None:
    """The file is read again while the old secret is refused, once a second whatever the calls."""
    file = tmp_path / "secret"
    file.write_text("tps_old\n")
    client = connect(client_secret_file=file, clock=clock)
    server.refuse_issue("CREDENTIALS_INVALID")
    for _ in range(3):
        with pytest.raises(CredentialsRejected):
            client.get()
    assert len(server.issued) == 1
    server.refuse_issue(None)
    file.write_text("tps_new\n")
    clock.now += LOOK_S
    assert client.get().make == "Make"
    assert [request.client_secret for request in server.issued] == ["tps_old", "tps_new"]


def test_a_callable_gives_the_secret_at_each_refresh(connect: Connect, server: FakeServer, clock: Clock) -> None:
    secrets = iter(["tps_one", "tps_two"])
    client = connect(client_secret=lambda: next(secrets), clock=clock)
    client.get()
    clock.now += server.program.life
    client.get()
    assert [request.client_secret for request in server.issued] == ["tps_one", "tps_two"]


def test_a_secret_that_is_never_the_same_is_tried_once_a_second(
    connect: Connect, server: FakeServer, clock: Clock
) -> None:
    """A changed secret clears a refusal, but no callable makes a client hammer the server."""
    numbers = iter(range(100))
    client = connect(client_secret=lambda: f"tps_{next(numbers)}", clock=clock)
    server.refuse_issue("CREDENTIALS_INVALID")
    for asked in (1, 2, 3):
        for _ in range(5):
            with pytest.raises(CredentialsRejected):
                client.get()
        assert len(server.issued) == asked
        clock.now += LOOK_S
