"""What a call through the SDK costs against the raw stub with metadata prepared by hand, and what the token path costs.

    python -m tests.benchmarks.sdk_cost [rounds]

The server is a bare one in a process of its own; rounds are interleaved, so that both sides see the same machine. Wall
and CPU time are of this process. Prints the ratio SDK / raw: median and quartiles over the rounds.

It exits with 1 where a limit is passed: in CPU time, for the wall is as busy as the machine.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent import futures
from pathlib import Path

import grpc

from typeplate import AsyncClient, Client
from typeplate.v1 import auth_service_pb2, data_service_pb2, vehicle_pb2
from typeplate.v1.auth_service_pb2_grpc import AuthServiceServicer, add_AuthServiceServicer_to_server
from typeplate.v1.data_service_pb2_grpc import DataServiceServicer, DataServiceStub, add_DataServiceServicer_to_server

CALLS = 300
TOKEN = "x" * 600
NAME = "vehicles/epa-1"
REPOSITORY = Path(__file__).resolve().parents[2]
Sample = tuple[float, float]
MOST_CPU, MOST_TOKEN_US = 1.10, 1.0
TOKENS = 200_000


class _Auth(AuthServiceServicer):
    def IssueToken(self, request: object, context: object) -> auth_service_pb2.IssueTokenResponse:
        response = auth_service_pb2.IssueTokenResponse(access_token=TOKEN)
        response.expires_in.seconds = 900
        return response


class _Data(DataServiceServicer):
    def GetVehicle(self, request: data_service_pb2.GetVehicleRequest, context: object) -> vehicle_pb2.Vehicle:
        return vehicle_pb2.Vehicle(name=request.name, make="Make", model="M" * 1200)


def serve() -> None:
    """The bare server; prints its port."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    add_AuthServiceServicer_to_server(_Auth(), server)  # type: ignore[abstract]
    add_DataServiceServicer_to_server(_Data(), server)  # type: ignore[abstract]
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def timed(call: Callable[[], object]) -> Sample:
    """Microseconds of wall and CPU time per call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - wall) / CALLS * 1e6, (time.process_time() - cpu) / CALLS * 1e6


async def timed_aio(call: Callable[[], Awaitable[object]]) -> Sample:
    """The same for asyncio."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - wall) / CALLS * 1e6, (time.process_time() - cpu) / CALLS * 1e6


def report(what: str, raw: list[Sample], ours: list[Sample]) -> list[str]:
    """Prints both ratios; which limits are passed, as sentences."""
    passed: list[str] = []
    for index, kind in enumerate(("wall", "CPU")):
        ratios = [mine[index] / theirs[index] for mine, theirs in zip(ours, raw, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        base, mine = (statistics.median(sample[index] for sample in samples) for samples in (raw, ours))
        print(
            f"{what:5} {kind:4}: raw {base:6.1f} us, SDK {mine:6.1f} us, SDK / raw {middle:.3f} "
            f"(quartiles {low:.3f}-{high:.3f})"
        )
        if kind == "CPU" and middle > MOST_CPU:
            passed.append(f"{what}: a call costs {middle:.3f} times the raw one, of at most {MOST_CPU}")
    return passed


def report_token(what: str, seconds: float) -> list[str]:
    """The same for so many tokens."""
    cost = seconds / TOKENS * 1e6
    print(f"{what:5} token path: {cost:.3f} us")
    return [f"{what}: a token costs {cost:.3f} us, of at most {MOST_TOKEN_US}"] if cost > MOST_TOKEN_US else []


def measure_sync(target: str, rounds: int) -> list[str]:
    metadata = (("authorization", f"Bearer {TOKEN}"),)
    with grpc.insecure_channel(target) as channel, Client(target, client_id="app", client_secret="tps_x") as client:
        stub = DataServiceStub(channel)

        def raw_call() -> object:
            return stub.GetVehicle(data_service_pb2.GetVehicleRequest(name=NAME), timeout=10, metadata=metadata)

        def sdk_call() -> object:
            return client.data.get_vehicle(name=NAME)

        raw: list[Sample] = []
        ours: list[Sample] = []
        for number in range(rounds):
            for call, samples in ((raw_call, raw), (sdk_call, ours))[:: 1 if number % 2 else -1]:
                samples.append(timed(call))
        authenticator = client._calls.authenticator()
        started = time.process_time()
        for _ in range(TOKENS):
            authenticator.token(10.0)
        return report("sync", raw[1:], ours[1:]) + report_token("sync", time.process_time() - started)


async def measure_aio(target: str, rounds: int) -> list[str]:
    metadata = (("authorization", f"Bearer {TOKEN}"),)
    async with (
        grpc.aio.insecure_channel(target) as channel,
        AsyncClient(target, client_id="app", client_secret="tps_x") as client,
    ):
        stub = DataServiceStub(channel)

        async def raw_call() -> object:
            return await stub.GetVehicle(data_service_pb2.GetVehicleRequest(name=NAME), timeout=10, metadata=metadata)

        async def sdk_call() -> object:
            return await client.data.get_vehicle(name=NAME)

        raw: list[Sample] = []
        ours: list[Sample] = []
        for number in range(rounds):
            for call, samples in ((raw_call, raw), (sdk_call, ours))[:: 1 if number % 2 else -1]:
                samples.append(await timed_aio(call))
        authenticator = client._calls.authenticator()
        started = time.process_time()
        for _ in range(TOKENS):
            await authenticator.token(10.0)
        return report("aio", raw[1:], ours[1:]) + report_token("aio", time.process_time() - started)


def measure_import() -> None:
    """Import and construction against `import grpc`, medians over fresh interpreters."""
    ours = "from typeplate import Client; Client('h:1', client_id='a', client_secret='tps_x')"
    found = {}
    for name, code in (("grpc", "import grpc"), ("typeplate", ours)):
        times = []
        for _ in range(9):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = ['client_sdk']; {code}"], check=True)
            times.append(time.perf_counter() - started)
        found[name] = statistics.median(times)
    print(f"import: grpc {found['grpc'] * 1e3:.0f} ms, typeplate and a Client {found['typeplate'] * 1e3:.0f} ms")


def main(rounds: int) -> int:
    """Measures and prints everything; the exit code."""
    command = [sys.executable, "-c", "from tests.benchmarks.sdk_cost import serve; serve()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as server:
        try:
            assert server.stdout is not None
            target = f"127.0.0.1:{server.stdout.readline().strip()}"
            passed = measure_sync(target, rounds) + asyncio.run(measure_aio(target, rounds))
            measure_import()
        finally:
            server.terminate()
    for sentence in passed:
        print(sentence, file=sys.stderr)
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
