"""Owns the way from a gRPC error to a TypeplateError: by reason where the server gave one, else by status code.

The server's facts are in `grpc-status-details-bin` (google.rpc.Status, AIP-193). Their messages are imported at the
first error, so that an application that meets none does not load them.
"""

from __future__ import annotations

import contextlib
from typing import Any, Protocol, TypeVar, cast

import grpc

from typeplate import errors
from typeplate._lazy import IMPORTING

E = TypeVar("E", bound=BaseException)
R = TypeVar("R")
DOMAIN = "typeplate"
DETAILS = "grpc-status-details-bin"

BY_REASON: dict[str, type[errors.TypeplateError]] = {
    "TOKEN_MISSING": errors.TokenRejected,
    "TOKEN_MALFORMED": errors.TokenRejected,
    "TOKEN_INVALID": errors.TokenRejected,
    "TOKEN_EXPIRED": errors.TokenRejected,
    "TOKEN_REVOKED": errors.TokenRejected,
    "CLIENT_REVOKED": errors.ClientRevoked,
    "CLIENT_SUSPENDED": errors.ClientSuspended,
    "CREDENTIALS_INVALID": errors.CredentialsRejected,
    "SCOPE_MISSING": errors.ScopeMissing,
    "RATE_LIMITED": errors.RateLimited,
    "AUTH_STATE_STALE": errors.AuthStateStale,
    "DATABASE_UNAVAILABLE": errors.DatabaseUnavailable,
    "INVALID_ARGUMENT": errors.InvalidArgument,
    "NOT_FOUND": errors.NotFound,
    "ALREADY_EXISTS": errors.AlreadyExists,
    "ETAG_MISMATCH": errors.EtagMismatch,
    "LAST_ADMIN": errors.LastAdmin,
    "SECRET_LIMIT": errors.SecretLimit,
    "SECRET_IN_USE": errors.SecretInUse,
    "FAILED_PRECONDITION": errors.FailedPrecondition,
    "INTERNAL": errors.InternalError,
}

BY_CODE: dict[grpc.StatusCode, type[errors.TypeplateError]] = {
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.ABORTED: errors.Aborted,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.OUT_OF_RANGE: errors.OutOfRange,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unimplemented,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.CANCELLED: errors.Cancelled,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.UNKNOWN: errors.InternalError,
    grpc.StatusCode.DATA_LOSS: errors.InternalError,
}


class Outcome(Protocol):
    """What a finished call says of its status; sync calls and asyncio errors alike."""

    def code(self) -> grpc.StatusCode:
        """The status code."""

    def details(self) -> str | None:
        """The status message."""

    def trailing_metadata(self) -> Any:
        """Pairs of key and value, or None."""


class NotSent(grpc.aio.AioRpcError):
    """A call that was never sent, for want of a token; `why` is the typed error.

    Interceptors raise it, sync ones too: a raw stub's user expects grpc.RpcError, and grpc.aio before 1.80 complains
    about interceptors that raise anything else.
    """

    def __init__(self, why: errors.TypeplateError) -> None:
        super().__init__(why.code, grpc.aio.Metadata(), grpc.aio.Metadata(), str(why))
        self.why = why

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.why,))


def frameless(error: E) -> E:
    """The error less its traceback: gRPC's frames hold the token, and error trackers record local variables."""
    return error.with_traceback(None)


def typed_error(error: grpc.RpcError) -> errors.TypeplateError:
    """The typed error for what a stub raised."""
    if isinstance(error, NotSent):
        return error.why
    return typed_outcome(cast(Outcome, error))


def received(message: R | None) -> R:
    """The answer. Raises InternalError for one without a message or that cannot be read, which stubs give as None."""
    if message is None:
        raise errors.InternalError("the server's answer holds no message that can be read")
    return message


def typed_outcome(outcome: Outcome) -> errors.TypeplateError:
    """The typed error for a call that ended with another status than OK."""
    code, message = outcome.code(), outcome.details() or ""
    facts = _facts(outcome.trailing_metadata())
    kind = BY_REASON.get(facts.get("reason", "")) or BY_CODE.get(code, errors.TypeplateError)
    if kind is errors.Cancelled and cut_off(message):
        return errors.Unavailable("the server ended the call before it was done", code=code, **facts)
    return kind(message or code.name, code=code, **facts)


def cut_off(message: str) -> bool:
    """Whether it was the other side that cancelled: a server that stops, or the connection (HTTP/2 RST_STREAM)."""
    return message == grpc.StatusCode.CANCELLED.name or "RST_STREAM" in message


def _facts(trailing_metadata: Any) -> dict[str, Any]:
    for key, value in trailing_metadata or ():
        if key == DETAILS:
            return _facts_of(value)
    return {}


def _facts_of(serialized: bytes) -> dict[str, Any]:
    """What google.rpc's details say; nothing where they cannot be read (they are an aid, never the error itself)."""
    with IMPORTING:
        from google.protobuf.message import DecodeError
        from google.rpc import error_details_pb2, status_pb2

    facts: dict[str, Any] = {}
    with contextlib.suppress(DecodeError):
        for packed in status_pb2.Status.FromString(serialized).details:
            with contextlib.suppress(DecodeError):
                facts |= _read(packed, error_details_pb2)
    return facts


def _read(packed: Any, details: Any) -> dict[str, Any]:
    """The facts of one detail."""
    if packed.Is((info := details.ErrorInfo()).DESCRIPTOR):
        packed.Unpack(info)
        return {"reason": info.reason, "metadata": dict(info.metadata)} if info.domain == DOMAIN else {}
    if packed.Is((bad := details.BadRequest()).DESCRIPTOR):
        packed.Unpack(bad)
        return {"violations": [errors.FieldViolation(each.field, each.description) for each in bad.field_violations]}
    if packed.Is((retry := details.RetryInfo()).DESCRIPTOR):
        packed.Unpack(retry)
        return {"retry_after": retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9}
    if packed.Is((request := details.RequestInfo()).DESCRIPTOR):
        packed.Unpack(request)
        return {"request_id": request.request_id}
    return {}
