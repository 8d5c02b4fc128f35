"""Builds wheels as `make dist` does, and installs them as users do: with pip, into an environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

BUILD_S, INSTALL_S = 120.0, 100.0


def build_wheel(project: Path, out: Path) -> Path:
    """The wheel of the project in this directory."""
    before = set(out.glob("*.whl"))
    _done([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], BUILD_S, cwd=project)
    (built,) = set(out.glob("*.whl")) - before
    return built


def install_alone(wheel: Path, place: Path, *packages: str) -> Path:
    """A new environment with the wheel and what it asks for; its Python. The named packages come as they are here."""
    environment, constraints = place / "venv", place / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version(name)}\n" for name in packages))
    _done([sys.executable, "-m", "venv", "--without-pip", str(environment)], INSTALL_S)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-compile"]
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install", *quiet]
    _done([*pip, "--only-binary", ":all:", "-c", str(constraints), str(wheel)], INSTALL_S)
    return environment / "bin/python"


def _done(command: list[str], within_s: float, cwd: Path | None = None) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=within_s, check=False)
    assert done.returncode == 0, done.stderr
