"""Owns the types of the API: messages and fields by full name, with their comments, and where Python finds them."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf import descriptor_pb2 as pb

Field = pb.FieldDescriptorProto
SCALARS = {
    Field.TYPE_DOUBLE: "float",
    Field.TYPE_FLOAT: "float",
    Field.TYPE_BOOL: "bool",
    Field.TYPE_STRING: "str",
    Field.TYPE_BYTES: "bytes",
}
# Arguments that are friendlier than the message: the type shown, and the function of `_arguments` that converts one.
CONVERTED = {
    ".google.protobuf.Duration": ("timedelta | duration_pb2.Duration", "duration"),
    ".google.protobuf.FieldMask": ("Iterable[str] | field_mask_pb2.FieldMask", "field_mask"),
}


class ModelError(Exception):
    """The API cannot become a surface; the message names proto, service and method, and says why."""


@dataclass(frozen=True)
class Type:
    """A Python type as written in the generated code, the modules that it needs, and what converts an argument of it.

    `convert` is none, one function of `_arguments`, or two: the first does for each what the second does for one.
    """

    text: str
    modules: frozenset[str] = frozenset()
    convert: tuple[str, ...] = ()


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
            return self._argument(field)
        if self.is_map(field):
            key, value = (self._argument(part) for part in self.messages[field.type_name].proto.field)
            return Type(f"Mapping[{key.text}, {value.text}]", value.modules, several("values", value))
        single = self._argument(field)
        return Type(f"Iterable[{single.text}]", single.modules, several("each", single))

    def is_map(self, field: pb.FieldDescriptorProto) -> bool:
        """Whether the field is a map, which descriptors have as a repeated message."""
        entry = self.messages.get(field.type_name)
        return entry is not None and entry.proto.options.map_entry

    def element(self, field: pb.FieldDescriptorProto) -> Type:
        """The type of one value of this field in a message."""
        if field.type == Field.TYPE_ENUM:
            enum = self.python[field.type_name]
            return Type(f"{enum.text}.ValueType", enum.modules)
        if field.type == Field.TYPE_MESSAGE:
            return self.python[field.type_name]
        return Type(SCALARS.get(field.type, "int"))

    def _argument(self, field: pb.FieldDescriptorProto) -> Type:
        element = self.element(field)
        if field.type_name not in CONVERTED:
            return element
        text, function = CONVERTED[field.type_name]
        return Type(text, element.modules, (function,))


def several(function: str, single: Type) -> tuple[str, ...]:
    return (function, *single.convert) if single.convert else ()


def module_of(file_name: str) -> str:
    """The Python module of a proto file: the same path, by the rule of the SDK."""
    return file_name.removesuffix(".proto").replace("/", ".") + "_pb2"


def comments_of(file: pb.FileDescriptorProto) -> dict[tuple[int, ...], str]:
    """Leading comments by their path in the file."""
    found = ((tuple(place.path), place.leading_comments) for place in file.source_code_info.location)
    return {path: "\n".join(line.strip() for line in text.strip().splitlines()) for path, text in found if text}
