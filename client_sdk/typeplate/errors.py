"""Owns the errors that an application may see, as one tree under TypeplateError.

Each carries what the server said: status code, reason (typeplate.v1.ErrorReason less its prefix), metadata, request id,
field violations, and after how many seconds the same call may succeed. Catch by meaning: a family (`Unauthenticated`,
`Unavailable`) or a leaf (`ClientRevoked`). None of them ever holds a secret or a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import grpc


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field at fault (google.rpc.BadRequest): its path in the request, and what is wrong with it."""

    field: str
    description: str


class TypeplateError(Exception):
    """A call that failed.

    Attributes:
        message: What happened, for people.
        code: The gRPC status code.
        reason: The machine-readable reason, for example `CLIENT_REVOKED`; empty when gRPC itself failed.
        metadata: Further facts to the reason (google.rpc.ErrorInfo), for example the missing scope.
        request_id: Finds the call in the server's log; empty when the server never saw it.
        violations: The fields at fault.
        retry_after: Seconds after which the same call may succeed; until then the SDK itself answers with what it
            remembers, where it does. None: nobody has said.
    """

    default_code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        request_id: str = "",
        violations: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.request_id = request_id
        self.violations = tuple(violations)
        self.retry_after = retry_after

    def __str__(self) -> str:
        marks = [mark for mark in (self.reason, self.request_id and f"request {self.request_id}") if mark]
        return f"{self.message} ({', '.join(marks)})" if marks else self.message

    def again(self, retry_after: float | None) -> Self:
        """The same error as a new exception, for a caller who meets it later."""
        return type(self)(self.message, **{**self._facts(), "retry_after": retry_after})

    def _facts(self) -> dict[str, Any]:
        names = ("code", "reason", "metadata", "request_id", "violations", "retry_after")
        return {name: getattr(self, name) for name in names}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self._facts()))


def _rebuild(kind: type[TypeplateError], message: str, facts: dict[str, Any]) -> TypeplateError:
    return kind(message, **facts)


# What is wrong on this side of the wire


class ConfigurationError(TypeplateError, ValueError):
    """The client is set up in a way that cannot work; the message names the setting."""

    default_code = grpc.StatusCode.INVALID_ARGUMENT


class SecretUnavailable(TypeplateError):
    """The client secret's file cannot be read, or its callable failed."""

    default_code = grpc.StatusCode.UNAUTHENTICATED


class ClientClosed(TypeplateError):
    """The client was used after `close()`."""

    default_code = grpc.StatusCode.CANCELLED


# Who may call


class Unauthenticated(TypeplateError):
    """The server does not accept who is calling."""

    default_code = grpc.StatusCode.UNAUTHENTICATED


class CredentialsRejected(Unauthenticated):
    """Client id and secret do not belong together."""


class ClientRevoked(Unauthenticated):
    """The client is revoked, for good."""


class ClientSuspended(Unauthenticated):
    """The client is suspended; an administrator may resume it."""


class TokenRejected(Unauthenticated):
    """The token was refused, and so was the one that replaced it."""


class PermissionDenied(TypeplateError):
    """The caller is known and may not do this."""

    default_code = grpc.StatusCode.PERMISSION_DENIED


class ScopeMissing(PermissionDenied):
    """The token lacks the scope named in `metadata["scope"]`."""


# What the call asked for


class InvalidArgument(TypeplateError):
    """Something in the request is missing or wrong; `violations` says which fields."""

    default_code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(TypeplateError):
    """There is no such resource."""

    default_code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(TypeplateError):
    """The id is taken, or was once."""

    default_code = grpc.StatusCode.ALREADY_EXISTS


class Aborted(TypeplateError):
    """The call lost against another one. Read again, then try again."""

    default_code = grpc.StatusCode.ABORTED


class EtagMismatch(Aborted):
    """The resource changed since its etag was read."""


class FailedPrecondition(TypeplateError):
    """The resource's state does not allow the call."""

    default_code = grpc.StatusCode.FAILED_PRECONDITION


class LastAdmin(FailedPrecondition):
    """No active client with `clients:admin` and a live secret would be left."""


class SecretLimit(FailedPrecondition):
    """The client has two live secrets already."""


class SecretInUse(FailedPrecondition):
    """The secret was used within the last hour; `metadata` says when and from where."""


class OutOfRange(TypeplateError):
    """The call asked for what lies outside of what exists."""

    default_code = grpc.StatusCode.OUT_OF_RANGE


class Unimplemented(TypeplateError):
    """The server does not know this method; it may be older than the SDK."""

    default_code = grpc.StatusCode.UNIMPLEMENTED


# What may pass by itself


class ResourceExhausted(TypeplateError):
    """Too much was asked for: of a limit, or in too short a time."""

    default_code = grpc.StatusCode.RESOURCE_EXHAUSTED


class RateLimited(ResourceExhausted):
    """Too many failed attempts from this address; `retry_after` says when to come again."""


class Unavailable(TypeplateError):
    """The server did not answer, or cannot at present. Whether it acted is not known."""

    default_code = grpc.StatusCode.UNAVAILABLE


class AuthStateStale(Unavailable):
    """The server cannot tell at present who is revoked."""


class DatabaseUnavailable(Unavailable):
    """The server's database does not answer."""


class DeadlineExceeded(Unavailable):
    """No answer came within the deadline."""

    default_code = grpc.StatusCode.DEADLINE_EXCEEDED


class Cancelled(TypeplateError):
    """The call was cancelled."""

    default_code = grpc.StatusCode.CANCELLED


class InternalError(TypeplateError):
    """A fault of the server, or an answer that makes no sense. The request id finds it in the server's log."""

    default_code = grpc.StatusCode.INTERNAL
