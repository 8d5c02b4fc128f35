"""Looks whether the administrator's credentials file still leads to the server, which has moved on since `init`.

It is never written anew: what an operator changed in it, a name of a proxy above all, is theirs. So only what this
server can tell is told: a target that is an address or `localhost`, and TLS that a client would not speak.
"""

from __future__ import annotations

import ipaddress
import shlex
from pathlib import Path
from typing import Final

from typeplate_server.config import Settings, is_loopback

_WILDCARDS: Final = ("0.0.0.0", "[::]")  # noqa: S104 - compared, not bound


def outdated(path: Path, settings: Settings, address: str) -> str:
    """What to edit in the file at `path` now that these settings serve on `address`; empty: nothing."""
    values = _values(path)
    target = values.get("TYPEPLATE_TARGET", "")
    if target and not _reaches(target, settings.listen):
        return f"{path} says TYPEPLATE_TARGET={target}, but this server is at {address}: edit it there"
    if target and settings.tls and is_loopback(target) and "TYPEPLATE_CA_FILE" not in values:
        return (
            f"{path} lacks TYPEPLATE_CA_FILE, so that clients would speak plaintext to {target}, but TLS is on: "
            "add the path of the PEM file of the authority that signed the server's certificate"
        )
    return ""


def _values(path: Path) -> dict[str, str]:
    """The assignments in a file as a shell reads it; none where it cannot be read."""
    try:
        words = shlex.split(path.read_text("utf-8"), comments=True)
    except (OSError, ValueError):
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _reaches(target: str, listen: str) -> bool:
    """Whether a client with this target may find who listens there. A name that somebody gave is not looked up."""
    if target == listen or _is_name(target):
        return True
    (host, _, port), (bound, _, bound_port) = target.rpartition(":"), listen.rpartition(":")
    if port != bound_port or "unix:" in (target[:5], listen[:5]):
        return False
    return bound in (*_WILDCARDS, host) or (
        "localhost" in (host, bound) and is_loopback(target) and is_loopback(listen)
    )


def _is_name(target: str) -> bool:
    """Whether it is a host's name, other than `localhost`."""
    host = target.rpartition(":")[0]
    if target.startswith("unix:") or host == "localhost":
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return True
    return False
