"""Runs the `typeplate` command as a user does: in a process of its own, with no settings but those given."""

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.secret_watch import WATCH
from tests.support.server import ROOT

TIMEOUT_S = 60.0
PRINTING = (("clients", "create"), ("clients", "secrets", "create"), ("token", "issue"))
"""Commands whose task it is to print a secret or a token, unless that goes into a file."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Typeplate:
    """The command, with arguments that all its calls share and variables set in its environment."""

    shared: tuple[str, ...] = ()
    environ: Mapping[str, str] | None = None

    def __call__(self, *arguments: str, answer: str | None = None, stdin: str = "") -> Done:
        """Runs it. `answer`: standard input is a terminal on which this is typed; else it is a pipe with `stdin`."""
        if answer is None:
            return self._run(arguments, None, stdin)
        ours, theirs = pty.openpty()
        try:
            os.write(ours, answer.encode())
            return self._run(arguments, theirs)
        finally:
            os.close(ours)
            os.close(theirs)

    def _run(self, arguments: tuple[str, ...], terminal: int | None, typed: str = "") -> Done:
        prints = any(arguments[: len(words)] == words for words in PRINTING) and "--write-env-file" not in arguments
        with WATCH.learning() if prints else contextlib.nullcontext():
            done = subprocess.run(
                [sys.executable, "-W", "error", "-m", "typeplate.cli", *arguments, *self.shared],
                env=clean_environment() | dict(self.environ or {}),
                **({"input": typed} if terminal is None else {"stdin": terminal}),
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        return Done(done.returncode, done.stdout, done.stderr)


def clean_environment() -> dict[str, str]:
    """Ours less everything that is a setting of Typeplate."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TYPEPLATE_")}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT / "server"), str(ROOT / "client_sdk")])}


def calling(address: str, env_file: Path) -> Typeplate:
    """The command for one server and the credentials in one file."""
    return Typeplate(("--target", address, "--env-file", str(env_file)))
