"""Every method of every service refuses every bad credential: the exact code, the exact reason, and no message.

Methods come from the descriptors, so a new one is covered by being written.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from google.protobuf.descriptor import MethodDescriptor
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.support.forged_signatures import dump, signed, signed_text
from tests.support.raw_calls import BROKEN, METHODS, SERVICES, Answer, call, filled, path_of
from tests.support.server import running_server
from tests.support.signing import signing_key
from typeplate.v1 import access_pb2, auth_service_pb2, auth_service_pb2_grpc, client_pb2
from typeplate_server.auth.keyring import SigningKey, base64url

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
PERMISSION_DENIED = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True)
class World:
    """A server, a good token's claims, the key that signs, and a token of a generation that is over."""

    channel: grpc.Channel
    key: SigningKey
    claims: dict[str, Any]
    good: str
    old: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data_dir: Path = tmp_path_factory.mktemp("refusals") / "data"
    with running_server(data_dir, REFLECTION="1") as server, server.channel() as channel:
        good = server.token(channel)
        claims = jwt.decode(good, options={"verify_signature": False})
        key = signing_key(data_dir)
        yield World(channel, key, claims, good, _old_token(channel, good))


def _old_token(channel: grpc.Channel, admin_token: str) -> str:
    """A token from before one of its client's scopes was taken away."""
    stub = auth_service_pb2_grpc.AuthServiceStub(channel)
    admin = (("authorization", f"Bearer {admin_token}"),)
    scopes = ["vehicles:read", "vehicles:write", "clients:admin"]
    client = stub.CreateClient(
        auth_service_pb2.CreateClientRequest(client_id="reduced", client=client_pb2.Client(scopes=scopes)),
        metadata=admin,
    )
    exchange = auth_service_pb2.IssueTokenRequest(client_id="reduced", client_secret=client.secrets[0].value)
    token = stub.IssueToken(exchange).access_token
    del client.scopes[0]
    stub.UpdateClient(auth_service_pb2.UpdateClientRequest(client=client), metadata=admin)
    return token


def _with_header(world: World, **changes: str) -> str:
    return signed_text(world.key, dump(world.claims), base64url(dump(world.key.jose_header | changes)))


def _alg_none(world: World) -> str:
    return f"{base64url(dump(world.key.jose_header | {'alg': 'none'}))}.{base64url(dump(world.claims))}."


def _hs256(world: World, header: dict[str, str] | None = None) -> str:
    head = f"{base64url(dump(world.key.jose_header | (header or {'alg': 'HS256'})))}.{base64url(dump(world.claims))}"
    return f"{head}.{base64url(hmac.digest(world.key.public.public_bytes_raw(), head.encode(), hashlib.sha256))}"


def _under_our_header(world: World) -> str:
    """Another server's key, claiming to be ours."""
    return signed_text(SigningKey.generate(), dump(world.claims), world.key.header_segment)


def _expired(world: World) -> str:
    return signed(world.key, world.claims | {"iat": world.claims["iat"] - 1000, "exp": world.claims["iat"] - 100})


@dataclass(frozen=True)
class Bad:
    """A bad credential: the values of `authorization` it is sent as, and how it is refused."""

    name: str
    values: Callable[[World], list[str]]
    reason: str
    code: grpc.StatusCode = UNAUTHENTICATED


def _bearer(token: Callable[[World], str]) -> Callable[[World], list[str]]:
    return lambda world: [f"Bearer {token(world)}"]


BAD = (
    Bad("no token", lambda _: [], "TOKEN_MISSING"),
    Bad("empty", lambda _: [""], "TOKEN_MISSING"),
    Bad("garbage", lambda _: ["garbage"], "TOKEN_MALFORMED"),
    Bad("garbage bearer", lambda _: ["Bearer garbage"], "TOKEN_MALFORMED"),
    Bad("two entries", lambda world: [f"Bearer {world.good}"] * 2, "TOKEN_MALFORMED"),
    Bad("alg none", _bearer(_alg_none), "TOKEN_MALFORMED"),
    Bad("alg none, signed", _bearer(lambda world: _with_header(world, alg="none")), "TOKEN_INVALID"),
    Bad("HS256 with the public key", _bearer(_hs256), "TOKEN_INVALID"),
    Bad("HMAC under our header", _bearer(lambda world: _hs256(world, {"alg": "EdDSA"})), "TOKEN_INVALID"),
    Bad("wrong typ", _bearer(lambda world: _with_header(world, typ="JWT")), "TOKEN_INVALID"),
    Bad("wrong aud", _bearer(lambda world: signed(world.key, world.claims | {"aud": "other"})), "TOKEN_INVALID"),
    Bad("wrong iss", _bearer(lambda world: signed(world.key, world.claims | {"iss": "urn:other"})), "TOKEN_INVALID"),
    Bad("other server's key", _bearer(lambda world: signed(SigningKey.generate(), world.claims)), "TOKEN_INVALID"),
    Bad("other server's key under our header", _bearer(_under_our_header), "TOKEN_INVALID"),
    Bad("expired", _bearer(_expired), "TOKEN_EXPIRED"),
    Bad("old generation", _bearer(lambda world: world.old), "TOKEN_REVOKED"),
    Bad(
        "missing scope",
        _bearer(lambda world: signed(world.key, world.claims | {"scope": ""})),
        "SCOPE_MISSING",
        PERMISSION_DENIED,
    ),
)


