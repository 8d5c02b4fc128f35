"""The audit trail and usage between `typeplate.v1` messages and the values of `auth`."""

from __future__ import annotations

import json
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from typeplate.v1 import audit_pb2
from typeplate.v1 import auth_service_pb2 as pb
from typeplate_server.auth.audit import EVENT_TYPES, AuditEntry, EventType
from typeplate_server.auth.audit_log import AuditPage, AuditQuery
from typeplate_server.auth.usage import ClientUsage
from typeplate_server.errors import InvalidArgument
from typeplate_server.rpc.auth_mapping import client_id_of, timestamp

TYPES: Final = {event: audit_pb2.AuditEventType.Value(f"AUDIT_EVENT_TYPE_{event.upper()}") for event in EVENT_TYPES}
TYPE_OF: Final[dict[int, EventType]] = {number: event for event, number in TYPES.items()}
_MAX_SECONDS: Final = 253_402_300_799


def audit_query(request: pb.ListAuditEventsRequest) -> AuditQuery:
    """The conditions of the filter. Raises InvalidArgument naming the field."""
    wanted = request.filter
    return AuditQuery(
        client_id=client_id_of(wanted.client, "filter.client") if wanted.client else "",
        events=_events(list(wanted.types)),
        start_time=_seconds(wanted.start_time, "filter.start_time") if wanted.HasField("start_time") else None,
        end_time=_seconds(wanted.end_time, "filter.end_time") if wanted.HasField("end_time") else None,
    )


def _events(numbers: list[int]) -> tuple[EventType, ...]:
    for number in numbers:
        if number and number not in TYPE_OF:
            raise InvalidArgument.of("filter.types", f"{number} is not a type of event")
    return tuple(TYPE_OF[number] for number in numbers if number)


def _seconds(message: Timestamp, field: str) -> float:
    if not 0 <= message.nanos <= 999_999_999 or not 0 <= message.seconds <= _MAX_SECONDS:
        raise InvalidArgument.of(field, "is not a valid google.protobuf.Timestamp from 1970 on")
    return message.seconds + message.nanos / 1e9


def audit_page_message(page: AuditPage) -> pb.ListAuditEventsResponse:
    """A page of the trail."""
    return pb.ListAuditEventsResponse(
        audit_events=[_entry_message(entry) for entry in page.entries], next_page_token=page.next_page_token
    )


def _entry_message(entry: AuditEntry) -> audit_pb2.AuditEvent:
    return audit_pb2.AuditEvent(
        sequence=entry.seq,
        event_time=timestamp(entry.time),
        type=_type(entry.event),
        client=_name(entry.client_id),
        actor=_name(entry.actor),
        peer=entry.peer,
        details=json.loads(entry.detail),
    )


def _type(event: str) -> audit_pb2.AuditEventType.ValueType:
    known = {str(name): number for name, number in TYPES.items()}
    return known.get(event, audit_pb2.AUDIT_EVENT_TYPE_UNSPECIFIED)


def _name(client_id: str) -> str:
    return f"clients/{client_id}" if client_id else ""


def usage_message(client_id: str, usage: ClientUsage) -> audit_pb2.ClientUsage:
    """What a client did."""
    message = audit_pb2.ClientUsage(client=_name(client_id))
    if usage.last_use_time is not None:
        message.last_use_time.CopyFrom(timestamp(usage.last_use_time))
    for each in usage.methods:
        message.methods.add(method=each.by, call_count=each.calls, last_use_time=timestamp(each.last_time))
    for each in usage.peers:
        message.peers.add(peer=each.by, call_count=each.calls, last_use_time=timestamp(each.last_time))
    for use in usage.secrets:
        message.secrets.add(secret_id=use.secret_id, last_use_time=timestamp(use.last_use_time), peer=use.peer)
    return message
