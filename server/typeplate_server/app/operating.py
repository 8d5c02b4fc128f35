"""What an operator changes of a whole deployment, beside its servers: the bound on stale state, and the epoch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import claim, not_readable, open_database, read_keys, trail_of
from typeplate_server.app.seen import require_nothing_missing
from typeplate_server.config import Settings
from typeplate_server.errors import ServiceError
from typeplate_server.store.deployment import SqlDeploymentStore

SHORTEST_STALENESS_S: Final = 1.0
LONGEST_STALENESS_S: Final = 60.0
"""Shorter, and replicas would poll for the sake of polling; longer, and an application would outlive its revocation by
more than anybody expects when a replica is cut off."""

T = TypeVar("T")


async def set_max_staleness(settings: Settings, seconds: float) -> float:
    """Set the bound for all replicas, running or not; returns the one before. Raises StartupError."""

    async def change(deployment: SqlDeploymentStore) -> float:
        before = (await deployment.read()).max_staleness_s
        if before != seconds:
            await deployment.set_max_staleness(seconds)
        return before

    await require_nothing_missing(settings)
    return await _on_deployment(settings, change)


async def begin_epoch(settings: Settings) -> None:
    """Kill every token issued so far, after a restore. Raises StartupError, BusyError.

    Replicas that follow the database close until they have read all of it under the new epoch, so that it is safe while
    they run. A file of SQLite's cannot have been put in its place while a server had it open: there none may run.
    """

    async def begin(deployment: SqlDeploymentStore) -> None:
        await deployment.begin_epoch()

    with _alone(settings):
        await _on_deployment(settings, begin)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    if not settings.database.startswith("sqlite:"):
        yield
        return
    with DataDir(settings.data_dir).locked():
        yield


async def _on_deployment(settings: Settings, work: Callable[[SqlDeploymentStore], Awaitable[T]]) -> T:
    data_dir = DataDir(settings.data_dir)
    keys = read_keys(data_dir)
    database = open_database(settings)
    try:
        await claim(database, keys, data_dir)
        return await work(SqlDeploymentStore(database, trail_of(keys)))
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()
