"""`typeplate-server audit`: proves that nobody edited the audit trail.

Exit codes beside the common ones: 7 the trail is not as it was written.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Final

from typeplate_server.cli.commands import BAD_USE, DONE, say, sentences
from typeplate_server.config import Settings

if TYPE_CHECKING:
    from typeplate_server.cli.commands import Subcommands

TAMPERED: Final = 7


def add_audit(subcommands: Subcommands) -> None:
    """`audit`."""
    command = subcommands.add_parser("audit", help="check the audit trail", description="Check the audit trail.")
    actions = command.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = (
        "Check that no entry of the audit trail was edited, removed, put in or moved, and print its head. That its end "
        "was cut off only a head can tell that was printed earlier and kept elsewhere: give it with --expect-head. "
        "Works beside a running server."
    )
    verify_ = actions.add_parser("verify", help="check every entry and print the head", description=text)
    verify_.add_argument("--expect-head", metavar="HEAD", help="a head printed earlier, which must be in the trail")
    verify_.set_defaults(run=verify)


def verify(settings: Settings, arguments: argparse.Namespace) -> int:
    """Verify; the head goes to standard output."""
    from typeplate_server.app import auditing

    try:
        expected = None if arguments.expect_head is None else auditing.Head.parse(arguments.expect_head)
    except ValueError:
        say("--expect-head: a head looks like 42:9f86d0…, a number and 64 hexadecimal digits")
        return BAD_USE
    with sentences():
        try:
            head = asyncio.run(auditing.verify(settings, expected))
        except auditing.TrailBroken as error:
            say(f"the audit trail is not as it was written: {error}")
            return TAMPERED
    print(head)
    say(f"the audit trail is whole: {head.seq} entries")
    return DONE
