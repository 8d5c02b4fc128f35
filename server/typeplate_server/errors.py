"""The errors a caller may see, as one tree of types.

Each leaf names its reason as `typeplate.v1.ErrorReason` has it (less the prefix). What is in here is sent
to callers: messages are written for them and never quote a secret, a token or an inner error. Which gRPC
status a family becomes is `rpc`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field at fault (google.rpc.BadRequest): its path in the request, and what is wrong with it."""

    field: str
    description: str


class ServiceError(Exception):
    """An error meant for the caller.

    `metadata` goes into ErrorInfo, `violations` into BadRequest; `retry_after` (seconds) says that the same
    call may succeed later and becomes RetryInfo.
    """

    reason: ClassVar[str] = "INTERNAL"
    default_message: ClassVar[str] = "internal error"

    def __init__(
        self,
        message: str = "",
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after: float | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.metadata: dict[str, str] = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        super().__init__(self.message)


class Unauthenticated(ServiceError):
    """The caller did not show a token that is good now, or credentials that belong together."""


class TokenMissing(Unauthenticated):
    reason = "TOKEN_MISSING"
    default_message = "token not supplied"


class TokenMalformed(Unauthenticated):
    reason = "TOKEN_MALFORMED"
    default_message = "token malformed"


class TokenInvalid(Unauthenticated):
    reason = "TOKEN_INVALID"
    default_message = "token invalid"


class TokenExpired(Unauthenticated):
    reason = "TOKEN_EXPIRED"
    default_message = "token expired"


class ClientRevoked(Unauthenticated):
    reason = "CLIENT_REVOKED"
    default_message = "client revoked"


class ClientSuspended(Unauthenticated):
    reason = "CLIENT_SUSPENDED"
    default_message = "client suspended"


class TokenRevoked(Unauthenticated):
    reason = "TOKEN_REVOKED"
    default_message = "token revoked"


class CredentialsInvalid(Unauthenticated):
    reason = "CREDENTIALS_INVALID"
    default_message = "client id or client secret wrong"


class PermissionDenied(ServiceError):
    """The caller is known and may not do this."""


class ScopeMissing(PermissionDenied):
    reason = "SCOPE_MISSING"

    def __init__(self, scope: str) -> None:
        super().__init__(f"the token lacks the scope {scope}", metadata={"scope": scope})


class RateLimited(ServiceError):
    reason = "RATE_LIMITED"
    default_message = "too many failed attempts from this address"


class Unavailable(ServiceError):
    """The server cannot answer now; the caller keeps its token and comes again."""


class AuthStateStale(Unavailable):
    reason = "AUTH_STATE_STALE"
    default_message = "this replica cannot tell at present who is revoked"


class DatabaseUnavailable(Unavailable):
    reason = "DATABASE_UNAVAILABLE"
    default_message = "the database does not answer"


class InvalidArgument(ServiceError):
    """Something in the request is missing or wrong, and `violations` says which fields."""

    reason = "INVALID_ARGUMENT"

    def __init__(self, *violations: FieldViolation) -> None:
        first = "; ".join(f"{v.field}: {v.description}" for v in violations[:3]) or "invalid request"
        super().__init__(first, violations=violations)

    @classmethod
    def of(cls, field: str, description: str) -> InvalidArgument:
        """The error for one field."""
        return cls(FieldViolation(field, description))


class NotFound(ServiceError):
    reason = "NOT_FOUND"

    def __init__(self, *names: str) -> None:
        super().__init__(f"not found: {', '.join(names[:10])}", metadata={"name": names[0]} if names else None)


class AlreadyExists(ServiceError):
    reason = "ALREADY_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(f"already exists: {name}", metadata={"name": name})


class EtagMismatch(ServiceError):
    reason = "ETAG_MISMATCH"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has changed since this etag was read", metadata={"name": name})


class FailedPrecondition(ServiceError):
    """The state of a resource does not allow the call."""

    reason = "FAILED_PRECONDITION"


class LastAdmin(FailedPrecondition):
    reason = "LAST_ADMIN"
    default_message = (
        "no active client with clients:admin and a live secret would be left; set force to do it all the same"
    )


class SecretLimit(FailedPrecondition):
    reason = "SECRET_LIMIT"
    default_message = "the client has two live secrets already; delete one first"


class SecretInUse(FailedPrecondition):
    """A secret was used within the last hour; `metadata` says when (epoch seconds) and from which address."""

    reason = "SECRET_IN_USE"

    def __init__(self, secret_id: str, last_use_time: float, peer: str, seconds_ago: float) -> None:
        super().__init__(
            f"secret {secret_id} was used {seconds_ago:.0f} s ago from {peer}; set force to delete it all the same",
            metadata={"secret_id": secret_id, "last_use_time": f"{last_use_time:.0f}", "last_use_peer": peer},
        )
