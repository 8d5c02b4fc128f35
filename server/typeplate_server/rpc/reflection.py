"""The standard reflection service, with which foreign tools list and call the services. Off unless a setting says so.

Public by its own short list of methods, as its protos cannot carry the access option: it tells what is in the
published protos and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from google.protobuf.descriptor import MethodDescriptor
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio

from typeplate_server.auth.access import Access, AccessOptionError

SERVICE: Final = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
PUBLIC_METHODS: Final = frozenset({"ServerReflectionInfo"})


def access(method: MethodDescriptor) -> Access:
    """Who may ask: anyone."""
    if method.name not in PUBLIC_METHODS:
        raise AccessOptionError(f"{method.full_name}: not in the list of reflection methods")
    return Access(public=True)


def servicer(services: Iterable[str]) -> object:
    """Tells of the services with these full names. The reference one fits our shape: it never uses its context."""
    return aio.ReflectionServicer((*services, SERVICE.full_name))
