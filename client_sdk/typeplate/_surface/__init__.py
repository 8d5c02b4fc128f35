"""The attributes of both clients, one per service. Generated from the protos by `make proto`; do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typeplate._lazy import lazy

if TYPE_CHECKING:
    from typeplate._calls import Calls
    from typeplate._calls_aio import AsyncCalls
    from typeplate._surface.auth import AsyncAuthMethods, AuthMethods
    from typeplate._surface.data import AsyncDataMethods, DataMethods


class Surface:
    """A client's methods by service, each imported when it is first used."""

    _calls: Calls

    @lazy
    def auth(self) -> AuthMethods:
        """Exchanges an application's key for a short-lived access token, and administers applications.

        Beside the errors named at a method, every method but the public ones may answer UNAUTHENTICATED
        (`TOKEN_MISSING`, `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`,
        `CLIENT_SUSPENDED`, `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`) and UNAVAILABLE
        (`AUTH_STATE_STALE`); those that write may answer UNAVAILABLE (`DATABASE_UNAVAILABLE`).

        gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
        are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
        """
        from typeplate._surface.auth import AuthMethods

        return AuthMethods(self._calls)

    @lazy
    def data(self) -> DataMethods:
        """Reads and writes technical vehicle data.

        Beside the errors named at a method, every method may answer UNAUTHENTICATED (`TOKEN_MISSING`,
        `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`, `CLIENT_SUSPENDED`,
        `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`, always before NOT_FOUND) and UNAVAILABLE
        (`AUTH_STATE_STALE`, `DATABASE_UNAVAILABLE`).

        gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
        are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
        """
        from typeplate._surface.data import DataMethods

        return DataMethods(self._calls)


class AsyncSurface:
    """A client's methods by service, each imported when it is first used."""

    _calls: AsyncCalls

    @lazy
    def auth(self) -> AsyncAuthMethods:
        """Exchanges an application's key for a short-lived access token, and administers applications.

        Beside the errors named at a method, every method but the public ones may answer UNAUTHENTICATED
        (`TOKEN_MISSING`, `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`,
        `CLIENT_SUSPENDED`, `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`) and UNAVAILABLE
        (`AUTH_STATE_STALE`); those that write may answer UNAVAILABLE (`DATABASE_UNAVAILABLE`).

        gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
        are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
        """
        from typeplate._surface.auth import AsyncAuthMethods

        return AsyncAuthMethods(self._calls)

    @lazy
    def data(self) -> AsyncDataMethods:
        """Reads and writes technical vehicle data.

        Beside the errors named at a method, every method may answer UNAUTHENTICATED (`TOKEN_MISSING`,
        `TOKEN_MALFORMED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `CLIENT_REVOKED`, `CLIENT_SUSPENDED`,
        `TOKEN_REVOKED`), PERMISSION_DENIED (`SCOPE_MISSING`, always before NOT_FOUND) and UNAVAILABLE
        (`AUTH_STATE_STALE`, `DATABASE_UNAVAILABLE`).

        gRPC itself answers RESOURCE_EXHAUSTED, without a reason of ours, to a message over 4 MiB and while too many calls
        are in progress (TYPEPLATE_MAX_CONCURRENT_RPCS).
        """
        from typeplate._surface.data import AsyncDataMethods

        return AsyncDataMethods(self._calls)
