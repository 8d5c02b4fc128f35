"""What a replica does each minute beside serving. A chore that fails is told, and done with the next round.

Every replica does them all: each finds what another has done already and does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from typeplate_server.app.clocks import CLOCK
from typeplate_server.app.parts import Parts
from typeplate_server.errors import ServiceError
from typeplate_server.store.replicas import SqlReplicaStore

ROUND_S: Final = 60.0

logger = logging.getLogger(__name__)


async def run(parts: Parts) -> None:
    """Do them until cancelled."""
    while True:
        await asyncio.sleep(ROUND_S)
        await do_all(parts)


async def do_all(parts: Parts) -> None:
    """One round: tell how it stands, write how late it is and what was counted, and forget what is of no use any more.

    That is: expired tokens, silent replicas and old signing keys.
    """
    await _try(lambda: tell(parts))
    await _try(parts.time.keep)
    await _try(parts.secret_uses.flush)
    await _try(parts.usage.flush)
    await _try(parts.refusals.flush)
    await _try(parts.tokens.forget_expired)
    await _try(parts.waiting.forget_silent)
    await _try(lambda: parts.rotation.drop_expired(parts.replica.max_staleness_s))


async def tell(parts: Parts) -> None:
    """One line in the log with what a monitor may watch. With no database that answers, all but the `replicas`."""
    replica, age = parts.replica, parts.replica.age_s
    figures: dict[str, float | str | bool | None] = {
        "replica": replica.identity.replica_id,
        "drift": replica.drift,
        "seq": replica.cursor.seq,
        "fresh": replica.fresh(),
        "age_s": None if age is None else round(age, 3),
        "replicas": None,
    }
    try:
        registered = await SqlReplicaStore(parts.database, CLOCK).registered()
        figures["replicas"] = len(registered.replicas)
    finally:
        logger.info("replica", extra={"figures": figures})


async def _try(chore: Callable[[], Awaitable[object]]) -> None:
    try:
        await chore()
    except ServiceError as error:
        logger.warning("a chore has to wait for the next round: %s", error.message)
    except Exception:
        logger.exception("a chore failed")
