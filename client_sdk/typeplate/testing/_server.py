"""Owns what a test may do with its server: make clients, load vehicles, and switch faults on and off.

Every switch works as the real thing does: an administrator's call, the server's own clock, a stop and a start. Only
`refuse` and `slow` come before the server.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from typeplate.testing import _vehicles
from typeplate.testing._credentials import Credentials
from typeplate.testing._faults import AGENT, error_of
from typeplate.testing._host import Host
from typeplate.testing._names import checked_method

if TYPE_CHECKING:
    from typeplate import AsyncClient, Client
    from typeplate.v1.vehicle_pb2 import Vehicle

READ = ("vehicles:read",)
LIFETIME_S = 900.0
"""No token lives longer."""


class Server:
    """A server on a free port of loopback, from `with` to its end. May be used from any thread.

    Args:
        environ: Settings of the server, as its README lists them, for example `TYPEPLATE_MAX_TOKEN_LIFETIME`.
        ca_file: Whom the clients made here trust, where `environ` turns TLS on.
    """

    def __init__(self, *, environ: Mapping[str, str] | None = None, ca_file: str | Path | None = None) -> None:
        """Raises ImportError where the extra `typeplate[testing]` is not installed."""
        self._ca_file = None if ca_file is None else str(ca_file)
        self._host = Host(environ or {})
        self._made: list[Client] = []
        self._admin: Client | None = None
        self._coming_back: threading.Timer | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {f'at {self.target}' if self._host.is_open else 'outside of its `with`'}>"

    def __enter__(self) -> Self:
        self._host.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stay_away()
        for client in self._made:
            client.close()
        self._made.clear()
        self._admin = None
        self._host.close()

    # Who calls

    @property
    def target(self) -> str:
        """Its address, `host:port`. It stays the same when the server goes away and comes back."""
        return self._host.place().address

    @property
    def admin(self) -> Client:
        """The administrator, who may do everything. Its calls are not counted, refused or slowed down."""
        if self._admin is None:
            self._admin = self.client(self._host.admin(self._ca_file), user_agent=AGENT)
        return self._admin

    def create_client(self, client_id: str = "", *, scopes: Iterable[str] = READ) -> Credentials:
        """Registers an application and returns its credentials. An empty id: the server chooses one."""
        from typeplate.v1.client_pb2 import Client as Message

        made = self.admin.auth.create_client(client=Message(scopes=scopes), client_id=client_id)
        return Credentials(self.target, made.client_id, made.secrets[0].value, self._ca_file)

    def client(
        self, credentials: Credentials | None = None, *, scopes: Iterable[str] = READ, **settings: Any
    ) -> Client:
        """A client for these credentials, or for a new application with these scopes; closed with the server.

        `settings` are those of `typeplate.Client`.
        """
        from typeplate import Client

        credentials = credentials or self.create_client(scopes=scopes)
        made = Client(**credentials.settings(settings))
        self._made.append(made)
        return made

    def async_client(
        self, credentials: Credentials | None = None, *, scopes: Iterable[str] = READ, **settings: Any
    ) -> AsyncClient:
        """The same for asyncio; to be closed by the test, as with `async with`."""
        from typeplate import AsyncClient

        credentials = credentials or self.create_client(scopes=scopes)
        return AsyncClient(**credentials.settings(settings))

    # What it knows

    def add_vehicle(self, vehicle_id: str = "", /, **fields: Any) -> Vehicle:
        """Creates a vehicle of these fields of `typeplate.v1.Vehicle`. An empty id: the server chooses one.

        Raises TypeError or ValueError naming the field that does not exist, or whose value does not fit.
        """
        return self.admin.data.create_vehicle(vehicle=_vehicles.vehicle_of(fields), vehicle_id=vehicle_id)

    def load_vehicles(self, vehicles: Iterable[Vehicle]) -> int:
        """Imports vehicles, each with its name; returns how many. Raises ValueError for one that is refused."""
        return _vehicles.load(self.admin, vehicles)

    def load_sample(self) -> int:
        """Imports the server's sample, some 1,700 vehicles of real models, in about a second; returns how many."""
        return self.load_vehicles(_vehicles.sample())

    # What goes wrong

    def expire_tokens(self) -> None:
        """Has every token issued so far refused with TOKEN_EXPIRED, though its client takes it for fresh."""
        self.step_clock(LIFETIME_S + 60)

    def step_clock(self, seconds: float) -> None:
        """Puts the server's clock forward, and not the clients'."""
        self._host.step_clock(seconds)

    def revoke(self, client: Credentials | Client | AsyncClient | str, reason: str = "by a test") -> None:
        """Revokes an application, given by its client or id, for good: its calls are refused with CLIENT_REVOKED."""
        self.admin.auth.revoke_client(name=name_of(client), reason=reason)

    def suspend(self, client: Credentials | Client | AsyncClient | str) -> None:
        """Suspends an application: its calls are refused with CLIENT_SUSPENDED until `resume`."""
        self.admin.auth.suspend_client(name=name_of(client))

    def resume(self, client: Credentials | Client | AsyncClient | str) -> None:
        """Lets a suspended application call again; a client that was refused looks again after half a minute."""
        self.admin.auth.resume_client(name=name_of(client))

    def rotate_secret(self, client: Credentials | Client | AsyncClient | str) -> Credentials:
        """Gives an application a new secret and takes the old ones away; tokens got with them live on."""
        name = name_of(client)
        old = [secret.secret_id for secret in self.admin.auth.get_client(name=name).secrets]
        for secret_id in old[1:]:  # two may live at a time
            self.admin.auth.delete_client_secret(name=f"{name}/secrets/{secret_id}", force=True)
        made = self.admin.auth.create_client_secret(parent=name)
        for secret_id in old[:1]:
            self.admin.auth.delete_client_secret(name=f"{name}/secrets/{secret_id}", force=True)
        return Credentials(self.target, name.removeprefix("clients/"), made.value, self._ca_file)

    def rotate_signing_key(self, *, compromised: bool = False) -> None:
        """Signs tokens with a new key. Those of older keys live on, or with `compromised` are refused at once."""
        if not compromised:
            self.admin.auth.rotate_signing_key()
            return
        for key in self.admin.auth.get_jwks().keys:
            self.admin.auth.rotate_signing_key(compromised_kid=key.kid)

    @contextmanager
    def away(self) -> Iterator[None]:
        """The server is stopped inside of the block, and comes back at the same port with the same data."""
        self._stay_away()
        self._host.stop()
        try:
            yield
        finally:
            self._host.start()

    def go_away(self, seconds: float = 1.0) -> None:
        """Stops the server, which comes back by itself after so long. Returns when it has stopped."""
        self._stay_away()
        self._host.stop()
        self._coming_back = threading.Timer(seconds, self._host.start)
        self._coming_back.daemon = True
        self._coming_back.start()

    def _stay_away(self) -> None:
        if self._coming_back is not None:
            self._coming_back.cancel()
            self._coming_back.join()
            self._coming_back = None

    def refuse(
        self,
        reason: str,
        *,
        times: int = 1,
        method: str | None = None,
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Refuses the next calls as the server would for this reason.

        Raises ValueError for a reason or a method that does not exist.

        Args:
            reason: A name of `typeplate.v1.ErrorReason` less its prefix, for example `DATABASE_UNAVAILABLE`.
            times: How many calls, retries included.
            method: For example `GetVehicle` or `IssueToken`. Absent: any that takes a token.
            retry_after: Seconds after which the server says that the same call may succeed.
            metadata: What the error says beside its reason, for example `{"scope": "vehicles:write"}`.
        """
        self._host.faults.refuse(error_of(reason, retry_after, metadata), times, checked_method(method))

    def slow(self, seconds: float, *, method: str | None = None) -> None:
        """Answers each call, or those to this method, so much later; 0 ends it."""
        self._host.faults.slow(seconds, checked_method(method))

    def mend(self) -> None:
        """Ends `refuse`, `slow` and `go_away`; what was revoked, suspended or rotated stays so."""
        self._stay_away()
        self._host.faults.mend()
        self._host.start()

    # What it saw

    def calls(self, method: str | None = None) -> int:
        """How many calls have come, to this method or to all, for example `calls("IssueToken")`."""
        return self._host.faults.calls(checked_method(method))

    @property
    def log(self) -> str:
        """Its call log so far, a JSON object a line; written in batches, so the latest calls may be missing."""
        return self._host.log.getvalue()


def name_of(client: Credentials | Client | AsyncClient | str) -> str:
    """The resource name of an application. Raises ValueError for a client without credentials."""
    if isinstance(client, str):
        return client if client.startswith("clients/") else f"clients/{client}"
    if isinstance(client, Credentials):
        return f"clients/{client.client_id}"
    if (credentials := client._options.credentials) is None:
        raise ValueError("this client has no credentials")
    return f"clients/{credentials.client_id}"
