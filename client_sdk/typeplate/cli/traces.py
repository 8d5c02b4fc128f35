"""The commands that look back: a client's usage, and the audit trail."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from itertools import islice

from google.protobuf.timestamp_pb2 import Timestamp

from typeplate.cli.connection import connect
from typeplate.cli.exits import UsageError
from typeplate.cli.output import hint, print_fields, print_json, print_table
from typeplate.v1 import audit_pb2


def usage(options: Namespace) -> None:
    """Shows what an application calls, from where, and when it and its secrets were last used."""
    with connect(options) as server:
        found = server.auth.get_client_usage(name=f"clients/{options.id.removeprefix('clients/')}")
    if getattr(options, "json", False):
        print_json(found)
    else:
        print_fields(found)


def audit(options: Namespace) -> None:
    """Lists the audit trail, newest first."""
    client = f"clients/{options.client.removeprefix('clients/')}" if options.client else ""
    types = [_type(name) for name in options.type]
    limit = options.limit or None
    with connect(options) as server:
        events = server.auth.list_audit_events(client=client, types=types, page_size=min(limit or 1000, 1000))
        found = list(islice(events, limit))
    if getattr(options, "json", False):
        print_json(found)
        return
    print_table(("NO", "TIME", "EVENT", "CLIENT", "BY", "FROM", "DETAILS"), [_row(event) for event in found])
    if limit == len(found):
        hint(f"The latest {limit}; --limit 0 lists all.")


def summary(found: audit_pb2.ClientUsage) -> str:
    """One sentence on whether a client is in use, to be read before it is revoked."""
    if not found.HasField("last_use_time"):
        return "It was never used."
    calls = sum(method.call_count for method in found.methods)
    peers = ", ".join(peer.peer for peer in found.peers[:3])
    more = f" and {len(found.peers) - 3} more" if len(found.peers) > 3 else ""
    whence = f" from {peers}{more}" if peers else ""
    return f"It was last used at {_time(found.last_use_time)}; {calls} {'call' if calls == 1 else 'calls'}{whence}."


def _type(name: str) -> audit_pb2.AuditEventType.ValueType:
    known = {each.removeprefix("AUDIT_EVENT_TYPE_").lower(): each for each in audit_pb2.AuditEventType.keys()[1:]}
    if name not in known:
        raise UsageError(f"--type {name}: must be one of {', '.join(known)}")
    return audit_pb2.AuditEventType.Value(known[name])


def _row(event: audit_pb2.AuditEvent) -> tuple[object, ...]:
    kind = audit_pb2.AuditEventType.Name(event.type).removeprefix("AUDIT_EVENT_TYPE_").lower()
    details = " ".join(f"{name}={event.details[name]}" for name in sorted(event.details))
    who = (event.client.removeprefix("clients/"), event.actor.removeprefix("clients/") or "(server)", event.peer)
    return (event.sequence, _time(event.event_time), kind, *who, details)


def _time(moment: Timestamp) -> str:
    return datetime.fromtimestamp(moment.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