def _access(method: MethodDescriptor) -> access_pb2.Access:
    return method.GetOptions().Extensions[access_pb2.access]


GUARDED = [m for m in METHODS if m.GetOptions().HasExtension(access_pb2.access) and not _access(m).public]
PUBLIC = [method for method in METHODS if method not in GUARDED]
BODIES: dict[str, Callable[[MethodDescriptor], bytes]] = {
    "good body": lambda method: filled(method.input_type).SerializeToString(),
    "broken body": lambda _: BROKEN,
}
by_name = pytest.mark.parametrize


@by_name("method", GUARDED, ids=lambda m: m.full_name)
@by_name("bad", BAD, ids=lambda bad: bad.name)
@by_name("body", BODIES, ids=str)
def test_a_bad_credential_is_refused_before_the_request_is_parsed(
    world: World, method: MethodDescriptor, bad: Bad, body: str
) -> None:
    if bad.reason == "SCOPE_MISSING" and not _access(method).scope:
        pytest.skip("any valid token will do for this method")
    answer = call(world.channel, path_of(method), BODIES[body](method), bad.values(world))
    assert (answer.code, answer.reason, answer.messages) == (bad.code, bad.reason, ())
    assert answer.info.domain == "typeplate"
    assert answer.request_id
    if bad.reason == "SCOPE_MISSING":
        assert answer.info.metadata["scope"] == _access(method).scope


@by_name("method", GUARDED, ids=lambda m: m.full_name)
def test_broken_bytes_under_a_good_token_are_an_invalid_argument(world: World, method: MethodDescriptor) -> None:
    """The counterpart of the refusals: the same call with a good token does reach the parser."""
    answer = call(world.channel, path_of(method), BROKEN, [f"Bearer {world.good}"])
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert answer.violated_fields == ["request"]


@by_name("method", PUBLIC, ids=lambda m: m.full_name)
@by_name("bad", BAD, ids=lambda bad: bad.name)
@by_name("body", BODIES, ids=str)
def test_a_public_method_ignores_the_authorization(world: World, method: MethodDescriptor, bad: Bad, body: str) -> None:
    endless = method.full_name == "grpc.health.v1.Health.Watch"
    sent = BODIES[body](method)
    with_it = call(world.channel, path_of(method), sent, bad.values(world), first_only=endless)
    without = call(world.channel, path_of(method), sent, first_only=endless)
    assert _gist(with_it) == _gist(without)
    assert with_it.reason not in {each.reason for each in BAD}


def _gist(answer: Answer) -> tuple[object, ...]:
    return answer.code, answer.reason, answer.messages, answer.message


@by_name("method", PUBLIC, ids=lambda m: m.full_name)
def test_broken_bytes_to_a_public_method_are_an_invalid_argument(world: World, method: MethodDescriptor) -> None:
    answer = call(world.channel, path_of(method), BROKEN)
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")


def test_the_matrix_covers_every_service_that_is_served(world: World) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(world.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    response = next(iter(stub.ServerReflectionInfo(iter([request]), timeout=10)))
    served = {service.name for service in response.list_services_response.service}
    assert served == {service.full_name for service in SERVICES}


def test_the_public_methods_are_these_and_no_others() -> None:
    assert {method.full_name for method in PUBLIC} == {
        "typeplate.v1.AuthService.IssueToken",
        "typeplate.v1.AuthService.GetJwks",
        "grpc.health.v1.Health.Check",
        "grpc.health.v1.Health.List",
        "grpc.health.v1.Health.Watch",
        "grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo",
    }


@by_name("path", ["/typeplate.v1.AuthService/NoSuchMethod", "/no.such.Service/Method", "/typeplate.v1.AuthService/"])
def test_an_unknown_method_is_unimplemented(world: World, path: str) -> None:
    answer = call(world.channel, path, b"", [f"Bearer {world.good}"])
    assert (answer.code, answer.messages) == (grpc.StatusCode.UNIMPLEMENTED, ())


def test_the_good_token_is_good(world: World) -> None:
    """What makes the refusals above mean something: the claims all forgeries start from are admitted."""
    token = signed(world.key, json.loads(dump(world.claims)))
    answer = call(world.channel, "/typeplate.v1.AuthService/ListClients", b"", [f"Bearer {token}"])
    assert answer.code is grpc.StatusCode.OK
    assert len(answer.messages) == 1
