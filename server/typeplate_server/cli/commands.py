"""What each command of `typeplate-server` does. Each `add_…` adds one to the parser with its function as `run`.

`app`, and gRPC with it, is imported when a command runs: `--help` stays quick, and gRPC reads its own environment
variables at import, after `config.load` has set them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from typeplate_server import config
from typeplate_server.config import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Subcommands = argparse._SubParsersAction[argparse.ArgumentParser]

DONE: Final = 0
BAD_USE: Final = 2
UNUSABLE: Final = 3
BUSY: Final = 4


class Failed(SystemExit):
    """Ends the command with a code, after its sentence has been said."""


def say(message: str) -> None:
    """A message for the operator."""
    print(f"typeplate-server: {message}", file=sys.stderr)


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what an operator can mend into a sentence and an exit code, with no traceback."""
    from typeplate_server.app.failure import BusyError, StartupError

    try:
        yield
    except StartupError as error:
        say(str(error))
        raise Failed(BUSY if isinstance(error, BusyError) else UNUSABLE) from None


def add_serve(subcommands: Subcommands) -> None:
    """`serve`."""
    text = "Serve until SIGTERM or SIGINT. A new data directory is initialised first."
    command = subcommands.add_parser("serve", help="run the server until it is told to stop", description=text)
    command.add_argument(
        "--workers",
        dest=f"{config.PREFIX}WORKERS",
        metavar="N",
        help="processes that share the port (default: TYPEPLATE_WORKERS, which is 1 when unset)",
    )
    command.set_defaults(run=serve)


def given_settings(parsed: argparse.Namespace) -> dict[str, str]:
    """The settings that were given as arguments; their names there are those of the variables."""
    return {name: value for name, value in vars(parsed).items() if name.startswith(config.PREFIX) and value is not None}


def serve(settings: Settings, _: argparse.Namespace) -> int:
    """Serve; says `listening on ADDRESS` on standard output as soon as calls are accepted."""
    import uvloop

    from typeplate_server.app import logs, serving, workers
    from typeplate_server.cli import worker

    logs.set_up(settings.log_level, sys.stderr)
    with sentences():
        if settings.workers > 1:
            asyncio.run(workers.serve(settings, worker.command, announce))
        else:
            uvloop.run(serving.serve(settings, sys.stderr, announce))
    return DONE


def announce(address: str, new_admin: Path | None) -> None:
    """Tell whoever waits for it that the server serves."""
    if new_admin is not None:
        say(f"this is a new data directory; its administrator's credentials are in {new_admin}")
    print(f"listening on {address}", flush=True)


def add_init(subcommands: Subcommands) -> None:
    """`init`."""
    text = (
        "Make the data directory: database, key file, and an administrator whose credentials are written to "
        "admin.env (mode 0600). Changes nothing that is there already."
    )
    command = subcommands.add_parser("init", help="make the data directory", description=text)
    command.add_argument(
        "--new-admin", action="store_true", help="make one more administrator; for when no other is left"
    )
    command.set_defaults(run=init)


def init(settings: Settings, arguments: argparse.Namespace) -> int:
    """Set up, or make one more administrator. No server may run meanwhile: it would not know of it."""
    from typeplate_server.app import setup
    from typeplate_server.app.data_dir import DataDir

    data_dir = DataDir(settings.data_dir)
    with sentences():
        data_dir.create()
        with data_dir.locked():
            made = asyncio.run(setup.new_admin(settings) if arguments.new_admin else setup.initialise(settings))
    if made is None:
        say(f"{settings.data_dir} is initialised already; nothing was changed")
    else:
        print(made)
        say("these are the credentials of a new administrator; keep the file secret")
    return DONE


def add_migrate(subcommands: Subcommands) -> None:
    """`migrate`."""
    text = "Bring the database's schema up to what this version needs. No server may run meanwhile."
    command = subcommands.add_parser("migrate", help="upgrade the database's schema", description=text)
    command.set_defaults(run=migrate)


def migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Migrate, in one transaction."""
    from typeplate_server.app import checking
    from typeplate_server.app.data_dir import DataDir

    with sentences(), DataDir(settings.data_dir).locked():
        say(checking.migrate_all(settings))
    return DONE


def add_check_config(subcommands: Subcommands) -> None:
    """`check-config`."""
    text = "Show the settings and check them, the data directory, the database's schema and the TLS files."
    command = subcommands.add_parser("check-config", help="show and check the settings", description=text)
    command.set_defaults(run=check_config)


def check_config(settings: Settings, _: argparse.Namespace) -> int:
    """Show what is set and what is wrong with it."""
    from typeplate_server.app import checking

    shown = config.shown(settings)
    width = max(len(variable) for variable, _ in shown)
    for variable, value in shown:
        print(f"{variable:<{width}}  {value}".rstrip())
    problems = list(checking.problems(settings))
    for problem in problems:
        say(problem)
    if not problems:
        say("all is well")
    return UNUSABLE if problems else DONE


ALL: Final[tuple[Callable[[Subcommands], None], ...]] = (
    add_serve,
    add_init,
    add_migrate,
    add_check_config,
)
