"""Calls made of bytes: any method of any service, whatever its kind, and everything that came back.

Every kind of RPC is called as a bidirectional stream, which is the same on the wire, so that a message sent before
an error status shows instead of being dropped by the client library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from typeplate.v1 import auth_service_pb2, data_service_pb2

FILES: tuple[FileDescriptor, ...] = (
    auth_service_pb2.DESCRIPTOR,
    data_service_pb2.DESCRIPTOR,
    health_pb2.DESCRIPTOR,
    reflection_pb2.DESCRIPTOR,
)
SERVICES: tuple[ServiceDescriptor, ...] = tuple(s for file in FILES for s in file.services_by_name.values())
METHODS: tuple[MethodDescriptor, ...] = tuple(method for service in SERVICES for method in service.methods)
BROKEN = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought: messages, status code and message, and the error details by kind."""

    messages: tuple[bytes, ...]
    code: grpc.StatusCode
    message: str = ""
    info: error_details_pb2.ErrorInfo = field(default_factory=error_details_pb2.ErrorInfo)
    details: tuple[Message, ...] = ()
    trailers: tuple[tuple[str, str | bytes], ...] = ()

    @property
    def reason(self) -> str:
        """ErrorInfo.reason."""
        return str(self.info.reason)

    @property
    def request_id(self) -> str:
        """RequestInfo.request_id."""
        ids = [d.request_id for d in self.details if isinstance(d, error_details_pb2.RequestInfo)]
        return ids[0] if ids else ""

    @property
    def violated_fields(self) -> list[str]:
        """The fields named by BadRequest."""
        found = [d for d in self.details if isinstance(d, error_details_pb2.BadRequest)]
        return [violation.field for bad_request in found for violation in bad_request.field_violations]


def path_of(method: MethodDescriptor) -> str:
    """`/package.Service/Method`."""
    return f"/{method.containing_service.full_name}/{method.name}"


def call(
    channel: grpc.Channel,
    path: str,
    body: bytes,
    authorization: Sequence[str | bytes] = (),
    *,
    first_only: bool = False,
) -> Answer:
    """Call a method with one request message. `first_only` cancels after the first reply, for endless streams."""
    metadata = tuple(("authorization", value) for value in authorization)
    stream: Any = channel.stream_stream(path)
    rpc = stream(iter([body]), metadata=metadata, timeout=10)
    messages: list[bytes] = []
    try:
        for message in rpc:
            messages.append(message)
            if first_only:
                rpc.cancel()
                return Answer(tuple(messages), grpc.StatusCode.OK)
    except grpc.RpcError as error:
        return failed(error, tuple(messages))
    return Answer(tuple(messages), grpc.StatusCode.OK)


def failed(error: grpc.RpcError, messages: tuple[bytes, ...]) -> Answer:
    """The answer that an error of the client library stands for."""
    trailers = tuple((str(key), value) for key, value in cast(Any, error).trailing_metadata() or ())
    status = status_pb2.Status.FromString(dict(trailers).get("grpc-status-details-bin", b""))
    details = tuple(_unpacked(status))
    info = next((d for d in details if isinstance(d, error_details_pb2.ErrorInfo)), error_details_pb2.ErrorInfo())
    return Answer(messages, error.code(), error.details() or "", info, details, trailers)


def _unpacked(status: status_pb2.Status) -> Iterator[Message]:
    for packed in status.details:
        kind = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
        yield message_factory.GetMessageClass(kind).FromString(packed.value)


def filled(descriptor: Descriptor, depth: int = 3) -> Message:
    """A message with every field set to some value: well-formed, whatever it means."""
    message = message_factory.GetMessageClass(descriptor)()
    for field_ in descriptor.fields:
        if field_.containing_oneof is not None and field_ is not field_.containing_oneof.fields[0]:
            continue
        _fill(message, field_, depth)
    return message


def _fill(message: Message, field_: FieldDescriptor, depth: int) -> None:
    if field_.message_type is not None and field_.message_type.GetOptions().map_entry:
        return
    target = getattr(message, field_.name)
    if field_.message_type is not None:
        if depth:
            inner = filled(field_.message_type, depth - 1)
            target.add().CopyFrom(inner) if field_.is_repeated else target.CopyFrom(inner)
    elif field_.is_repeated:
        target.append(_scalar(field_))
    else:
        setattr(message, field_.name, _scalar(field_))


def _scalar(field_: FieldDescriptor) -> object:
    if field_.enum_type is not None:
        return field_.enum_type.values[0].number
    return {
        FieldDescriptor.CPPTYPE_STRING: b"x" if field_.type == FieldDescriptor.TYPE_BYTES else "x",
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_DOUBLE: 1.5,
        FieldDescriptor.CPPTYPE_FLOAT: 1.5,
    }.get(field_.cpp_type, 1)
