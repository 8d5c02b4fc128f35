"""Reserves a port for several processes that will listen on it together, and for nobody else.

With SO_REUSEPORT any process of the same user may join those who listen, a forgotten second server too, and would be
given a share of their connections in silence. So the port is taken for oneself first, which fails while anybody
listens; only then is it opened for sharing, and held without listening, so that all who want it for themselves fail.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from typeplate_server.rpc.server import CannotListenError

_NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@contextmanager
def reserved(address: str) -> Iterator[str]:
    """Hold `host:port` at all addresses of the host that this machine has; yields it, port 0 replaced by a free one.

    Raises CannotListenError.
    """
    host, _, port = address.rpartition(":")
    with ExitStack() as held:
        try:
            number = _hold_all(host.strip("[]"), int(port), held)
        except OSError as error:
            raise CannotListenError(f"cannot listen on {address}: {error.strerror or type(error).__name__}") from None
        yield f"{host}:{number}"


def _hold_all(host: str, port: int, held: ExitStack) -> int:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    missing: OSError | None = None
    holding = False
    for family, _, _, _, where in dict.fromkeys(found):
        try:
            place = (where[0], port or _free(family, where), *where[2:])
            one = held.enter_context(contextlib.closing(_hold(family, place)))
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            missing = error
            continue
        port, holding = one.getsockname()[1], True
    if missing is not None and not holding:
        raise missing
    return port


def _free(family: int, where: tuple[Any, ...]) -> int:
    """A port nobody has at this moment. A socket that was given one by the system would lose it with its `shutdown`."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(where)
        port: int = probe.getsockname()[1]
        return port


def _hold(family: int, where: tuple[Any, ...]) -> socket.socket:
    """A socket that has listened alone, listens no more, and shares its port with those that ask for sharing."""
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier run may still linger
        one.bind(where)
        one.listen()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        one.shutdown(socket.SHUT_RDWR)
    except BaseException:
        one.close()
        raise
    return one
