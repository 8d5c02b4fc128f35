"""Lints the protos with buf, resolving google/api from the installed googleapis-common-protos.

buf would fetch google/api from a registry of its own. Instead the protos and the installed google/api files are
laid side by side in a temporary directory, so that the lint needs no network and sees the versions that are locked.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def google_api() -> Path:
    """Where the installed googleapis-common-protos keeps its `google/api/*.proto`."""
    spec = importlib.util.find_spec("google.api.annotations_pb2")
    if spec is None or spec.origin is None:
        raise SystemExit("googleapis-common-protos is not installed: run `make setup`.")
    return Path(spec.origin).parent


def main() -> int:
    """Runs `buf lint`; its findings go to standard output, its exit code is returned."""
    with tempfile.TemporaryDirectory() as directory:
        workspace = Path(directory)
        shutil.copytree(ROOT / "protos", workspace, dirs_exist_ok=True)
        (workspace / "google/api").mkdir(parents=True)
        for proto in google_api().glob("*.proto"):
            shutil.copy(proto, workspace / "google/api")
        buf = Path(sys.executable).with_name("buf")
        return subprocess.run([buf, "lint", "."], cwd=workspace, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
