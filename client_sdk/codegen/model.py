"""Owns what the generator knows of the API: services, methods and arguments, read from descriptors with their comments.

Arguments of a method are its request's fields, with a field named `filter` flattened one level. A clash of names fails.
It knows nothing of how Python code looks beyond the names of types; that is render's business.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.api import field_behavior_pb2  # before anything is parsed: an option not known then is dropped
from google.protobuf import descriptor_pb2 as pb

RESERVED = {"self", "request", "requests", "timeout"}
FLATTENED = "filter"
Field = pb.FieldDescriptorProto
SCALARS = {
    Field.TYPE_DOUBLE: "float",
    Field.TYPE_FLOAT: "float",
    Field.TYPE_BOOL: "bool",
    Field.TYPE_STRING: "str",
    Field.TYPE_BYTES: "bytes",
}
# Arguments that are friendlier than the message: the type shown, and the function of `_arguments` that converts.
CONVERTED = {
    ".google.protobuf.Duration": ("timedelta | duration_pb2.Duration", "duration"),
    ".google.protobuf.FieldMask": ("Iterable[str] | field_mask_pb2.FieldMask", "field_mask"),
}


class ModelError(Exception):
    """The API cannot become a surface; the message names the method and says why."""


@dataclass(frozen=True)
class Type:
    """A Python type as written in the generated code, and the modules that it needs."""

    text: str
    modules: frozenset[str] = frozenset()


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
class Message:
    proto: pb.DescriptorProto
    comments: dict[str, str]


class Catalog:
    """The types of a FileDescriptorSet by full name, and where Python finds them."""

    def __init__(self, files: list[pb.FileDescriptorProto]) -> None:
        self.messages: dict[str, Message] = {}
        self.python: dict[str, Type] = {}
        for file in files:
            comments = comments_of(file)
            for index, message in enumerate(file.message_type):
                self._add(file, message, f".{file.package}", (4, index), comments)
            for enum in file.enum_type:
                self._locate(file, f".{file.package}.{enum.name}")

    def _add(
        self,
        file: pb.FileDescriptorProto,
        message: pb.DescriptorProto,
        scope: str,
        path: tuple[int, ...],
        comments: dict[tuple[int, ...], str],
    ) -> None:
        name = f"{scope}.{message.name}"
        of_fields = {field.name: comments.get((*path, 2, index), "") for index, field in enumerate(message.field)}
        self.messages[name] = Message(message, of_fields)
        self._locate(file, name)
        for enum in message.enum_type:
            self._locate(file, f"{name}.{enum.name}")
        for index, nested in enumerate(message.nested_type):
            self._add(file, nested, name, (*path, 3, index), comments)

    def _locate(self, file: pb.FileDescriptorProto, name: str) -> None:
        package, _, module = module_of(file.name).rpartition(".")
        inner = name.removeprefix(f".{file.package}.")
        self.python[name] = Type(f"{module}.{inner}", frozenset({f"from {package} import {module}"}))

    def type_of(self, field: pb.FieldDescriptorProto) -> Type:
        """The type that the argument for this field takes."""
        if field.label != Field.LABEL_REPEATED:
            return self._single(field)
        entry = self.messages.get(field.type_name)
        if entry is not None and entry.proto.options.map_entry:
            key, value = (self._single(part) for part in entry.proto.field)
            return Type(f"Mapping[{key.text}, {value.text}]", key.modules | value.modules)
        single = self._single(field)
        return Type(f"Iterable[{single.text}]", single.modules)

    def _single(self, field: pb.FieldDescriptorProto) -> Type:
        if field.type == Field.TYPE_ENUM:
            enum = self.python[field.type_name]
            return Type(f"{enum.text}.ValueType", enum.modules)
        if field.type == Field.TYPE_MESSAGE:
            message = self.python[field.type_name]
            text, _ = CONVERTED.get(field.type_name, (message.text, ""))
            return Type(text, message.modules)
        return Type(SCALARS.get(field.type, "int"))


def module_of(file_name: str) -> str:
    """The Python module of a proto file: the same path, by the rule of the SDK."""
    return file_name.removesuffix(".proto").replace("/", ".") + "_pb2"


def comments_of(file: pb.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Leading comments by their path in the file."""
    found = ((tuple(place.path), place.leading_comments) for place in file.source_code_info.location)
    return {path: "\n".join(line.strip() for line in text.strip().splitlines()) for path, text in found if text}


def read_services(descriptors: bytes) -> list[Service]:
    """The services of `typeplate.v1`, by name. Needs the generated `typeplate.v1.access_pb2` on the path."""
    from typeplate.v1 import access_pb2

    files = list(pb.FileDescriptorSet.FromString(descriptors).file)
    catalog = Catalog(files)
    services = []
    for file in files:
        comments = comments_of(file)
        for index, service in enumerate(file.service):
            methods = tuple(
                read_method(catalog, file, service, method, comments.get((6, index, 2, at), ""), access_pb2.access)
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
    access: object,
) -> Method:
    path = f"/{file.package}.{service.name}/{method.name}"
    if not comment:
        raise ModelError(f"{path} has no comment")
    if '"""' in comment or "\\" in comment:  # grpcio-tools writes comments into docstrings as they are
        raise ModelError(f'{path}: a comment cannot hold """ or a backslash')
    request, response = catalog.messages[method.input_type], catalog.messages[method.output_type]
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
        public=method.options.Extensions[access].public,  # type: ignore[index]
        filter_type=catalog.python[filters[0]] if filters else None,
        item=None if method.client_streaming or method.server_streaming else paged(catalog, request, response),
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
