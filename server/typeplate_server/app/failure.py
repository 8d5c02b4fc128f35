"""Why the server does not start, as sentences for its operator."""

from __future__ import annotations


class StartupError(Exception):
    """The data directory, its keys, its database or the TLS files cannot be used as they are."""


class BusyError(StartupError):
    """Something else holds the data directory or the address."""
