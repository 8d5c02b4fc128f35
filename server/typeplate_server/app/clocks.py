"""Owns the clocks; everything else is handed one of them.

* `CLOCK`: the wall clock, never backwards, for what is dated.
* `boot_time`: runs on while the machine is suspended, so that whoever slept knows that its knowledge has aged.
"""

from __future__ import annotations

import time
from typing import Final

from typeplate_server.auth.timekeeping import NeverBackwards

CLOCK: Final = NeverBackwards(time.time, time.monotonic)
"""Epoch seconds."""

_SINCE_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Seconds since the machine started; of use only to count how much time has passed."""
    return time.clock_gettime(_SINCE_BOOT)
