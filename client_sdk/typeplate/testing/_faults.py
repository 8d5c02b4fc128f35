"""Owns what a test has a server do to calls before it serves them: count, hold up, refuse.

It is an interceptor before the server's own. It leaves the test's own administration alone, which would otherwise use
up what is meant for the application. Switches are set from any thread; the server's loop reads them.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from typeplate._attach import needs_token

AGENT = "typeplate-testing"
"""How the test's own client begins its user agent."""


@dataclass(slots=True)
class Refusal:
    """`left` calls to `method` (None: to any that takes a token) are answered with this outcome of the server's."""

    outcome: Any
    left: int
    method: str | None

    def meets(self, path: str) -> bool:
        """Whether this is for such a call."""
        return needs_token(path, None) if self.method is None else self.method == short(path)


class Faults(grpc.aio.ServerInterceptor):
    """Counts every call; holds up and refuses those it has been told to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._refusals: list[Refusal] = []
        self._delays: dict[str | None, float] = {}

    def calls(self, method: str | None) -> int:
        """How many calls have come."""
        with self._lock:
            return self._calls.total() if method is None else self._calls[method]

    def refuse(self, error: Exception, times: int, method: str | None) -> None:
        """Refuse so many calls from now on with this ServiceError."""
        from typeplate_server.rpc.errors import outcome_of

        with self._lock:
            self._refusals.append(Refusal(outcome_of(error), times, method))

    def slow(self, seconds: float, method: str | None) -> None:
        """Hold up each call from now on for so long."""
        self._delays[method] = seconds

    def mend(self) -> None:
        """Hold up and refuse no more."""
        with self._lock:
            self._refusals.clear()
        self._delays.clear()

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """See grpc.aio.ServerInterceptor."""
        path = handler_call_details.method
        if is_ours(handler_call_details.invocation_metadata):
            return await continuation(handler_call_details)
        with self._lock:
            self._calls[short(path)] += 1
        if seconds := self._delays.get(short(path), self._delays.get(None, 0.0)):
            await asyncio.sleep(seconds)
        if (outcome := self._outcome(path)) is not None:
            return refusing(outcome)
        return await continuation(handler_call_details)

    def _outcome(self, path: str) -> Any:
        with self._lock:
            found = next((refusal for refusal in self._refusals if refusal.left and refusal.meets(path)), None)
            if found is None:
                return None
            found.left -= 1
            return found.outcome


def short(path: str) -> str:
    """`/typeplate.v1.DataService/GetVehicle` → `GetVehicle`."""
    return path.rpartition("/")[2]


def is_ours(metadata: Any) -> bool:
    """Whether a call is the test's own administration."""
    return any(key == "user-agent" and str(value).startswith(AGENT) for key, value in metadata)


def refusing(outcome: Any) -> Any:
    """A handler of any kind that ends the call as the server would, without reading its body."""
    from typeplate_server.rpc.errors import abort
    from typeplate_server.rpc.kinds import stream_handler

    async def refuse(requests: Any, context: Any) -> None:
        await abort(context, outcome, "refused-by-test")

    return stream_handler(refuse)


def error_of(reason: str, retry_after: float | None, metadata: Mapping[str, str] | None) -> Exception:
    """The server's error with this reason. Raises ValueError for one it does not have."""
    from typeplate_server import errors

    kinds: dict[str, type[errors.ServiceError]] = {kind.reason: kind for kind in descendants(errors.ServiceError)}
    if (kind := kinds.get(reason)) is None:
        raise ValueError(f"the server has no reason {reason!r}; it has {', '.join(sorted(kinds))}")
    error = kind.__new__(kind)
    message = f"refused by the test: {reason}"
    errors.ServiceError.__init__(error, message, metadata=metadata, retry_after=retry_after)
    return error


def descendants(kind: type[Any]) -> Iterator[Any]:
    """The class and all below it; where two have the same reason, the one further down comes last."""
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)
