"""What an operator changes of a whole deployment, beside its servers: the bound on stale state, and the epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from typeplate_server.app.clocks import CLOCK, boot_time
from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import claim, not_readable, open_database, read_keys, trail_of
from typeplate_server.app.failure import StartupError
from typeplate_server.app.seen import require_nothing_missing
from typeplate_server.auth.propagation import MARGIN, Acknowledgements
from typeplate_server.auth.store import ReplicaIdentity
from typeplate_server.config import Settings
from typeplate_server.errors import ServiceError
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore
from typeplate_server.store.replicas import SqlReplicaStore

SHORTEST_STALENESS_S: Final = 1.0
LONGEST_STALENESS_S: Final = 60.0
"""Shorter, and replicas would poll for the sake of polling; longer, and an application would outlive its revocation by
more than anybody expects when a replica is cut off."""

_NOT_SEEN: Final = "a new epoch has begun, but not every replica may have heard of it: the database no longer answers"
_NOBODY: Final = ReplicaIdentity("", "")

T = TypeVar("T")


async def set_max_staleness(settings: Settings, seconds: float) -> float:
    """Set the bound for all replicas, running or not; returns the one before. Raises StartupError."""

    async def change(deployment: SqlDeploymentStore, _: Database) -> float:
        before = (await deployment.read()).max_staleness_s
        if before != seconds:
            await deployment.set_max_staleness(seconds)
        return before

    await require_nothing_missing(settings)
    return await _on_deployment(settings, change)


async def begin_epoch(settings: Settings) -> None:
    """Kill every token issued so far, after a restore; returns when none works. Raises StartupError, BusyError.

    Replicas that follow the database close until they have read all of it under the new epoch, so that it is safe while
    they run. One that has lost its database admits for `max_staleness` still: the restored one may not know its row, so
    that nobody could wait for it, and the epoch begins only after that time. For the others it is waited afterwards.
    A file of SQLite's cannot have been put in its place while a server had it open: there none may run.
    """

    async def begin(deployment: SqlDeploymentStore, database: Database) -> None:
        replicas = SqlReplicaStore(database, CLOCK)
        bound = (await deployment.read()).max_staleness_s
        await asyncio.sleep(bound * MARGIN)
        last = await deployment.begin_epoch()
        waiting = Acknowledgements(replicas, _NOBODY, lambda: bound, lambda: None, boot_time, CLOCK)
        if (await waiting.reach(last, boot_time(), None)).scope != "EVERYWHERE":
            raise StartupError(_NOT_SEEN)

    async def begin_alone(deployment: SqlDeploymentStore, database: Database) -> None:
        await deployment.begin_epoch()

    with _alone(settings) as alone:
        await _on_deployment(settings, begin_alone if alone else begin)


@contextmanager
def _alone(settings: Settings) -> Iterator[bool]:
    """Whether it is sure that no replica runs."""
    if not settings.database.startswith("sqlite:"):
        yield False
        return
    with DataDir(settings.data_dir).locked():
        yield True


async def _on_deployment(settings: Settings, work: Callable[[SqlDeploymentStore, Database], Awaitable[T]]) -> T:
    data_dir = DataDir(settings.data_dir)
    keys = read_keys(data_dir)
    database = open_database(settings)
    try:
        await claim(database, keys, data_dir)
        return await work(SqlDeploymentStore(database, trail_of(keys)), database)
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()
