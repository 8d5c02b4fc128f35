"""Every reason and every status becomes a typed error that carries what the server said."""

from __future__ import annotations

import pickle
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from typeplate import _status, errors
from typeplate.v1.error_reason_pb2 import ErrorReason


class Ended:
    """A call that ended so."""

    def __init__(self, code: grpc.StatusCode, details: str = "", *messages: Message) -> None:
        self._code, self._details = code, details
        status = status_pb2.Status()
        for message in messages:
            status.details.add().Pack(message)
        self.trailers: Any = (("other", "x"), (_status.DETAILS, status.SerializeToString()))

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> Any:
        return self.trailers


def test_every_reason_of_the_protos_has_a_type() -> None:
    reasons = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.DESCRIPTOR.values_by_name} - {"UNSPECIFIED"}
    assert set(_status.BY_REASON) == reasons


def test_every_status_code_but_ok_has_a_type() -> None:
    assert set(_status.BY_CODE) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize("reason", sorted(_status.BY_REASON))
def test_a_reasons_type_belongs_to_the_family_of_its_code(reason: str) -> None:
    """So that catching the family catches the reason: the code that a type stands for is its family's."""
    kind = _status.BY_REASON[reason]
    assert issubclass(kind, _status.BY_CODE[kind.default_code])


@pytest.mark.parametrize("reason", sorted(name for name in _status.BY_REASON if name.startswith("TOKEN_")))
def test_whatever_is_wrong_with_a_token_it_is_the_token_that_was_rejected(reason: str) -> None:
    """A missing one too, as a proxy may have dropped it: the call is tried once more, with another."""
    assert _status.BY_REASON[reason] is errors.TokenRejected


def test_all_that_the_server_says_is_carried() -> None:
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="page_size", description="is negative")
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    ended = Ended(
        grpc.StatusCode.UNAVAILABLE,
        "the database does not answer",
        error_details_pb2.ErrorInfo(domain="typeplate", reason="DATABASE_UNAVAILABLE", metadata={"a": "b"}),
        bad,
        retry,
        error_details_pb2.RequestInfo(request_id="r-1"),
    )
    error = _status.typed_outcome(ended)
    assert type(error) is errors.DatabaseUnavailable
    assert str(error) == "the database does not answer (DATABASE_UNAVAILABLE, request r-1)"
    assert (error.code, error.reason, error.metadata) == (
        grpc.StatusCode.UNAVAILABLE,
        "DATABASE_UNAVAILABLE",
        {"a": "b"},
    )
    assert (error.violations, error.retry_after) == ((errors.FieldViolation("page_size", "is negative"),), 1.5)


def test_another_services_reason_is_not_ours() -> None:
    """A proxy may send ErrorInfo of its own; only the domain `typeplate` counts."""
    info = error_details_pb2.ErrorInfo(domain="proxy.example", reason="TOKEN_EXPIRED")
    error = _status.typed_outcome(Ended(grpc.StatusCode.UNAUTHENTICATED, "no", info))
    assert (type(error), error.reason) == (errors.Unauthenticated, "")


@pytest.mark.parametrize("trailers", [None, (), ((_status.DETAILS, b"\xff\xff"),)])
def test_details_that_are_absent_or_broken_leave_the_status(trailers: Any) -> None:
    ended = Ended(grpc.StatusCode.NOT_FOUND, "gone")
    ended.trailers = trailers
    error = _status.typed_outcome(ended)
    assert (type(error), str(error)) == (errors.NotFound, "gone")


def test_one_detail_that_cannot_be_read_keeps_the_others() -> None:
    """A newer server's, or a proxy's."""
    info = error_details_pb2.ErrorInfo(domain="typeplate", reason="NOT_FOUND")
    broken = any_pb2.Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff\xff")
    for position in range(3):
        ended = Ended(grpc.StatusCode.NOT_FOUND, "gone", info, error_details_pb2.RequestInfo(request_id="r-1"))
        details = list(status_pb2.Status.FromString(ended.trailers[-1][1]).details)
        details.insert(position, broken)
        ended.trailers = ((_status.DETAILS, status_pb2.Status(details=details).SerializeToString()),)
        error = _status.typed_outcome(ended)
        assert (error.reason, error.request_id, error.retry_after) == ("NOT_FOUND", "r-1", None)


def test_a_call_that_was_never_sent_survives_pickling() -> None:
    """As a task queue does with what its workers raise."""
    error = _status.NotSent(errors.ClientRevoked("revoked", reason="CLIENT_REVOKED"))
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), other.code(), other.details()) == (_status.NotSent, error.code(), error.details())
    assert (type(other.why), other.why.reason) == (errors.ClientRevoked, "CLIENT_REVOKED")


def test_an_error_survives_pickling_and_repetition() -> None:
    error = errors.ScopeMissing("lacks it", reason="SCOPE_MISSING", metadata={"scope": "vehicles:read"}, request_id="r")
    for other in (pickle.loads(pickle.dumps(error)), error.again(2.0)):
        assert type(other) is errors.ScopeMissing
        assert (other.message, other.reason, other.metadata) == (error.message, error.reason, error.metadata)
    assert error.again(2.0).retry_after == 2.0


@pytest.mark.parametrize("details", ["CANCELLED", "Received RST_STREAM with error code 8"])
def test_a_call_that_the_other_side_cancels_is_an_outage(details: str) -> None:
    """As those do that a stopping server cuts off; the caller has cancelled nothing, and may call again."""
    error = _status.typed_outcome(Ended(grpc.StatusCode.CANCELLED, details))
    assert (type(error), error.code) == (errors.Unavailable, grpc.StatusCode.CANCELLED)


@pytest.mark.parametrize("details", ["Locally cancelled by application!", "Channel closed!"])
def test_a_call_that_is_cancelled_here_says_so(details: str) -> None:
    assert type(_status.typed_outcome(Ended(grpc.StatusCode.CANCELLED, details))) is errors.Cancelled
