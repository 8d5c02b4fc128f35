"""Owns what happens to each synchronous call on its way out: it gets a token, and recovers from a refused one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from typeplate._attach import needs_token, remaining, with_credentials, with_token
from typeplate._auth import Authenticator
from typeplate._status import typed_outcome
from typeplate._token import Token
from typeplate.errors import TokenRejected, TypeplateError

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
            token = self._authenticator.token(self._patience if left is None else left)
            left = remaining(timeout, time.monotonic() - started)
            call = continuation(with_token(client_call_details, token, left), request)
            # Through `.future()` the call is still under way; asking for its code would wait for it.
            if not call.done() or call.code() is not grpc.StatusCode.UNAUTHENTICATED:
                return call
            if not self._authenticator.rejected(token, typed_outcome(call), last=last):
                return call
        return call


class StreamTokens(
    grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor, grpc.StreamStreamClientInterceptor
):
    """Attaches a token with ample life: as call credentials where `replayed`, else as metadata."""

    def __init__(self, authenticator: Authenticator, patience: float, *, replayed: bool) -> None:
        self._authenticator = authenticator
        self._patience = patience
        self._replayed = replayed

    def _intercept(self, continuation: Continuation, details: Any, request: Any) -> Any:
        if not needs_token(details.method, details.metadata):
            return continuation(details, request)
        started = time.monotonic()
        token = self._authenticator.token(self._patience if details.timeout is None else details.timeout, ample=True)
        left = remaining(details.timeout, time.monotonic() - started)
        if self._replayed:
            return continuation(with_credentials(details, token, self._renew, left), request)
        return continuation(with_token(details, token, left), request)

    def _renew(self, token: Token) -> Token:
        """The next token; the old one when there is none, so that the server's own answer surfaces."""
        self._authenticator.rejected(token, TokenRejected("replayed"), last=False)
        try:
            return self._authenticator.token(self._patience)
        except TypeplateError:
            return token

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
