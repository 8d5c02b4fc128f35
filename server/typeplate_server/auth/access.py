"""Who may call a method, read from the `typeplate.v1.access` option beside it in the proto: the only table there is."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor

from typeplate.v1 import access_pb2
from typeplate_server.auth.clients import KNOWN_SCOPES


@dataclass(frozen=True, slots=True)
class Access:
    """The one condition a caller has to meet: a scope, any valid token, or nothing."""

    scope: str | None = None
    authenticated: bool = False
    public: bool = False


class AccessOptionError(Exception):
    """A method's access option is missing or makes no sense. The server must not start with it."""


def access_of(method: MethodDescriptor) -> Access:
    """What `method` requires. Raises `AccessOptionError` when the proto does not say it unmistakably."""
    options = method.GetOptions()
    if not options.HasExtension(access_pb2.access):
        raise AccessOptionError(f"{method.full_name}: no (typeplate.v1.access) option; say who may call it")
    option = options.Extensions[access_pb2.access]
    match option.WhichOneof("requirement"):
        case "scope" if option.scope in KNOWN_SCOPES:
            return Access(scope=option.scope)
        case "scope":
            raise AccessOptionError(f"{method.full_name}: the access option names an unknown scope {option.scope!r}")
        case "authenticated" if option.authenticated:
            return Access(authenticated=True)
        case "public" if option.public:
            return Access(public=True)
    raise AccessOptionError(f"{method.full_name}: the access option is empty or false; say who may call it")
