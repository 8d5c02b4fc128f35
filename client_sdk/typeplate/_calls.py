"""Owns how a method of the surface becomes a synchronous call: session, deadline, token, typed errors."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import grpc

from typeplate._attach import remaining
from typeplate._auth import Authenticator
from typeplate._calls_base import BaseCalls
from typeplate._lazy import IMPORTING
from typeplate._options import Options, Timeout, deadline_of
from typeplate._reach import Tries, reach, told
from typeplate._replay import Once, Replay
from typeplate._session import Session
from typeplate._status import frameless, received, typed_error
from typeplate._token import Token
from typeplate.errors import ClientClosed, TypeplateError

Stub = TypeVar("Stub")
Response = TypeVar("Response")


class Calls(BaseCalls[Authenticator]):
    """Performs the calls of one client. Sessions are begun at the first call, a child's from its parent's token."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._sessions: dict[int, Session] = {}

    def session(self) -> Session:
        """This process's session."""
        session = self._sessions.get(os.getpid())
        return session if session is not None and not self._closed else self._begin()

    def _begin(self) -> Session:
        """Of two threads that begin at once, one wins and the other's session is closed."""
        self._refuse_closed()
        known = list(self._sessions.values())
        with IMPORTING:  # gRPC imports parts of itself for the first channel
            begun = Session(self._options, known[-1].cache.copy() if known else self._cache)
        kept = self._sessions.setdefault(os.getpid(), begun)
        if kept is not begun:
            begun.close()
        if self._closed:  # meanwhile
            self.close()
        self._refuse_closed()
        return kept

    def stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """The surface's stub of this class."""
        return self.session().stub(kind)

    def unary(
        self,
        method: Callable[..., Response],
        request: Any,
        timeout: Timeout | None,
        *,
        public: bool = False,
        waits: bool = False,
    ) -> Response:
        """One request, one response. All public methods may be sent again, see `_reach`."""
        limit = deadline_of(timeout, self._options.timeout_of(waits=waits))
        if public:
            try:
                return reach(method, request, Tries(self.peer, time.monotonic(), limit))
            except ValueError as error:
                raise self.failure(error) from None
        return self._perform(method, Once(request), limit, public=False, ample=False)

    def stream_unary(
        self, method: Callable[..., Response], requests: Iterable[Any], timeout: Timeout | None, *, public: bool = False
    ) -> Response:
        """Many requests, one response; no limit of time unless one is given."""
        return self._perform(method, Replay(requests), deadline_of(timeout, math.inf), public=public, ample=True)

    def _perform(
        self,
        method: Callable[..., Response],
        requests: Once | Replay[Any],
        limit: float | None,
        *,
        public: bool,
        ample: bool,
    ) -> Response:
        """Sends; refused, drops that token and sends once more with the next."""
        started, replaced = time.monotonic(), False
        while True:
            token = None if public else self.token(remaining(limit, time.monotonic() - started), ample=ample)
            left = remaining(limit, time.monotonic() - started)
            try:
                return received(method(requests.attempt(), timeout=left, metadata=token and (token.authorization,)))
            except (grpc.RpcError, ValueError) as error:
                if requests.error is not None:
                    raise requests.error from None
                failure = self.failure(error)
                again = self.replaceable(token, failure, last=replaced)
                if not (again and requests.complete):
                    raise told(failure, self.peer, limit) from frameless(error)
            replaced = True

    def failure(self, error: Exception) -> TypeplateError:
        """The typed error for what a stub raised; ValueError is how gRPC says that the channel is closed."""
        if isinstance(error, grpc.RpcError):
            return typed_error(error)
        if not self._closed:
            raise error
        return ClientClosed("the client is closed")

    def token(self, left: float | None, *, ample: bool) -> Token | None:
        """The token for a call with these seconds left; None where there are no credentials."""
        if self._options.credentials is None:
            return None
        return self.authenticator().token(self._options.patience if left is None else left, ample=ample)

    def close(self) -> None:
        """Closes this process's session; what a parent process opened is its own."""
        self._closed = True
        if (session := self._sessions.pop(os.getpid(), None)) is not None:
            session.close()
