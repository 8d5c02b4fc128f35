"""Owns the calls of one event loop that gRPC may have forgotten: those unanswered beyond their deadline are cancelled.

Of thousands of calls at once to a server that comes and goes, gRPC (1.85) leaves a few unanswered for ever, for all
their deadlines. One timer looks after all calls, for a timer each (asyncio.timeout) costs a tenth of a call.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

LOST_S = 1.0
"""So much later than its deadline a call is forgotten, and so often it is looked."""


class Overdue:
    """Calls under way, each with the moment (monotonic) at which it is lost."""

    def __init__(self) -> None:
        self._due: dict[Any, float] = {}
        self._lost: set[Any] = set()
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, call: Any, seconds: float) -> None:
        """An answer to this call, or its failure, within so many seconds."""
        self._due[call] = time.monotonic() + seconds + LOST_S
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOST_S, self._look)

    def ended(self, call: Any) -> bool:
        """The call has ended; returns whether it was cancelled for lost."""
        self._due.pop(call, None)
        if call not in self._lost:
            return False
        self._lost.remove(call)
        return True

    def _look(self) -> None:
        now = time.monotonic()
        for call in [call for call, due in self._due.items() if due <= now]:
            del self._due[call]
            self._lost.add(call)
            call.cancel()
        self._timer = asyncio.get_running_loop().call_later(LOST_S, self._look) if self._due else None
