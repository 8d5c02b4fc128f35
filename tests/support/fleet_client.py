"""Calls, token exchanges and revocations on a fleet, each noted in one history with its start and its end.

    async with FleetClient(addresses, admin) as client:
        app = await client.create(0, "app-1")                 # on replica 0
        member = Member(app, await client.issue(1, app))
        await client.call(2, member.issue)
        await client.revoke(3, app)
    violations(client.history)

The call is a GetVehicle of `VEHICLE`: NOT_FOUND where nobody made it, and admitted either way.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import grpc
import grpc.aio
from google.rpc import error_details_pb2

from tests.support.history import LOST, Call, History, Issue, Revocation
from tests.support.raw_calls import failed
from tests.support.server import Credentials
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc as stubs
from typeplate.v1 import client_pb2, data_service_pb2, data_service_pb2_grpc

VEHICLE: Final = "vehicles/own-1"
CALL_S: Final = 5.0
ADMIN_TOKEN_S: Final = 300.0
AT_ONCE: Final = 20
REVOKE_S: Final = 30.0
OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class App:
    """An application of the fleet and its secret."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """An application with a token of its own."""

    app: App
    issue: Issue


class FleetClient:
    """One channel to each replica, and the history of what was done over them."""

    def __init__(self, addresses: Sequence[str], admin: Credentials) -> None:
        self.history = History()
        self.swept: list[Call] = []
        self._admin = App(admin.client_id, admin.client_secret)
        self._channels = [_channel(address) for address in addresses]
        self._admin_issue: Issue | None = None
        self._issuing = asyncio.Lock()

    async def __aenter__(self) -> FleetClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        await asyncio.gather(*(channel.close() for channel in self._channels))

    @property
    def replicas(self) -> range:
        """Their numbers."""
        return range(len(self._channels))

    async def reconnect(self, replica: int, address: str) -> None:
        """After a restart, which may have changed where it listens."""
        await self._channels[replica].close()
        self._channels[replica] = _channel(address)

    async def create(self, replica: int, client_id: str, scopes: Sequence[str] = ("vehicles:read",)) -> App:
        """An application with these scopes."""
        request = pb.CreateClientRequest(client_id=client_id, client=client_pb2.Client(scopes=scopes))
        created = await self.auth(replica).CreateClient(request, metadata=await self.as_admin(), timeout=REVOKE_S)
        return App(client_id, created.secrets[0].value)

    async def issue(self, replica: int, app: App) -> Issue:
        """Exchange its secret for a token."""
        request = pb.IssueTokenRequest(client_id=app.client_id, client_secret=app.secret)
        start = time.monotonic()
        answer = await _answer(self.auth(replica).IssueToken(request, timeout=CALL_S))
        token = answer.message.access_token if answer.outcome == "OK" else ""
        issue = Issue(app.client_id, replica, start, time.monotonic(), answer.outcome, token, answer.retry)
        self.history.issues.append(issue)
        return issue

    async def call(self, replica: int, issue: Issue) -> Call:
        """Read a vehicle with the token of this issue."""
        stub: Any = data_service_pb2_grpc.DataServiceStub(self._channels[replica])
        start = time.monotonic()
        rpc = stub.GetVehicle(
            data_service_pb2.GetVehicleRequest(name=VEHICLE), metadata=_bearer(issue.token), timeout=CALL_S
        )
        answer = await _answer(rpc)
        call = Call(issue, replica, start, time.monotonic(), answer.outcome, answer.retry)
        self.history.calls.append(call)
        return call

    async def crowd(self, count: int, name: str, replicas: Sequence[int] | None = None) -> list[Member]:
        """This many applications with tokens, made and issued on these replicas in turn (default: all)."""
        on = self.replicas if replicas is None else replicas

        few = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> Member:
            async with few:
                app = await self.create(on[number % len(on)], f"{name}-{number:04}")
                issue = await self.issue(on[(number + 1) % len(on)], app)
            assert issue.token, issue.outcome
            return Member(app, issue)

        return await asyncio.gather(*(one(number) for number in range(count)))

    async def on_all(self, issue: Issue) -> list[Call]:
        """One call on each replica at once."""
        return await asyncio.gather(*(self.call(replica, issue) for replica in self.replicas))

    async def sweep(self, members: Sequence[Member]) -> None:
        """Call with the token of each on each replica; the calls are kept in `swept`, too."""
        for member in members:
            self.swept += await self.on_all(member.issue)

    async def revoke(self, replica: int, app: App, within_s: float = REVOKE_S, *, wait: bool = True) -> Revocation:
        """Revoke it, and wait until that holds everywhere or `within_s` have passed; or, if so told, for nobody."""
        request = pb.RevokeClientRequest(name=f"clients/{app.client_id}", reason="test", wait=wait)
        metadata = await self.as_admin()
        start = time.monotonic()
        answer = await _answer(self.auth(replica).RevokeClient(request, metadata=metadata, timeout=within_s))
        revocation = Revocation(app.client_id, replica, start, time.monotonic(), answer.outcome)
        if answer.outcome == "OK":
            revocation = _effect(revocation, answer.message)
        self.history.revocations.append(revocation)
        return revocation

    async def whole(self, within_s: float = 30.0) -> None:
        """Waits until every replica exchanges the administrator's secret, as before any fault."""
        async with asyncio.timeout(within_s):
            while True:
                if all([(await self.issue(replica, self._admin)).token for replica in self.replicas]):
                    return
                await asyncio.sleep(0.05)

    async def as_admin(self) -> tuple[tuple[str, str], ...]:
        """Metadata of a call by the administrator, with a token of any replica that issues one."""
        async with self._issuing:
            known = self._admin_issue
            if known is None or known.start < time.monotonic() - ADMIN_TOKEN_S:
                tried = await asyncio.gather(*(self.issue(replica, self._admin) for replica in self.replicas))
                known = self._admin_issue = next((each for each in tried if each.token), known)
                assert known is not None, [each.outcome for each in tried]
            return _bearer(known.token)

    def channel(self, replica: int) -> grpc.aio.Channel:
        """To this replica."""
        return self._channels[replica]

    def auth(self, replica: int) -> Any:
        """A stub of its AuthService."""
        return stubs.AuthServiceStub(self._channels[replica])


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: str
    message: Any = None
    retry: bool = False


async def _answer(rpc: Any) -> _Answer:
    """What came back: `OK`, the reason of the server's error, or LOST when it did not answer."""
    try:
        return _Answer("OK", await rpc)
    except grpc.aio.AioRpcError as error:
        answer = failed(error, ())
        retry = any(isinstance(each, error_details_pb2.RetryInfo) for each in answer.details)
        return _Answer(answer.reason or LOST, retry=retry)


def _effect(revocation: Revocation, response: Any) -> Revocation:
    effective = client_pb2.Effective.Name(response.effective).removeprefix("EFFECTIVE_")
    proof = client_pb2.EffectiveProof.Name(response.proof).removeprefix("EFFECTIVE_PROOF_")
    ahead = time.time() - time.monotonic()
    at = response.everywhere_time.ToNanoseconds() / 1e9 - ahead
    return replace(revocation, effective=effective, proof=proof, everywhere_at=at if at > 0 else math.inf)


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def _channel(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, options=OPTIONS)
