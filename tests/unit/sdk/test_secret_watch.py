"""The watch over secrets: it sees one wherever the SDK could show it, and fails the test that does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import grpc
import pytest

from tests.support.fake_auth_server import FakeServer
from tests.support.secret_watch import WATCH, SecretWatch, judge
from typeplate import AsyncClient, Client
from typeplate._credentials import Credentials
from typeplate._secret import StringSecret
from typeplate._token import Token, TokenCache
from typeplate.errors import ConfigurationError, NotFound
from typeplate.v1.auth_service_pb2 import IssueTokenRequest
from typeplate.v1.auth_service_pb2_grpc import AuthServiceStub

SENTINEL = "tps_watched_SENTINEL"
MADE = f"tps_{'k' * 12}_{'s' * 43}_{'c' * 6}"
TOKEN = "a-watched-token"


@pytest.fixture
def watch() -> Iterator[SecretWatch]:
    with pytest.MonkeyPatch.context() as patched:
        made = SecretWatch()
        made.install(patched)
        made.begin()
        WATCH.blind = True
        yield made
    WATCH.forget()  # what was leaked on purpose
    WATCH.blind = False


def client() -> Client:
    return Client("127.0.0.1:1", client_id="app", client_secret=SENTINEL)


def test_the_sdk_as_it_is_shows_nothing(watch: SecretWatch) -> None:
    held = client()
    other = AsyncClient("127.0.0.1:1", client_id="app", client_secret=SENTINEL)
    held._calls.session().cache.succeeded(Token(TOKEN, b"", 1.0, 2.0))
    error = NotFound("no such vehicle")
    assert watch.known >= {SENTINEL, TOKEN}
    assert error in watch.errors
    assert watch.clients == [held, other]
    assert watch.leaks("calling") == []
    held.close()


def test_a_secret_in_the_output_is_seen(watch: SecretWatch) -> None:
    """As a whole: a longer word that holds it is another."""
    client()
    assert watch.leaks(f"DEBUG: asking with {SENTINEL}.") == ["output shows tps…"]
    assert watch.leaks(f"DEBUG: asking with {SENTINEL}2") == []


def test_a_repr_that_shows_the_secret_is_seen(watch: SecretWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    held = client()
    monkeypatch.setattr(StringSecret, "__repr__", lambda source: f"StringSecret({source.value!r})")
    assert watch.leaks() == ["client Client shows tps…"]
    held.close()


def test_a_repr_that_shows_the_token_is_seen(watch: SecretWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    held = client()
    held._calls.session().cache.succeeded(Token(TOKEN, b"", 1.0, 2.0))
    monkeypatch.setattr(Token, "__repr__", lambda token: f"Token({token.value!r})")
    assert watch.leaks() == ["client Client shows a-w…"]
    held.close()


def test_a_pickle_that_holds_the_secret_is_seen(watch: SecretWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    held = client()
    monkeypatch.setattr(StringSecret, "__reduce__", lambda source: (StringSecret, (source.value,)))
    assert watch.leaks() == ["client Client shows tps…"]
    held.close()


def test_an_error_that_quotes_the_secret_or_is_caused_by_one_that_does_is_seen(watch: SecretWatch) -> None:
    request = Credentials("app", StringSecret(SENTINEL)).request(SENTINEL)
    raised = []
    for text, cause in ((f"refused: {request}", None), ("refused", ValueError(SENTINEL))):
        with pytest.raises(NotFound) as caught:
            raise NotFound(text) from cause
        raised.append(caught.value)
        assert watch.leaks() == ["error NotFound shows tps…"]


def test_a_local_variable_of_the_sdks_that_holds_a_secret_in_a_traceback_is_seen(
    watch: SecretWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As error trackers record them; the application's own are its own."""
    with pytest.raises(ConfigurationError):
        Client("no target", client_id="app", client_secret=SENTINEL)
    assert watch.leaks() == []
    monkeypatch.setattr(ConfigurationError, "with_traceback", lambda error, _: error)
    with pytest.raises(ConfigurationError):
        Client("127.0.0.1:1", client_id="app", client_secret=SENTINEL, client_secret_file="file")
    assert watch.leaks() == ["error ConfigurationError shows tps…"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_process_that_shows_a_secret_is_seen(watch: SecretWatch, stream: str) -> None:
    """One that this process knows of, or that looks like one of the server's."""
    client()
    for secret, shown in ((SENTINEL, "tps…"), (MADE, "tps…"), (".".join(["eyJhbGciOiJFUzI1"] * 3), "eyJ…")):
        say(f"{secret} is it", stream)
        assert watch.leaks() == [f"process shows {shown}"]
    say("tps_ and eyJ are how they begin", stream)
    assert watch.leaks() == []


def test_what_a_process_is_to_print_is_a_secret_from_then_on(watch: SecretWatch) -> None:
    """But on its standard output only."""
    with watch.learning():
        say(MADE, "stdout")
        assert (watch.leaks(), MADE in watch.known) == ([], True)
        say(MADE, "stderr")
        assert watch.leaks() == ["process shows tps…"]
    say(MADE, "stdout")
    assert watch.leaks() == ["process shows tps…"]


def say(text: str, stream: str) -> None:
    code = f"import sys; print({text!r}, file=sys.{stream})"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_what_a_fake_server_is_told_and_tells_is_known(watch: SecretWatch) -> None:
    """Also where a process of its own has called it."""
    with FakeServer() as server, grpc.insecure_channel(server.target) as channel:
        AuthServiceStub(channel).IssueToken(IssueTokenRequest(client_secret=SENTINEL))
    assert watch.known == {SENTINEL, "token-1"}


def test_a_test_that_shows_a_secret_fails(watch: SecretWatch) -> None:
    """And its output is withheld."""
    client()
    report = pytest.TestReport("a test", ("file", 1, "test"), {}, "passed", None, "teardown")
    judge(report, watch)
    assert report.passed
    report.sections = [("Captured log call", f"DEBUG asking with {SENTINEL}")]
    judge(report, watch)
    assert report.failed
    assert SENTINEL not in f"{report.longrepr}{report.sections}"


def test_this_very_test_is_watched() -> None:
    """By the hooks of the conftest."""
    TokenCache(lambda: 0.0).succeeded(Token("a-token-of-this-test", b"", 1.0, 2.0))
    assert "a-token-of-this-test" in WATCH.known
