"""The command `typeplate-server`. Settings come from the environment; `check-config` shows them.

Results go to standard output, messages to standard error. Exit codes: 0 done, 1 a fault of ours, 2 wrong use or a bad
setting, 3 data directory, keys, database or TLS files cannot be used, 4 the address or the data directory is taken, 5 a
file to import cannot be read, 6 rows of it were rejected, 7 the audit trail is not as it was written.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import Final

from typeplate_server import config
from typeplate_server.cli import audit_command, commands, deployment_commands, import_command

EPILOG: Final = """exit codes:
  0  done
  1  a fault of ours
  2  wrong use, or a bad setting
  3  data directory, keys, database or TLS files cannot be used
  4  the address or the data directory is taken
  5  a file to import cannot be read
  6  rows of it were rejected
  7  the audit trail is not as it was written

Settings come from the environment (TYPEPLATE_LISTEN, TYPEPLATE_DATA_DIR, ...); `check-config` lists them all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parsed = parser().parse_args(arguments)
    try:
        settings = config.load(commands.given_settings(parsed))
    except config.ConfigError as error:
        for problem in error.problems:
            commands.say(problem)
        return commands.BAD_USE
    for warning in settings.warnings:
        commands.say(warning)
    try:
        code: int = parsed.run(settings, parsed)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; Python need not say so
        return 0
    return code


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="typeplate-server",
        description="Serves technical vehicle data to applications over gRPC.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    subcommands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        *commands.ALL,
        deployment_commands.add_set_max_staleness,
        deployment_commands.add_restore_epoch,
        import_command.add_import,
        audit_command.add_audit,
    ):
        add(subcommands)
    return top


def version() -> str:
    """The installed version."""
    try:
        return importlib.metadata.version("typeplate-server")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
