"""Owns what happens to each asyncio call of a raw stub on its way out; `_interceptors` says what that is.

One class per kind: grpc.aio registers a class that inherits several kinds for unary-unary only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc

from typeplate._attach import needs_token, remaining, with_token
from typeplate._auth_aio import AsyncAuthenticator
from typeplate._status import NotSent, typed_error
from typeplate._streams_aio import keeping_status
from typeplate._token import Token
from typeplate.errors import TypeplateError

Continuation = Callable[[Any, Any], Any]


class UnaryTokens(grpc.aio.UnaryUnaryClientInterceptor):
    """Attaches the token as metadata; refused, drops that token and tries once more with the next.

    `patience`: seconds to wait for a token where the call has no deadline.
    """

    def __init__(self, authenticator: AsyncAuthenticator, patience: float) -> None:
        self._authenticator = authenticator
        self._patience = patience

    async def intercept_unary_unary(self, continuation: Continuation, client_call_details: Any, request: Any) -> Any:
        """See grpc.aio.UnaryUnaryClientInterceptor."""
        if not needs_token(client_call_details.method, client_call_details.metadata):
            return await continuation(client_call_details, request)
        started, timeout = time.monotonic(), client_call_details.timeout
        for last in (False, True):
            left = remaining(timeout, time.monotonic() - started)
            token = await _token(self._authenticator, self._patience if left is None else left)
            left = remaining(timeout, time.monotonic() - started)
            call = await continuation(with_token(client_call_details, token, left), request)
            if await call.code() is not grpc.StatusCode.UNAUTHENTICATED:
                return call
            if not self._authenticator.rejected(token, await _error_of(call), last=last):
                return call
        return call


async def _error_of(call: Any) -> TypeplateError:
    try:
        await call
    except grpc.RpcError as error:
        return typed_error(error)
    raise AssertionError("a call with an error code has no error")


class _StreamTokens:
    """Attaches a token with ample life. The surface's streams bring theirs, and recover (`_streams`)."""

    def __init__(self, authenticator: AsyncAuthenticator, patience: float) -> None:
        self._authenticator = authenticator
        self._patience = patience
        self._ending: set[asyncio.Task[None]] = set()

    async def _intercept(self, continuation: Continuation, details: Any, request: Any) -> Any:
        if not needs_token(details.method, details.metadata):
            return keeping_status(await continuation(details, request))
        started = time.monotonic()
        patience = self._patience if details.timeout is None else details.timeout
        token = await _token(self._authenticator, patience, ample=True)
        left = remaining(details.timeout, time.monotonic() - started)
        call = keeping_status(await continuation(with_token(details, token, left), request))
        call.add_done_callback(lambda _: self._look(token, call))
        return call

    def _look(self, token: Token, call: Any) -> None:
        looking = asyncio.ensure_future(self._drop_refused(token, call))
        self._ending.add(looking)
        looking.add_done_callback(self._ending.discard)

    async def _drop_refused(self, token: Token, call: Any) -> None:
        if (code := await call.code()) is grpc.StatusCode.UNAUTHENTICATED:
            details, trailing = await call.details(), await call.trailing_metadata()
            error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details)
            self._authenticator.rejected(token, typed_error(error), last=False)


async def _token(authenticator: AsyncAuthenticator, timeout: float, *, ample: bool = False) -> Token:
    try:
        return await authenticator.token(timeout, ample=ample)
    except TypeplateError as error:
        raise NotSent(error) from error


class UnaryStreamTokens(_StreamTokens, grpc.aio.UnaryStreamClientInterceptor):
    """For streams of responses."""

    async def intercept_unary_stream(self, continuation: Continuation, client_call_details: Any, request: Any) -> Any:
        """See grpc.aio.UnaryStreamClientInterceptor."""
        return await self._intercept(continuation, client_call_details, request)


class StreamUnaryTokens(_StreamTokens, grpc.aio.StreamUnaryClientInterceptor):
    """For streams of requests."""

    async def intercept_stream_unary(
        self, continuation: Continuation, client_call_details: Any, request_iterator: Any
    ) -> Any:
        """See grpc.aio.StreamUnaryClientInterceptor."""
        return await self._intercept(continuation, client_call_details, request_iterator)


class StreamStreamTokens(_StreamTokens, grpc.aio.StreamStreamClientInterceptor):
    """For streams both ways."""

    async def intercept_stream_stream(
        self, continuation: Continuation, client_call_details: Any, request_iterator: Any
    ) -> Any:
        """See grpc.aio.StreamStreamClientInterceptor."""
        return await self._intercept(continuation, client_call_details, request_iterator)
