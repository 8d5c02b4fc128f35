"""Streams of one application, all open at once, and what each received and how it ended.

Four kinds: uploads that say nothing, uploads that are answered all the time, downloads read slowly, and downloads
whose reader does not read until `resume` is set. Each notes when its messages came, by `time.monotonic`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio

from tests.support.raw_calls import failed
from typeplate.v1 import data_service_pb2 as pb
from typeplate.v1 import data_service_pb2_grpc as stubs
from typeplate.v1 import vehicle_pb2

STREAMS_PER_CHANNEL: Final = 50
TALK_EACH_S: Final = 0.1
READ_EACH_S: Final = 0.2
STREAM_S: Final = 60.0
TEXT: Final = "x" * 150
OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0), ("grpc.enable_retries", 0))
CONFIG: Final = pb.ImportVehiclesRequest(config=pb.ImportVehiclesRequest.Config(source="own", validate_only=True))
KINDS: Final = ("silent upload", "answered upload", "slow download", "stalled download")


@dataclass(slots=True)
class Stream:
    """One stream. `code` is None while it is open."""

    kind: str
    messages: list[float] = field(default_factory=list)
    code: grpc.StatusCode | None = None
    reason: str = ""
    end: float = 0.0

    def received_after(self, moment: float) -> int:
        """How many messages came after then."""
        return sum(at > moment for at in self.messages)


def vehicles(first: int, count: int) -> pb.ImportVehiclesRequest:
    """Rows of some 300 bytes each, so that one message of a download fills a stream's window."""
    rows = [
        pb.ImportVehiclesRequest.Row(
            row_number=number,
            vehicle=vehicle_pb2.Vehicle(
                name=f"vehicles/own-{number:06}", make="M", model=TEXT, trim=TEXT, model_year=2020
            ),
        )
        for number in range(first, first + count)
    ]
    return pb.ImportVehiclesRequest(rows=pb.ImportVehiclesRequest.Rows(rows=rows))


async def fill(channel: grpc.aio.Channel, metadata: Any, count: int) -> None:
    """Import this many vehicles."""
    config = pb.ImportVehiclesRequest.Config(source="own")
    requests = [pb.ImportVehiclesRequest(config=config), *(vehicles(n, 1000) for n in range(1, count, 1000))]
    stub: Any = stubs.DataServiceStub(channel)
    async for _ in stub.ImportVehicles(iter(requests), metadata=metadata, timeout=STREAM_S):
        pass


class OpenStreams:
    """`each` streams of every kind to one address."""

    def __init__(self, address: str, metadata: Any, each: int) -> None:
        self.streams = [Stream(kind) for kind in KINDS for _ in range(each)]
        self.resume = asyncio.Event()
        self._metadata = metadata
        count = -(-len(self.streams) // STREAMS_PER_CHANNEL)
        self._channels = [grpc.aio.insecure_channel(address, options=OPTIONS) for _ in range(count)]
        self._tasks: list[asyncio.Task[None]] = []

    def of(self, *kinds: str) -> Iterator[Stream]:
        """The streams of these kinds."""
        return (stream for stream in self.streams if stream.kind in kinds)

    async def open(self) -> None:
        """Open all; returns when each that is to receive something has."""
        drive: dict[str, Callable[[Any, Stream], Awaitable[None]]] = dict(
            zip(KINDS, (self._silent, self._answered, self._slow, self._stalled), strict=True)
        )
        for number, stream in enumerate(self.streams):
            stub = stubs.DataServiceStub(self._channels[number // STREAMS_PER_CHANNEL])
            self._tasks.append(asyncio.create_task(self._until_end(drive[stream.kind](stub, stream), stream)))
        async with asyncio.timeout(STREAM_S):
            while not all(stream.messages for stream in self.of(*KINDS[1:])):
                self._require_open()
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        self._require_open()

    async def ended(self, within_s: float, kinds: Sequence[str] = KINDS) -> None:
        """Wait until the streams of these kinds have ended, at most so long."""
        wanted = [task for task, stream in zip(self._tasks, self.streams, strict=True) if stream.kind in kinds]
        await asyncio.wait(wanted, timeout=within_s)

    async def close(self) -> None:
        """Give up what is still open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in self._channels))

    def _require_open(self) -> None:
        ended = [(stream.kind, stream.code, stream.reason) for stream in self.streams if stream.code is not None]
        assert not ended, ended[:5]

    async def _until_end(self, work: Awaitable[None], stream: Stream) -> None:
        try:
            await work
            stream.code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            stream.code, stream.reason = error.code(), failed(error, ()).reason
        stream.end = time.monotonic()

    async def _silent(self, stub: Any, stream: Stream) -> None:
        call = self._upload(stub)
        await call.write(CONFIG)
        await _next(call, stream)

    async def _answered(self, stub: Any, stream: Stream) -> None:
        call = self._upload(stub)
        await _raising(call.write(CONFIG), call)
        for number in itertools.count(1):
            await _raising(call.write(vehicles(number, 1)), call)
            await _next(call, stream)
            await asyncio.sleep(TALK_EACH_S)

    async def _slow(self, stub: Any, stream: Stream) -> None:
        await self._read(self._download(stub), stream, READ_EACH_S)

    async def _stalled(self, stub: Any, stream: Stream) -> None:
        call = self._download(stub)
        await _next(call, stream)
        await self.resume.wait()
        await self._read(call, stream, 0)

    async def _read(self, call: Any, stream: Stream, pause_s: float) -> None:
        while True:
            if not await _next(call, stream):
                return
            await asyncio.sleep(pause_s)

    def _upload(self, stub: Any) -> Any:
        return stub.ImportVehicles(metadata=self._metadata, timeout=STREAM_S)

    def _download(self, stub: Any) -> Any:
        return stub.ExportVehicles(pb.ExportVehiclesRequest(), metadata=self._metadata, timeout=STREAM_S)


async def _next(call: Any, stream: Stream) -> bool:
    """Read a message; False at an orderly end. Raises the error that the stream ended with."""
    message = await call.read()
    if message is grpc.aio.EOF:
        return False
    stream.messages.append(time.monotonic())
    return True


async def _raising(writing: Awaitable[None], call: Any) -> None:
    """A write to a stream that has ended fails without saying why: the stream's status does."""
    try:
        await writing
    except asyncio.InvalidStateError:
        await call.read()
        raise
