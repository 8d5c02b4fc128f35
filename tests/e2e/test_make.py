"""`make run` and `make demo` on a new checkout, from nothing: what a stranger does first.

They install from the package index that pip is set up with. `-m "not fresh_clone"` leaves them out where there is none.
"""

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import clean_environment
from tests.support.server import READY, ROOT
from typeplate import Client

SET_UP_S = 120.0

pytestmark = [pytest.mark.fresh_clone, pytest.mark.timeout(400), pytest.mark.xdist_group("fresh_clone")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's files as they stand, with nothing installed and nothing built."""
    place = tmp_path_factory.mktemp("clone")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    return place


def environment() -> dict[str, str]:
    """As on a machine where nobody has ever heard of us: no settings and no paths into this checkout."""
    kept = clean_environment()
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"):
        kept.pop(name, None)
    return kept | {"TYPEPLATE_LISTEN": "127.0.0.1:0"}


@contextmanager
def make_run(place: Path) -> Iterator[tuple[str, str]]:
    """`make run`, until it serves: gives the address and what was printed before; stops it like Ctrl-C."""
    with (place / "make.log").open("w") as log:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=place,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            if line.startswith(READY):
                yield line.removeprefix(READY).strip(), said
                return
            said += line
        raise AssertionError(f"make run ended before it served:\n{said}{(place / 'make.log').read_text()}")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()  # until the server, which make does not wait for, has ended as well
        process.stdout.close()
        process.wait(20)


def secret_of(place: Path) -> str:
    """The administrator's."""
    lines = (place / "data/admin.env").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if "CLIENT_SECRET=" in line)


def test_make_run_serves_from_nothing_and_again_at_once(checkout: Path) -> None:
    """Within 120 s with all set-up; keys and data private; the second time nothing is installed or made anew."""
    began = time.monotonic()
    with make_run(checkout) as (address, said):
        assert time.monotonic() - began < SET_UP_S
        assert "clients create" in said, "what to type next"
        secret = secret_of(checkout)
        assert stat.S_IMODE((checkout / "data").stat().st_mode) == 0o700
        for name in ("admin.env", "keys.json"):
            assert stat.S_IMODE((checkout / "data" / name).stat().st_mode) == 0o600
        with Client(address, client_id="admin", client_secret=secret) as client:
            assert len(list(client.data.list_vehicles(page_size=1000))) >= 1500
    began = time.monotonic()
    with make_run(checkout) as (address, said):
        assert time.monotonic() - began < 15
        assert "Installing" not in said
        assert secret_of(checkout) == secret


def test_make_demo_tells_the_whole_story(checkout: Path) -> None:
    """To its end, and leaves nothing behind in the checkout."""
    done = subprocess.run(
        ["make", "demo"], cwd=checkout, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CLIENT_REVOKED" in done.stdout
    assert "tps_" not in done.stdout + done.stderr


def test_make_clean_leaves_the_data(checkout: Path) -> None:
    """What was built or installed goes; what was served stays."""
    (checkout / "data").mkdir(exist_ok=True)
    (checkout / "data/precious").touch()
    (checkout / ".venv").mkdir(exist_ok=True)
    subprocess.run(["make", "clean"], cwd=checkout, env=environment(), check=True, capture_output=True, timeout=60)
    assert not (checkout / ".venv").exists()
    assert (checkout / "data/precious").exists()


def test_a_python_that_is_too_old_is_refused(checkout: Path, tmp_path: Path) -> None:
    """With a sentence, and before anything is made."""
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho 'Python 3.11 or newer is needed' >&2\nexit 1\n")
    old.chmod(0o755)
    command = ["make", "setup", f"PYTHON={old}", "VENV=.venv-old"]
    done = subprocess.run(
        command, cwd=checkout, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "3.11 or newer" in done.stderr
    assert not (checkout / ".venv-old").exists()
