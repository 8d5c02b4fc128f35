"""One process of an application that calls and calls, and counts what its callers see and what they do not.

It is spawned, given what is shared with `begin`, and told with `run` whether to call by threads or by tasks.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import pytest

from tests.support.secret_shapes import SHAPES
from tests.support.token_requests import watched_token_requests
from typeplate import AsyncClient, Client
from typeplate._token import TokenCache

THREADS, TASKS = 8, 40
SPAWNED = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Task:
    """What one process does: so many calls, by asyncio or else by threads, with the secret that is in a file."""

    aio: bool
    calls: int
    target: str
    client_id: str
    secret_file: Path
    name: str


@dataclass
class Seen:
    """What became of the calls: `errors` reached the caller; `refused` tokens and `requests` for new ones did not.

    `leaks` counts the secrets and tokens in what was logged, at debug level.
    """

    calls: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refreshes: int = 0
    requests: int = 0
    leaks: int = 0

    def __add__(self, other: Seen) -> Seen:
        return Seen(
            self.calls + other.calls,
            self.errors + other.errors,
            self.refused + other.refused,
            self.refreshes + other.refreshes,
            self.requests + other.requests,
            self.leaks + other.leaks,
        )


class Ear(logging.Handler):
    """Hears all that is logged."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self._seen.leaks += len(SHAPES.findall(self.format(record)))


class Progress:
    """How many calls all processes have done together."""

    def __init__(self) -> None:
        self._count: Synchronized[int] = SPAWNED.Value("q", 0)

    @property
    def count(self) -> int:
        """So far."""
        return self._count.value

    def one(self) -> None:
        """One more."""
        with self._count.get_lock():
            self._count.value += 1


@contextmanager
def watched(seen: Seen) -> Iterator[None]:
    """Counts what happens inside of the clients."""
    rejected = TokenCache.rejected
    logging.basicConfig(level=logging.DEBUG, handlers=[Ear(seen)])

    def counted(self: TokenCache, *arguments: Any, **options: Any) -> bool:
        again = rejected(self, *arguments, **options)
        seen.refused += 1
        return again

    with pytest.MonkeyPatch.context() as patched, watched_token_requests() as tokens:
        patched.setattr(TokenCache, "rejected", counted)
        yield
    seen.refreshes, seen.requests = tokens.refreshes, tokens.requests


_shared: list[Progress] = []


def begin(progress: Progress) -> None:
    """Gives a process what is shared; shared memory can be given only at its birth."""
    _shared.append(progress)


def run(task: Task) -> Seen:
    """Does the calls."""
    seen, progress = Seen(), _shared[0]
    with watched(seen):
        if task.aio:
            asyncio.run(by_tasks(task, progress, seen))
        else:
            by_threads(task, progress, seen)
    return seen


def note(seen: Seen, progress: Progress, error: Exception | None) -> None:
    """One call has ended."""
    seen.calls += 1
    progress.one()
    if error is not None:
        seen.errors[f"{type(error).__name__}: {error}"] += 1


def by_threads(task: Task, progress: Progress, seen: Seen) -> None:
    """Most calls are gets; each hundredth lists, and each hundredth exports."""
    numbers, lock = iter(range(task.calls)), threading.Lock()

    def work(client: Client) -> None:
        while True:
            with lock:
                if (number := next(numbers, None)) is None:
                    return
            error: Exception | None = None
            try:
                call(client, number, task.name)
            except Exception as raised:  # noqa: BLE001 - whatever reaches the caller is counted
                error = raised
            with lock:
                note(seen, progress, error)

    with Client(task.target, client_id=task.client_id, client_secret_file=task.secret_file) as client:
        workers = [threading.Thread(target=work, args=(client,)) for _ in range(THREADS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()


def call(client: Client, number: int, name: str) -> None:
    """The call of this number."""
    if number % 100 == 50:
        assert name in {vehicle.name for vehicle in client.data.list_vehicles()}
    elif number % 100 == 0:
        assert name in {vehicle.name for page in client.data.export_vehicles() for vehicle in page.vehicles}
    else:
        assert client.data.get_vehicle(name=name).name == name


async def by_tasks(task: Task, progress: Progress, seen: Seen) -> None:
    """The same with asyncio."""
    numbers = iter(range(task.calls))

    async def work(client: AsyncClient) -> None:
        for number in numbers:
            error: Exception | None = None
            try:
                await call_aio(client, number, task.name)
            except Exception as raised:  # noqa: BLE001 - whatever reaches the caller is counted
                error = raised
            note(seen, progress, error)

    async with AsyncClient(task.target, client_id=task.client_id, client_secret_file=task.secret_file) as client:
        await asyncio.gather(*(work(client) for _ in range(TASKS)))


async def call_aio(client: AsyncClient, number: int, name: str) -> None:
    """The call of this number."""
    if number % 100 == 50:
        assert name in {vehicle.name async for vehicle in client.data.list_vehicles()}
    elif number % 100 == 0:
        pages = [page async for page in client.data.export_vehicles()]
        assert name in {vehicle.name for page in pages for vehicle in page.vehicles}
    else:
        assert (await client.data.get_vehicle(name=name)).name == name
