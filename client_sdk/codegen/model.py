"""Owns what the generator knows of the API: services and methods, read from descriptors with their comments.

It knows nothing of how Python code looks beyond the names of types; that is render's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from arguments import Argument, arguments_of, filter_of
from catalog import Catalog, Type, comments_of, module_of
from google.protobuf import descriptor_pb2 as pb
from listing import NO_PAGER, Items, is_paged, items_of
from names import snake
from resuming import Resume, resume_of

DEPRECATED = "Deprecated: it will go in a later version."


@dataclass(frozen=True)
class Method:
    """One RPC. `where` names it in an error; `items` is set where it answers with a pager."""

    name: str
    where: str
    path: str
    comment: str
    notes: tuple[str, ...]
    request: Type
    response: Type
    arguments: tuple[Argument, ...]
    client_streaming: bool
    server_streaming: bool
    idempotent: bool
    public: bool
    waits: bool
    filter_type: Type | None = None
    items: Items | None = None
    resume: Resume | None = None

    @property
    def python_name(self) -> str:
        return snake(self.name)

    @property
    def unary(self) -> bool:
        return not self.client_streaming and not self.server_streaming


@dataclass(frozen=True)
class Service:
    """`where` names it in an error."""

    name: str
    where: str
    module: str
    comment: str
    methods: tuple[Method, ...]

    @property
    def attribute(self) -> str:
        return snake(self.name.removesuffix("Service"))

    def class_name(self, *, aio: bool) -> str:
        return f"{'Async' if aio else ''}{self.name.removesuffix('Service')}Methods"


@dataclass(frozen=True)
class Options:
    """The method options that are ours, as the generated modules know them."""

    access: Any
    resume: Any
    waits: Any


def read_services(descriptors: pb.FileDescriptorSet, options: Options) -> list[Service]:
    """The services of all files, by name."""
    catalog = Catalog(list(descriptors.file))
    found = (
        read_service(catalog, file, index, options) for file in descriptors.file for index in range(len(file.service))
    )
    return sorted(found, key=lambda service: service.name)


def read_service(catalog: Catalog, file: pb.FileDescriptorProto, index: int, options: Options) -> Service:
    service, comments = file.service[index], comments_of(file)
    path = f"{file.package}.{service.name}"
    methods = tuple(
        read_method(catalog, file.name, path, method, comments.get((6, index, 2, at), ""), options)
        for at, method in enumerate(service.method)
    )
    return Service(service.name, f"{file.name}: {path}", module_of(file.name), comments.get((6, index), ""), methods)


def read_method(
    catalog: Catalog, file: str, service: str, method: pb.MethodDescriptorProto, comment: str, options: Options
) -> Method:
    path = f"/{service}/{method.name}"
    where = f"{file}: {path}"
    request, response = catalog.messages[method.input_type], catalog.messages[method.output_type]
    unary = not method.client_streaming and not method.server_streaming
    paged, flattened = unary and is_paged(request, response), filter_of(request)
    items = items_of(catalog, response) if paged else None
    return Method(
        name=method.name,
        where=where,
        path=path,
        comment=comment,
        notes=tuple(notes_of(method, paged=paged, items=items)),
        request=catalog.python[method.input_type],
        response=catalog.python[method.output_type],
        arguments=() if method.client_streaming else tuple(arguments_of(catalog, request)),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        idempotent=method.options.idempotency_level != pb.MethodOptions.IDEMPOTENCY_UNKNOWN,
        public=method.options.Extensions[options.access].public,
        waits=method.options.Extensions[options.waits],
        filter_type=catalog.python[flattened.type_name] if flattened else None,
        items=items,
        resume=resume_of(catalog, where, method, options.resume),
    )


def notes_of(method: pb.MethodDescriptorProto, *, paged: bool, items: Items | None) -> Iterator[str]:
    """What the docstring adds to the comment."""
    if method.options.deprecated:
        yield DEPRECATED
    if paged and not items:
        yield NO_PAGER
