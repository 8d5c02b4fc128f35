"""How many failed attempts a peer may make: a token bucket per address, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable


class FailureLimiter:
    """Counts failures per peer: `burst` at once, `per_second` in the long run."""

    def __init__(
        self, clock: Callable[[], float], *, per_second: float = 10.0, burst: int = 50, max_peers: int = 10_000
    ) -> None: ...
