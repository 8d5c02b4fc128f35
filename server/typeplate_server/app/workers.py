"""Serves one port with several worker processes: takes data directory and port, prepares the data, has workers kept.

Rules:
* The lock of the data directory is handed down to the workers, so it is held until the last of them has ended, even if
  this process is killed: no other server counts them for dead before they are.
* The port is reserved before the first of them starts, and as long as this process runs.
* They are told to stop through a pipe, which tells them too when this process has died. A second signal ends all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import forget_run
from typeplate_server.app.failure import BusyError
from typeplate_server.app.parts import identity_of, new_incarnation
from typeplate_server.app.serving import prepare, read_tls, tell_of_credentials
from typeplate_server.app.supervising import Supervisor, Worker
from typeplate_server.app.working import ENDING_S
from typeplate_server.auth.store import ReplicaIdentity
from typeplate_server.config import Settings
from typeplate_server.rpc import ports
from typeplate_server.rpc.server import CannotListenError

Command = Callable[[str, str], Sequence[str]]
"""The command of a worker, by address and incarnation."""


async def serve(settings: Settings, command: Command, ready: Callable[[str, Path | None], None]) -> None:
    """Serve with `settings.workers` processes until SIGTERM or SIGINT; see `serving.serve`. Raises StartupError."""
    data_dir = DataDir(settings.data_dir)
    data_dir.create()
    with data_dir.locked() as lock, contextlib.ExitStack() as held:
        try:
            address = held.enter_context(ports.reserved(settings.listen))
        except CannotListenError as error:
            raise BusyError(str(error)) from None

        async def launch() -> Worker:
            return await _launch(settings, command, address, lock)

        supervisor = Supervisor(launch, settings.workers, settings.drain_seconds + ENDING_S)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _asked_to_stop, supervisor, number)
        read_tls(settings)
        new_admin = await prepare(settings)
        tell_of_credentials(settings, address)
        await supervisor.run(lambda: ready(address, new_admin))


def _asked_to_stop(supervisor: Supervisor, number: int) -> None:
    if supervisor.stop.is_set():
        supervisor.kill()
        os._exit(128 + number)
    supervisor.stop.set()


async def _launch(settings: Settings, command: Command, address: str, lock: int) -> Worker:
    incarnation = new_incarnation()
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command(address, incarnation), stdin=pipe, stdout=pipe, pass_fds=(lock,)
    )
    return WorkerProcess(process, settings, identity_of(process.pid, incarnation))


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """See Worker. It says one line on its standard output, when it serves, and stops at the end of its input."""

    process: asyncio.subprocess.Process
    settings: Settings
    identity: ReplicaIdentity

    @property
    def pid(self) -> int:
        """See Worker."""
        return self.process.pid

    async def serves(self) -> bool:
        """See Worker."""
        assert self.process.stdout is not None
        return bool(await self.process.stdout.readline())

    async def ended(self) -> int:
        """See Worker."""
        return await self.process.wait()

    async def forget(self) -> None:
        """See Worker."""
        await forget_run(self.settings, self.identity)

    def ask_to_stop(self) -> None:
        """See Worker."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def kill(self) -> None:
        """See Worker."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
