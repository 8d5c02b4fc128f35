"""The testing example in the SDK's README is run as an application's team would run it: in several processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.commands import clean_environment
from tests.support.server import ROOT

SECTION = "## Test an application against it"


def files() -> dict[str, str]:
    """The section's blocks of Python; each names its file in its first line."""
    text = (ROOT / "client_sdk/README.md").read_text(encoding="utf-8")
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) == section.count("```python")
    return dict(blocks)


def run(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Pytest on the files in a directory, with warnings as errors and no settings of this repository."""
    path = os.pathsep.join([str(ROOT / "server"), str(ROOT / "client_sdk")])
    settings = ["-W", "error", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *settings, *options, str(directory)],
        cwd=directory,
        env=clean_environment() | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_example_passes_and_its_opposite_fails(tmp_path: Path) -> None:
    """On two workers of pytest-xdist, each with its own servers; once as it is, once with every assertion turned."""
    written = files()
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "test_opposite.py").write_text(re.sub(r"(assert .*) == ", r"\1 != ", written["test_application.py"]))
    done = run(tmp_path, "-n", "2")
    tests = written["test_application.py"].count("def test_")
    assert f"{tests} failed, {tests} passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("FAILED test_opposite.py") == tests
