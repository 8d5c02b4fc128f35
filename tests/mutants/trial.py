"""Tries a mutant: copies the tree, applies it, runs the tests that it names, and judges how they ended.

Rules kept here:
* Nothing is changed but a copy in a temporary directory, and the copy is what the tests import, children too.
* A mutant counts as caught when each test that should notice failed while it ran, by an assertion or by waiting in
  vain. A test that is skipped, cannot be collected, or ends with any other error has shown nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.record import FILE

ROOT: Final = Path(__file__).resolve().parents[2]
COPIED: Final = ("server", "client_sdk", "protos", "tests", "pyproject.toml", "README.md", "Makefile")
MEANT: Final = frozenset({"AssertionError", "Failed", "TimeoutError"})
LIMIT_S: Final = 600.0
_IGNORED: Final = shutil.ignore_patterns(".*", "*.lock", "*.tmp", "*.pyc.*")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one test ended, with the phase (setup, call, teardown) and the error if it did not pass."""

    outcome: str
    phase: str
    error: str
    text: str

    @property
    def noticed(self) -> bool:
        """Whether it failed as a test does whose expectation is not met."""
        hung = self.text.startswith("Timeout (")  # pytest-timeout ended it
        return self.outcome == "failed" and self.phase == "call" and self.error in MEANT and not hung


@dataclass(frozen=True, slots=True)
class Run:
    """How the tests of one run ended, by their ids; `complaint` is what pytest said when it came to no end."""

    tests: dict[str, Ended]
    seconds: float
    complaint: str = ""

    def of(self, name: str) -> dict[str, Ended]:
        """The cases of one test."""
        return {each: ended for each, ended in self.tests.items() if each == name or each.startswith(f"{name}[")}

    @property
    def faults(self) -> list[str]:
        """Why this run is not one in which all passed; nothing when it is."""
        if self.complaint or not self.tests:
            return [self.complaint or "no test ran"]
        return [_told(name, ended) for name, ended in self.tests.items() if ended.outcome != "passed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mutant: who noticed, and why it does not count as caught (nothing when it does)."""

    mutant: Mutant
    noticed_by: list[str]
    faults: list[str]
    seconds: float


def attempt(mutant: Mutant) -> Verdict:
    """Tries one mutant on a copy of its own. Raises `RottenEdit`."""
    with copied() as tree:
        mutant.apply(tree)
        return judged(mutant, run(tree, mutant.tests))


def judged(mutant: Mutant, run: Run) -> Verdict:
    """The verdict on a mutant, given how its tests ended."""
    if run.complaint:
        return Verdict(mutant, [], [run.complaint], run.seconds)
    noticed, faults = [], []
    for name in mutant.caught_by:
        cases = run.of(name)
        failed = [each for each, ended in cases.items() if ended.noticed]
        noticed += failed
        strange = [_told(each, ended) for each, ended in cases.items() if ended.outcome != "passed"]
        if not failed:
            faults += strange or [f"{name} {'passed' if cases else 'did not run'}"]
    for name in mutant.spares:
        cases = run.of(name)
        faults += [_told(each, ended) for each, ended in cases.items() if ended.outcome != "passed"]
        faults += [] if cases else [f"{name} did not run"]
    return Verdict(mutant, noticed, faults, run.seconds)


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of what the tests need, compiled files included: their times are kept, so they are good there too."""
    with tempfile.TemporaryDirectory(prefix="typeplate-mutant-") as directory:
        tree = Path(directory) / "tree"
        tree.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=_IGNORED)
            else:
                shutil.copy2(source, tree / name)
        yield tree


def run(tree: Path, tests: Sequence[str]) -> Run:
    """Runs the tests of a tree, one after the other, in their short versions."""
    began = time.monotonic()
    record = tree / "record.json"
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-p", "tests.mutants.record", "--no-header", "--tb=short"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *dict.fromkeys(tests)],
        cwd=tree,
        env=_environment(tree) | {FILE: str(record)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    seconds = time.monotonic() - began
    said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
    if done.returncode not in (0, 1) or not record.exists():
        return Run({}, seconds, f"pytest ended with {done.returncode}:\n{said}")
    told = json.loads(record.read_text(encoding="utf-8"))
    if not Path(told["home"]).is_relative_to(tree.resolve()):
        return Run({}, seconds, f"the tests did not import the copy but {told['home']}")
    return Run({name: Ended(**ended) for name, ended in told["tests"].items()}, seconds)


def _environment(tree: Path) -> dict[str, str]:
    """Ours, but for what would lead away from the copy or into the long versions."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TYPEPLATE_", "PYTEST_"))}
    return kept | {"PYTHONPATH": os.pathsep.join(str(tree / part) for part in (".", "server", "client_sdk"))}


def _told(name: str, ended: Ended) -> str:
    text = ended.text.splitlines()[0] if ended.text else ""
    return f"{name} {ended.outcome} in {ended.phase}: {ended.error} {text}".rstrip(": ")
