"""Owns how a stream of responses goes on after it broke off, by the rule that its proto declares (typeplate.v1.Resume).

Each further call asks for what comes after the last response received, so nothing is delivered twice and nothing lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Resume:
    """The field of a response that holds the position, the field of the request that takes it, and one to keep."""

    position: str
    into: str
    keep: str = ""


class Resumable:
    """The request of such a stream."""

    complete = True
    error = None

    def __init__(self, request: Message, rule: Resume) -> None:
        self._request = type(request)()
        self._request.CopyFrom(request)
        self._rule = rule
        self._kept: Any = None

    def attempt(self) -> Message:
        """What to send: after the first response, a request for the rest."""
        return self._request

    def received(self, response: Any) -> bool:
        """Notes how far the stream has come, and returns whether that is further than before."""
        if keep := self._rule.keep:
            if self._kept is None:
                self._kept = getattr(response, keep)
            else:
                setattr(response, keep, self._kept)
        position = position_of(response, self._rule.position)
        if not position or position == getattr(self._request, self._rule.into):
            return False
        setattr(self._request, self._rule.into, position)
        return True


def position_of(response: Any, path: str) -> Any:
    """The value at this path, of repeated fields the last one's; None where there is none."""
    for name in path.split("."):
        response = getattr(response, name)
        if hasattr(response, "append") or hasattr(response, "add"):
            if not response:
                return None
            response = response[-1]
    return response
