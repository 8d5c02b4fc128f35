"""What is committed names no package index, no machine and no secret, and lies where it belongs."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.architecture import ROOT

INDEX = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|npmjs|debian\.org|simple/)|--(extra-)?index-url|--find-links")
MACHINE = re.compile(r"(?<![\w.>$)}])/(home|root|work|farm|Users)/\w")
SECRET = re.compile(r"tps_[0-9A-Za-z]+_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}|^\W{0,4}-----BEGIN [A-Z ]*PRIVATE KEY-----$")
FOLDERS = {"client_sdk", "protos", "server", "tests"}
FILES = {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"}


def committed() -> list[Path]:
    """The files that git keeps, and new ones it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in out.split("\0") if name and (ROOT / name).is_file()]


def findings(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """File and line where the pattern stands; not what stands there, which may be a living secret."""
    found = []
    for file in files:
        content = file.read_bytes()
        if b"\0" not in content[:8192]:
            lines = content.decode("utf-8", "replace").splitlines()
            found += [f"{file.relative_to(ROOT)}:{n}" for n, line in enumerate(lines, 1) if pattern.search(line)]
    return found


@pytest.mark.parametrize("pattern", [INDEX, MACHINE, SECRET], ids=["index address", "machine path", "secret"])
def test_no_file_names_an_index_a_machine_or_a_secret(pattern: re.Pattern[str]) -> None:
    """A lock works with whatever index its user has set up, and a secret that is committed is none."""
    me = Path(__file__)
    assert findings(pattern, [f for f in committed() if f != me]) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (INDEX, "--index-url x"),
        (INDEX, "see https:" + "//pypi.org/simple/"),
        (MACHINE, 'open("/home' + '/jo/x")'),
        (SECRET, f"tps_k1_{'a' * 43}_{'b' * 6}"),
        (SECRET, "-----BEGIN " + "PRIVATE KEY-----"),
    ],
)
def test_each_pattern_finds_what_it_is_for(pattern: re.Pattern[str], text: str) -> None:
    """The patterns themselves work."""
    assert pattern.search(text)


def test_the_top_level_is_the_agreed_one() -> None:
    """Nothing but the agreed folders and files, and dot-files, lies at the top."""
    top = {file.relative_to(ROOT).parts[0] for file in committed()}
    assert {name for name in top if not name.startswith(".")} <= FOLDERS | FILES


def test_every_locked_package_has_a_hash() -> None:
    """Each requirement of each lock is pinned and hashed, so that nothing unexpected is installed."""
    locks = sorted((ROOT / "server/requirements").glob("*.lock"))
    assert len(locks) >= 3
    for lock in locks:
        text = re.sub(r"#.*", "", lock.read_text(encoding="utf-8")).replace("\\\n", " ")
        requirements = [line for line in text.splitlines() if line.strip()]
        assert requirements
        assert [
            line for line in requirements if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)
        ] == []


def test_every_task_is_one_make_target_and_help_is_the_default() -> None:
    """`make` alone lists them all, each with what it is for, and none of them is missing its recipe."""
    listed = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory"], check=True, capture_output=True, text=True
    )
    targets = {line.split()[1] for line in listed.stdout.splitlines() if line.startswith("  make ")}
    asked = "help setup proto verify fmt lint test check run demo bench dist clean"
    assert set(asked.split()) <= targets
    for target in targets:
        subprocess.run(["make", "-C", str(ROOT), "-n", target], check=True, capture_output=True)
