"""The access option: what a method may be without, it is refused without."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from typeplate.v1 import access_pb2, auth_service_pb2
from typeplate_server.auth.access import Access, AccessOptionError, access_of

COUNTER = iter(range(1000))


def method_with(option: access_pb2.Access | None) -> MethodDescriptor:
    """A method of a scratch service, with this access option."""
    package = f"scratch{next(COUNTER)}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    file.message_type.add(name="Empty")
    method = file.service.add(name="S").method.add(name="M", input_type=f".{package}.Empty")
    method.output_type = f".{package}.Empty"
    if option is not None:
        method.options.Extensions[access_pb2.access].CopyFrom(option)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindServiceByName(f"{package}.S").methods_by_name["M"]


@pytest.mark.parametrize(
    ("option", "access"),
    [
        (access_pb2.Access(scope="vehicles:read"), Access(scope="vehicles:read")),
        (access_pb2.Access(authenticated=True), Access(authenticated=True)),
        (access_pb2.Access(public=True), Access(public=True)),
    ],
)
def test_each_form_is_read(option: access_pb2.Access, access: Access) -> None:
    """Exactly one of the three."""
    assert access_of(method_with(option)) == access


@pytest.mark.parametrize(
    "option",
    [
        None, access_pb2.Access(), access_pb2.Access(scope=""), access_pb2.Access(scope="vehicles:raed"),
        access_pb2.Access(authenticated=False), access_pb2.Access(public=False),
    ],
    ids=["absent", "empty", "empty scope", "misspelt scope", "authenticated: false", "public: false"],
)  # fmt: skip
def test_an_option_that_does_not_say_it_unmistakably_is_refused(option: access_pb2.Access | None) -> None:
    """The error names the method."""
    with pytest.raises(AccessOptionError, match=r"scratch\d+\.S\.M: "):
        access_of(method_with(option))


def test_every_method_of_the_auth_service_says_who_may_call_it() -> None:
    """And only these are public."""
    methods = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"].methods
    assert {method.name for method in methods if access_of(method).public} == {"IssueToken", "GetJwks"}
    scoped = {method.name: access_of(method).scope for method in methods if not access_of(method).public}
    assert {name: scope for name, scope in scoped.items() if scope != "clients:admin"} == {
        "RevokeToken": None,
        "IntrospectToken": "tokens:introspect",
    }
