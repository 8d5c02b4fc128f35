"""A load generator that costs little beside the server it loads: unary gRPC calls over plain HTTP/2 frames.

A grpc client in Python takes as much CPU per call as the server, so on two cores it would measure itself. This one
sends ready-made frames (RFC 9113; header block of literals, RFC 7541 §6.2.2) and only counts what comes back.
A reply counts as good when its stream ends after exactly the expected number of body bytes, and a refusal,
which has no body, therefore as bad.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x8
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_WINDOW = (1 << 31) - 1
CONNECTION_TOP_UP = 1 << 24


@dataclass(frozen=True, slots=True)
class Request:
    """One unary call: method path, serialised message, metadata."""

    path: str
    message: bytes
    metadata: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class Outcome:
    """What a run saw: calls answered as expected, others, seconds, and each call's latency in seconds."""

    good: int = 0
    bad: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Good calls a second."""
        return self.good / self.seconds


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _integer(value: int, prefix_bits: int) -> bytes:
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([value])
    out = bytearray([limit])
    value -= limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def _literal(name: str, value: str) -> bytes:
    """A header field without indexing, new name, no Huffman coding."""
    return b"\x00" + b"".join(_integer(len(part), 7) + part for part in (name.encode(), value.encode()))


class _Call:
    """The ready-made frames of one request, but for the stream id."""

    def __init__(self, request: Request, authority: str) -> None:
        fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", request.path),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "typeplate-bench"),
            *request.metadata,
        ]
        self._block = b"".join(_literal(name, value) for name, value in fields)
        self._body = struct.pack(">BI", 0, len(request.message)) + request.message

    def frames(self, stream: int) -> bytes:
        """Both frames of the call on this stream."""
        return _frame(HEADERS, END_HEADERS, stream, self._block) + _frame(DATA, END_STREAM, stream, self._body)


class _Connection:
    """One HTTP/2 connection with a fixed number of calls under way."""

    def __init__(self, host: str, port: int, request: Request, concurrency: int, body_bytes: int | None) -> None:
        self._sock = socket.create_connection((host, port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._call = _Call(request, f"{host}:{port}")
        self._expected = body_bytes
        self._received = bytearray()
        self._unacknowledged = 0
        self._next_stream = 1
        self._open: dict[int, tuple[float, int]] = {}
        self.outcome = Outcome()
        settings = _frame(SETTINGS, 0, 0, struct.pack(">HI", 0x4, MAX_WINDOW))
        window = _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", MAX_WINDOW - 65535))
        self._sock.sendall(PREFACE + settings + window)
        self.issuing = True
        self._concurrency = concurrency

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def busy(self) -> bool:
        return bool(self._open)

    def start(self) -> None:
        self._sock.sendall(b"".join(self._new_call(time.perf_counter()) for _ in range(self._concurrency)))

    def close(self) -> None:
        self._sock.close()

    def _new_call(self, now: float) -> bytes:
        stream = self._next_stream
        self._next_stream += 2
        self._open[stream] = (now, 0)
        return self._call.frames(stream)

    def readable(self) -> None:
        """Take what has come, and send a new call for each that ended."""
        chunk = self._sock.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        received = self._received
        received += chunk
        now, at, answer = time.perf_counter(), 0, []
        while len(received) - at >= 9:
            length = int.from_bytes(received[at : at + 3], "big")
            if len(received) - at < 9 + length:
                break
            kind, flags = received[at + 3], received[at + 4]
            stream = int.from_bytes(received[at + 5 : at + 9], "big") & MAX_WINDOW
            answer.append(self._take(kind, flags, stream, received, at + 9, length, now))
            at += 9 + length
        del received[:at]
        out = b"".join(answer)
        if out:
            self._sock.sendall(out)

    def _take(self, kind: int, flags: int, stream: int, data: bytearray, at: int, length: int, now: float) -> bytes:
        if kind == DATA:
            started, size = self._open[stream]
            self._open[stream] = (started, size + length)
            self._unacknowledged += length
            return self._ended(stream, now) if flags & END_STREAM else self._top_up()
        if kind == HEADERS:
            return self._ended(stream, now) if flags & END_STREAM else b""
        if kind == RST_STREAM:
            return self._ended(stream, now) if stream in self._open else b""
        if kind == SETTINGS:
            return b"" if flags & ACK else _frame(SETTINGS, ACK, 0, b"")
        if kind == PING:
            return b"" if flags & ACK else _frame(PING, ACK, 0, bytes(data[at : at + length]))
        if kind == GOAWAY:
            raise ConnectionError("the server said GOAWAY")
        return b""

    def _top_up(self) -> bytes:
        if self._unacknowledged < CONNECTION_TOP_UP:
            return b""
        grant, self._unacknowledged = self._unacknowledged, 0
        return _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", grant))

    def _ended(self, stream: int, now: float) -> bytes:
        started, size = self._open.pop(stream)
        # a gRPC message is preceded by five bytes: compressed flag and length
        good = size > 5 if self._expected is None else size == self._expected + 5
        if good:
            self.outcome.good += 1
            self.outcome.latencies.append(now - started)
        else:
            self.outcome.bad += 1
        return self._new_call(now) if self.issuing else b""


def run(
    target: str,
    request: Request,
    *,
    seconds: float,
    connections: int = 4,
    streams: int = 16,
    body_bytes: int | None = None,
) -> Outcome:
    """Call for `seconds` over `connections` × `streams`, and report. `body_bytes`: expected reply size; None: any."""
    host, _, port = target.rpartition(":")
    open_ = [_Connection(host, int(port), request, streams, body_bytes) for _ in range(connections)]
    selector = selectors.DefaultSelector()
    try:
        began = time.perf_counter()
        for connection in open_:
            selector.register(connection, selectors.EVENT_READ)
            connection.start()
        _pump(selector, open_, began + seconds)
        return _merged(open_, time.perf_counter() - began)
    finally:
        selector.close()
        for connection in open_:
            connection.close()


def _pump(selector: selectors.BaseSelector, open_: list[_Connection], end: float) -> None:
    grace = end + 10
    while any(connection.busy for connection in open_):
        now = time.perf_counter()
        if now > grace:
            raise TimeoutError("calls were left unanswered")
        if now > end:
            for connection in open_:
                connection.issuing = False
        for key, _ in selector.select(0.5):
            key.fileobj.readable()  # type: ignore[union-attr]


def _merged(open_: list[_Connection], seconds: float) -> Outcome:
    total = Outcome(seconds=seconds)
    for connection in open_:
        total.good += connection.outcome.good
        total.bad += connection.outcome.bad
        total.latencies += connection.outcome.latencies
    return total
