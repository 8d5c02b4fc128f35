"""Where the `typeplate` command finds server and credentials."""

from argparse import Namespace
from pathlib import Path

import pytest

from typeplate.cli.connection import client_secret, connect, read_env_file, settings
from typeplate.cli.exits import UsageError
from typeplate.cli.parser import build_parser
from typeplate.errors import ConfigurationError

ENVIRON = {
    "TYPEPLATE_TARGET": "far:1",
    "TYPEPLATE_CLIENT_ID": "env-id",
    "TYPEPLATE_CLIENT_SECRET": "env-secret",
    "HOME": "/",
}


def test_the_environment_is_read_when_nothing_else_is_given() -> None:
    """Only the TYPEPLATE_ names of it."""
    assert settings(Namespace(), ENVIRON) == {name: value for name, value in ENVIRON.items() if name != "HOME"}


def test_an_env_file_beats_the_environment_and_options_beat_both(tmp_path: Path) -> None:
    """The closer a setting is given, the more it counts."""
    file = tmp_path / "a.env"
    file.write_text("TYPEPLATE_CLIENT_ID=file-id\nTYPEPLATE_CLIENT_SECRET=file-secret\n")
    found = settings(Namespace(env_file=str(file), target="near:2"), ENVIRON)
    assert found["TYPEPLATE_TARGET"] == "near:2"
    assert found["TYPEPLATE_CLIENT_ID"] == "file-id"
    assert found["TYPEPLATE_CLIENT_SECRET"] == "file-secret"


def test_without_a_target_the_default_one_is_called() -> None:
    """The server's own default address."""
    assert settings(Namespace(), {"TYPEPLATE_TARGET": ""}) == {"TYPEPLATE_TARGET": "127.0.0.1:50051"}


def test_a_secret_file_given_closer_displaces_a_secret_given_farther_off(tmp_path: Path) -> None:
    """Otherwise an exported secret would win over the file that the user names."""
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    found = settings(Namespace(secret_file=str(file)), ENVIRON)
    assert "TYPEPLATE_CLIENT_SECRET" not in found
    assert client_secret(found) == "from-file"


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to set."""
    for name in ENVIRON.keys() | {"TYPEPLATE_CLIENT_SECRET_FILE"}:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="TYPEPLATE_CLIENT_ID is not set"):
        connect(Namespace())


def test_an_env_file_reads_as_a_shell_would(tmp_path: Path) -> None:
    """Comments, `export` and quotes."""
    file = tmp_path / "a.env"
    file.write_text("# who\nexport TYPEPLATE_TARGET='h:1'\n\nTYPEPLATE_CLIENT_ID=\"a b\" # c\n")
    assert read_env_file(file) == {"TYPEPLATE_TARGET": "h:1", "TYPEPLATE_CLIENT_ID": "a b"}


@pytest.mark.parametrize("line", ["hush-hush", "A='hush-hush"])
def test_a_line_that_is_no_assignment_is_refused_without_being_quoted(tmp_path: Path, line: str) -> None:
    """It may be a secret pasted into the wrong place."""
    file = tmp_path / "a.env"
    file.write_text(f"A=b\n{line}\n")
    with pytest.raises(UsageError, match="line 2") as caught:
        read_env_file(file)
    assert "hush" not in str(caught.value)


def test_the_options_of_a_connection_reach_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, under the names that the client has for them; what is not given is left to it."""
    given: dict[str, object] = {}
    monkeypatch.setattr("typeplate.Client.from_env", lambda _environ, **settings: given.update(settings))
    connect(build_parser().parse_args(["whoami"]))
    assert given == {}
    files = ["--ca-file", "ca", "--client-cert-file", "cert", "--client-key-file", "key"]
    connect(build_parser().parse_args([*files, "--server-name", "n", "--no-proxy", "--timeout", "5", "whoami"]))
    assert given == {
        "ca_file": "ca",
        "client_cert_file": "cert",
        "client_key_file": "key",
        "server_name": "n",
        "proxy": False,
        "timeout": 5.0,
    }
