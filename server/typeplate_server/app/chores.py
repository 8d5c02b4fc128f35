"""What a replica does each minute beside serving. A chore that fails is told, and done with the next round.

Every replica does them all: each finds what another has done already and does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from typeplate_server.app.parts import Parts
from typeplate_server.errors import ServiceError

ROUND_S: Final = 60.0

logger = logging.getLogger(__name__)


async def run(parts: Parts) -> None:
    """Do them until cancelled."""
    while True:
        await asyncio.sleep(ROUND_S)
        await do_all(parts)


async def do_all(parts: Parts) -> None:
    """One round: write how late it is and what was counted, forget expired tokens, silent replicas and old keys."""
    await _try(parts.time.keep)
    await _try(parts.secret_uses.flush)
    await _try(parts.usage.flush)
    await _try(parts.refusals.flush)
    await _try(parts.tokens.forget_expired)
    await _try(parts.waiting.forget_silent)
    await _try(lambda: parts.rotation.drop_expired(parts.replica.max_staleness_s))


async def _try(chore: Callable[[], Awaitable[object]]) -> None:
    try:
        await chore()
    except ServiceError as error:
        logger.warning("a chore has to wait for the next round: %s", error.message)
    except Exception:
        logger.exception("a chore failed")
