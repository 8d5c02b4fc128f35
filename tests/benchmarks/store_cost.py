"""What the store costs by itself: bulk writes, how long each holds the write lock, point reads, lists, an export.

`python -m tests.benchmarks.store_cost [--vehicles N]`, on synthetic vehicles in a temporary database. It prints and
judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.support.store import NOW, draft, new_back_end
from typeplate_server.store.database import Database
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.store import WRITE_BATCH, Draft, Order, Range, VehicleQuery

QUERIES = {
    "first 100 by id": {},
    "one make": {"make": "make 7"},
    "one make and model": {"make": "make 7", "model": "model 91 1x"},
    "two years": {"ranges": {"model_year": Range(2020, 2021)}},
    "CO2 of 0": {"ranges": {"co2_g_per_km": Range(None, 0)}},
    "two words that nothing has": {"words": ("91", "zzz")},
    "most powerful": {"order_by": (Order("power_kw", descending=True),)},
    "newest, by make": {"order_by": (Order("model_year", descending=True), Order("make"))},
    "make and model, from the middle": {
        "order_by": (Order("make"), Order("model")),
        "after": ("make 5", "model 500 1x", "epa-5"),
    },
}


def vehicle(number: int, cost: float, note: str) -> Draft:
    """One of some 600 bytes, with the spread of makes and models that EPA's file has."""
    power = {"power_kw": 50.0 + number % 300} if number % 3 == 0 else {}
    return draft(
        f"epa-{number}",
        cost=cost,
        make=f"Make {number * 7 % 130}",
        model=f"Model {number * 13 % 2000} {number % 9}x",
        model_year=1984 + number % 43,
        drive=1 + number % 6,
        powertrain=1 + number % 5,
        fuel=1 + number % 5,
        displacement_l=1 + (number % 60) / 10,
        cylinders=4 + number % 4 * 2,
        co2_g_per_km=float(number % 400),
        transmission={"type": 1 + number % 5},
        fuel_text="y" * 400 + note,
        **power,
    )


async def load(store: SqlVehicleStore, name: str, drafts: list[Draft]) -> None:
    """All drafts in batches; the longest batch bounds how long anyone waits for the lock."""
    each = []
    for begin in range(0, len(drafts), WRITE_BATCH):
        start = time.perf_counter()
        await store.upsert(drafts[begin : begin + WRITE_BATCH], now=NOW)
        each.append(time.perf_counter() - start)
    print(f"{name:>34}: {sum(each):6.2f} s; a batch of {WRITE_BATCH}: {show(each)}")


async def measure(name: str, call: Callable[[], Awaitable[object]], times: int) -> None:
    await call()
    each = []
    for _ in range(times):
        start = time.perf_counter()
        await call()
        each.append(time.perf_counter() - start)
    print(f"{name:>34}: {show(each)}")


def show(seconds: list[float]) -> str:
    return f"median {statistics.median(seconds) * 1000:7.2f} ms, longest {max(seconds) * 1000:7.2f} ms"


async def reads(store: SqlVehicleStore) -> None:
    await measure("get", lambda: store.get("epa-777"), 2000)
    await measure("get_many, 100", lambda: store.get_many([f"epa-{n * 17}" for n in range(100)]), 50)
    for name, conditions in QUERIES.items():
        query = VehicleQuery(limit=100, **conditions)  # type: ignore[arg-type]
        await measure(f"list: {name}", lambda query=query: store.list(query), 30)  # type: ignore[misc]
    await measure("export, 500", lambda: store.export("epa-3", 500), 30)
    await measure("put", lambda: store.put("epa-7", lambda _: vehicle(7, random.random(), ""), now=NOW), 100)


async def run(count: int, directory: Path) -> None:
    back_end = new_back_end("sqlite", directory)
    database = Database(back_end.url, directory)
    store = SqlVehicleStore(database)
    batches = {
        "create": [vehicle(number, 1.0, "") for number in range(count)],
        "unchanged": [vehicle(number, 1.0, "") for number in range(count)],
        "other estimates": [vehicle(number, 2.0, "") for number in range(count)],
        "update": [vehicle(number, 2.0, "!") for number in range(count)],
    }
    random.Random(1).shuffle(batches["create"])
    gc.collect()
    gc.freeze()  # else one full collection over these drafts shows as the longest batch
    for name, drafts in batches.items():
        await load(store, name, drafts)
    await reads(store)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--vehicles", type=int, default=50_000)
    count = parser.parse_args().vehicles
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(count, Path(directory)))


if __name__ == "__main__":
    main()
