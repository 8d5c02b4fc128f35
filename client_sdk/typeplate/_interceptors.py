"""Owns what happens to each synchronous call of a raw stub on its way out: it gets a token.

Refused, a unary call recovers with the next one. Calls that run on (streams, and futures) do not, but their refused
token is dropped, so that the next call has a better one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from typeplate._attach import needs_token, remaining, with_token
from typeplate._auth import Authenticator
from typeplate._status import NotSent, typed_outcome
from typeplate._token import Token
from typeplate.errors import TypeplateError

Continuation = Callable[[Any, Any], Any]


class UnaryTokens(grpc.UnaryUnaryClientInterceptor):
    """Attaches the token as metadata; refused, drops that token and tries once more with the next.

    `patience`: seconds to wait for a token where the call has no deadline.
    """

    def __init__(self, authenticator: Authenticator, patience: float) -> None:
        self._authenticator = authenticator
        self._patience = patience

    def intercept_unary_unary(self, continuation: Continuation, client_call_details: Any, request: Any) -> Any:
        """See grpc.UnaryUnaryClientInterceptor."""
        if not needs_token(client_call_details.method, client_call_details.metadata):
            return continuation(client_call_details, request)
        started, timeout = time.monotonic(), client_call_details.timeout
        for last in (False, True):
            left = remaining(timeout, time.monotonic() - started)
            token = _token(self._authenticator, self._patience if left is None else left)
            left = remaining(timeout, time.monotonic() - started)
            call = continuation(with_token(client_call_details, token, left), request)
            # Through `.future()` the call is still under way; asking for its code would wait for it.
            if not call.done():
                return dropping_refused(self._authenticator, token, call)
            if call.code() is not grpc.StatusCode.UNAUTHENTICATED:
                return call
            if not self._authenticator.rejected(token, typed_outcome(call), last=last):
                return call
        return call


class StreamTokens(
    grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Attaches a token with ample life. The surface's streams bring theirs, and recover (`_streams`)."""

    def __init__(self, authenticator: Authenticator, patience: float) -> None:
        self._authenticator = authenticator
        self._patience = patience

    def _intercept(self, continuation: Continuation, details: Any, request: Any) -> Any:
        if not needs_token(details.method, details.metadata):
            return continuation(details, request)
        started = time.monotonic()
        patience = self._patience if details.timeout is None else details.timeout
        token = _token(self._authenticator, patience, ample=True)
        left = remaining(details.timeout, time.monotonic() - started)
        call = continuation(with_token(details, token, left), request)
        return dropping_refused(self._authenticator, token, call)

    def intercept_unary_stream(self, continuation: Continuation, client_call_details: Any, request: Any) -> Any:
        """See grpc.UnaryStreamClientInterceptor."""
        return self._intercept(continuation, client_call_details, request)

    def intercept_stream_unary(
        self, continuation: Continuation, client_call_details: Any, request_iterator: Iterator[Any]
    ) -> Any:
        """See grpc.StreamUnaryClientInterceptor."""
        return self._intercept(continuation, client_call_details, request_iterator)

    def intercept_stream_stream(
        self, continuation: Continuation, client_call_details: Any, request_iterator: Iterator[Any]
    ) -> Any:
        """See grpc.StreamStreamClientInterceptor."""
        return self._intercept(continuation, client_call_details, request_iterator)


def dropping_refused(authenticator: Authenticator, token: Token, call: Any) -> Any:
    """The call, whose token is dropped when the call turns out to be refused."""

    def ended(ended_call: Any) -> None:
        if ended_call.code() is grpc.StatusCode.UNAUTHENTICATED:
            authenticator.rejected(token, typed_outcome(ended_call), last=False)

    call.add_done_callback(ended)
    return call


def _token(authenticator: Authenticator, timeout: float, *, ample: bool = False) -> Token:
    try:
        return authenticator.token(timeout, ample=ample)
    except TypeplateError as error:
        raise NotSent(error) from error
