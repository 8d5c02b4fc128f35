"""Runs the generator of the SDK's code on a copy of the protos, and what it made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODEGEN = ROOT / "client_sdk/codegen"
PYTHON = ROOT / ".venv-proto/bin/python"

Done = subprocess.CompletedProcess[str]


def need_tools() -> None:
    """Skips on a laptop without the proto environment, and fails in CI."""
    if not PYTHON.exists():
        assert not os.environ.get("CI"), "the proto environment is missing: make proto"
        pytest.skip("the proto environment is missing: make proto")


def copy(folder: Path) -> Path:
    """A copy of the protos and of the SDK, in this folder."""
    need_tools()
    shutil.copytree(ROOT / "protos", folder / "protos")
    shutil.copytree(
        ROOT / "client_sdk/typeplate", folder / "sdk/typeplate", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of the protos and of the SDK, which a test may spoil."""
    return copy(tmp_path)


def run(*arguments: str | Path) -> Done:
    need_tools()
    command = [str(PYTHON), str(CODEGEN / "generate.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def generate(scratch: Path) -> Done:
    return run("--protos", scratch / "protos", "--out", scratch / "sdk")


def python(scratch: Path, code: str) -> str:
    """What this code prints with the SDK that was generated. A warning is an error."""
    environ = {**os.environ, "PYTHONPATH": str(scratch / "sdk")}
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
