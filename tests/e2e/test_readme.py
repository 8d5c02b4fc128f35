"""The README does what it says: every block of commands in it is run, in order, against a real server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import clean_environment
from tests.support.server import ROOT, ServerProcess, command, read_credentials, running_server

RUN = {"bash", "python"}
SHOWN = {"mermaid", "text"}
COMMANDS = {"typeplate": "-m typeplate.cli", "typeplate-server": "-m typeplate_server", "python": ""}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the line it begins on, and what is in it."""

    language: str
    line: int
    text: str


def blocks() -> list[Block]:
    """The fenced blocks of README.md in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(m[1], text.count("\n", 0, m.start()) + 1, m[2]) for m in found]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What a checkout looks like after `make run`: `.venv/bin`, and `data` with the sample, served with reflection."""
    place = tmp_path_factory.mktemp("readme")
    bin_dir = place / ".venv/bin"
    bin_dir.mkdir(parents=True)
    for name, arguments in COMMANDS.items():
        shim = bin_dir / name
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        shim.chmod(0o755)
    (bin_dir / "buf").symlink_to(Path(sys.executable).with_name("buf"))
    assert command(place / "data", "init").returncode == 0
    imported = command(place / "data", "import", "sample")
    assert imported.returncode == 0, imported.stderr
    with running_server(place / "data", REFLECTION="1") as server:
        tell_address(server)
        yield place


def tell_address(server: ServerProcess) -> None:
    """Puts the port that was free into the file that `init` wrote before it could know."""
    file = server.data_dir / "admin.env"
    file.write_text(re.sub(r"(TYPEPLATE_TARGET=).*", rf"\g<1>{server.address}", file.read_text()))
    assert read_credentials(file).client_id == "admin"


def run(block: Block, place: Path) -> None:
    """Runs one block as a reader would who types it in; Python with the application's settings in the environment."""
    environ = clean_environment()
    environ["PATH"] = os.pathsep.join([str(place / ".venv/bin"), environ["PATH"]])
    if block.language == "bash":
        words = ["bash", "-euo", "pipefail", "-c", typed(block.text)]
    else:
        words = ["bash", "-euc", 'set -a; . ./sales.env; set +a; exec python -W error -c "$0"', block.text]
    done = subprocess.run(
        words,
        cwd=place,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"README.md, line {block.line}:\n{block.text}\n{done.stdout}\n{done.stderr}"
    assert done.stdout or block.language == "bash", f"README.md, line {block.line}: nothing was printed"


def typed(text: str) -> str:
    """The block with each `make TARGET` looked up, not made: test_make.py makes them, and one of them runs this."""
    return re.sub(
        r"^make ([\w-]+)$", rf'make --no-print-directory -n -C "{ROOT}" \1 >/dev/null', text, flags=re.MULTILINE
    )


@pytest.mark.timeout(300)
def test_every_block_of_the_readme_works(checkout: Path) -> None:
    """Those in bash and those in Python, in the order they stand in."""
    found = [block for block in blocks() if block.language in RUN]
    assert len(found) >= 8
    for block in found:
        run(block, checkout)


def test_every_block_says_what_it_is() -> None:
    """So that none is left out by a forgotten or misspelt language."""
    assert {block.language for block in blocks()} <= RUN | SHOWN


def test_a_block_that_fails_is_found(tmp_path: Path) -> None:
    """Also when it is not the last command of it that fails, or a target that does not exist."""
    (tmp_path / "sales.env").touch()
    for text in ("false\ntrue\n", "false | true\n", "make nothing_of_the_kind\n"):
        with pytest.raises(AssertionError, match="line 7"):
            run(Block("bash", 7, text), tmp_path)
