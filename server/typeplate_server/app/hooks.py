"""What a test may put in the world's place around a server that is otherwise the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from typeplate_server.app.clocks import CLOCK


@dataclass(frozen=True, slots=True)
class Hooks:
    """`clock`: epoch seconds, never backwards. `interceptors`: gRPC's, asked about each call before our own."""

    clock: Callable[[], float] = CLOCK
    interceptors: tuple[Any, ...] = ()


NO_HOOKS: Final = Hooks()
