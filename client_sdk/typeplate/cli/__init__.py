"""The `typeplate` command: applications, tokens and vehicles from a shell, over the same RPCs as any application.

Results go to standard output (a table, or JSON with `--json`), everything else to standard error. Exit codes are in
`typeplate.cli.exits`. It reads the environment and files; it never takes a secret as an argument, since arguments
are visible to every process of the machine. gRPC is imported only once a command really calls, so that `--help` is
quick.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from typeplate.cli import exits
from typeplate.cli.parser import build_parser
from typeplate.cli.streams import drop_unwritable, open_streams


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; `argv` is `sys.argv` less the program's name."""
    options = build_parser().parse_args(argv)
    try:
        return run(options.command, options)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        return exits.OK  # whoever read our output (`head`, say) has had enough: no error, and there is nobody to tell
    finally:
        drop_unwritable()


def run(command: str, options: Namespace) -> int:
    """Runs the named command, and turns what went wrong into a sentence and an exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its log would stand between our sentences
    from typeplate.cli import commands
    from typeplate.errors import TypeplateError

    try:
        open_streams()
        commands.COMMANDS[command](options)
        sys.stdout.flush()
    except exits.UsageError as error:
        print(f"typeplate: {error}", file=sys.stderr)
        return exits.USAGE
    except exits.CommandError as error:
        print(f"typeplate: {error}", file=sys.stderr)
        return exits.ERROR
    except BrokenPipeError:
        raise
    except (TypeplateError, OSError) as error:
        print(f"typeplate: {exits.describe(error)}", file=sys.stderr)
        return exits.code_of(error)
    return exits.OK
