"""A wire between a replica and its database that can be cut, stalled and mended: a TCP proxy on loopback.

Cut: every connection is reset, and new ones are too. Stalled: connections stay, new ones are accepted, and nothing
comes through in either direction until it is mended; then what was held back does, as after a partition. All wires
of a `Wires` run on one thread of their own, so that what holds up a test holds up no replica.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

CHUNK: Final = 65536
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
TIMEOUT_S: Final = 5.0


class Wire:
    """One wire to `127.0.0.1:target`; `port` is its near end. Made by `Wires.add`, driven from any thread."""

    def __init__(self, target: int, loop: asyncio.AbstractEventLoop) -> None:
        self.port = 0
        self._target = target
        self._loop = loop
        self._open = asyncio.Event()
        self._open.set()
        self._severed = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def cut(self) -> None:
        """Reset every connection, and each new one."""
        self._set(severed=True, carrying=True)

    def stall(self) -> None:
        """Let nothing through any more, and break nothing."""
        self._set(severed=False, carrying=False)

    def mend(self) -> None:
        """Carry again."""
        self._set(severed=False, carrying=True)

    def _set(self, *, severed: bool, carrying: bool) -> None:
        async def change() -> None:
            self._severed = severed
            (self._open.set if carrying else self._open.clear)()
            if severed:
                self._reset(*self._ends)

        run_in(self._loop, change())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        await self._open.wait()
        if self._severed:
            self._reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._reset(writer)
            return
        self._ends.add(far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        self._ends.discard(sink)
        sink.close()

    def _reset(self, *ends: asyncio.StreamWriter) -> None:
        for end in ends:
            plug: socket.socket = end.get_extra_info("socket")
            with suppress(OSError):
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            end.transport.abort()
            self._ends.discard(end)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._severed = True
        self._open.set()
        self._reset(*self._ends)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


class Wires:
    """A thread that carries; on leaving, every wire is gone."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._wires: list[Wire] = []

    def __enter__(self) -> Wires:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for wire in self._wires:
            run_in(self._loop, wire._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    def add(self, target: int) -> Wire:
        """A new wire to this port of 127.0.0.1."""
        wire = Wire(target, self._loop)
        run_in(self._loop, wire._listen())
        self._wires.append(wire)
        return wire


def run_in(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run this in a loop of another thread, and wait for it."""
    asyncio.run_coroutine_threadsafe(work, loop).result(TIMEOUT_S)
