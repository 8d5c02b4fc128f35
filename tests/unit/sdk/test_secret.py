"""Secrets from strings, files and callables; none of them shows what it holds."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from typeplate import Client
from typeplate._secret import FileSecret, fingerprint, read_now, secret_source
from typeplate.errors import ConfigurationError, SecretUnavailable

SECRET = "tps_key0_sentinelSECRET"


def test_a_string_is_the_secret_less_white_space() -> None:
    source = secret_source(f" {SECRET}\n", None)
    assert source is not None
    assert (source.changes, read_now(source)) == (False, SECRET)
    assert SECRET not in repr(source)


def test_a_file_is_read_again_each_time(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    source = secret_source(None, str(file))
    assert source is not None
    for value in ("tps_one", "tps_two"):
        file.write_text(f"{value}\n")
        assert read_now(source) == value
    assert source.changes


def test_a_file_that_gives_no_secret_says_which_and_why(tmp_path: Path) -> None:
    """And never quotes what it holds."""
    source = FileSecret(tmp_path / "secret")
    with pytest.raises(SecretUnavailable, match=r"secret: No such file"):
        source.read()
    source.path.write_text(" \n")
    with pytest.raises(SecretUnavailable, match="is empty"):
        source.read()
    source.path.write_bytes(SECRET.encode() + b"\xff")
    with pytest.raises(SecretUnavailable, match="ASCII") as caught:
        source.read()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_callable_is_called_each_time() -> None:
    secrets = iter(["tps_one", "tps_two"])
    source = secret_source(lambda: next(secrets), None)
    assert source is not None
    assert [read_now(source), read_now(source)] == ["tps_one", "tps_two"]
    with pytest.raises(SecretUnavailable, match="raised StopIteration"):
        read_now(source)


def test_a_callable_must_return_a_secret() -> None:
    for value in ("", None, 5):
        source = secret_source(lambda value=value: value, None)
        assert source is not None
        with pytest.raises(SecretUnavailable, match="not a secret"):
            read_now(source)


def test_an_asynchronous_callable_needs_the_asyncio_client() -> None:
    async def fetch() -> str:
        return SECRET

    source = secret_source(fetch, None)
    assert source is not None
    with pytest.raises(SecretUnavailable, match="AsyncClient"):
        read_now(source)


def test_two_secrets_or_an_empty_one_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="both"):
        Client("127.0.0.1:1", client_id="app", client_secret=SECRET, client_secret_file="file")
    with pytest.raises(ConfigurationError, match="empty"):
        Client("127.0.0.1:1", client_id="app", client_secret=" ")
    assert secret_source(None, None) is None


@pytest.mark.parametrize("odd", ["\xe9", "\udce9"], ids=["accent", "surrogate"])
def test_a_secret_that_is_not_ascii_is_refused_and_not_quoted(odd: str) -> None:
    """The second is what the environment makes of a Latin-1 byte."""
    with pytest.raises(ConfigurationError, match="not ASCII") as given:
        Client("127.0.0.1:1", client_id="app", client_secret=SECRET + odd)
    with (
        Client("127.0.0.1:1", client_id="app", client_secret=lambda: SECRET + odd) as client,
        pytest.raises(SecretUnavailable, match="not ASCII") as fetched,
    ):
        client.access_token()
    for caught in (given.value, fetched.value):
        assert SECRET not in str(caught)
        assert caught.__cause__ is caught.__context__ is None
    assert fingerprint(SECRET + odd) != fingerprint(SECRET)


def test_a_held_secret_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret_source(SECRET, None))


def test_fingerprints_tell_secrets_apart() -> None:
    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert SECRET.encode() not in fingerprint(SECRET)
