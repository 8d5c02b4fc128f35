"""Owns how the option typeplate.v1.resume is read, and refused where it makes no sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catalog import Catalog, Field, ModelError
from google.protobuf import descriptor_pb2 as pb


@dataclass(frozen=True)
class Resume:
    """How a broken stream goes on; see typeplate.v1.Resume."""

    position: str
    into: str
    keep: str


def resume_of(catalog: Catalog, path: str, method: pb.MethodDescriptorProto, option: Any) -> Resume | None:
    """The option typeplate.v1.resume, if the method has it and it makes sense."""
    if not method.options.HasExtension(option):
        return None
    if method.client_streaming or not method.server_streaming or not method.options.idempotency_level:
        raise ModelError(f"{path}: only an idempotent stream of responses can be resumed")
    found = method.options.Extensions[option]
    position = field_at(catalog, path, method.output_type, found.position)
    into = field_at(catalog, path, method.input_type, found.into)
    if (into.type, into.label) != (position.type, Field.LABEL_OPTIONAL):
        raise ModelError(f"{path}: the field {found.into} cannot take a {found.position}")
    if found.keep:
        field_at(catalog, path, method.output_type, found.keep)
    return Resume(found.position, found.into, found.keep)


def field_at(catalog: Catalog, path: str, message: str, names: str) -> pb.FieldDescriptorProto:
    """The field at a path such as `vehicles.name`."""
    *outer, last = names.split(".")
    for name in outer:
        message = field_of(catalog, path, message, name).type_name
    return field_of(catalog, path, message, last)


def field_of(catalog: Catalog, path: str, message: str, name: str) -> pb.FieldDescriptorProto:
    for field in catalog.messages[message].proto.field if message in catalog.messages else ():
        if field.name == name:
            return field
    raise ModelError(f"{path}: resume names a field {name}, which {message or 'no message'} has not")
