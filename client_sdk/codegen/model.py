"""Owns what the generator knows of the API: services, methods and arguments, read from descriptors with their comments.

Arguments of a method are its request's fields, with a field named `filter` flattened one level. A clash of names fails.
It knows nothing of how Python code looks beyond the names of types; that is render's business.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from catalog import CONVERTED, Catalog, Field, Message, ModelError, Type, comments_of, module_of
from google.api import field_behavior_pb2  # before anything is parsed: an option not known then is dropped
from google.protobuf import descriptor_pb2 as pb
from resuming import Resume, resume_of

RESERVED = {"self", "request", "requests", "timeout"}
FLATTENED = "filter"


@dataclass(frozen=True)
class Argument:
    name: str
    field: str
    type: Type
    comment: str
    required: bool
    converter: str = ""
    in_filter: bool = False


@dataclass(frozen=True)
class Method:
    """One RPC. `item` is set for a `List…`: the field and type of the one repeated message field of the response."""

    name: str
    path: str
    comment: str
    request: Type
    response: Type
    arguments: tuple[Argument, ...]
    client_streaming: bool
    server_streaming: bool
    idempotent: bool
    public: bool
    filter_type: Type | None = None
    item: tuple[str, Type] | None = None
    resume: Resume | None = None

    @property
    def python_name(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.name).lower()


@dataclass(frozen=True)
class Service:
    name: str
    module: str
    comment: str
    methods: tuple[Method, ...]

    @property
    def attribute(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.name.removesuffix("Service")).lower()


@dataclass(frozen=True)
class Options:
    """The method options that are ours, as the generated modules know them."""

    access: Any
    resume: Any


def read_services(descriptors: bytes) -> list[Service]:
    """The services of `typeplate.v1`, by name. Needs the generated modules of the options on the path."""
    from typeplate.v1 import access_pb2, resume_pb2

    options = Options(access_pb2.access, resume_pb2.resume)

    files = list(pb.FileDescriptorSet.FromString(descriptors).file)
    catalog = Catalog(files)
    services = []
    for file in files:
        comments = comments_of(file)
        for index, service in enumerate(file.service):
            methods = tuple(
                read_method(catalog, file, service, method, comments.get((6, index, 2, at), ""), options)
                for at, method in enumerate(service.method)
            )
            services.append(Service(service.name, module_of(file.name), comments.get((6, index), ""), methods))
    return sorted(services, key=lambda service: service.name)


def read_method(
    catalog: Catalog,
    file: pb.FileDescriptorProto,
    service: pb.ServiceDescriptorProto,
    method: pb.MethodDescriptorProto,
    comment: str,
    options: Options,
) -> Method:
    path = f"/{file.package}.{service.name}/{method.name}"
    if not comment:
        raise ModelError(f"{path} has no comment")
    if '"""' in comment or "\\" in comment:  # grpcio-tools writes comments into docstrings as they are
        raise ModelError(f'{path}: a comment cannot hold """ or a backslash')
    request, response = catalog.messages[method.input_type], catalog.messages[method.output_type]
    public = method.options.Extensions[options.access].public
    filters = [field.type_name for field in request.proto.field if field.name == FLATTENED]
    return Method(
        name=method.name,
        path=path,
        comment=comment,
        request=catalog.python[method.input_type],
        response=catalog.python[method.output_type],
        arguments=() if method.client_streaming else tuple(unique(path, arguments_of(catalog, path, request))),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        idempotent=method.options.idempotency_level != pb.MethodOptions.IDEMPOTENCY_UNKNOWN,
        public=public,
        filter_type=catalog.python[filters[0]] if filters else None,
        item=None if method.client_streaming or method.server_streaming else paged(catalog, request, response),
        resume=resume_of(catalog, path, method, options.resume),
    )


def arguments_of(catalog: Catalog, path: str, request: Message, in_filter: bool = False) -> Iterator[Argument]:
    for field in request.proto.field:
        if field.name == FLATTENED and not in_filter and field.type == Field.TYPE_MESSAGE:
            yield from arguments_of(catalog, path, catalog.messages[field.type_name], in_filter=True)
            continue
        comment = request.comments[field.name]
        if not comment:
            raise ModelError(f"{path}: the field {field.name} has no comment")
        yield Argument(
            name=f"{field.name}_" if keyword.iskeyword(field.name) else field.name,
            field=field.name,
            type=catalog.type_of(field),
            comment=comment,
            required=is_required(field) and not in_filter,
            converter=CONVERTED.get(field.type_name, ("", ""))[1] if field.label != Field.LABEL_REPEATED else "",
            in_filter=in_filter,
        )


def unique(path: str, arguments: Iterator[Argument]) -> Iterator[Argument]:
    seen = set(RESERVED)
    for argument in arguments:
        if argument.name in seen:
            raise ModelError(f"{path}: two arguments would be called {argument.name}")
        seen.add(argument.name)
        yield argument


def is_required(field: pb.FieldDescriptorProto) -> bool:
    """Whether the field carries google.api.field_behavior = REQUIRED."""
    return field_behavior_pb2.REQUIRED in field.options.Extensions[field_behavior_pb2.field_behavior]


def paged(catalog: Catalog, request: Message, response: Message) -> tuple[str, Type] | None:
    """The items of a list method (AIP-158): page_token in, next_page_token and one repeated message field out."""
    repeated = [field for field in response.proto.field if field.label == Field.LABEL_REPEATED]
    items = [field for field in repeated if field.type == Field.TYPE_MESSAGE]
    tokens = "page_token" in request.comments and "next_page_token" in response.comments
    return (items[0].name, catalog.python[items[0].type_name]) if tokens and len(items) == 1 else None
