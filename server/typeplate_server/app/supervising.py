"""Keeps several workers running: starts them, replaces those that die, and ends them all.

Rules:
* Nobody hears that the server serves before all workers do. A worker that cannot start then is an error; later on it
  is started again, after longer and longer pauses.
* The row of a worker that died is taken away at once: no change need wait for a process that is known to be gone.

What a worker is, `workers` knows.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from typeplate_server.app.failure import StartupError

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
STEADY_S: Final = 10.0
"""A worker that has lived so long did not die of its start."""
FORGETTING_S: Final = 1.0


class Worker(Protocol):
    """A worker process as its supervisor sees it."""

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    async def serves(self) -> bool:
        """Waits until it accepts calls; False: it ended before."""
        ...

    async def ended(self) -> int:
        """Waits for its end; the exit code, or the number of the signal that killed it, negative."""
        ...

    async def forget(self) -> None:
        """Take away what it may have left behind; it has ended. Raises StartupError."""
        ...

    def ask_to_stop(self) -> None:
        """Let it drain and end."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...


class Supervisor:
    """Keeps `count` workers running until `stop` is set; then gives them `ending_s` to end."""

    def __init__(
        self,
        launch: Callable[[], Awaitable[Worker]],
        count: int,
        ending_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.stop = asyncio.Event()
        self._launch = launch
        self._count = count
        self._ending_s = ending_s
        self._clock = clock
        self._sleep = sleep
        self._workers: dict[int, Worker] = {}

    async def run(self, ready: Callable[[], None]) -> None:
        """Start them, say `ready` once all of them serve, keep them, end them. Raises StartupError."""
        tasks: list[asyncio.Task[None]] = []
        try:
            for number in range(1, self._count + 1):
                self._workers[number] = await self._launch()
            await self._all_serve()
            if self.stop.is_set():
                return
            tasks = [asyncio.create_task(self._keep(number)) for number in self._workers]
            ready()
            tasks.append(asyncio.create_task(self._asked()))
            for done in (await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED))[0]:
                done.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end_all()

    def kill(self) -> None:
        """End all workers now."""
        for worker in self._workers.values():
            worker.kill()

    async def _asked(self) -> None:
        await self.stop.wait()

    async def _all_serve(self) -> None:
        serve = await asyncio.gather(*(worker.serves() for worker in self._workers.values()))
        for (number, worker), serves in zip(self._workers.items(), serve, strict=True):
            if not serves and not self.stop.is_set():
                how = manner(await worker.ended())
                raise StartupError(f"worker {number} (process {worker.pid}) {how} before it served")

    async def _keep(self, number: int) -> None:
        quick_ends = 0
        while True:
            worker, began = self._workers[number], self._clock()
            code = await worker.ended()
            if self.stop.is_set():
                return
            quick_ends = 0 if self._clock() - began >= STEADY_S else quick_ends + 1
            pause = pause_before_restart(quick_ends)
            told = (number, worker.pid, manner(code), pause)
            logger.error("worker %d (process %d) %s; another is started in %g s", *told)
            await _forget(worker)
            await self._sleep(pause)
            try:
                self._workers[number] = await self._launch()
            except OSError as error:
                logger.error("worker %d cannot be started: %s", number, error.strerror)
                continue
            if await self._workers[number].serves():
                logger.info("worker %d serves again (process %d)", number, self._workers[number].pid)

    async def _end_all(self) -> None:
        workers = list(self._workers.values())
        for worker in workers:
            worker.ask_to_stop()
        ends = asyncio.gather(*(worker.ended() for worker in workers))
        try:
            await asyncio.wait_for(asyncio.shield(ends), self._ending_s)
        except TimeoutError:
            logger.error("not all workers have ended in time; they are killed")
            self.kill()
            await ends
        # Each does so itself, unless it had no time, or a database that was slow.
        await asyncio.gather(*(_forget(worker) for worker in workers))


def pause_before_restart(quick_ends: int) -> float:
    """How long to wait (s) after so many workers in a row have ended soon after their start."""
    doublings = min(max(quick_ends - 1, 0), 16)
    return min(FIRST_PAUSE_S * float(2**doublings), LONGEST_PAUSE_S)


def manner(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


async def _forget(worker: Worker) -> None:
    """Else its row goes when the first change has waited for it for as long as the bound."""
    try:
        async with asyncio.timeout(FORGETTING_S):
            await worker.forget()
    except (StartupError, TimeoutError):
        logger.info("the row of process %d could not be taken away", worker.pid)
