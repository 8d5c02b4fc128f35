"""A server with endless streams in this event loop, and the callers that hold them open, some without reading."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.wrappers_pb2 import StringValue
from grpc import aio

from tests.support.auth_world import AuthWorld
from tests.support.probe_service import EndlessServicer, service
from tests.support.raw_calls import failed
from typeplate.v1 import access_pb2
from typeplate_server.auth.admission import Admission
from typeplate_server.auth.changes import Changes
from typeplate_server.auth.propagation import SoleReplica
from typeplate_server.auth.service import ClientAdministration
from typeplate_server.rpc import server
from typeplate_server.rpc.call_log import CallLog
from typeplate_server.rpc.interceptor import Interceptor, Service
from typeplate_server.rpc.open_streams import PER_CLIENT, REQUEST_S, SWEEP_S, OpenStreams

STREAMS_PER_CHANNEL: Final = 50
CHANNEL_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0))
STREAMED: Final = ("idle download", "busy download", "upload", "exchange", "silent upload")
KINDS: Final = (*STREAMED, "stalled download")

End = tuple[grpc.StatusCode, str]


@dataclass
class EndlessServer:
    """The server, what it knows of clients, and the means to change that as the product does."""

    world: AuthWorld
    servicer: EndlessServicer
    streams: OpenStreams
    address: str
    administration: ClientAdministration
    tokens: list[str] = field(default_factory=list)
    _channels: list[aio.Channel] = field(default_factory=list)

    async def open(self, kind: str, client_id: str = "reader") -> Any:
        """One more stream of this kind; returns the caller's end of it."""
        if len(self.tokens) % STREAMS_PER_CHANNEL == 0:
            self._channels.append(aio.insecure_channel(self.address, options=CHANNEL_OPTIONS))
        self.tokens.append(self.world.token(client_id))
        metadata = (("authorization", f"Bearer {self.tokens[-1]}"),)
        method, word = _asked(kind)
        rpc: Any = self._channels[-1].stream_stream(f"/probe.Endless/{method}")(metadata=metadata)
        with suppress(aio.AioRpcError):  # refused by now; `end_of` says so
            if kind != "silent upload":
                await rpc.write(StringValue(value=word).SerializeToString())
        return rpc

    async def open_all(self, kinds: tuple[str, ...], each: int = 1) -> dict[str, list[Any]]:
        """So many streams of each kind; returns when all are served."""
        before = self.servicer.open
        opened = {kind: [await self.open(kind) for _ in range(each)] for kind in kinds}
        await until(lambda: self.servicer.open == before + each * len(kinds), "all streams are served")
        return opened

    async def close(self) -> None:
        """Hang up."""
        for channel in self._channels:
            await channel.close()


def _asked(kind: str) -> tuple[str, str]:
    if kind.endswith("download"):
        return "Download", {"stalled": "long"}.get(kind.split()[0], kind.split()[0])
    return kind.split()[-1].capitalize(), "x"


@asynccontextmanager
async def endless_server(
    *,
    sweep_s: float = SWEEP_S,
    fresh: Callable[[], bool] | None = None,
    options: dict[str, int] | None = None,
    max_concurrent_rpcs: int | None = None,
    per_client: int = PER_CLIENT,
    request_s: float = REQUEST_S,
) -> AsyncIterator[EndlessServer]:
    """Serves until left. `options` take the place of the server's own, by name."""
    world, servicer = AuthWorld(), EndlessServicer()
    streams = OpenStreams(sweep_s, per_client=per_client, request_s=request_s)
    log = CallLog(io.StringIO(), world.clock)
    log.start()
    admission = Admission(
        world.keys, world.verifier, world.registry, world.clock, fresh or world.fresh, revoked=world.revoked
    )
    changes = Changes(SoleReplica(world.boot, world.clock), changed=streams.recheck)
    administration = ClientAdministration(world.store, world.registry, world.hasher, world.clock, changes, world.uses)
    probe = Service(service("Endless", access_pb2.Access(scope="vehicles:read")), servicer)
    interceptor = Interceptor([probe], admission, log, streams)
    grpc_server = aio.server(
        interceptors=(interceptor,),
        options=tuple({**dict(server.OPTIONS), **(options or {})}.items()),
        maximum_concurrent_rpcs=max_concurrent_rpcs,
    )
    address = server.bind(grpc_server, "127.0.0.1:0", None)
    await grpc_server.start()
    serving = EndlessServer(world, servicer, streams, address, administration)
    try:
        yield serving
    finally:
        await serving.close()
        await grpc_server.stop(0)
        log.close()


async def end_of(rpc: Any, within_s: float = 10.0) -> End:
    """Read a stream to its end: its status code and the reason given."""
    try:
        async with asyncio.timeout(within_s):
            while await rpc.read() is not aio.EOF:
                pass
    except aio.AioRpcError as error:
        return error.code(), failed(error, ()).reason
    return grpc.StatusCode.OK, ""


def handlers() -> int:
    """How many tasks of gRPC's, each serving one call, there are in this event loop; a call being refused counts."""
    return sum(getattr(task.get_coro(), "__qualname__", "") == "_handle_exceptions" for task in asyncio.all_tasks())


async def until(holds: Callable[[], bool], what: str, within_s: float = 10.0) -> None:
    """Wait until `holds`; fails saying `what` did not come about."""
    try:
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110 - what is waited for is on the other side of a socket
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what}") from None
