"""How many failed attempts a peer may make: a token bucket per address, in bounded memory.

Failures are counted per peer and never per client id, so that nobody can lock an application out by guessing wrongly
in its name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class FailureLimiter:
    """Counts failures per peer: `burst` at once, `per_second` in the long run.

    Remembers the `max_peers` that failed last; whoever is forgotten begins anew.
    """

    __slots__ = ("_burst", "_clock", "_max_peers", "_peers", "_per_second")

    def __init__(
        self, clock: Callable[[], float], *, per_second: float = 10.0, burst: int = 50, max_peers: int = 10_000
    ) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = float(burst)
        self._max_peers = max_peers
        self._peers: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address → (what is left, as of)

    def __len__(self) -> int:
        return len(self._peers)

    def count(self, peer: str) -> float | None:
        """Counts one failure. None while the peer is within its limit, else the seconds until it is again."""
        now = self._clock()
        left, as_of = self._peers.pop(peer, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - as_of) * self._per_second)
        within = left >= 1.0
        self._peers[peer] = (left - 1.0 if within else left, now)
        if len(self._peers) > self._max_peers:
            self._peers.popitem(last=False)
        return None if within else (1.0 - left) / self._per_second
