"""Reads the request of a public method, which anyone may begin and nobody is made to finish.

gRPC runs a handler that takes one request when that has come, but counts the call from its headers on, and keeps what
has come of it in memory: without a token, a few sockets could hold every place there is, for as long as they like. So
public methods are served as streams, and their one message is read here:
* within `TIMEOUT_S`;
* `READING` at a time for each peer, which bounds the memory that bodies take, while at most `PENDING` wait their turn:
  an address that begins calls and sends nothing shuts out itself alone.

Methods that need a token are kept from this earlier: the interceptor refuses the token at the headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from grpc import aio

from typeplate_server.errors import InvalidArgument, RateLimited
from typeplate_server.rpc.call import Call
from typeplate_server.rpc.kinds import Serve

TIMEOUT_S: Final = 10.0
READING: Final = 32
PENDING: Final = 256
RETRY_S: Final = 1.0


@dataclass(slots=True)
class _Peer:
    """An address with calls whose request has not been read."""

    reading: asyncio.Semaphore
    pending: int = 0


class FirstMessages:
    """The requests under way, by peer."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S, reading: int = READING, pending: int = PENDING) -> None:
        self._timeout_s = timeout_s
        self._reading = reading
        self._pending = pending
        self._peers: dict[str, _Peer] = {}

    def served(self, serve: Serve) -> Serve:
        """`serve`, which takes one request's bytes, as one that reads them from the stream first."""

        async def read_and_serve(_: Any, call: Call, context: Any) -> bytes | None:
            return await serve(await self._read(call.peer, context), call, context)

        return read_and_serve

    async def _read(self, address: str, context: Any) -> bytes:
        with self._counted(address) as peer:
            try:
                async with asyncio.timeout(self._timeout_s), peer.reading:
                    message = await context.read()
            except TimeoutError:
                raise InvalidArgument.of("request", f"did not come within {self._timeout_s:g} s") from None
        if message is aio.EOF:
            raise InvalidArgument.of("request", "is missing")
        return bytes(message)

    @contextmanager
    def _counted(self, address: str) -> Iterator[_Peer]:
        peer = self._peers.get(address)
        if peer is None:
            peer = self._peers[address] = _Peer(asyncio.Semaphore(self._reading))
        if peer.pending >= self._pending:
            raise RateLimited("too many calls of this address wait for their request", retry_after=RETRY_S)
        peer.pending += 1
        try:
            yield peer
        finally:
            peer.pending -= 1
            if not peer.pending:
                del self._peers[address]
