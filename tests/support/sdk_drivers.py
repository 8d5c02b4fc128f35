"""Drives both clients of the SDK through one interface, so that a test is written once and runs on both.

The asyncio client runs on an event loop in a thread of its own. `gather` is what "many at once" means to each: threads
for one, tasks for the other.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from tests.support.fake_auth_server import COLLECT
from typeplate import AsyncClient, Client
from typeplate._options import Timeout
from typeplate._streams import ResponseStream
from typeplate._streams_aio import AsyncResponseStream
from typeplate.testing._quiet import is_noise
from typeplate.v1 import data_service_pb2, vehicle_pb2

SECRET = "tps_key0_sentinelSECRET"
WITHIN_S = 30.0


class Clock:
    """A monotonic clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Driver(Protocol):
    """One client, driven synchronously."""

    many: int

    # `upload` does as a generated method for a stream of requests would; there is none yet. `unresumed` exports without
    # the rule how it goes on.

    @property
    def client(self) -> Client | AsyncClient: ...

    def get(self, name: str = "vehicles/epa-1", timeout: Timeout | None = None) -> vehicle_pb2.Vehicle: ...
    def start_get(self, timeout: Timeout | None = None) -> Future[vehicle_pb2.Vehicle]: ...
    def gather(self) -> list[vehicle_pb2.Vehicle | BaseException]: ...
    def vehicles(self, **arguments: Any) -> list[vehicle_pb2.Vehicle]: ...
    def pages(self, **arguments: Any) -> list[int]: ...
    def export(self, **arguments: Any) -> list[int]: ...
    def exported(self, **arguments: Any) -> list[data_service_pb2.ExportVehiclesResponse]: ...
    def unresumed(self, request: data_service_pb2.ExportVehiclesRequest) -> list[Any]: ...
    def import_(self, count: int, timeout: Timeout | None = None) -> list[int]: ...
    def collect(self, count: int) -> str: ...
    def upload(self, stub: Callable[[Any], Any], requests: Iterable[Any]) -> Any: ...
    def exchange(self, requests: Iterable[data_service_pb2.ImportVehiclesRequest]) -> list[Any]: ...
    def call(self, service: str, method: str, **arguments: Any) -> Any: ...
    def raw_get(self, **options: Any) -> vehicle_pb2.Vehicle: ...
    def raw_export(self, **options: Any) -> list[int]: ...
    def token(self, timeout: Timeout | None = None) -> str: ...
    def close(self) -> None: ...


def import_requests(count: int) -> Iterator[data_service_pb2.ImportVehiclesRequest]:
    for number in range(count):
        rows = data_service_pb2.ImportVehiclesRequest.Rows(
            rows=[data_service_pb2.ImportVehiclesRequest.Row(row_number=number)]
        )
        yield data_service_pb2.ImportVehiclesRequest(rows=rows)


def collector(channel: Any) -> Any:
    """A raw method that streams requests, on any channel."""
    return channel.stream_unary(COLLECT, vehicle_pb2.Vehicle.SerializeToString, vehicle_pb2.Vehicle.FromString)


def numbers(messages: Iterable[data_service_pb2.ExportVehiclesResponse]) -> list[int]:
    """The numbers that the fake server's vehicles are called by."""
    return [int(vehicle.name.rpartition("-")[2]) for message in messages for vehicle in message.vehicles]


def exporter(channel: Any) -> Any:
    """The raw ExportVehicles."""
    request, response = data_service_pb2.ExportVehiclesRequest, data_service_pb2.ExportVehiclesResponse
    path = "/typeplate.v1.DataService/ExportVehicles"
    return channel.unary_stream(path, request.SerializeToString, response.FromString)


def getter(channel: Any) -> Any:
    """The raw GetVehicle."""
    request, response = data_service_pb2.GetVehicleRequest, vehicle_pb2.Vehicle
    return channel.unary_unary("/typeplate.v1.DataService/GetVehicle", request.SerializeToString, response.FromString)


