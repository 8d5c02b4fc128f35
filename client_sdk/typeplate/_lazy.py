"""Owns what the SDK imports and makes late, and that a fork meanwhile harms no child.

A module that one thread is importing stays locked for ever in a child that another thread forks (CPython: only the
forking thread goes on there). So late imports are done under one lock, which a fork waits for.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")
IMPORTING = threading.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=IMPORTING.acquire, after_in_parent=IMPORTING.release, after_in_child=IMPORTING.release)


class lazy(Generic[T]):  # noqa: N801 - used as a decorator
    """An attribute made at its first use: functools.cached_property without the lock that it has on Python 3.11."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        with IMPORTING:
            made: T = vars(instance).setdefault(self._name, self._make(instance))
        return made
