"""`typeplate-server set-max-staleness` and `restore-epoch`: what an operator changes of a whole deployment."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Final

from typeplate_server.cli.commands import BAD_USE, DONE, say, sentences
from typeplate_server.config import Settings

if TYPE_CHECKING:
    from typeplate_server.cli.commands import Subcommands

_QUESTION: Final = "every access token issued so far dies, and every application gets itself a new one. Go on? [y/N] "


def add_set_max_staleness(subcommands: Subcommands) -> None:
    """`set-max-staleness`."""
    text = (
        "Set for the whole deployment how old a replica's knowledge of revocations may be, from 1 to 60 seconds (10 "
        "unless set). A replica that is cut off for longer admits nobody; a revocation waits at most this long for "
        "one. Works beside running servers: each takes it over with its next poll, and until all have, "
        "revocations wait by the larger one."
    )
    command = subcommands.add_parser(
        "set-max-staleness", help="set how old a replica's knowledge may be", description=text
    )
    command.add_argument("seconds", type=float, metavar="SECONDS", help="from 1 to 60")
    command.set_defaults(run=set_max_staleness)


def set_max_staleness(settings: Settings, arguments: argparse.Namespace) -> int:
    """Set the bound, and say what it was."""
    from typeplate_server.app import operating

    shortest, longest = operating.SHORTEST_STALENESS_S, operating.LONGEST_STALENESS_S
    if not shortest <= arguments.seconds <= longest:
        say(f"SECONDS must be from {shortest:g} to {longest:g}")
        return BAD_USE
    with sentences():
        before = asyncio.run(operating.set_max_staleness(settings, arguments.seconds))
    say(f"max_staleness is {arguments.seconds:g} s; it was {before:g} s")
    return DONE


def add_restore_epoch(subcommands: Subcommands) -> None:
    """`restore-epoch`."""
    text = (
        "After a backup of the database was restored: kill every access token issued so far, for some may be of what "
        "was revoked since the backup. Secrets are as the backup has them: what was revoked, suspended or deleted "
        "since has to be so again, and a signing key that was killed since, killed again. On SQLite no server may run "
        "meanwhile; on PostgreSQL those that run admit nobody "
        "until they have read everything anew, and it takes as long as one that is cut off may still admit: "
        "max_staleness, once or twice."
    )
    command = subcommands.add_parser("restore-epoch", help="kill every token after a restore", description=text)
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.set_defaults(run=restore_epoch)


def restore_epoch(settings: Settings, arguments: argparse.Namespace) -> int:
    """Begin an epoch, in one transaction, after asking."""
    from typeplate_server.app import operating

    if not arguments.yes and not _agreed():
        return BAD_USE
    with sentences():
        asyncio.run(operating.begin_epoch(settings))
    say("a new epoch has begun, and no access token issued until now works any more, on any replica")
    say("now revoke again whatever was revoked, suspended or deleted since the backup was made")
    say("and kill again each signing key that was killed since: `typeplate keys rotate --compromised KID --yes`")
    return DONE


def _agreed() -> bool:
    if not sys.stdin.isatty():
        say("there is no terminal to ask on: add --yes; nothing was changed")
        return False
    print(f"typeplate-server: {_QUESTION}", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    say("nothing was changed")
    return False
