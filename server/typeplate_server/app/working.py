"""One of several workers: a replica that shares its port, and ends with the process that started it.

The other end of standard input is that process. It closes it to say stop, and the kernel does when it dies; until then
nothing is sent. Signals say the same, as often as they like: a terminal or a service manager may signal all processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Final, TextIO

from typeplate_server.app import serving
from typeplate_server.config import Settings

ENDING_S: Final = 10.0
"""What a worker may take to end beyond `drain_seconds`, by far."""


async def work(settings: Settings, log: TextIO, incarnation: str, ready: Callable[[str], None]) -> None:
    """Serve until told to stop. `ready` is told where, once calls are accepted. Raises StartupError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def told() -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed first
            loop.call_soon_threadsafe(stop.set)
        time.sleep(settings.drain_seconds + ENDING_S)
        os._exit(1)

    threading.Thread(target=_await_end, args=(0, told), name="parent", daemon=True).start()
    gc.disable()  # until all is read, as `serving.serve` does
    async with serving.replica(settings, log, incarnation=incarnation, shared_port=True) as (address, _):
        serving.settle()
        ready(address)
        await stop.wait()


def _await_end(descriptor: int, then: Callable[[], None]) -> None:
    while os.read(descriptor, 1024):
        pass
    then()
