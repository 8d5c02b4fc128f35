"""Serves `typeplate.v1.AuthService`: each function turns a message into a use case of `auth`, and its answer back."""

from __future__ import annotations

from typeplate.v1 import audit_pb2, client_pb2
from typeplate.v1 import auth_service_pb2 as pb
from typeplate_server.auth.audit_log import AuditLog
from typeplate_server.auth.exchange import TokenExchange
from typeplate_server.auth.key_administration import KeyAdministration
from typeplate_server.auth.keyring import KeyRing
from typeplate_server.auth.service import ClientAdministration
from typeplate_server.auth.token_administration import TokenAdministration
from typeplate_server.auth.usage import Usage
from typeplate_server.errors import InvalidArgument
from typeplate_server.rpc import audit_mapping, token_mapping
from typeplate_server.rpc import auth_mapping as mapping
from typeplate_server.rpc.call import Call


class AuthServicer:
    """One function per RPC; see the proto for what each guarantees."""

    def __init__(
        self,
        clients: ClientAdministration,
        exchange: TokenExchange,
        keys: KeyRing,
        audit: AuditLog,
        usage: Usage,
        tokens: TokenAdministration,
        rotation: KeyAdministration,
    ) -> None:
        self._clients = clients
        self._exchange = exchange
        self._keys = keys
        self._audit = audit
        self._usage = usage
        self._tokens = tokens
        self._rotation = rotation

    async def IssueToken(self, request: pb.IssueTokenRequest, call: Call) -> pb.IssueTokenResponse:
        """Answered from memory: no database, no await."""
        call.claimed_client = request.client_id
        lifetime = mapping.optional_seconds(request, "lifetime", "lifetime")
        scopes = mapping.scopes_of(request.scopes, "scopes")
        token = self._exchange.exchange(
            request.client_id, request.client_secret, scopes, lifetime, call.peer, call.proved
        )
        call.proved(request.client_id, token.jti, token.kid)
        return mapping.token_message(token)

    async def CreateClient(self, request: pb.CreateClientRequest, call: Call) -> client_pb2.Client:
        """The one answer that carries a secret's value."""
        created = await self._clients.create(mapping.draft_of(request), call.commit_guard, within=call.time_remaining)
        return mapping.in_force(mapping.client_message(created.client, created.secret), created.effective)

    async def GetClient(self, request: pb.GetClientRequest, call: Call) -> client_pb2.Client:
        """From memory; its last uses from the database too."""
        client = self._clients.get(mapping.client_id_of(request.name, "name"))
        return mapping.client_message(client, used=await self._usage.last([client]))

    async def ListClients(self, request: pb.ListClientsRequest, call: Call) -> pb.ListClientsResponse:
        """From memory, in order of id; their last uses from the database too."""
        page = await self._clients.list(
            states=mapping.states_of(request.filter.states),
            scope=request.filter.scope,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        used = await self._usage.last(page.clients)
        return pb.ListClientsResponse(
            clients=[mapping.client_message(client, used=used) for client in page.clients],
            next_page_token=page.next_page_token,
        )

    async def UpdateClient(self, request: pb.UpdateClientRequest, call: Call) -> client_pb2.Client:
        """Changes what the mask names."""
        if not request.HasField("client"):
            raise InvalidArgument.of("client", "is required")
        client_id = mapping.client_id_of(request.client.name, "client.name")
        changed = await self._clients.update(
            client_id,
            mapping.patch_of(request),
            etag=request.client.etag,
            guard=call.commit_guard,
            within=call.time_remaining,
        )
        return mapping.in_force(mapping.client_message(changed.value), changed.effective)

    async def SuspendClient(self, request: pb.SuspendClientRequest, call: Call) -> pb.SuspendClientResponse:
        """Returns when the suspension is durable and, as far as it was waited for, in force everywhere."""
        client_id = mapping.client_id_of(request.name, "name")
        changed = await self._clients.suspend(
            client_id, force=request.force, guard=call.commit_guard, within=_within(request, call)
        )
        return pb.SuspendClientResponse(**mapping.effect(changed))

    async def ResumeClient(self, request: pb.ResumeClientRequest, call: Call) -> pb.ResumeClientResponse:
        """Tokens from before stay dead."""
        client_id = mapping.client_id_of(request.name, "name")
        changed = await self._clients.resume(client_id, guard=call.commit_guard, within=_within(request, call))
        return pb.ResumeClientResponse(**mapping.effect(changed))

    async def RevokeClient(self, request: pb.RevokeClientRequest, call: Call) -> pb.RevokeClientResponse:
        """Returns when the revocation is durable and, as far as it was waited for, in force everywhere."""
        client_id = mapping.client_id_of(request.name, "name")
        changed = await self._clients.revoke(
            client_id,
            reason=request.reason,
            force=request.force,
            guard=call.commit_guard,
            within=_within(request, call),
        )
        return pb.RevokeClientResponse(**mapping.effect(changed))

    async def CreateClientSecret(self, request: pb.CreateClientSecretRequest, call: Call) -> client_pb2.ClientSecret:
        """The one answer that carries this secret's value."""
        created = await self._clients.create_secret(
            mapping.client_id_of(request.parent, "parent"),
            lifetime_s=mapping.optional_seconds(request, "lifetime", "lifetime"),
            guard=call.commit_guard,
            within=call.time_remaining,
        )
        return mapping.created_secret_message(created)

    async def DeleteClientSecret(
        self, request: pb.DeleteClientSecretRequest, call: Call
    ) -> pb.DeleteClientSecretResponse:
        """Refuses while the secret is in use, unless told to go on."""
        client_id, secret_id = mapping.secret_of(request.name, "name")
        changed = await self._clients.delete_secret(
            client_id,
            secret_id,
            compromised=request.compromised,
            force=request.force,
            guard=call.commit_guard,
            within=_within(request, call),
        )
        return pb.DeleteClientSecretResponse(**mapping.effect(changed))

    async def GetJwks(self, request: pb.GetJwksRequest, call: Call) -> pb.Jwks:
        """The public keys; never the private ones."""
        return pb.Jwks(keys=[pb.JsonWebKey(**key) for key in self._keys.jwks()])

    async def GetClientUsage(self, request: pb.GetClientUsageRequest, call: Call) -> audit_pb2.ClientUsage:
        """Of all replicas, as far as they have written it."""
        client = self._clients.get(mapping.client_id_of(request.name, "name"))
        usage = await self._usage.of(client.client_id, [secret.secret_id for secret in client.secrets])
        return audit_mapping.usage_message(client.client_id, usage)

    async def ListAuditEvents(self, request: pb.ListAuditEventsRequest, call: Call) -> pb.ListAuditEventsResponse:
        """Newest first."""
        query = audit_mapping.audit_query(request)
        return audit_mapping.audit_page_message(await self._audit.list(query, request.page_size, request.page_token))

    async def RevokeToken(self, request: pb.RevokeTokenRequest, call: Call) -> pb.RevokeTokenResponse:
        """Returns when the revocation is durable and, as far as it was waited for, in force everywhere."""
        if not request.token:
            raise InvalidArgument.of("token", "is required")
        assert call.caller is not None
        changed = await self._tokens.revoke(
            request.token, call.caller, guard=call.commit_guard, within=_within(request, call)
        )
        return token_mapping.revoked_message(changed)

    async def IntrospectToken(self, request: pb.IntrospectTokenRequest, call: Call) -> pb.IntrospectTokenResponse:
        """From memory."""
        if not request.token:
            raise InvalidArgument.of("token", "is required")
        return token_mapping.introspection_message(self._tokens.introspect(request.token))

    async def RotateSigningKey(self, request: pb.RotateSigningKeyRequest, call: Call) -> pb.RotateSigningKeyResponse:
        """Rotates, or kills a compromised key."""
        guard, within = call.commit_guard, _within(request, call)
        if request.compromised_kid:
            change = await self._rotation.remove(request.compromised_kid, guard=guard, within=within)
        else:
            change = await self._rotation.rotate(guard=guard, within=within)
        return token_mapping.key_message(change)


def _within(
    request: pb.RevokeClientRequest
    | pb.SuspendClientRequest
    | pb.ResumeClientRequest
    | pb.DeleteClientSecretRequest
    | pb.RevokeTokenRequest
    | pb.RotateSigningKeyRequest,
    call: Call,
) -> float | None:
    """How long to wait for the other replicas: until the caller's deadline, unless it wants no waiting."""
    return 0.0 if request.HasField("wait") and not request.wait else call.time_remaining
