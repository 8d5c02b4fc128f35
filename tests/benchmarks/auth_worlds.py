"""What `auth_scale` measures on: deployments with few and with many clients, and a watch on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.many_clients import KNOWN_SECRETS, Credentials, fill
from typeplate_server.app.parts import Parts, assemble
from typeplate_server.app.setup import initialise
from typeplate_server.auth.keyfile import load_key_file
from typeplate_server.auth.secrets import SecretHasher
from typeplate_server.config import Settings
from typeplate_server.store.deployment import SqlDeploymentStore

PATIENCE_S = 600.0
"""The deployments' staleness bound: nobody polls while calls are measured."""


@dataclass(slots=True)
class World:
    """One deployment: its environment, some of its clients' credentials, and its parts while it is open."""

    environ: dict[str, str]
    credentials: list[Credentials]
    parts: Parts

    @classmethod
    async def make(cls, directory: Path, url: str, count: int) -> World:
        """A new deployment with `count` clients besides the administrator. The caller opens and closes it."""
        environ = {
            "TYPEPLATE_DATA_DIR": str(directory),
            "TYPEPLATE_LISTEN": "127.0.0.1:0",
            "TYPEPLATE_DATABASE_URL": url,
        }
        await initialise(Settings.from_env(environ))
        parts = await assemble(Settings.from_env(environ))
        began = time.perf_counter()
        await SqlDeploymentStore(parts.database).set_max_staleness(PATIENCE_S)
        credentials = await fill(parts.database, count, SecretHasher(load_key_file(directory / "keys.json").pepper))
        print(f"  {count:>7} clients written in {time.perf_counter() - began:.1f} s")
        await parts.database.close()
        return cls(environ, credentials, parts)

    async def open(self) -> None:
        """Reads the auth state as a server does at its start."""
        self.parts = await assemble(Settings.from_env(self.environ))
        await self.parts.replica.start()

    def tokens(self, count: int, among: int = KNOWN_SECRETS) -> list[list[str]]:
        """`count` new tokens, of as many clients as there are and `among` at most, as values of `authorization`."""
        clients = self.credentials[:among]
        chosen = [clients[n % len(clients)] for n in range(count)]
        return [[f"Bearer {self.exchange(each)}"] for each in chosen]

    def exchange(self, who: Credentials) -> str:
        """A token for a secret."""
        return self.parts.exchange.exchange(who.client_id, who.secret.value, (), None, "127.0.0.1").access_token


@dataclass(slots=True)
class Ticker:
    """A task that wants to run each millisecond; how much later it did."""

    late: list[float]

    @classmethod
    @contextlib.asynccontextmanager
    async def ticking(cls) -> AsyncIterator[Ticker]:
        ticker = cls([])
        task = asyncio.create_task(ticker._run())
        await asyncio.sleep(0.01)
        try:
            yield ticker
        finally:
            task.cancel()

    async def _run(self) -> None:
        while True:
            asleep = time.perf_counter()
            await asyncio.sleep(0.001)
            self.late.append(time.perf_counter() - asleep - 0.001)

    def __str__(self) -> str:
        p99 = statistics.quantiles(self.late, n=100)[98] if len(self.late) > 1 else self.late[0]
        return f"event loop late by p99 {p99 * 1000:.1f} ms, at most {max(self.late) * 1000:.1f} ms"
