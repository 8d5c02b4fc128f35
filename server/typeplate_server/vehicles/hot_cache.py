"""Owns the hot vehicles: a bounded memory of ready-to-send messages, by name, the least recently read leaving first.

Rules:
* It belongs to one event loop and is touched by that thread alone, so it needs no lock, and a hit is two dictionary
  operations.
* A value gets in only by a `Reading` begun before its SELECT. A change forgets the readings under way as well as the
  value, so a slow SELECT can never put back what a change has made old.
* Writers forget and never insert: two writers' continuations may run in either order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

DEFAULT_MAX_BYTES: Final = 64 * 1024 * 1024
ENTRY_OVERHEAD: Final = 200
"""Bytes that Python spends on an entry beside its message; 167 measured on CPython 3.11."""


class Reading:
    """One read of one vehicle from the store, under way."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class HotCache:
    """Messages by vehicle name, at most about `max_bytes` in all."""

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._messages: OrderedDict[str, bytes] = OrderedDict()
        self._readings: dict[str, set[Reading]] = {}

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def size(self) -> int:
        """Bytes held, overhead included."""
        return self._bytes

    def get(self, name: str) -> bytes | None:
        """The message, None when it is not held."""
        message = self._messages.get(name)
        if message is not None:
            self._messages.move_to_end(name)
        return message

    def begin(self, name: str) -> Reading:
        """To be called before the SELECT; each must be ended by `finish`."""
        reading = Reading(name)
        self._readings.setdefault(name, set()).add(reading)
        return reading

    def finish(self, reading: Reading, message: bytes | None) -> None:
        """Keep what was read (None: nothing), unless the vehicle has changed since `begin`."""
        readings = self._readings.get(reading.name)
        if readings is None or reading not in readings:
            return
        readings.remove(reading)
        if not readings:
            del self._readings[reading.name]
        if message is not None:
            self._insert(reading.name, message)

    def forget(self, names: Iterable[str]) -> None:
        """These vehicles have changed."""
        for name in names:
            self._readings.pop(name, None)
            self._drop(name)

    def clear(self) -> None:
        """Any vehicle may have changed."""
        self._readings.clear()
        self._messages.clear()
        self._bytes = 0

    def _insert(self, name: str, message: bytes) -> None:
        self._drop(name)
        self._messages[name] = message
        self._bytes += len(message) + ENTRY_OVERHEAD
        while self._bytes > self._max_bytes:
            _, oldest = self._messages.popitem(last=False)
            self._bytes -= len(oldest) + ENTRY_OVERHEAD

    def _drop(self, name: str) -> None:
        message = self._messages.pop(name, None)
        if message is not None:
            self._bytes -= len(message) + ENTRY_OVERHEAD