class SyncDriver:
    """Client, with threads."""

    many = 50

    def __init__(self, target: str, **settings: Any) -> None:
        self.client = Client(target, **settings)
        self._pool = ThreadPoolExecutor(self.many)

    def get(self, name: str = "vehicles/epa-1", timeout: Timeout | None = None) -> vehicle_pb2.Vehicle:
        return self.client.data.get_vehicle(name=name, timeout=timeout)

    def start_get(self, timeout: Timeout | None = None) -> Future[vehicle_pb2.Vehicle]:
        return self._pool.submit(self.get, timeout=timeout)

    def gather(self) -> list[vehicle_pb2.Vehicle | BaseException]:
        together = threading.Barrier(self.many)

        def one() -> vehicle_pb2.Vehicle:
            together.wait(WITHIN_S)
            return self.get()

        begun = [self._pool.submit(one) for _ in range(self.many)]
        return [future.exception(WITHIN_S) or future.result() for future in begun]

    def vehicles(self, **arguments: Any) -> list[vehicle_pb2.Vehicle]:
        return list(self.client.data.list_vehicles(**arguments))

    def pages(self, **arguments: Any) -> list[int]:
        return [len(page.vehicles) for page in self.client.data.list_vehicles(**arguments).pages()]

    def export(self, **arguments: Any) -> list[int]:
        return numbers(self.exported(**arguments))

    def exported(self, **arguments: Any) -> list[data_service_pb2.ExportVehiclesResponse]:
        return list(self.client.data.export_vehicles(**arguments))

    def unresumed(self, request: data_service_pb2.ExportVehiclesRequest) -> list[Any]:
        calls = self.client._calls
        return list(ResponseStream(calls, lambda: calls.stub(exporter), request, None, idempotent=True))

    def import_(self, count: int, timeout: Timeout | None = None) -> list[int]:
        answers = self.client.data.import_vehicles(import_requests(count), timeout=timeout)
        return [answer.last_row_number for answer in answers]

    def collect(self, count: int) -> str:
        name: str = self.upload(collector, (vehicle_pb2.Vehicle() for _ in range(count))).name
        return name

    def upload(self, stub: Callable[[Any], Any], requests: Iterable[Any]) -> Any:
        return self.client._calls.stream_unary(self.client._calls.stub(stub), requests, None)

    def exchange(self, requests: Iterable[data_service_pb2.ImportVehiclesRequest]) -> list[Any]:
        return list(self.client.data.import_vehicles(requests))

    def call(self, service: str, method: str, **arguments: Any) -> Any:
        return getattr(getattr(self.client, service), method)(**arguments)

    def raw_get(self, **options: Any) -> vehicle_pb2.Vehicle:
        found: vehicle_pb2.Vehicle = self.client.stub(getter)(data_service_pb2.GetVehicleRequest(name="n"), **options)
        return found

    def raw_export(self, **options: Any) -> list[int]:
        return numbers(self.client.stub(exporter)(data_service_pb2.ExportVehiclesRequest(), **options))

    def token(self, timeout: Timeout | None = None) -> str:
        return self.client.access_token(timeout)

    def close(self) -> None:
        self.client.close()
        self._pool.shutdown()


