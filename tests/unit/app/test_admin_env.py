"""Whether the administrator's file still leads to the server, and what its operator is told if not."""

from __future__ import annotations

from pathlib import Path

import pytest

from typeplate_server.app.admin_env import outdated
from typeplate_server.app.setup import credentials
from typeplate_server.config import Settings

TLS = {"TYPEPLATE_TLS_CERT_FILE": "c.pem", "TYPEPLATE_TLS_KEY_FILE": "k.pem"}
ANYWHERE = {"TYPEPLATE_ALLOW_PLAINTEXT": "1"}


def told(folder: Path, target: str, listen: str, *, more: str = "", tls: bool = False) -> str:
    """What is said of a file with this target when a server listens there."""
    path = folder / "admin.env"
    path.write_text(credentials(target, "admin", "tps_x") + more)
    settings = Settings.from_env({"TYPEPLATE_LISTEN": listen, **(TLS if tls else ANYWHERE)})
    return outdated(path, settings, "HERE")


@pytest.mark.parametrize(
    ("target", "listen"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50051"),
        ("127.0.0.1:50051", "0.0.0.0:50051"),
        ("localhost:50051", "127.0.0.1:50051"),
        ("127.0.0.1:50051", "localhost:50051"),
        ("[::1]:50051", "[::]:50051"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("unix:/run/t", "unix:/run/t"),
        ("vehicles.example.com:443", "127.0.0.1:50051"),
    ],
)
def test_a_target_that_leads_here_is_passed_over(tmp_path: Path, target: str, listen: str) -> None:
    """So is a name, which may be that of a proxy."""
    assert told(tmp_path, target, listen) == ""


@pytest.mark.parametrize(
    ("target", "listen"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50052"),
        ("127.0.0.1:50051", "192.0.2.7:50051"),
        ("localhost:50051", "192.0.2.7:50051"),
        ("127.0.0.1:50051", "unix:/run/t"),
        ("unix:/run/t", "127.0.0.1:50051"),
        ("unix:/run/t", "unix:/run/u"),
    ],
)
def test_a_target_that_leads_elsewhere_is_told(tmp_path: Path, target: str, listen: str) -> None:
    """With the file, the variable, and the address to put there."""
    sentence = told(tmp_path, target, listen)
    assert sentence == (
        f"{tmp_path}/admin.env says TYPEPLATE_TARGET={target}, but this server is at HERE: edit it there"
    )
    assert "tps_x" not in sentence


def test_with_tls_on_a_local_target_needs_an_authority(tmp_path: Path) -> None:
    """For clients speak plaintext to this machine unless they are told."""
    here = "127.0.0.1:50051"
    assert "lacks TYPEPLATE_CA_FILE" in told(tmp_path, here, here, tls=True)
    assert told(tmp_path, here, here, more="export TYPEPLATE_CA_FILE=ca.pem\n", tls=True) == ""
    assert told(tmp_path, "vehicles.example.com:50051", "0.0.0.0:50051", tls=True) == ""


@pytest.mark.parametrize("content", [None, "", "export TYPEPLATE_TARGET='broken", b"\xff"])
def test_a_file_that_is_not_there_or_unreadable_is_no_matter(tmp_path: Path, content: str | bytes | None) -> None:
    """It has been put away, as it should be."""
    path = tmp_path / "admin.env"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert outdated(path, Settings.from_env({}), "HERE") == ""
