"""The three standard streams, which a shell may have closed (`>&-`); Python then has None in their place.

A command whose results nobody could read is not run: it may make a secret that is shown once. What is said to people
may go nowhere, but not to standard output, where `print` would put it.
"""

from __future__ import annotations

import io
import os
import sys

from typeplate.cli.exits import UsageError


def open_streams() -> None:
    """Has standard input end and standard error go nowhere, where closed. Raises UsageError for standard output."""
    if sys.stdin is None:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number, so that no file of ours gets a stream's
        sys.stdin = io.StringIO()
    if sys.stderr is None:
        os.open(os.devnull, os.O_RDWR)
        sys.stderr = io.StringIO()
    if sys.stdout is None:
        raise UsageError("standard output is closed; to see no results, send them to a file or to /dev/null")


def drop_unwritable() -> None:
    """Drops what standard output does not take (a full disk, a closed pipe); Python would complain of it at its end."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
