"""The SDK's README does what it says: every block of it is run, in order, against a real server.

Those under "Test an application against it" are run by test_testing_example.py.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certificates import make_certificates
from tests.support.commands import clean_environment
from tests.support.polling import eventually
from tests.support.secret_watch import WATCH
from tests.support.server import ROOT
from typeplate._options import settings_of
from typeplate.cli.connection import read_env_file
from typeplate.cli.parser import EPILOG
from typeplate.testing import Server

TESTING = "## Test an application against it"
HERE, ELSEWHERE = "127.0.0.1:50051", "vehicles.internal:443"
WEB = "127.0.0.1:8000"
VEHICLE = "vpic-jtmbdafbta"
TOLD = {
    "Errors": [r"not without the scope clients:admin\n", r"\[\('name', ", "NOT_FOUND "],
    "Deadlines and retries": [r"TOYOTA\n\d\d+\n"],
    "Web servers and other processes": [r"TOYOTA\n", r"fork \['TOYOTA', ", r"spawn \['TOYOTA', "],
}
"""What the blocks of a section print; those of the others tell of a Toyota, or name what they tell of."""
ANYTHING = ["TOYOTA|vehicles/vpic-|clients/shop"]
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
    """A directory to run blocks in, and the server they are for."""

    folder: Path
    server: Server

    def environ(self) -> dict[str, str]:
        """What is in the terminal of a reader who has begun as the page says."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        file = self.folder / "shop.env"
        return clean_environment() | {"PATH": path} | (read_env_file(file) if file.exists() else {})

    def typed(self, text: str) -> str:
        """The block with the addresses of here."""
        return text.replace(HERE, self.server.target).replace(ELSEWHERE, self.server.target).replace(WEB, "127.0.0.1:0")


@contextmanager
def place(folder: Path, **settings: str) -> Iterator[Place]:
    """With the sample, as after `make run`; the certificates are there either way, the key only beyond this machine."""
    served, own = make_certificates(folder), make_certificates(folder / "own", "sales.test")
    own.certificate.rename(folder / "app.pem")
    own.key.rename(folder / "app.key")
    files = {"TYPEPLATE_TLS_CERT_FILE": str(served.certificate), "TYPEPLATE_TLS_KEY_FILE": str(served.key)}
    with Server(environ=files if "tls" in settings else {}, ca_file=served.ca if "tls" in settings else None) as server:
        assert server.load_sample() > 1000
        if "tls" in settings:
            (folder / "shop.secret").write_text(server.create_client("shop").client_secret + "\n")
        else:
            (folder / "data").mkdir()
            write_env_file(folder / "data/admin.env", server._host.admin(None).environ)
        yield Place(folder, server)


def write_env_file(path: Path, values: Mapping[str, str]) -> None:
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))


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
    assert done.returncode == 0, told
    assert not done.stderr or "typeplate " in block.text, told  # the command remarks upon what it does
    assert [text for text in TOLD.get(block.section, ANYTHING) if not re.search(text, done.stdout)] == [], told


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
        for other in ("vpic-0", "no%20id%20at%20all"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{address}/vehicles/{other}", timeout=20)
    finally:
        web.terminate()
        assert web.wait(20) == 0
    WATCH.hear(log.read_text())
    assert "Traceback" not in log.read_text(), log.read_text()


def asked(address: str) -> bool:
    with urllib.request.urlopen(f"{address}/vehicles/{VEHICLE}", timeout=20) as answer:
        return bool(json.load(answer) == {"make": "TOYOTA", "model": "bZ"})


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


def test_the_page_names_all_the_variables_that_a_client_reads() -> None:
    """And no other; so does the command's help."""
    page = (ROOT / "client_sdk/README.md").read_text(encoding="utf-8")
    read = set(re.findall(r'environ\.get\("(\w+)"|_needed\(environ, "(\w+)"', inspect.getsource(settings_of)))
    names = {name for pair in read for name in pair if name}
    assert len(names) >= 6
    assert set(re.findall(r"^\| `(TYPEPLATE_\w+)`", page, re.MULTILINE)) == names
    assert set(re.findall(r"TYPEPLATE_\w+", EPILOG)) == names


def test_a_block_that_fails_is_found(tmp_path: Path) -> None:
    with place(tmp_path) as here:
        for language, text in (
            ("python", "print('TOYOTA'); print(1 / 0)\n"),
            ("bash", "false\necho TOYOTA\n"),
            ("python", "print(1)"),
        ):
            with pytest.raises(AssertionError, match="line 7"):
                run(Block("", language, 7, text), here)
