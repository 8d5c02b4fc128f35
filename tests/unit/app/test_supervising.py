"""Keeping workers running: when to say ready, whom to replace and after which pause, and how all of them end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from typeplate_server.app.failure import StartupError
from typeplate_server.app.supervising import LONGEST_PAUSE_S, STEADY_S, Supervisor, manner, pause_before_restart

KILLED = -9


class FakeWorker:
    """A worker that does what the test tells it. `stubborn`: it ends only when it is killed."""

    def __init__(self, pid: int, *, serving: bool = True, stubborn: bool = False) -> None:
        self.pid = pid
        self.forgotten = self.asked = False
        self._stubborn = stubborn
        loop = asyncio.get_running_loop()
        self._code: asyncio.Future[int] = loop.create_future()
        self._serving: asyncio.Future[bool] = loop.create_future()
        if serving:
            self._serving.set_result(True)

    async def serves(self) -> bool:
        return await asyncio.shield(self._serving)

    async def ended(self) -> int:
        return await asyncio.shield(self._code)

    async def forget(self) -> None:
        self.forgotten = True

    def ask_to_stop(self) -> None:
        self.asked = True
        if not self._stubborn:
            self.die(0)

    def kill(self) -> None:
        self.die(KILLED)

    def begin_to_serve(self) -> None:
        self._serving.set_result(True)

    def die(self, code: int) -> None:
        if not self._serving.done():
            self._serving.set_result(False)
        if not self._code.done():
            self._code.set_result(code)


class World:
    """A supervisor whose workers are fakes and whose time is told; `launched` are all workers so far."""

    def __init__(self, count: int = 2, make: Callable[[int], FakeWorker] = FakeWorker) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.launched: list[FakeWorker] = []
        self.failures: list[OSError] = []
        self.ready = asyncio.Event()
        self._make = make
        self.supervisor = Supervisor(self._launch, count, 0.05, clock=lambda: self.now, sleep=self._sleep)
        self.task = asyncio.create_task(self.supervisor.run(self.ready.set))

    async def _launch(self) -> FakeWorker:
        if self.failures:
            raise self.failures.pop()
        self.launched.append(self._make(len(self.launched)))
        return self.launched[-1]

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():  # noqa: ASYNC110 - what is waited for is any turn of the loop
                await asyncio.sleep(0)

    async def end(self) -> None:
        self.supervisor.stop.set()
        async with asyncio.timeout(5):
            await self.task


async def test_ready_is_said_when_the_last_worker_serves_and_not_before() -> None:
    world = World(make=lambda pid: FakeWorker(pid, serving=False))
    await world.until(lambda: len(world.launched) == 2)
    world.launched[0].begin_to_serve()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not world.ready.is_set()
    world.launched[1].begin_to_serve()
    await world.until(world.ready.is_set)
    await world.end()


async def test_a_worker_that_cannot_start_ends_the_others_and_is_an_error() -> None:
    world = World(make=lambda pid: FakeWorker(pid, serving=pid != 1))
    await world.until(lambda: len(world.launched) == 2)
    world.launched[1].die(3)
    with pytest.raises(StartupError, match=r"worker 2 \(process 1\) ended with code 3 before it served"):
        await world.task
    assert world.launched[0].asked
    assert not world.ready.is_set()


async def test_a_worker_that_dies_is_replaced_and_its_row_taken_away() -> None:
    """The others stay as they are."""
    world = World()
    await world.until(world.ready.is_set)
    world.launched[0].die(KILLED)
    await world.until(lambda: len(world.launched) == 3)
    assert [worker.forgotten for worker in world.launched] == [True, False, False]
    await world.end()
    assert [worker.asked for worker in world.launched] == [False, True, True]


async def test_pauses_grow_while_a_worker_dies_young_and_begin_anew_once_it_was_steady() -> None:
    world = World(count=1)
    await world.until(world.ready.is_set)
    for number in range(9):
        world.now += STEADY_S if number == 7 else STEADY_S / 2
        world.launched[-1].die(1)
        await world.until(lambda number=number: len(world.launched) == number + 2)  # type: ignore[misc]
    assert world.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 0.1, 0.1]
    await world.end()


async def test_a_machine_that_cannot_start_a_process_now_is_asked_again() -> None:
    world = World()
    await world.until(world.ready.is_set)
    world.failures = [OSError(11, "Resource temporarily unavailable")]
    world.launched[1].die(KILLED)
    await world.until(lambda: len(world.launched) == 3)
    assert world.pauses == [0.1, 0.2]
    await world.end()


async def test_at_the_end_nobody_is_replaced_who_does_not_end_is_killed_and_no_row_is_left() -> None:
    world = World(make=lambda pid: FakeWorker(pid, stubborn=pid == 1))
    await world.until(world.ready.is_set)
    await world.end()
    assert [worker.asked for worker in world.launched] == [True, True]
    assert [await worker.ended() for worker in world.launched] == [0, KILLED]
    assert [worker.forgotten for worker in world.launched] == [True, True]


async def test_a_stop_during_the_start_is_no_error() -> None:
    """A service manager may signal all processes at once, and those that had not begun yet just die."""
    world = World(make=lambda pid: FakeWorker(pid, serving=False))
    await world.until(lambda: len(world.launched) == 2)
    world.supervisor.stop.set()
    for worker in world.launched:
        worker.die(-15)
    await world.end()


def test_no_pause_is_longer_than_the_longest() -> None:
    assert pause_before_restart(10**6) == LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with code 0"), (-9, "was ended by SIGKILL"), (-99, "was ended by signal 99")],
    ids=["code", "signal", "unknown-signal"],
)
def test_how_a_process_ended_is_said_in_words(code: int, words: str) -> None:
    assert manner(code) == words
