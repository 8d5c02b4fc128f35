"""A service with one method of each kind, made at run time, to test what surrounds every method."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.wrappers_pb2 import StringValue

from typeplate.v1 import access_pb2
from typeplate_server.rpc.call import Call

KINDS = {"Single": (False, False), "Download": (False, True), "Upload": (True, False), "Exchange": (True, True)}


def service(name: str, access: access_pb2.Access | None, *, reads: bool = False) -> ServiceDescriptor:
    """A service `probe.<name>` whose four methods carry this access option (None: none at all)."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"probe/{name}.proto", package="probe", syntax="proto3", dependency=["google/protobuf/wrappers.proto"]
    )
    described = file.service.add(name=name)
    for method, (client_streaming, server_streaming) in KINDS.items():
        added = described.method.add(
            name=method,
            input_type=".google.protobuf.StringValue",
            output_type=".google.protobuf.StringValue",
            client_streaming=client_streaming,
            server_streaming=server_streaming,
        )
        if access is not None:
            added.options.Extensions[access_pb2.access].CopyFrom(access)
        if reads:
            added.options.idempotency_level = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    StringValue.DESCRIPTOR.file.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return pool.FindServiceByName(f"probe.{name}")


class ProbeServicer:
    """Echoes. `before` runs before each reply, with its number and the call; `received` for each message uploaded."""

    def __init__(self) -> None:
        self.before: Callable[[int, Call], Awaitable[None]] = _nothing
        self.received: Callable[[int], object] = lambda _: None
        self.ended = asyncio.Event()

    async def Single(self, request: Any, call: Call) -> StringValue:
        await self.before(0, call)
        return StringValue(value=request.value)

    async def Download(self, request: Any, call: Call) -> AsyncIterator[StringValue]:
        try:
            for number in range(1000):
                await self.before(number, call)
                yield StringValue(value=f"{request.value}{number}")
        finally:
            self.ended.set()

    async def Upload(self, requests: AsyncIterator[Any], call: Call) -> StringValue:
        values: list[str] = []
        async for request in requests:
            values.append(request.value)
            self.received(len(values))
        await self.before(0, call)
        return StringValue(value="".join(values))

    async def Exchange(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[bytes]:
        number = 0
        async for request in requests:
            await self.before(number, call)
            yield StringValue(value=request.value).SerializeToString()
            number += 1


async def _nothing(number: int, call: Call) -> None:
    return


class EndlessServicer:
    """Streams that never end by themselves; `open` of them are, and `last` is when each client's last message was made.

    A download is asked for with one word: `busy` brings a short message each 50 ms, `idle` one and no more, `long` as
    many long ones as its reader takes.
    """

    def __init__(self) -> None:
        self.open = 0
        self.last: dict[str, float] = {}
        self.long = 0
        self.received = 0
        self.on_message: Callable[[], object] = lambda: None

    async def Single(self, request: Any, call: Call) -> StringValue:
        return StringValue(value=request.value)

    async def Download(self, request: Any, call: Call) -> AsyncIterator[StringValue]:
        self.open += 1
        try:
            while True:
                self.long += request.value == "long"
                yield self._made(call, "x" * 50_000 if request.value == "long" else "x")
                if request.value != "long":
                    await asyncio.sleep(0.05 if request.value == "busy" else 3600)
        finally:
            self.open -= 1

    async def Upload(self, requests: AsyncIterator[Any], call: Call) -> StringValue:
        self.open += 1
        try:
            async for _ in requests:
                self.received += 1
            return self._made(call, "the end")
        finally:
            self.open -= 1

    async def Exchange(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[StringValue]:
        self.open += 1
        try:
            async for _ in requests:
                self.received += 1
                self.on_message()
                yield self._made(call, "x")
        finally:
            self.open -= 1

    def _made(self, call: Call, value: str) -> StringValue:
        assert call.caller is not None
        self.last[call.caller.client_id] = time.monotonic()
        return StringValue(value=value)
