"""How errors look on the wire."""

from __future__ import annotations

from typing import TypeVar

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from typeplate.v1 import error_reason_pb2
from typeplate_server import errors
from typeplate_server.rpc.errors import INTERNAL, Outcome, cut, outcome_of


def leaves(family: type[errors.ServiceError] = errors.ServiceError) -> list[type[errors.ServiceError]]:
    below = [leaf for child in family.__subclasses__() for leaf in leaves(child)]
    return [*([family] if "reason" in vars(family) else []), *below]


LEAVES = [leaf for leaf in leaves() if leaf.__module__ == errors.__name__]
REASONS = set(error_reason_pb2.ErrorReason.keys())
CODE_OF = {
    "TOKEN_MISSING": "UNAUTHENTICATED",
    "TOKEN_MALFORMED": "UNAUTHENTICATED",
    "TOKEN_INVALID": "UNAUTHENTICATED",
    "TOKEN_EXPIRED": "UNAUTHENTICATED",
    "CLIENT_REVOKED": "UNAUTHENTICATED",
    "CLIENT_SUSPENDED": "UNAUTHENTICATED",
    "TOKEN_REVOKED": "UNAUTHENTICATED",
    "CREDENTIALS_INVALID": "UNAUTHENTICATED",
    "SCOPE_MISSING": "PERMISSION_DENIED",
    "RATE_LIMITED": "RESOURCE_EXHAUSTED",
    "AUTH_STATE_STALE": "UNAVAILABLE",
    "DATABASE_UNAVAILABLE": "UNAVAILABLE",
    "INVALID_ARGUMENT": "INVALID_ARGUMENT",
    "NOT_FOUND": "NOT_FOUND",
    "ALREADY_EXISTS": "ALREADY_EXISTS",
    "ETAG_MISMATCH": "ABORTED",
    "FAILED_PRECONDITION": "FAILED_PRECONDITION",
    "LAST_ADMIN": "FAILED_PRECONDITION",
    "SECRET_LIMIT": "FAILED_PRECONDITION",
    "SECRET_IN_USE": "FAILED_PRECONDITION",
    "INTERNAL": "INTERNAL",
}


def made(leaf: type[errors.ServiceError]) -> errors.ServiceError:
    if leaf in (errors.ScopeMissing, errors.NotFound, errors.AlreadyExists, errors.EtagMismatch):
        return leaf("vehicles/epa-1")
    if leaf is errors.InvalidArgument:
        return errors.InvalidArgument.of("name", "is required")
    if leaf is errors.SecretInUse:
        return errors.SecretInUse("1a2b3c", 1_800_000_000.0, "192.0.2.1", 60.0)
    return leaf()


def status_of(outcome: Outcome, request_id: str = "r-1") -> status_pb2.Status:
    details = dict(outcome.trailers(request_id))["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    return status_pb2.Status.FromString(details)


Detail = TypeVar("Detail", error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RequestInfo)


def unpacked(status: status_pb2.Status, kind: type[Detail]) -> Detail:
    message = kind()
    assert any(detail.Unpack(message) for detail in status.details)
    return message


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_every_error_of_the_tree_has_its_code_its_reason_and_a_request_id(leaf: type[errors.ServiceError]) -> None:
    outcome = outcome_of(made(leaf))
    status = status_of(outcome)
    info = unpacked(status, error_details_pb2.ErrorInfo)
    assert outcome.code.name == CODE_OF[info.reason]
    assert (info.domain, info.reason) == ("typeplate", leaf.reason)
    assert f"ERROR_REASON_{info.reason}" in REASONS
    assert unpacked(status, error_details_pb2.RequestInfo).request_id == "r-1"
    assert (status.code, status.message) == (outcome.code.value[0], outcome.message)


def test_every_reason_of_the_protos_has_an_error() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in REASONS}
    assert names - {"UNSPECIFIED", "INTERNAL"} == {leaf.reason for leaf in LEAVES} - {"INTERNAL"}


def test_what_is_not_meant_for_callers_becomes_internal_and_says_nothing() -> None:
    outcome = outcome_of(RuntimeError("postgresql://user:password@db"))
    assert outcome is INTERNAL
    assert (outcome.code, outcome.message) == (grpc.StatusCode.INTERNAL, "internal error")
    assert b"password" not in status_of(outcome).SerializeToString()


def test_a_retry_after_becomes_retry_info_and_the_pushback_trailer() -> None:
    outcome = outcome_of(errors.AuthStateStale(retry_after=1.5))
    trailers = dict(outcome.trailers("r-1"))
    assert trailers["grpc-retry-pushback-ms"] == "1500"
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status_of(outcome).details)
    assert retry.retry_delay.ToMilliseconds() == 1500


def test_one_error_does_not_carry_what_another_of_its_kind_carried() -> None:
    """Details are built once per kind, and only when there is nothing particular in them."""
    assert outcome_of(errors.TokenExpired()) is outcome_of(errors.TokenExpired())
    assert outcome_of(errors.TokenExpired(retry_after=1.0)).retry_after == 1.0
    assert outcome_of(errors.TokenExpired()).retry_after is None
    assert outcome_of(errors.NotFound("a")).message != outcome_of(errors.NotFound("b")).message


@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f697", "\n", "%", "\ud800"], ids=ascii)
def test_trailers_stay_below_8_kib_whatever_is_in_the_error(letter: str) -> None:
    violations = [errors.FieldViolation(f"rows[{n}].{letter * 400}", letter * 1000) for n in range(1000)]
    error = errors.InvalidArgument(*violations)
    error.metadata = {f"{n}": letter * 1000 for n in range(3)}
    outcome = outcome_of(error)
    size = sum(len(key) + (len(value) * 4 // 3 if isinstance(value, bytes) else len(value)) + 32
               for key, value in outcome.trailers("r-1"))  # fmt: skip
    on_the_wire = sum(1 if " " <= c <= "~" and c != "%" else 3 * len(c.encode()) for c in outcome.message)
    assert size + on_the_wire < 8 * 1024
    status = status_of(outcome)
    kept = len(unpacked(status, error_details_pb2.BadRequest).field_violations)
    assert int(unpacked(status, error_details_pb2.ErrorInfo).metadata["violations_left_out"]) == 1000 - kept
    assert kept > 0


def test_a_text_within_its_limit_stays_as_it_is() -> None:
    assert cut("vehicles/epa-1 is not there", 100) == "vehicles/epa-1 is not there"
    assert cut("abcdef", 3) == "abc..."
    assert cut("üü", 6) == "ü..."
