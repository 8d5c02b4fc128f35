"""Owns the thread in which the real server runs, its data directory, its clock, and the port that it comes back to.

The port is bound for as long as the host lives, without anybody listening there: so it is refused while the server is
away, as it would be, and nobody else on this machine is given it meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import shlex
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

from typeplate.testing._credentials import Credentials
from typeplate.testing._faults import Faults
from typeplate.testing._quiet import be_quiet

OUTSIDE = "this server does not run: use it inside of `with Server() as server:`"
NEEDED = "typeplate.testing runs the real server, which is not installed: pip install 'typeplate[testing]'"


class Place:
    """What one deployment has from its beginning to its end: a port of this machine, and a directory for its data."""

    def __init__(self) -> None:
        self.holder = held_port()
        self.address = f"127.0.0.1:{self.holder.getsockname()[1]}"
        self._directory = tempfile.TemporaryDirectory(prefix="typeplate-testing-")
        self.data_dir = Path(self._directory.name) / "data"

    def close(self) -> None:
        """Give both up."""
        self.holder.close()
        self._directory.cleanup()


class Host:
    """One deployment: started, stopped and started again on the same data and port. For any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Takes nothing of the machine yet; `open` does."""
        serving()
        be_quiet()
        self.faults = Faults()
        self.interceptors: list[Any] = [self.faults]
        self.log = io.StringIO()
        self.running: Any = None
        self._environ = {"TYPEPLATE_DRAIN_SECONDS": "0", **environ}
        self._place: Place | None = None
        self._ahead = 0.0
        self._changing = threading.RLock()
        self._thread: threading.Thread | None = None
        self._tell_to_stop: Callable[[], object] = lambda: None

    @property
    def is_open(self) -> bool:
        """Whether it has a place."""
        return self._place is not None

    def place(self) -> Place:
        """Port and directory. Raises RuntimeError before `open` and after `close`."""
        if self._place is None:
            raise RuntimeError(OUTSIDE)
        return self._place

    def open(self) -> None:
        """Take a port and a directory, and serve. Raises what the server's start raises, and gives them up again."""
        self._place = Place()
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def admin(self, ca_file: str | None) -> Credentials:
        """The administrator's."""
        lines = (self.place().data_dir / "admin.env").read_text("utf-8").splitlines()
        words = (word for line in lines for word in shlex.split(line, comments=True))
        values = dict(word.split("=", 1) for word in words if "=" in word)
        client_id, secret = values["TYPEPLATE_CLIENT_ID"], values["TYPEPLATE_CLIENT_SECRET"]
        return Credentials(self.place().address, client_id, secret, ca_file)

    def step_clock(self, seconds: float) -> None:
        """Put the server's wall clock forward. Raises ValueError for a step back, which the server would not follow."""
        if seconds < 0:
            raise ValueError("the server's clock never goes back")
        self._ahead += seconds

    def start(self) -> None:
        """Serve, unless it does already. Returns once calls are answered; raises what the server's start raises."""
        with self._changing:
            place = self.place()
            if self._thread is not None:
                return
            ready: Future[None] = Future()
            thread = threading.Thread(target=self._run, args=(ready,), name="typeplate-testing", daemon=True)
            if sys.platform != "linux":
                place.holder.close()  # only Linux lets the server listen on a port that is bound already
            thread.start()
            ready.result()
            self._thread = thread

    def stop(self) -> None:
        """Serve no more: calls in progress are cut, as TYPEPLATE_DRAIN_SECONDS is 0, and connections refused."""
        with self._changing:
            self.place()
            if self._thread is not None:
                with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended by itself
                    self._tell_to_stop()
                self._thread.join()
                self._thread = None

    def close(self) -> None:
        """Stop for good, and take the data away."""
        self.stop()
        self.place().close()
        self._place = None

    def _run(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _serve(self, ready: Future[None]) -> None:
        from typeplate_server.app.clocks import CLOCK
        from typeplate_server.app.hooks import Hooks
        from typeplate_server.config import Settings

        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._tell_to_stop = lambda: loop.call_soon_threadsafe(stop.set)
        where = {"TYPEPLATE_DATA_DIR": str(self.place().data_dir), "TYPEPLATE_LISTEN": self.place().address}
        settings = Settings.from_env(self._environ | where)
        hooks = Hooks(lambda: CLOCK() + self._ahead, tuple(self.interceptors))
        async with serving().running(settings, self.log, hooks) as self.running:
            ready.set_result(None)
            await stop.wait()


def serving() -> ModuleType:
    """The server's module that runs it. Raises ImportError where the extra is not installed."""
    try:
        from typeplate_server.app import serving as found
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "typeplate_server":
            raise
        raise ImportError(NEEDED) from None
    return found


def held_port() -> socket.socket:
    """A socket bound to a free port of loopback."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder
