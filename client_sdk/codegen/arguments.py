"""Owns which arguments a method takes: its request's fields, with a message called `filter` flattened one level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from catalog import Catalog, Field, Message, Type
from google.api import field_behavior_pb2  # before anything is parsed: an option not known then is dropped
from google.protobuf import descriptor_pb2 as pb
from names import permitted

FLATTENED = "filter"
IF_FILTERED = "Required where the filter has any condition."


@dataclass(frozen=True)
class Argument:
    name: str
    field: str
    type: Type
    comment: str
    required: bool
    in_filter: bool = False
    note: str = ""


def arguments_of(catalog: Catalog, request: Message) -> Iterator[Argument]:
    """The arguments of a method that takes this request."""
    flattened = filter_of(request)
    for field in request.proto.field:
        if field is flattened:
            yield from _conditions(catalog, field)
        else:
            yield _argument(catalog, request, field)


def filter_of(request: Message) -> pb.FieldDescriptorProto | None:
    """The field whose fields are arguments: a filter of the API's own. Text (AIP-160) or a list is taken whole."""
    for field in request.proto.field:
        single = field.type == Field.TYPE_MESSAGE and field.label != Field.LABEL_REPEATED
        if field.name == FLATTENED and single and not field.type_name.startswith(".google."):
            return field
    return None


def _conditions(catalog: Catalog, flattened: pb.FieldDescriptorProto) -> Iterator[Argument]:
    """A required condition is a required argument if the filter is required: without conditions there is no filter."""
    message = catalog.messages[flattened.type_name]
    for field in message.proto.field:
        argument = replace(_argument(catalog, message, field), in_filter=True)
        if argument.required and not is_required(flattened):
            argument = replace(argument, required=False, note=IF_FILTERED)
        yield argument


def _argument(catalog: Catalog, message: Message, field: pb.FieldDescriptorProto) -> Argument:
    name, comment = permitted(field.name), message.comments[field.name]
    return Argument(name, field.name, catalog.type_of(field), comment, required=is_required(field))


def is_required(field: pb.FieldDescriptorProto) -> bool:
    """Whether the field carries google.api.field_behavior = REQUIRED."""
    return field_behavior_pb2.REQUIRED in field.options.Extensions[field_behavior_pb2.field_behavior]
