"""Owns how calls that need no token reach a server, and what is said of one that cannot be reached.

gRPC's own waiting for a server (wait-for-ready) ends without a word on why it was in vain. Such calls are therefore
sent so that they fail at once, and again until their time is up, which is safe because all of them may be sent again.
The last failure names the cause.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import grpc

from typeplate._overdue import LOST_S
from typeplate._status import frameless, received, typed_error
from typeplate.errors import DeadlineExceeded, TypeplateError, Unavailable

T = TypeVar("T")
jitter = random.SystemRandom().random
"""0 to 1, and not the sequence of `random.random`: an application that seeds that one would have its processes call at
the same moments.
"""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.15, 1.0
MOST_ANSWERS = 5
"""How often one call asks a server that does answer, saying it is not available: as often as gRPC core would."""

NOT_CONNECTED: Final = "failed to connect"
CAUSES: Final = (
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; where that is safe, plaintext=True (--plaintext) goes without"),
    ("Hostname Verification", "its certificate is for another host name (server_name)"),
    ("is not in peer certificate", "its certificate is for another host name (server_name)"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not from an authority that is trusted here (ca_file, --ca-file)"),
    ("BAD_SIGNATURE", "its certificate is not from an authority that is trusted here (ca_file, --ca-file)"),
    ("security handshaker", "the certificate files cannot be used"),
    ("Connection refused", "connection refused; is the server running there?"),
    ("lookup failed", "its host name is not known"),
    ("DNS resolution failed", "its host name is not known"),
    ("No such file", "there is no such socket; is the server running?"),
)
HUNG_UP: Final = ("Socket closed", "Connection reset", "recvmsg")


@dataclass(slots=True)
class Tries:
    """The tries to reach one server for one call: since when (monotonic seconds), for how long, the last failure."""

    target: str
    started: float
    limit: float | None
    failures: int = 0
    answers: int = 0
    last: TypeplateError | None = None

    def left(self, now: float) -> float | None:
        """What is left of the call's time; None where it has no limit."""
        return None if self.limit is None else max(self.started + self.limit - now, 0.0)

    def pause(self, error: TypeplateError, now: float, draw: float) -> float | None:
        """Seconds until the next try after `error`; None: there is none."""
        if not isinstance(error, Unavailable) or isinstance(error, DeadlineExceeded):
            return None
        self.last = error
        self.answers += said_by_server(error)
        longest = min(FIRST_PAUSE_S * 2.0 ** min(self.failures, 8), LONGEST_PAUSE_S)
        self.failures += 1
        seconds = max(longest * (1 - draw / 2), error.retry_after or 0.0)
        left = self.left(now)
        return None if self.answers >= MOST_ANSWERS or (left is not None and seconds >= left) else seconds

    def told(self, error: TypeplateError) -> TypeplateError:
        """The error to raise for the last one."""
        return told(error, self.target, self.limit, self.last)

    def unanswered(self, seconds: float) -> DeadlineExceeded:
        """The error of a caller who has waited for so long, and no longer does."""
        return DeadlineExceeded(sentence(self.target, seconds, self.last))


def told(error: TypeplateError, target: str, limit: float | None, last: TypeplateError | None = None) -> TypeplateError:
    """The error with the server's address and the cause in it, where gRPC alone has spoken; else as it is."""
    if not isinstance(error, Unavailable) or said_by_server(error):
        return error
    if last is None and not isinstance(error, DeadlineExceeded):
        last, limit = error, None
    return type(error)(sentence(target, limit, last), code=error.code, retry_after=error.retry_after)


def said_by_server(error: TypeplateError) -> bool:
    """Whether the error is a Typeplate server's own, rather than gRPC's about a connection."""
    return bool(error.reason or error.request_id)


def sentence(target: str, seconds: float | None, last: TypeplateError | None) -> str:
    """Which server did not answer, how long it had, and why if that is known."""
    within = "" if seconds is None else f" within {round(seconds, 2):g} s"
    why = "" if last is None else f": {cause(last.message)}"
    return f"{target} did not answer{within}{why}"


def cause(message: str) -> str:
    """Why a connection failed, in words for people, where gRPC's are known; else gRPC's own."""
    for mark, words in CAUSES:
        if mark in message:
            return words
    if message.startswith(NOT_CONNECTED) and any(mark in message for mark in HUNG_UP):
        return "it closed the connection; perhaps it wants TLS (ca_file, --ca-file, or plaintext=False)"
    return re.sub(r"^[A-Z_]+: (ipv4|ipv6|unix)\S*: ", "", message.rpartition("last error: ")[2])


def reach(method: Callable[..., T], request: Any, tries: Tries) -> T:
    """Calls until the server answers or the time is up. Raises TypeplateError."""
    while True:
        try:
            return received(method(request, timeout=tries.left(time.monotonic()), wait_for_ready=False))
        except grpc.RpcError as error:
            failure = typed_error(error)
            pause = tries.pause(failure, time.monotonic(), jitter())
            if pause is None:
                raise tries.told(failure) from frameless(error)
        time.sleep(pause)


async def answered(call: Awaitable[T], left: float | None) -> T:
    """The answer of an asyncio call that has these seconds; one that gRPC forgets is given up (see `_overdue`)."""
    try:
        async with asyncio.timeout(None if left is None else left + LOST_S):
            return received(await call)
    except TimeoutError:
        raise DeadlineExceeded("gRPC gave no answer by the deadline") from None


async def reach_aio(method: Callable[..., Awaitable[T]], request: Any, tries: Tries) -> T:
    """The same on an event loop."""
    while True:
        try:
            left = tries.left(time.monotonic())
            return await answered(method(request, timeout=left, wait_for_ready=False), left)
        except grpc.RpcError as error:
            failure = typed_error(error)
            pause = tries.pause(failure, time.monotonic(), jitter())
            if pause is None:
                raise tries.told(failure) from frameless(error)
        await asyncio.sleep(pause)
