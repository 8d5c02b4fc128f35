"""How an error reaches the caller: status code, message and trailers; and the one place that aborts a call.

Rules: every error carries ErrorInfo and RequestInfo (AIP-193), BadRequest and RetryInfo where they help. What is not
a ServiceError becomes INTERNAL with a request id and nothing else. Trailers stay below 8 KiB, for metadata beyond
that is refused at random; whatever does not fit is left out and counted. A reader that takes nothing does not hold up
the end of a stream: its status is queued behind what it has not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from typeplate_server import errors

DOMAIN = "typeplate"
MESSAGE_LIMIT = 1000
DETAILS_LIMIT = 3500
TEXT_LIMIT = 300
METADATA_ENTRIES = 8
STALLED_S = 1.0
"""How long the end of a stream waits for a reader that takes nothing."""

CODES: tuple[tuple[type[errors.ServiceError], grpc.StatusCode], ...] = (
    (errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED),
    (errors.RateLimited, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
    (errors.InvalidArgument, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.EtagMismatch, grpc.StatusCode.ABORTED),
    (errors.FailedPrecondition, grpc.StatusCode.FAILED_PRECONDITION),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: what the log says of it and, for failures, what the caller is sent."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = ""
    details: bytes = b""
    retry_after: float | None = None

    def trailers(self, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
        """The trailing metadata. `details` and the RequestInfo joined are one `google.rpc.Status` again."""
        details = self.details + packed(error_details_pb2.RequestInfo(request_id=request_id))
        status: tuple[tuple[str, str | bytes], ...] = (("grpc-status-details-bin", details),)
        if self.retry_after is None:
            return status
        return (*status, ("grpc-retry-pushback-ms", str(max(0, round(self.retry_after * 1000)))))


OK = Outcome(grpc.StatusCode.OK)
CANCELLED = Outcome(grpc.StatusCode.CANCELLED)


async def abort(context: Any, outcome: Outcome, request_id: str) -> NoReturn:
    """End the call with `outcome`. The only abort there is: one not awaited would send OK and the data."""
    await context.abort(outcome.code, outcome.message, outcome.trailers(request_id))
    raise AssertionError("abort returns never")


async def abort_stream(context: Any, outcome: Outcome, request_id: str) -> NoReturn:
    """End a stream with `outcome`, without waiting long for a reader that stalls.

    gRPC keeps the status for it, behind what is queued already, until it reads on or its connection ends of old age. So
    long the call counts in gRPC's bound of concurrent calls too, though nothing of ours serves it any more (adr/0011).
    """
    try:
        async with asyncio.timeout(STALLED_S):
            await abort(context, outcome, request_id)
    except TimeoutError:
        raise asyncio.CancelledError from None  # what gRPC takes without a word once the status is on its way


def outcome_of(error: Exception) -> Outcome:
    """What the caller is told of `error`; nothing of it unless it is a ServiceError."""
    if not isinstance(error, errors.ServiceError):
        return INTERNAL
    if error.message != type(error).default_message or error.metadata or error.violations or error.retry_after:
        return _build(error)
    known = _prebuilt.get(type(error))
    if known is None:
        known = _prebuilt[type(error)] = _build(error)
    return known


def packed(*details: Message) -> bytes:
    """Serialised `google.rpc.Status` with these details alone; may be appended to another one."""
    status = status_pb2.Status()
    for detail in details:
        status.details.add().Pack(detail)
    return bytes(status.SerializeToString())


def _build(error: errors.ServiceError) -> Outcome:
    code = _code_of(error)
    message = cut(error.message, MESSAGE_LIMIT)
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    for key, value in list(error.metadata.items())[:METADATA_ENTRIES]:
        info.metadata[key] = cut(value, TEXT_LIMIT)
    extra = [_retry_info(error.retry_after)] if error.retry_after is not None else []
    if error.violations:
        bad_request = _bad_request(error.violations)
        if left_out := len(error.violations) - len(bad_request.field_violations):
            info.metadata["violations_left_out"] = str(left_out)
        extra.append(bad_request)
    status.details.extend(_any(detail) for detail in (info, *extra))
    return Outcome(code, error.reason, message, status.SerializeToString(), error.retry_after)


def _code_of(error: errors.ServiceError) -> grpc.StatusCode:
    return next((code for family, code in CODES if isinstance(error, family)), grpc.StatusCode.INTERNAL)


def _bad_request(violations: Iterable[errors.FieldViolation]) -> error_details_pb2.BadRequest:
    bad_request = error_details_pb2.BadRequest()
    room = DETAILS_LIMIT
    for violation in violations:
        field, description = cut(violation.field, TEXT_LIMIT), cut(violation.description, TEXT_LIMIT)
        room -= len(field.encode()) + len(description.encode()) + 8
        if room < 0:
            break
        bad_request.field_violations.add(field=field, description=description)
    return bad_request


def _retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromNanoseconds(round(max(0.0, seconds) * 1e9))
    return info


def _any(message: Message) -> any_pb2.Any:
    wrapped = any_pb2.Any()
    wrapped.Pack(message)
    return wrapped


def cut(text: str, limit: int) -> str:
    """`text`, at most `limit` bytes on the wire, where gRPC writes each byte that is not printable ASCII as three."""
    text = text.encode("utf-8", "replace").decode()
    size = 0
    for position, character in enumerate(text):
        size += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode())
        if size > limit:
            return text[:position] + "..."
    return text


_prebuilt: dict[type[errors.ServiceError], Outcome] = {}
INTERNAL = _build(errors.ServiceError())
