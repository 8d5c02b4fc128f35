"""Owns which methods answer with a pager (AIP-158): page_token in, next_page_token and one list of items out."""

from __future__ import annotations

from dataclasses import dataclass

from catalog import Catalog, Field, Message, Type
from google.protobuf import descriptor_pb2 as pb

NO_PAGER = "Answers one page a call: its answers do not hold one list that a pager could iterate over."


@dataclass(frozen=True)
class Items:
    """The one list of a page: the response's field and the type of its elements."""

    field: str
    type: Type


def is_paged(request: Message, response: Message) -> bool:
    """Whether the tokens of pages go in and out, and one can become the other."""
    given = token_type(request, "page_token")
    return given is not None and given == token_type(response, "next_page_token")


def token_type(message: Message, name: str) -> int | None:
    for field in message.proto.field:
        if field.name == name and field.label != Field.LABEL_REPEATED and field.type != Field.TYPE_MESSAGE:
            return field.type
    return None


def items_of(catalog: Catalog, response: Message) -> Items | None:
    """The items: the one list of messages, beside which names may stand (AIP-217), else the one list that there is."""
    lists = [field for field in response.proto.field if is_list(catalog, field)]
    chosen = [field for field in lists if field.type == Field.TYPE_MESSAGE] or lists
    return Items(chosen[0].name, catalog.element(chosen[0])) if len(chosen) == 1 else None


def is_list(catalog: Catalog, field: pb.FieldDescriptorProto) -> bool:
    return field.label == Field.LABEL_REPEATED and not catalog.is_map(field)
