"""Owns the synchronous client that an application writes against."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import grpc

from typeplate._calls import Calls
from typeplate._options import Configured, Options
from typeplate._surface import Surface

Stub = TypeVar("Stub")


class Client(Configured, Surface):
    """A client of Typeplate. Safe to share between threads and to keep for the process's life, forks included.

    It connects at its first call and looks after its access token by itself. `client.data` and `client.auth` hold the
    methods; they raise TypeplateError.
    """

    def _start(self, options: Options) -> None:
        super()._start(options)
        self._calls = Calls(options)

    def stub(self, kind: Callable[[grpc.Channel], Stub]) -> Stub:
        """A raw stub, for example `client.stub(DataServiceStub)`: its calls get tokens, and raise grpc.RpcError."""
        return self._calls.session().raw_stub(kind)

    def access_token(self, timeout: float | None = None) -> str:
        """The token that a call would carry now, for diagnostics. Whoever has it can call in this client's name."""
        return self._calls.authenticator().token(self._calls.patience if timeout is None else timeout).value

    def close(self) -> None:
        """Ends calls under way and closes the connection. The client cannot be used afterwards."""
        self._calls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
