"""Owns how the hot cache learns of what other processes write: by asking the store, again and again, what has changed.

Rules: the store's sequence is read before the first value is cached, so nothing falls between; whatever cannot be told
one by one is told by clearing the cache; and a store that does not answer in time clears it too, so that no value is
older than `INTERVAL_S` + `PATIENCE_S`, less than a second.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from typeplate_server.errors import Unavailable
from typeplate_server.vehicles.hot_cache import HotCache
from typeplate_server.vehicles.model import vehicle_name
from typeplate_server.vehicles.store import VehicleStore

INTERVAL_S: Final = 0.25
PATIENCE_S: Final = 0.6
MOST_CHANGES: Final = 5000
"""More changes than this at once are not looked at one by one."""

logger = logging.getLogger(__name__)


class ChangeFollower:
    """Forgets in `cache` what has changed in `store`."""

    def __init__(self, store: VehicleStore, cache: HotCache) -> None:
        self._store = store
        self._cache = cache
        self._seq: int | None = None

    async def run(self) -> None:
        """Poll until cancelled. An outage of the store is waited out."""
        while True:
            await self._poll_in_time()
            await asyncio.sleep(INTERVAL_S)

    async def poll(self) -> None:
        """Take in all that was committed before this was called. Raises DatabaseUnavailable."""
        if self._seq is None:
            await self._start_anew()
            return
        found = await self._store.changes_since(self._seq, MOST_CHANGES)
        if len(found.changes) == MOST_CHANGES:
            await self._start_anew()
            return
        self._cache.forget(vehicle_name(change.vehicle_id) for change in found.changes)
        self._seq = found.seq

    async def _start_anew(self) -> None:
        seq = await self._store.current_revision()
        self._cache.clear()
        self._seq = seq

    async def _poll_in_time(self) -> None:
        """One poll. While it is late nothing stays in the cache; it is never abandoned, so polls do not pile up."""
        polling = asyncio.ensure_future(self.poll())
        try:
            while not polling.done():
                done, _ = await asyncio.wait({polling}, timeout=PATIENCE_S)
                if not done:
                    self._cache.clear()
            await polling
        except Unavailable:
            self._cache.clear()
        except Exception:
            self._cache.clear()
            logger.exception("reading the changes of vehicles failed; trying again")
        finally:
            polling.cancel()
