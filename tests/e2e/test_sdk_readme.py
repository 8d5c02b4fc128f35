"""The SDK's README does what it says: every block of it is run, in order, against a real server.

Those under "Test an application against it" are run by test_testing_example.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certificates import make_certificates
from tests.support.commands import clean_environment
from tests.support.polling import eventually
from tests.support.secret_watch import WATCH
from tests.support.server import ROOT
from typeplate.testing import Server

TESTING = "## Test an application against it"
HERE, ELSEWHERE = "127.0.0.1:50051", "vehicles.internal:443"
WEB = "127.0.0.1:8000"
TOLD = {
    "Errors": ["not without the scope clients:admin\n", "[('name', ", "NOT_FOUND "],
    "Deadlines and retries": ["Toyota\n2\n"],
    "Web servers and other processes": ["Toyota\n", "fork ['Toyota', ", "spawn ['Toyota', "],
}
"""What the blocks of a section print; those of the others tell of a Toyota, or name vehicles."""
LISTENING = re.compile(r"Listening at: (http://[0-9.:]+)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: the section it is in, its language, the line it begins on, and what is in it."""

    section: str
    language: str
    line: int
    text: str

    @property
    def file(self) -> str | None:
        """The file that its first line names, if it is one to be kept."""
        found = re.match(r"# (\S+\.py)\n", self.text)
        return found[1] if found else None


def blocks() -> list[Block]:
    """The fenced blocks in order, less those on testing."""
    text = (ROOT / "client_sdk/README.md").read_text(encoding="utf-8").partition(TESTING)[0]
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(section(text[: m.start()]), m[1], text.count("\n", 0, m.start()) + 1, m[2]) for m in found]


def section(above: str) -> str:
    """The last heading of this text."""
    return str(re.findall(r"^#+ (.*)$", above, re.MULTILINE)[-1])


@dataclass(frozen=True, slots=True)
class Place:
    """A directory to run blocks in, with the key of the application `sales`, and the server it is for."""

    folder: Path
    server: Server

    def environ(self) -> dict[str, str]:
        """What an application finds: the server, its id and the file of its secret."""
        settings = {"TARGET": self.server.target, "CLIENT_ID": "sales", "CLIENT_SECRET_FILE": "sales.secret"}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return clean_environment() | {f"TYPEPLATE_{name}": value for name, value in settings.items()} | {"PATH": path}

    def typed(self, text: str) -> str:
        """The block with the addresses of here."""
        return text.replace(HERE, self.server.target).replace(ELSEWHERE, self.server.target).replace(WEB, "127.0.0.1:0")


@contextmanager
def place(folder: Path, **settings: str) -> Iterator[Place]:
    """With two vehicles; the certificates are there either way."""
    served, own = make_certificates(folder), make_certificates(folder / "own", "sales.test")
    own.certificate.rename(folder / "app.pem")
    own.key.rename(folder / "app.key")
    files = {"TYPEPLATE_TLS_CERT_FILE": str(served.certificate), "TYPEPLATE_TLS_KEY_FILE": str(served.key)}
    with Server(environ=files if "tls" in settings else {}, ca_file=served.ca if "tls" in settings else None) as server:
        server.add_vehicle("epa-49772", make="Toyota", model="GR Supra", model_year=2026, co2_g_per_km=0.0)
        server.add_vehicle("epa-49773", make="Toyota", model="bZ", model_year=2026)
        key = server.create_client("sales", scopes=["vehicles:read"])
        (folder / "sales.secret").write_text(key.client_secret + "\n")
        (folder / "secrets.json").write_text(json.dumps({"typeplate": key.client_secret}))
        yield Place(folder, server)


def run(block: Block, where: Place) -> None:
    """Runs one block, or writes down the file that it is."""
    if block.file is not None:
        (where.folder / block.file).write_text(where.typed(block.text))
        return
    if block.text.startswith("gunicorn"):
        serve(block, where)
        return
    interpreter = [sys.executable, "-W", "error", "-c"] if block.language == "python" else ["bash", "-euc"]
    done = subprocess.run(
        [*interpreter, where.typed(block.text)],
        cwd=where.folder,
        env=where.environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = f"client_sdk/README.md, line {block.line}:\n{block.text}\n{done.stdout}\n{done.stderr}"
    assert (done.returncode, done.stderr) == (0, ""), told
    wanted = TOLD.get(block.section)
    missing = [text for text in wanted or [] if text not in done.stdout]
    assert not missing if wanted else re.search("Toyota|vehicles/epa-", done.stdout), told


def serve(block: Block, where: Place) -> None:
    """Starts a web server as the block says, and asks it until two of its processes have answered."""
    log = where.folder / "web.log"
    with log.open("w") as sink:
        words = [*where.typed(block.text).split(), "--access-logfile", "-", "--access-logformat", "asked %(p)s"]
        web = subprocess.Popen(words, cwd=where.folder, env=where.environ(), stdout=sink, stderr=sink)
    try:
        eventually(lambda: LISTENING.search(log.read_text()) is not None, "the web server listens", within_s=30)
        address = LISTENING.findall(log.read_text())[0]
        eventually(lambda: asked(address) and len(set(re.findall("asked.*", log.read_text()))) == 2, "both answer", 30)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/vehicles/epa-0", timeout=20)
    finally:
        web.terminate()
        assert web.wait(20) == 0
    WATCH.hear(log.read_text())
    assert "Traceback" not in log.read_text(), log.read_text()


def asked(address: str) -> bool:
    with urllib.request.urlopen(f"{address}/vehicles/epa-49772", timeout=20) as answer:
        return bool(json.load(answer) == {"make": "Toyota", "model": "GR Supra"})


@pytest.mark.timeout(300)
def test_every_block_of_the_sdks_readme_works(tmp_path: Path) -> None:
    """In the order they stand in, each against the server whose address it has: on this machine, or behind TLS."""
    found = blocks()
    assert len(found) >= 12
    assert {block.language for block in found} == {"python", "bash"}
    (tmp_path / "tls").mkdir()
    with place(tmp_path) as here, place(tmp_path / "tls", tls="on") as elsewhere:
        for block in found:
            run(block, elsewhere if ELSEWHERE in block.text else here)


def test_a_block_that_fails_is_found(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        for language, text in (
            ("python", "print('Toyota'); print(1 / 0)\n"),
            ("bash", "false\necho Toyota\n"),
            ("python", "print(1)"),
        ):
            with pytest.raises(AssertionError, match="line 7"):
                run(Block("", language, 7, text), here)
