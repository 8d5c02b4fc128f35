"""AuthService on both clients. Generated from the protos by `make proto`; do not edit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, overload

from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2

from typeplate import _arguments
from typeplate._arguments import Methods
from typeplate._calls import Calls
from typeplate._calls_aio import AsyncCalls
from typeplate._options import Timeout
from typeplate._paging import AsyncPager, Pager
from typeplate.v1 import audit_pb2, auth_service_pb2, auth_service_pb2_grpc, client_pb2

if TYPE_CHECKING:
    from typeplate.v1.auth_service_pb2_grpc import AuthServiceAsyncStub


class AuthMethods(Methods):
    """Exchanges an application's key for a short-lived access token, and administers applications.

    Beside the errors named at a method, every method but the public ones may answer UNAUTHENTICATED
    (`TOKEN_MISSING`, `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`,
    `CLIENT_SUSPENDED`, `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`) and UNAVAILABLE
    (`AUTH_STATE_STALE`); those that write may answer UNAVAILABLE (`DATABASE_UNAVAILABLE`).

    gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
    are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def _stub(self) -> auth_service_pb2_grpc.AuthServiceStub:
        return self._calls.stub(auth_service_pb2_grpc.AuthServiceStub)

    @overload
    def issue_token(
        self,
        *,
        client_id: str,
        client_secret: str,
        scopes: Iterable[str] | None = None,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IssueTokenResponse: ...

    @overload
    def issue_token(
        self,
        *,
        request: auth_service_pb2.IssueTokenRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IssueTokenResponse: ...

    def issue_token(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        scopes: Iterable[str] | None = None,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        request: auth_service_pb2.IssueTokenRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IssueTokenResponse:
        """Exchanges a client id and secret for an access token: OAuth2 client credentials (RFC 6749 §4.4), no refresh token.

        Guarantees that no token it returns outlives a revocation: one issued while the client is being
        revoked is born dead. Public. Errors: UNAUTHENTICATED `CREDENTIALS_INVALID` (which of the two is
        wrong is not told), and, only when the secret is right, `CLIENT_REVOKED` or `CLIENT_SUSPENDED`;
        INVALID_ARGUMENT for a scope that is not granted (it is never silently dropped) or a lifetime
        below 1 s; RESOURCE_EXHAUSTED `RATE_LIMITED` after many failures from one peer; UNAVAILABLE
        `AUTH_STATE_STALE`.

        Args:
            client_id: The client's id, without `clients/`.
            client_secret: The client's secret, `tps_…`.
            scopes: The scopes the token shall carry, at most 20. Empty: all that the client is granted.
            lifetime: How long the token shall live, at least 1 s; a fraction of a second is dropped. Longer than
                allowed is shortened, and `expires_in` says so. Absent: the longest that is allowed.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.IssueTokenRequest,
                client_id=client_id,
                client_secret=client_secret,
                scopes=scopes,
                lifetime=_arguments.duration(lifetime),
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.IssueTokenRequest,
                request,
                client_id=client_id,
                client_secret=client_secret,
                scopes=scopes,
                lifetime=lifetime,
            )
        return self._calls.unary(self._stub.IssueToken, request, timeout, public=True)

    @overload
    def create_client(
        self,
        *,
        client: client_pb2.Client,
        client_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    @overload
    def create_client(
        self,
        *,
        request: auth_service_pb2.CreateClientRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    def create_client(
        self,
        *,
        client: client_pb2.Client | None = None,
        client_id: str | None = None,
        request: auth_service_pb2.CreateClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client:
        """Registers an application and makes its first secret, which is in this answer and nowhere else.

        When it has returned, the secret works, on every replica unless the caller's deadline came first: `change_effect`
        tells. Needs `clients:admin`. Errors: INVALID_ARGUMENT, ALREADY_EXISTS (also for the id of a revoked client: ids are never reused).

        Args:
            client: The client to make. `name` and output-only fields are ignored.
            client_id: The id it shall have (see Client.name for its form). Empty: the server chooses one.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.CreateClientRequest,
                client=client,
                client_id=client_id,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.CreateClientRequest,
                request,
                client=client,
                client_id=client_id,
            )
        return self._calls.unary(self._stub.CreateClient, request, timeout, waits=True)

    @overload
    def get_client(
        self,
        *,
        name: str,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    @overload
    def get_client(
        self,
        *,
        request: auth_service_pb2.GetClientRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    def get_client(
        self,
        *,
        name: str | None = None,
        request: auth_service_pb2.GetClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client:
        """Reads one client, revoked ones too, with the last use of it and of its secrets. Needs `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND.

        Args:
            name: The client's name, `clients/{client_id}`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.GetClientRequest,
                name=name,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.GetClientRequest,
                request,
                name=name,
            )
        return self._calls.unary(self._stub.GetClient, request, timeout)

    def list_clients(
        self,
        *,
        states: Iterable[client_pb2.ClientState.ValueType] | None = None,
        scope: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        request: auth_service_pb2.ListClientsRequest | None = None,
        timeout: Timeout | None = None,
    ) -> Pager[client_pb2.Client, auth_service_pb2.ListClientsResponse]:
        """Lists clients by id, revoked ones too, with their last uses. Needs `clients:admin`. Errors: INVALID_ARGUMENT.

        Args:
            states: In one of these states. Empty: in any. CLIENT_STATE_UNSPECIFIED is refused.
            scope: Granted this scope. Empty: whatever its scopes.
            page_size: How many at most; 0: 100. More than 1000 is taken as 1000; negative is refused (AIP-158).
            page_token: `next_page_token` of the page before, with the same filter. Empty: the first page.
            request: A ready request, instead of the arguments above.
            timeout: Seconds each page may take. Absent: the client's default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.ListClientsRequest,
                filter=_arguments.part(
                    auth_service_pb2.ListClientsRequest.Filter,
                    states=states,
                    scope=scope,
                ),
                page_size=page_size,
                page_token=page_token,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.ListClientsRequest,
                request,
                states=states,
                scope=scope,
                page_size=page_size,
                page_token=page_token,
            )
        return Pager(
            lambda page: self._calls.unary(self._stub.ListClients, page, timeout),
            request,
            lambda page: page.clients,
        )

    @overload
    def update_client(
        self,
        *,
        client: client_pb2.Client,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    @overload
    def update_client(
        self,
        *,
        request: auth_service_pb2.UpdateClientRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    def update_client(
        self,
        *,
        client: client_pb2.Client | None = None,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        request: auth_service_pb2.UpdateClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client:
        """Changes display name, scopes, longest token life or labels.

        When a scope was taken away, no token issued before is admitted once this has returned; on every
        replica unless the caller's deadline came first: `change_effect` tells. Needs `clients:admin`. Errors:
        INVALID_ARGUMENT, NOT_FOUND, ABORTED `ETAG_MISMATCH`, FAILED_PRECONDITION (`FAILED_PRECONDITION` for a revoked client,
        `LAST_ADMIN` when the last administrator with a live secret would lose its scope, which nothing but its revocation
        with `force` can do).

        Args:
            client: The client, named by `name`. When `etag` is set it must be the current one.
            update_mask: Which fields to change: `display_name`, `scopes`, `max_token_lifetime`, `labels`, or `*` for
                all of them. Absent: those that are set in `client` (AIP-134).
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.UpdateClientRequest,
                client=client,
                update_mask=_arguments.field_mask(update_mask),
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.UpdateClientRequest,
                request,
                client=client,
                update_mask=update_mask,
            )
        return self._calls.unary(self._stub.UpdateClient, request, timeout, waits=True)

    @overload
    def revoke_client(
        self,
        *,
        name: str,
        reason: str | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeClientResponse: ...

    @overload
    def revoke_client(
        self,
        *,
        request: auth_service_pb2.RevokeClientRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeClientResponse: ...

    def revoke_client(
        self,
        *,
        name: str | None = None,
        reason: str | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.RevokeClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeClientResponse:
        """Revokes an application for good: its secrets, its tokens.

        A call that starts after this has returned and carries one of its tokens is refused, also after a
        crash and a restart: by the replica that answered, and by all of them when `effective` says so. Answers
        before the caller's deadline in any case. Calling it again changes nothing and waits again. Needs
        `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION `LAST_ADMIN` unless `force` is set.

        Args:
            name: The client's name, `clients/{client_id}`.
            reason: Why, for those who come after. At most 500 characters. Never put a secret here.
            force: Revoke even the last active client with `clients:admin`. Afterwards only `typeplate-server init
                --new-admin`, offline, makes a new one.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.RevokeClientRequest,
                name=name,
                reason=reason,
                force=force,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.RevokeClientRequest,
                request,
                name=name,
                reason=reason,
                force=force,
                wait=wait,
            )
        return self._calls.unary(self._stub.RevokeClient, request, timeout, waits=True)

    @overload
    def suspend_client(
        self,
        *,
        name: str,
        force: bool | None = None,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.SuspendClientResponse: ...

    @overload
    def suspend_client(
        self,
        *,
        request: auth_service_pb2.SuspendClientRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.SuspendClientResponse: ...

    def suspend_client(
        self,
        *,
        name: str | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.SuspendClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.SuspendClientResponse:
        """Suspends an application until it is resumed: its secrets, its tokens. Those issued before stay dead.

        Promises and answers as RevokeClient does; calling it again changes nothing and waits again. Needs
        `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (`FAILED_PRECONDITION` for a
        revoked client, `LAST_ADMIN` unless `force` is set).

        Args:
            name: The client's name, `clients/{client_id}`.
            force: Suspend even the last active client with `clients:admin`.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.SuspendClientRequest,
                name=name,
                force=force,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.SuspendClientRequest,
                request,
                name=name,
                force=force,
                wait=wait,
            )
        return self._calls.unary(self._stub.SuspendClient, request, timeout, waits=True)

    @overload
    def resume_client(
        self,
        *,
        name: str,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.ResumeClientResponse: ...

    @overload
    def resume_client(
        self,
        *,
        request: auth_service_pb2.ResumeClientRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.ResumeClientResponse: ...

    def resume_client(
        self,
        *,
        name: str | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.ResumeClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.ResumeClientResponse:
        """Resumes a suspended application: its secrets work again, tokens issued before the suspension do not.

        Of an active client it changes nothing. Answers as RevokeClient does. Needs `clients:admin`. Errors:
        INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (revoked).

        Args:
            name: The client's name, `clients/{client_id}`.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.ResumeClientRequest,
                name=name,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.ResumeClientRequest,
                request,
                name=name,
                wait=wait,
            )
        return self._calls.unary(self._stub.ResumeClient, request, timeout, waits=True)

    @overload
    def create_client_secret(
        self,
        *,
        parent: str,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.ClientSecret: ...

    @overload
    def create_client_secret(
        self,
        *,
        request: auth_service_pb2.CreateClientSecretRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.ClientSecret: ...

    def create_client_secret(
        self,
        *,
        parent: str | None = None,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        request: auth_service_pb2.CreateClientSecretRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.ClientSecret:
        """Makes one more secret, so that keys rotate without downtime. Its value is in this answer and nowhere else.

        When it has returned, the secret works, on every replica unless the caller's deadline came first: `change_effect`
        tells. Needs `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (`SECRET_LIMIT` with two
        live secrets, `FAILED_PRECONDITION` for a revoked client).

        Args:
            parent: The client that shall have it, `clients/{client_id}`.
            lifetime: How long it shall work, from 60 s to 100 years. Absent: until it is deleted.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.CreateClientSecretRequest,
                parent=parent,
                lifetime=_arguments.duration(lifetime),
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.CreateClientSecretRequest,
                request,
                parent=parent,
                lifetime=lifetime,
            )
        return self._calls.unary(self._stub.CreateClientSecret, request, timeout, waits=True)

    @overload
    def delete_client_secret(
        self,
        *,
        name: str,
        compromised: bool | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.DeleteClientSecretResponse: ...

    @overload
    def delete_client_secret(
        self,
        *,
        request: auth_service_pb2.DeleteClientSecretRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.DeleteClientSecretResponse: ...

    def delete_client_secret(
        self,
        *,
        name: str | None = None,
        compromised: bool | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.DeleteClientSecretRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.DeleteClientSecretResponse:
        """Deletes a secret. Tokens got with it live on, unless it is said to be compromised: then every token of
        the client dies.

        Refuses while the secret is in use, and says in message and metadata (`last_use_time` in epoch seconds,
        `last_use_peer`) when and from where. Each replica writes its uses about each minute: one of another
        replica's last minute is not seen, so delete no earlier than a minute after the last application was
        given the new secret.
        Answers as RevokeClient does. Calling it again with `compromised`, for a secret whose deletion the audit trail
        has, waits again; if the deletion let tokens live, they die now. Needs `clients:admin`. Errors: INVALID_ARGUMENT,
        NOT_FOUND, FAILED_PRECONDITION (`SECRET_IN_USE` when it was used within the last hour and neither `force` nor
        `compromised` is set, `LAST_ADMIN` unless `force` is set, `FAILED_PRECONDITION` for a revoked client).

        Args:
            name: The secret, `clients/{client_id}/secrets/{secret_id}`.
            compromised: Somebody else may have it: every token that the client got so far dies with it.
            force: Delete it though it was used within the last hour, or though no administrator would be left with a
                live secret.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.DeleteClientSecretRequest,
                name=name,
                compromised=compromised,
                force=force,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.DeleteClientSecretRequest,
                request,
                name=name,
                compromised=compromised,
                force=force,
                wait=wait,
            )
        return self._calls.unary(self._stub.DeleteClientSecret, request, timeout, waits=True)

    def get_jwks(
        self,
        *,
        request: auth_service_pb2.GetJwksRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.Jwks:
        """The public keys that verify access tokens (RFC 7517, RFC 8037). Public. No errors of its own.

        Args:
            request: A ready request.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = auth_service_pb2.GetJwksRequest()
        else:
            _arguments.check_ready(auth_service_pb2.GetJwksRequest, request)
        return self._calls.unary(self._stub.GetJwks, request, timeout, public=True)

    @overload
    def get_client_usage(
        self,
        *,
        name: str,
        timeout: Timeout | None = None,
    ) -> audit_pb2.ClientUsage: ...

    @overload
    def get_client_usage(
        self,
        *,
        request: auth_service_pb2.GetClientUsageRequest,
        timeout: Timeout | None = None,
    ) -> audit_pb2.ClientUsage: ...

    def get_client_usage(
        self,
        *,
        name: str | None = None,
        request: auth_service_pb2.GetClientUsageRequest | None = None,
        timeout: Timeout | None = None,
    ) -> audit_pb2.ClientUsage:
        """What a client calls, from where, and when it and each of its secrets were last used. Calls count about a
        minute after they ended. Needs `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE.

        Args:
            name: The client's name, `clients/{client_id}`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.GetClientUsageRequest,
                name=name,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.GetClientUsageRequest,
                request,
                name=name,
            )
        return self._calls.unary(self._stub.GetClientUsage, request, timeout)

    def list_audit_events(
        self,
        *,
        client: str | None = None,
        types: Iterable[audit_pb2.AuditEventType.ValueType] | None = None,
        start_time: timestamp_pb2.Timestamp | None = None,
        end_time: timestamp_pb2.Timestamp | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        request: auth_service_pb2.ListAuditEventsRequest | None = None,
        timeout: Timeout | None = None,
    ) -> Pager[audit_pb2.AuditEvent, auth_service_pb2.ListAuditEventsResponse]:
        """The audit trail, newest first: every change of who may call, and who was refused, summed up each minute.

        Guarantees that a change which has returned is in it, but for tokens that clients revoke of their own: those are
        summed up as refusals are. `typeplate-server audit verify` proves that nobody edited it. Needs
        `clients:admin`. Errors: INVALID_ARGUMENT, UNAVAILABLE.

        Args:
            client: Concerning this client, `clients/{client_id}`. Empty: whomever.
            types: Of one of these types. Empty: of any.
            start_time: At this time or later. Absent: from the beginning.
            end_time: Before this time. Absent: until now.
            page_size: How many at most; 0: 100. More than 1000 is taken as 1000; negative is refused (AIP-158).
            page_token: `next_page_token` of the page before, with the same filter. Empty: the first page.
            request: A ready request, instead of the arguments above.
            timeout: Seconds each page may take. Absent: the client's default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.ListAuditEventsRequest,
                filter=_arguments.part(
                    auth_service_pb2.ListAuditEventsRequest.Filter,
                    client=client,
                    types=types,
                    start_time=start_time,
                    end_time=end_time,
                ),
                page_size=page_size,
                page_token=page_token,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.ListAuditEventsRequest,
                request,
                client=client,
                types=types,
                start_time=start_time,
                end_time=end_time,
                page_size=page_size,
                page_token=page_token,
            )
        return Pager(
            lambda page: self._calls.unary(self._stub.ListAuditEvents, page, timeout),
            request,
            lambda page: page.audit_events,
        )

    @overload
    def revoke_token(
        self,
        *,
        token: str,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeTokenResponse: ...

    @overload
    def revoke_token(
        self,
        *,
        request: auth_service_pb2.RevokeTokenRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeTokenResponse: ...

    def revoke_token(
        self,
        *,
        token: str | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.RevokeTokenRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeTokenResponse:
        """Revokes one access token (RFC 7009); the client's other tokens live on.

        A client may revoke its own tokens, one with `clients:admin` everybody's. Promises as RevokeClient does. What is
        no token of this deployment, or has expired, is dead already, and saying so is no error (RFC 7009 §2.2). Needs a
        valid token. Errors: PERMISSION_DENIED `SCOPE_MISSING` for another client's token; RESOURCE_EXHAUSTED
        `RATE_LIMITED` while 8 such calls of the caller are under way on this replica, one that waits included.

        Args:
            token: The access token.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.RevokeTokenRequest,
                token=token,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.RevokeTokenRequest,
                request,
                token=token,
                wait=wait,
            )
        return self._calls.unary(self._stub.RevokeToken, request, timeout, waits=True)

    @overload
    def introspect_token(
        self,
        *,
        token: str,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IntrospectTokenResponse: ...

    @overload
    def introspect_token(
        self,
        *,
        request: auth_service_pb2.IntrospectTokenRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IntrospectTokenResponse: ...

    def introspect_token(
        self,
        *,
        token: str | None = None,
        request: auth_service_pb2.IntrospectTokenRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IntrospectTokenResponse:
        """Says whether an access token is good now, as this replica would say of a call with it (RFC 7662).

        Needs `tokens:introspect`. Errors: UNAVAILABLE `AUTH_STATE_STALE` when this replica cannot tell.

        Args:
            token: The access token.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.IntrospectTokenRequest,
                token=token,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.IntrospectTokenRequest,
                request,
                token=token,
            )
        return self._calls.unary(self._stub.IntrospectToken, request, timeout)

    def rotate_signing_key(
        self,
        *,
        compromised_kid: str | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.RotateSigningKeyRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RotateSigningKeyResponse:
        """Makes a new key sign access tokens. Tokens signed by the one before stay good until they expire.

        The new key signs once every replica knows it. When the caller's deadline comes first, or `wait` is false, it is
        only published, and the next call goes on from there. With `compromised_kid` that key dies at once instead, and
        with it every token it signed. Needs `clients:admin`. Errors: NOT_FOUND for an unknown `compromised_kid`,
        FAILED_PRECONDITION when the published key was taken away meanwhile.

        Args:
            compromised_kid: Kill the key with this id at once, in place of rotating: somebody else may have it.
                Empty: rotate.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.RotateSigningKeyRequest,
                compromised_kid=compromised_kid,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.RotateSigningKeyRequest,
                request,
                compromised_kid=compromised_kid,
                wait=wait,
            )
        return self._calls.unary(self._stub.RotateSigningKey, request, timeout, waits=True)


class AsyncAuthMethods(Methods):
    """Exchanges an application's key for a short-lived access token, and administers applications.

    Beside the errors named at a method, every method but the public ones may answer UNAUTHENTICATED
    (`TOKEN_MISSING`, `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`,
    `CLIENT_SUSPENDED`, `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`) and UNAVAILABLE
    (`AUTH_STATE_STALE`); those that write may answer UNAVAILABLE (`DATABASE_UNAVAILABLE`).

    gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
    are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
    """

    def __init__(self, calls: AsyncCalls) -> None:
        self._calls = calls

    @property
    def _stub(self) -> AuthServiceAsyncStub:
        return self._calls.stub(auth_service_pb2_grpc.AuthServiceStub)

    @overload
    async def issue_token(
        self,
        *,
        client_id: str,
        client_secret: str,
        scopes: Iterable[str] | None = None,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IssueTokenResponse: ...

    @overload
    async def issue_token(
        self,
        *,
        request: auth_service_pb2.IssueTokenRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IssueTokenResponse: ...

    async def issue_token(
        self,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        scopes: Iterable[str] | None = None,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        request: auth_service_pb2.IssueTokenRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IssueTokenResponse:
        """Exchanges a client id and secret for an access token: OAuth2 client credentials (RFC 6749 §4.4), no refresh token.

        Guarantees that no token it returns outlives a revocation: one issued while the client is being
        revoked is born dead. Public. Errors: UNAUTHENTICATED `CREDENTIALS_INVALID` (which of the two is
        wrong is not told), and, only when the secret is right, `CLIENT_REVOKED` or `CLIENT_SUSPENDED`;
        INVALID_ARGUMENT for a scope that is not granted (it is never silently dropped) or a lifetime
        below 1 s; RESOURCE_EXHAUSTED `RATE_LIMITED` after many failures from one peer; UNAVAILABLE
        `AUTH_STATE_STALE`.

        Args:
            client_id: The client's id, without `clients/`.
            client_secret: The client's secret, `tps_…`.
            scopes: The scopes the token shall carry, at most 20. Empty: all that the client is granted.
            lifetime: How long the token shall live, at least 1 s; a fraction of a second is dropped. Longer than
                allowed is shortened, and `expires_in` says so. Absent: the longest that is allowed.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.IssueTokenRequest,
                client_id=client_id,
                client_secret=client_secret,
                scopes=scopes,
                lifetime=_arguments.duration(lifetime),
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.IssueTokenRequest,
                request,
                client_id=client_id,
                client_secret=client_secret,
                scopes=scopes,
                lifetime=lifetime,
            )
        return await self._calls.unary(self._stub.IssueToken, request, timeout, public=True)

    @overload
    async def create_client(
        self,
        *,
        client: client_pb2.Client,
        client_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    @overload
    async def create_client(
        self,
        *,
        request: auth_service_pb2.CreateClientRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    async def create_client(
        self,
        *,
        client: client_pb2.Client | None = None,
        client_id: str | None = None,
        request: auth_service_pb2.CreateClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client:
        """Registers an application and makes its first secret, which is in this answer and nowhere else.

        When it has returned, the secret works, on every replica unless the caller's deadline came first: `change_effect`
        tells. Needs `clients:admin`. Errors: INVALID_ARGUMENT, ALREADY_EXISTS (also for the id of a revoked client: ids are never reused).

        Args:
            client: The client to make. `name` and output-only fields are ignored.
            client_id: The id it shall have (see Client.name for its form). Empty: the server chooses one.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.CreateClientRequest,
                client=client,
                client_id=client_id,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.CreateClientRequest,
                request,
                client=client,
                client_id=client_id,
            )
        return await self._calls.unary(self._stub.CreateClient, request, timeout, waits=True)

    @overload
    async def get_client(
        self,
        *,
        name: str,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    @overload
    async def get_client(
        self,
        *,
        request: auth_service_pb2.GetClientRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    async def get_client(
        self,
        *,
        name: str | None = None,
        request: auth_service_pb2.GetClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client:
        """Reads one client, revoked ones too, with the last use of it and of its secrets. Needs `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND.

        Args:
            name: The client's name, `clients/{client_id}`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.GetClientRequest,
                name=name,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.GetClientRequest,
                request,
                name=name,
            )
        return await self._calls.unary(self._stub.GetClient, request, timeout)

    def list_clients(
        self,
        *,
        states: Iterable[client_pb2.ClientState.ValueType] | None = None,
        scope: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        request: auth_service_pb2.ListClientsRequest | None = None,
        timeout: Timeout | None = None,
    ) -> AsyncPager[client_pb2.Client, auth_service_pb2.ListClientsResponse]:
        """Lists clients by id, revoked ones too, with their last uses. Needs `clients:admin`. Errors: INVALID_ARGUMENT.

        Args:
            states: In one of these states. Empty: in any. CLIENT_STATE_UNSPECIFIED is refused.
            scope: Granted this scope. Empty: whatever its scopes.
            page_size: How many at most; 0: 100. More than 1000 is taken as 1000; negative is refused (AIP-158).
            page_token: `next_page_token` of the page before, with the same filter. Empty: the first page.
            request: A ready request, instead of the arguments above.
            timeout: Seconds each page may take. Absent: the client's default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.ListClientsRequest,
                filter=_arguments.part(
                    auth_service_pb2.ListClientsRequest.Filter,
                    states=states,
                    scope=scope,
                ),
                page_size=page_size,
                page_token=page_token,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.ListClientsRequest,
                request,
                states=states,
                scope=scope,
                page_size=page_size,
                page_token=page_token,
            )
        return AsyncPager(
            lambda page: self._calls.unary(self._stub.ListClients, page, timeout),
            request,
            lambda page: page.clients,
        )

    @overload
    async def update_client(
        self,
        *,
        client: client_pb2.Client,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    @overload
    async def update_client(
        self,
        *,
        request: auth_service_pb2.UpdateClientRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client: ...

    async def update_client(
        self,
        *,
        client: client_pb2.Client | None = None,
        update_mask: Iterable[str] | field_mask_pb2.FieldMask | None = None,
        request: auth_service_pb2.UpdateClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.Client:
        """Changes display name, scopes, longest token life or labels.

        When a scope was taken away, no token issued before is admitted once this has returned; on every
        replica unless the caller's deadline came first: `change_effect` tells. Needs `clients:admin`. Errors:
        INVALID_ARGUMENT, NOT_FOUND, ABORTED `ETAG_MISMATCH`, FAILED_PRECONDITION (`FAILED_PRECONDITION` for a revoked client,
        `LAST_ADMIN` when the last administrator with a live secret would lose its scope, which nothing but its revocation
        with `force` can do).

        Args:
            client: The client, named by `name`. When `etag` is set it must be the current one.
            update_mask: Which fields to change: `display_name`, `scopes`, `max_token_lifetime`, `labels`, or `*` for
                all of them. Absent: those that are set in `client` (AIP-134).
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.UpdateClientRequest,
                client=client,
                update_mask=_arguments.field_mask(update_mask),
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.UpdateClientRequest,
                request,
                client=client,
                update_mask=update_mask,
            )
        return await self._calls.unary(self._stub.UpdateClient, request, timeout, waits=True)

    @overload
    async def revoke_client(
        self,
        *,
        name: str,
        reason: str | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeClientResponse: ...

    @overload
    async def revoke_client(
        self,
        *,
        request: auth_service_pb2.RevokeClientRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeClientResponse: ...

    async def revoke_client(
        self,
        *,
        name: str | None = None,
        reason: str | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.RevokeClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeClientResponse:
        """Revokes an application for good: its secrets, its tokens.

        A call that starts after this has returned and carries one of its tokens is refused, also after a
        crash and a restart: by the replica that answered, and by all of them when `effective` says so. Answers
        before the caller's deadline in any case. Calling it again changes nothing and waits again. Needs
        `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION `LAST_ADMIN` unless `force` is set.

        Args:
            name: The client's name, `clients/{client_id}`.
            reason: Why, for those who come after. At most 500 characters. Never put a secret here.
            force: Revoke even the last active client with `clients:admin`. Afterwards only `typeplate-server init
                --new-admin`, offline, makes a new one.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.RevokeClientRequest,
                name=name,
                reason=reason,
                force=force,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.RevokeClientRequest,
                request,
                name=name,
                reason=reason,
                force=force,
                wait=wait,
            )
        return await self._calls.unary(self._stub.RevokeClient, request, timeout, waits=True)

    @overload
    async def suspend_client(
        self,
        *,
        name: str,
        force: bool | None = None,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.SuspendClientResponse: ...

    @overload
    async def suspend_client(
        self,
        *,
        request: auth_service_pb2.SuspendClientRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.SuspendClientResponse: ...

    async def suspend_client(
        self,
        *,
        name: str | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.SuspendClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.SuspendClientResponse:
        """Suspends an application until it is resumed: its secrets, its tokens. Those issued before stay dead.

        Promises and answers as RevokeClient does; calling it again changes nothing and waits again. Needs
        `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (`FAILED_PRECONDITION` for a
        revoked client, `LAST_ADMIN` unless `force` is set).

        Args:
            name: The client's name, `clients/{client_id}`.
            force: Suspend even the last active client with `clients:admin`.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.SuspendClientRequest,
                name=name,
                force=force,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.SuspendClientRequest,
                request,
                name=name,
                force=force,
                wait=wait,
            )
        return await self._calls.unary(self._stub.SuspendClient, request, timeout, waits=True)

    @overload
    async def resume_client(
        self,
        *,
        name: str,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.ResumeClientResponse: ...

    @overload
    async def resume_client(
        self,
        *,
        request: auth_service_pb2.ResumeClientRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.ResumeClientResponse: ...

    async def resume_client(
        self,
        *,
        name: str | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.ResumeClientRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.ResumeClientResponse:
        """Resumes a suspended application: its secrets work again, tokens issued before the suspension do not.

        Of an active client it changes nothing. Answers as RevokeClient does. Needs `clients:admin`. Errors:
        INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (revoked).

        Args:
            name: The client's name, `clients/{client_id}`.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.ResumeClientRequest,
                name=name,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.ResumeClientRequest,
                request,
                name=name,
                wait=wait,
            )
        return await self._calls.unary(self._stub.ResumeClient, request, timeout, waits=True)

    @overload
    async def create_client_secret(
        self,
        *,
        parent: str,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.ClientSecret: ...

    @overload
    async def create_client_secret(
        self,
        *,
        request: auth_service_pb2.CreateClientSecretRequest,
        timeout: Timeout | None = None,
    ) -> client_pb2.ClientSecret: ...

    async def create_client_secret(
        self,
        *,
        parent: str | None = None,
        lifetime: timedelta | duration_pb2.Duration | None = None,
        request: auth_service_pb2.CreateClientSecretRequest | None = None,
        timeout: Timeout | None = None,
    ) -> client_pb2.ClientSecret:
        """Makes one more secret, so that keys rotate without downtime. Its value is in this answer and nowhere else.

        When it has returned, the secret works, on every replica unless the caller's deadline came first: `change_effect`
        tells. Needs `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION (`SECRET_LIMIT` with two
        live secrets, `FAILED_PRECONDITION` for a revoked client).

        Args:
            parent: The client that shall have it, `clients/{client_id}`.
            lifetime: How long it shall work, from 60 s to 100 years. Absent: until it is deleted.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.CreateClientSecretRequest,
                parent=parent,
                lifetime=_arguments.duration(lifetime),
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.CreateClientSecretRequest,
                request,
                parent=parent,
                lifetime=lifetime,
            )
        return await self._calls.unary(self._stub.CreateClientSecret, request, timeout, waits=True)

    @overload
    async def delete_client_secret(
        self,
        *,
        name: str,
        compromised: bool | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.DeleteClientSecretResponse: ...

    @overload
    async def delete_client_secret(
        self,
        *,
        request: auth_service_pb2.DeleteClientSecretRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.DeleteClientSecretResponse: ...

    async def delete_client_secret(
        self,
        *,
        name: str | None = None,
        compromised: bool | None = None,
        force: bool | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.DeleteClientSecretRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.DeleteClientSecretResponse:
        """Deletes a secret. Tokens got with it live on, unless it is said to be compromised: then every token of
        the client dies.

        Refuses while the secret is in use, and says in message and metadata (`last_use_time` in epoch seconds,
        `last_use_peer`) when and from where. Each replica writes its uses about each minute: one of another
        replica's last minute is not seen, so delete no earlier than a minute after the last application was
        given the new secret.
        Answers as RevokeClient does. Calling it again with `compromised`, for a secret whose deletion the audit trail
        has, waits again; if the deletion let tokens live, they die now. Needs `clients:admin`. Errors: INVALID_ARGUMENT,
        NOT_FOUND, FAILED_PRECONDITION (`SECRET_IN_USE` when it was used within the last hour and neither `force` nor
        `compromised` is set, `LAST_ADMIN` unless `force` is set, `FAILED_PRECONDITION` for a revoked client).

        Args:
            name: The secret, `clients/{client_id}/secrets/{secret_id}`.
            compromised: Somebody else may have it: every token that the client got so far dies with it.
            force: Delete it though it was used within the last hour, or though no administrator would be left with a
                live secret.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.DeleteClientSecretRequest,
                name=name,
                compromised=compromised,
                force=force,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.DeleteClientSecretRequest,
                request,
                name=name,
                compromised=compromised,
                force=force,
                wait=wait,
            )
        return await self._calls.unary(self._stub.DeleteClientSecret, request, timeout, waits=True)

    async def get_jwks(
        self,
        *,
        request: auth_service_pb2.GetJwksRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.Jwks:
        """The public keys that verify access tokens (RFC 7517, RFC 8037). Public. No errors of its own.

        Args:
            request: A ready request.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = auth_service_pb2.GetJwksRequest()
        else:
            _arguments.check_ready(auth_service_pb2.GetJwksRequest, request)
        return await self._calls.unary(self._stub.GetJwks, request, timeout, public=True)

    @overload
    async def get_client_usage(
        self,
        *,
        name: str,
        timeout: Timeout | None = None,
    ) -> audit_pb2.ClientUsage: ...

    @overload
    async def get_client_usage(
        self,
        *,
        request: auth_service_pb2.GetClientUsageRequest,
        timeout: Timeout | None = None,
    ) -> audit_pb2.ClientUsage: ...

    async def get_client_usage(
        self,
        *,
        name: str | None = None,
        request: auth_service_pb2.GetClientUsageRequest | None = None,
        timeout: Timeout | None = None,
    ) -> audit_pb2.ClientUsage:
        """What a client calls, from where, and when it and each of its secrets were last used. Calls count about a
        minute after they ended. Needs `clients:admin`. Errors: INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE.

        Args:
            name: The client's name, `clients/{client_id}`.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.GetClientUsageRequest,
                name=name,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.GetClientUsageRequest,
                request,
                name=name,
            )
        return await self._calls.unary(self._stub.GetClientUsage, request, timeout)

    def list_audit_events(
        self,
        *,
        client: str | None = None,
        types: Iterable[audit_pb2.AuditEventType.ValueType] | None = None,
        start_time: timestamp_pb2.Timestamp | None = None,
        end_time: timestamp_pb2.Timestamp | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        request: auth_service_pb2.ListAuditEventsRequest | None = None,
        timeout: Timeout | None = None,
    ) -> AsyncPager[audit_pb2.AuditEvent, auth_service_pb2.ListAuditEventsResponse]:
        """The audit trail, newest first: every change of who may call, and who was refused, summed up each minute.

        Guarantees that a change which has returned is in it, but for tokens that clients revoke of their own: those are
        summed up as refusals are. `typeplate-server audit verify` proves that nobody edited it. Needs
        `clients:admin`. Errors: INVALID_ARGUMENT, UNAVAILABLE.

        Args:
            client: Concerning this client, `clients/{client_id}`. Empty: whomever.
            types: Of one of these types. Empty: of any.
            start_time: At this time or later. Absent: from the beginning.
            end_time: Before this time. Absent: until now.
            page_size: How many at most; 0: 100. More than 1000 is taken as 1000; negative is refused (AIP-158).
            page_token: `next_page_token` of the page before, with the same filter. Empty: the first page.
            request: A ready request, instead of the arguments above.
            timeout: Seconds each page may take. Absent: the client's default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.ListAuditEventsRequest,
                filter=_arguments.part(
                    auth_service_pb2.ListAuditEventsRequest.Filter,
                    client=client,
                    types=types,
                    start_time=start_time,
                    end_time=end_time,
                ),
                page_size=page_size,
                page_token=page_token,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.ListAuditEventsRequest,
                request,
                client=client,
                types=types,
                start_time=start_time,
                end_time=end_time,
                page_size=page_size,
                page_token=page_token,
            )
        return AsyncPager(
            lambda page: self._calls.unary(self._stub.ListAuditEvents, page, timeout),
            request,
            lambda page: page.audit_events,
        )

    @overload
    async def revoke_token(
        self,
        *,
        token: str,
        wait: bool | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeTokenResponse: ...

    @overload
    async def revoke_token(
        self,
        *,
        request: auth_service_pb2.RevokeTokenRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeTokenResponse: ...

    async def revoke_token(
        self,
        *,
        token: str | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.RevokeTokenRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RevokeTokenResponse:
        """Revokes one access token (RFC 7009); the client's other tokens live on.

        A client may revoke its own tokens, one with `clients:admin` everybody's. Promises as RevokeClient does. What is
        no token of this deployment, or has expired, is dead already, and saying so is no error (RFC 7009 §2.2). Needs a
        valid token. Errors: PERMISSION_DENIED `SCOPE_MISSING` for another client's token; RESOURCE_EXHAUSTED
        `RATE_LIMITED` while 8 such calls of the caller are under way on this replica, one that waits included.

        Args:
            token: The access token.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.RevokeTokenRequest,
                token=token,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.RevokeTokenRequest,
                request,
                token=token,
                wait=wait,
            )
        return await self._calls.unary(self._stub.RevokeToken, request, timeout, waits=True)

    @overload
    async def introspect_token(
        self,
        *,
        token: str,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IntrospectTokenResponse: ...

    @overload
    async def introspect_token(
        self,
        *,
        request: auth_service_pb2.IntrospectTokenRequest,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IntrospectTokenResponse: ...

    async def introspect_token(
        self,
        *,
        token: str | None = None,
        request: auth_service_pb2.IntrospectTokenRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.IntrospectTokenResponse:
        """Says whether an access token is good now, as this replica would say of a call with it (RFC 7662).

        Needs `tokens:introspect`. Errors: UNAVAILABLE `AUTH_STATE_STALE` when this replica cannot tell.

        Args:
            token: The access token.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token and for the server included. Absent: the client's
                default.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.IntrospectTokenRequest,
                token=token,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.IntrospectTokenRequest,
                request,
                token=token,
            )
        return await self._calls.unary(self._stub.IntrospectToken, request, timeout)

    async def rotate_signing_key(
        self,
        *,
        compromised_kid: str | None = None,
        wait: bool | None = None,
        request: auth_service_pb2.RotateSigningKeyRequest | None = None,
        timeout: Timeout | None = None,
    ) -> auth_service_pb2.RotateSigningKeyResponse:
        """Makes a new key sign access tokens. Tokens signed by the one before stay good until they expire.

        The new key signs once every replica knows it. When the caller's deadline comes first, or `wait` is false, it is
        only published, and the next call goes on from there. With `compromised_kid` that key dies at once instead, and
        with it every token it signed. Needs `clients:admin`. Errors: NOT_FOUND for an unknown `compromised_kid`,
        FAILED_PRECONDITION when the published key was taken away meanwhile.

        Args:
            compromised_kid: Kill the key with this id at once, in place of rotating: somebody else may have it.
                Empty: rotate.
            wait: Whether to wait until it is in force everywhere, within the call's deadline. Absent: true.
            request: A ready request, instead of the arguments above.
            timeout: Seconds this call may take, waiting for a token, for the server and for its replicas included.
                Absent: the client's `timeout` if it was given one, else 30.
        """
        if request is None:
            request = _arguments.build(
                auth_service_pb2.RotateSigningKeyRequest,
                compromised_kid=compromised_kid,
                wait=wait,
            )
        else:
            _arguments.check_ready(
                auth_service_pb2.RotateSigningKeyRequest,
                request,
                compromised_kid=compromised_kid,
                wait=wait,
            )
        return await self._calls.unary(self._stub.RotateSigningKey, request, timeout, waits=True)
