"""What the call log says of IssueToken: which client got which token, and nothing that was only claimed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from grpc import aio

from tests.support.server import InProcessServer, server_in_process
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc
from typeplate.v1.client_pb2 import Client

Line = tuple[str, str, str | None, str | None, str | None]


async def made_client(server: InProcessServer, auth: Any) -> tuple[pb.IssueTokenRequest, tuple[tuple[str, str], ...]]:
    """The credentials of a new client `my-app`, and metadata of the administrator that made it."""
    admin = pb.IssueTokenRequest(client_id=server.client_id, client_secret=server.client_secret)
    metadata = (("authorization", f"Bearer {(await auth.IssueToken(admin)).access_token}"),)
    request = pb.CreateClientRequest(client_id="my-app", client=Client(scopes=["vehicles:read"]))
    client = await auth.CreateClient(request, metadata=metadata)
    return pb.IssueTokenRequest(client_id="my-app", client_secret=client.secrets[0].value), metadata


def issue_lines(log: str) -> list[Line]:
    """Code, reason, client id, jti and kid of each IssueToken, but for the administrator's."""
    lines = [json.loads(line) for line in log.splitlines()]
    told = [line for line in lines if line["method"].endswith("/IssueToken")][1:]
    return [(one["code"], one.get("reason", ""), one.get("client_id"), one.get("jti"), one.get("kid")) for one in told]


async def test_an_issued_token_is_found_in_the_log_by_its_jti(tmp_path: Path) -> None:
    """So is a refusal once the secret proved right; a wrong secret leaves no client id behind."""
    async with server_in_process(tmp_path / "data") as server, aio.insecure_channel(server.address) as channel:
        auth: Any = auth_service_pb2_grpc.AuthServiceStub(channel)
        key, metadata = await made_client(server, auth)
        token = (await auth.IssueToken(key)).access_token
        wrong = pb.IssueTokenRequest(client_id="my-app", client_secret=server.client_secret)
        greedy = pb.IssueTokenRequest(client_id="my-app", client_secret=key.client_secret, scopes=["clients:admin"])
        for request in (wrong, greedy):
            with pytest.raises(aio.AioRpcError):
                await auth.IssueToken(request)
        await auth.RevokeClient(pb.RevokeClientRequest(name="clients/my-app"), metadata=metadata)
        with pytest.raises(aio.AioRpcError):
            await auth.IssueToken(key)
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    kid = jwt.get_unverified_header(token)["kid"]
    assert issue_lines(server.log) == [
        ("OK", "", "my-app", jti, kid),
        ("UNAUTHENTICATED", "CREDENTIALS_INVALID", None, None, None),
        ("INVALID_ARGUMENT", "INVALID_ARGUMENT", "my-app", None, None),
        ("UNAUTHENTICATED", "CLIENT_REVOKED", "my-app", None, None),
    ]
