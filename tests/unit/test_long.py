"""Every test that repeats more often in full is run by `make test-long`."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.support.architecture import ROOT

SCALE = "tests.support.scale"


def importing(module: str) -> dict[Path, set[str]]:
    """The files below tests/ that import from a module, and what."""
    found: dict[Path, set[str]] = {}
    for file in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == module:
                found.setdefault(file, set()).update(alias.name for alias in node.names)
    return found


def test_who_repeats_more_often_in_full_is_a_test_and_imports_scaled_by_name() -> None:
    """For that is how tests/conftest.py knows it; a module that others import could not be told to be long."""
    users = {file: names for file, names in importing(SCALE).items() if file.name != "conftest.py"}
    assert len(users) >= 5
    for file, names in users.items():
        assert file.name.startswith("test_"), file
        assert "scaled" in names, file
    assert not [file for file, names in importing("tests.support").items() if "scale" in names]


def test_long_tests_are_chosen_by_their_mark_and_nothing_else_is() -> None:
    """One module that uses `scaled`, and one that does not."""
    files = ["tests/unit/auth/test_fleet_race.py", "tests/unit/auth/test_registry.py"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-m",
        "long",
    ]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    collected = [line for line in done.stdout.splitlines() if "::" in line]
    assert [line.partition("::")[0] for line in collected] == files[:1], done.stdout + done.stderr


def test_make_test_long_runs_them_in_full() -> None:
    """One after the other, and with what they measure on the terminal."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\ntest-long:")[2].partition("\n\n")[0]
    for word in ("TYPEPLATE_TEST_LONG=1", "-m long", "-n 0", " -s "):
        assert word in recipe
