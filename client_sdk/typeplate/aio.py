"""Owns the asyncio client that an application writes against."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import grpc

from typeplate._calls_aio import AsyncCalls
from typeplate._options import Configured, Options
from typeplate._surface import AsyncSurface

Stub = TypeVar("Stub")


class AsyncClient(Configured, AsyncSurface):
    """A client of Typeplate for asyncio: the same methods as Client, with `await` and `async for`.

    It may be made outside of any event loop and used on several; each gets its own connection.
    """

    def _start(self, options: Options) -> None:
        super()._start(options)
        self._calls = AsyncCalls(options)

    def stub(self, kind: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """A raw stub, for example `client.stub(DataServiceStub)`: its calls get tokens, and raise grpc.RpcError."""
        return self._calls.session().raw_stub(kind)

    async def access_token(self, timeout: float | None = None) -> str:
        """The token that a call would carry now, for diagnostics. Whoever has it can call in this client's name."""
        token = await self._calls.authenticator().token(self._calls.patience if timeout is None else timeout)
        return token.value

    async def close(self) -> None:
        """Ends calls under way and closes this loop's connection. The client cannot be used afterwards."""
        await self._calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