class AsyncDriver:
    """AsyncClient, with tasks on a loop in another thread. What asyncio would only log fails the test in `close`."""

    many = 1000

    def __init__(self, target: str, **settings: Any) -> None:
        self.client = AsyncClient(target, **settings)
        self.unhandled: list[dict[str, Any]] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._note)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not is_noise(context.get("exception"), context["message"]):
            self.unhandled.append(context)

    def _run(self, function: Callable[[], Any]) -> Any:
        async def on_loop() -> Any:
            return await function()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(WITHIN_S)

    def get(self, name: str = "vehicles/epa-1", timeout: Timeout | None = None) -> vehicle_pb2.Vehicle:
        return self.start_get(timeout, name).result(WITHIN_S)

    def start_get(self, timeout: Timeout | None = None, name: str = "vehicles/epa-1") -> Future[vehicle_pb2.Vehicle]:
        return asyncio.run_coroutine_threadsafe(self.client.data.get_vehicle(name=name, timeout=timeout), self._loop)

    def gather(self) -> list[vehicle_pb2.Vehicle | BaseException]:
        async def all_at_once() -> list[vehicle_pb2.Vehicle | BaseException]:
            calls = [self.client.data.get_vehicle(name="vehicles/epa-1") for _ in range(self.many)]
            return await asyncio.gather(*calls, return_exceptions=True)

        found: list[vehicle_pb2.Vehicle | BaseException] = self._run(all_at_once)
        return found

    def _collected(self, iterate: Callable[[], Any]) -> list[Any]:
        async def collect() -> list[Any]:
            return [item async for item in iterate()]

        found: list[Any] = self._run(collect)
        return found

    def vehicles(self, **arguments: Any) -> list[vehicle_pb2.Vehicle]:
        return self._collected(lambda: self.client.data.list_vehicles(**arguments))

    def pages(self, **arguments: Any) -> list[int]:
        return [len(page.vehicles) for page in self._collected(self.client.data.list_vehicles(**arguments).pages)]

    def export(self, **arguments: Any) -> list[int]:
        return numbers(self.exported(**arguments))

    def exported(self, **arguments: Any) -> list[data_service_pb2.ExportVehiclesResponse]:
        return self._collected(lambda: self.client.data.export_vehicles(**arguments))

    def unresumed(self, request: data_service_pb2.ExportVehiclesRequest) -> list[Any]:
        calls, stub = self.client._calls, lambda: self.client._calls.stub(exporter)
        return self._collected(lambda: AsyncResponseStream(calls, stub, request, None, idempotent=True))

    def import_(self, count: int, timeout: Timeout | None = None) -> list[int]:
        found = self._collected(lambda: self.client.data.import_vehicles(import_requests(count), timeout=timeout))
        return [answer.last_row_number for answer in found]

    def collect(self, count: int) -> str:
        name: str = self.upload(collector, (vehicle_pb2.Vehicle() for _ in range(count))).name
        return name

    def upload(self, stub: Callable[[Any], Any], requests: Iterable[Any]) -> Any:
        calls = self.client._calls
        return self._run(lambda: calls.stream_unary(calls.stub(stub), requests, None))

    def exchange(self, requests: Iterable[data_service_pb2.ImportVehiclesRequest]) -> list[Any]:
        return self._collected(lambda: self.client.data.import_vehicles(requests))

    def call(self, service: str, method: str, **arguments: Any) -> Any:
        return self._run(lambda: getattr(getattr(self.client, service), method)(**arguments))

    def raw_get(self, **options: Any) -> vehicle_pb2.Vehicle:
        request = data_service_pb2.GetVehicleRequest(name="n")
        found: vehicle_pb2.Vehicle = self._run(lambda: self.client.stub(getter)(request, **options))
        return found

    def raw_export(self, **options: Any) -> list[int]:
        request = data_service_pb2.ExportVehiclesRequest()
        return numbers(self._collected(lambda: self.client.stub(exporter)(request, **options)))

    def token(self, timeout: Timeout | None = None) -> str:
        token: str = self._run(lambda: self.client.access_token(timeout))
        return token

    def close(self) -> None:
        self._run(self.client.close)
        self._run(self._last_words)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        close_later(self._loop)
        unhandled = [each for each in self.unhandled if GRPCS_OWN not in each["message"]]
        assert unhandled == [], unhandled

    async def _last_words(self) -> None:
        """Lets everything that was cancelled end."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


GRPCS_OWN = "PollerCompletionQueue._handle_events"
"""gRPC has one poller for all event loops of a process, and wakes whichever it likes for what belongs to another."""
ENDED: deque[asyncio.AbstractEventLoop] = deque()


def close_later(loop: asyncio.AbstractEventLoop) -> None:
    """Closes a stopped loop when fifty more have ended: gRPC may still have events for it."""
    ENDED.append(loop)
    if len(ENDED) > 50:
        ENDED.popleft().close()


@atexit.register
def close_all() -> None:
    """Close those that no others have followed."""
    for loop in ENDED:
        loop.close()


Connect = Callable[..., Driver]
"""Makes a client of the kind under test: target (the fake server) and settings as the constructor has them."""

DRIVERS: dict[str, Callable[..., Driver]] = {"sync": SyncDriver, "aio": AsyncDriver}
