"""An application of several instances that call at a steady rate through the SDK, and what became of each call.

    with Application(addresses, "app", secret_file, per_second=200) as app:
        ...                                   # rotate
    app.calls, app.carried, app.failures

Instances come and go: each lives for a second or two and is followed by another, so that secrets are exchanged all the
time; one of each kind stays to the end. Half of them are synchronous and read the secret from a file, half asynchronous
with a callable. Now and then the token of one is carried to the next replica past the SDK, which would try once more.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import grpc

from typeplate import AsyncClient, Client
from typeplate.errors import TypeplateError
from typeplate.v1 import data_service_pb2, data_service_pb2_grpc

VEHICLE: Final = "vehicles/own-1"
LIFE_S: Final = (0.8, 2.5)
CARRY_EACH: Final = 4


class Application:
    """Calls while it is entered, by this many instances at a time. `failures` is what its callers would have seen."""

    def __init__(
        self, addresses: Sequence[str], client_id: str, secret_file: Path, per_second: float, instances: int = 8
    ) -> None:
        self.calls = 0
        self.carried = 0
        self.instances = 0
        self.failures: list[str] = []
        self._addresses = addresses
        self._client_id = client_id
        self._file = secret_file
        self._pause_s = instances / per_second
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._random = random.Random(7)
        self._threads = [threading.Thread(target=self._run_sync, args=(number,)) for number in range(instances // 2)]
        self._threads.append(threading.Thread(target=lambda: asyncio.run(self._run_async(instances - instances // 2))))

    def __enter__(self) -> Application:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run_sync(self, number: int) -> None:
        for until in self._lives(number):
            with (
                Client(self._address(number), client_id=self._client_id, client_secret_file=self._file) as client,
                grpc.insecure_channel(self._address(number + 1)) as elsewhere,
            ):
                due = time.monotonic()
                while time.monotonic() < until and not self._stop.wait(max(0.0, due - time.monotonic())):
                    due = max(due + self._pause_s, time.monotonic() - 1.0)
                    self._call(client, elsewhere)

    def _call(self, client: Client, elsewhere: grpc.Channel) -> None:
        try:
            client.data.get_vehicle(name=VEHICLE)
            if self._count() % CARRY_EACH == 0:
                metadata = (("authorization", f"Bearer {client.access_token()}"),)
                stub = data_service_pb2_grpc.DataServiceStub(elsewhere)
                stub.GetVehicle(data_service_pb2.GetVehicleRequest(name=VEHICLE), metadata=metadata, timeout=10)
                self.carried += 1
        except (TypeplateError, grpc.RpcError) as error:
            self.failures.append(repr(error))

    async def _run_async(self, instances: int) -> None:
        await asyncio.gather(*(self._run_one(number) for number in range(instances)))

    async def _run_one(self, number: int) -> None:
        for until in self._lives(number):
            async with AsyncClient(
                self._address(number), client_id=self._client_id, client_secret=self._secret
            ) as client:
                due = time.monotonic()
                while time.monotonic() < until and not self._stop.is_set():
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    due = max(due + self._pause_s, time.monotonic() - 1.0)
                    try:
                        await client.data.get_vehicle(name=VEHICLE)
                        self._count()
                    except TypeplateError as error:
                        self.failures.append(repr(error))

    async def _secret(self) -> str:
        return (await asyncio.to_thread(self._file.read_text)).strip()

    def _lives(self, number: int) -> Iterator[float]:
        """Until when each of the instances that follow one another in this place lives."""
        while not self._stop.is_set():
            with self._lock:
                self.instances += 1
                life = self._random.uniform(*LIFE_S)
            yield time.monotonic() + (life if number else 1e9)

    def _address(self, number: int) -> str:
        return self._addresses[number % len(self._addresses)]

    def _count(self) -> int:
        with self._lock:
            self.calls += 1
            return self.calls
