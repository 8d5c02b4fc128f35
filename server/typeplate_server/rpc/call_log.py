"""The call log: one JSON line per finished call, at the cost of one append while the call runs.

Rules: a line holds only what cannot be secret and is no content of a request (method, outcome, client id, jti, kid,
peer, times, request id). A thread of its own formats and writes the lines every 100 ms and at the end, so that a
reader who stalls holds up no call and no stop; while it stalls at most `LIMIT` calls are kept, the rest are counted.
Several workers may write to one pipe, so whole lines are written, and at once no more than a pipe keeps together.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, TextIO

from typeplate_server.rpc.call import Subject, peer_address
from typeplate_server.rpc.errors import OK, Outcome

if TYPE_CHECKING:
    from typeplate_server.auth.admission import Caller

INTERVAL_S = 0.1
CLOSING_S = 1.0
LIMIT = 50_000

Entry = tuple[float, str, Outcome, "Caller | Subject | None", str, float, str, int]
"""End (epoch s), method, outcome, caller, peer as gRPC has it, duration (s), request id: prefix and number."""


class CallLog:
    """Collects finished calls and writes them to `stream`. With `only_failed`, calls that went well are left out."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], *, only_failed: bool = False) -> None:
        self._stream = stream
        self._clock = clock
        self._only_failed = only_failed
        self._entries: deque[Entry] = deque()
        self._dropped = 0
        self._closing = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="call-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._writer.start()

    def close(self) -> None:
        """Write what is left and end, within a second even when the reader stalls."""
        self._closing.set()
        self._writer.join(CLOSING_S)

    def add(
        self,
        method: str,
        outcome: Outcome,
        caller: Caller | Subject | None,
        peer: str,
        took: float,
        prefix: str,
        number: int,
    ) -> None:
        """Note a finished call. Keeps references only; formatting comes later."""
        if self._only_failed and outcome is OK:
            return
        if len(self._entries) >= LIMIT:
            self._dropped += 1
            return
        self._entries.append((self._clock(), method, outcome, caller, peer, took, prefix, number))

    def _write_on(self) -> None:
        while not self._closing.wait(INTERVAL_S):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines = [formatted(self._entries.popleft()) for _ in range(len(self._entries))]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            lines.append(f'{{"time":"{timestamp(self._clock())}","level":"warning","dropped_lines":{dropped}}}\n')
        for bundle in bundles(lines):
            try:
                self._stream.write("".join(bundle))
                self._stream.flush()
            except (OSError, ValueError):  # the reader has gone; calls matter more than their log
                self._dropped += len(bundle)


def bundles(lines: Iterable[str]) -> Iterator[list[str]]:
    """The lines (of ASCII) in groups, each small enough that no other process's write to the same pipe cuts it."""
    bundle: list[str] = []
    size = 0
    for line in lines:
        if bundle and size + len(line) > select.PIPE_BUF:
            yield bundle
            bundle, size = [], 0
        bundle.append(line)
        size += len(line)
    if bundle:
        yield bundle


def formatted(entry: Entry) -> str:
    """One line of JSON."""
    end, method, outcome, caller, peer, took, prefix, number = entry
    who = ""
    if caller is not None:
        token = f'"jti":{quoted(caller.jti)},"kid":{quoted(caller.kid)},' if caller.jti else ""
        who = f'"client_id":{quoted(caller.client_id)},{token}'
    reason = f'"reason":"{outcome.reason}",' if outcome.reason else ""
    return (
        f'{{"time":"{timestamp(end)}","method":{quoted(method)},"code":"{outcome.code.name}",{reason}{who}'
        f'"peer":{_quoted_address(peer)},"duration_ms":{took * 1000:.3f},"request_id":"{prefix}{number:08x}"}}\n'
    )


def timestamp(seconds: float) -> str:
    """Epoch seconds as RFC 3339 has them, in UTC, to the millisecond."""
    milliseconds = round(seconds * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}+00:00"


@lru_cache(16)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(1024)
def _quoted_address(peer: str) -> str:
    return quoted(peer_address(peer))
