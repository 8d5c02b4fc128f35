"""Calls, token exchanges and revocations on a fleet, each noted in one history with its start and its end.

    async with FleetClient(addresses, admin) as client:
        app = await client.create(0, "app-1")                 # on replica 0
        issue = await client.issue(1, app)
        await client.call(2, issue)
        await client.revoke(3, app)
        async with Load(client, per_second=50) as load:       # on every replica, until left
            load.target(app, issue)
    violations(client.history)

The call is a GetVehicle of `VEHICLE`: NOT_FOUND where nobody made it, and admitted either way.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final

import grpc
import grpc.aio
from google.rpc import error_details_pb2

from tests.support.history import LOST, REFUSALS, Call, History, Issue, Revocation, admitted
from tests.support.raw_calls import failed
from tests.support.server import Credentials
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import auth_service_pb2_grpc as stubs
from typeplate.v1 import client_pb2, data_service_pb2, data_service_pb2_grpc

VEHICLE: Final = "vehicles/own-1"
CALL_S: Final = 5.0
REVOKE_S: Final = 30.0
OUTSTANDING: Final = 300
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


class FleetClient:
    """One channel to each replica, and the history of what was done over them."""

    def __init__(self, addresses: Sequence[str], admin: Credentials) -> None:
        self.history = History()
        self._admin = App(admin.client_id, admin.client_secret)
        self._channels = [_channel(address) for address in addresses]
        self._admin_token = ""

    async def __aenter__(self) -> FleetClient:
        self._admin_token = (await self.issue(0, self._admin)).token
        assert self._admin_token
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

    async def create(self, replica: int, client_id: str) -> App:
        """An application that may read vehicles."""
        request = pb.CreateClientRequest(client_id=client_id, client=client_pb2.Client(scopes=["vehicles:read"]))
        created = await self._auth(replica).CreateClient(request, metadata=self.as_admin, timeout=REVOKE_S)
        return App(client_id, created.secrets[0].value)

    async def issue(self, replica: int, app: App) -> Issue:
        """Exchange its secret for a token."""
        request = pb.IssueTokenRequest(client_id=app.client_id, client_secret=app.secret)
        start = time.monotonic()
        answer = await _answer(self._auth(replica).IssueToken(request, timeout=CALL_S))
        token = answer.message.access_token if answer.outcome == "OK" else ""
        issue = Issue(app.client_id, replica, start, time.monotonic(), answer.outcome, token)
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

    async def revoke(self, replica: int, app: App, within_s: float = REVOKE_S) -> Revocation:
        """Revoke it, and wait until that holds everywhere or `within_s` have passed."""
        request = pb.RevokeClientRequest(name=f"clients/{app.client_id}", reason="test")
        start = time.monotonic()
        answer = await _answer(self._auth(replica).RevokeClient(request, metadata=self.as_admin, timeout=within_s))
        revocation = Revocation(app.client_id, replica, start, time.monotonic(), answer.outcome)
        if answer.outcome == "OK":
            revocation = _effect(revocation, answer.message)
        self.history.revocations.append(revocation)
        return revocation

    @property
    def as_admin(self) -> tuple[tuple[str, str], ...]:
        """Metadata of a call by the administrator."""
        return _bearer(self._admin_token)

    def channel(self, replica: int) -> grpc.aio.Channel:
        """To this replica."""
        return self._channels[replica]

    def _auth(self, replica: int) -> Any:
        return stubs.AuthServiceStub(self._channels[replica])


class Load:
    """Calls at a steady rate on every replica, whatever becomes of them, while it is entered.

    Each tick calls with a token of the application aimed at; each `issue_each`-th exchanges its secret first and goes
    on with the new token, so that exchanges race with its revocation too.
    """

    def __init__(self, client: FleetClient, per_second: float = 50.0, issue_each: int = 10) -> None:
        self._client = client
        self._pause_s = 1 / per_second
        self._issue_each = issue_each
        self._targets: dict[int, tuple[App, Issue]] = {}
        self._tickers: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._noted = asyncio.Event()
        self.skipped = 0

    async def __aenter__(self) -> Load:
        self._tickers = [asyncio.create_task(self._tick(replica)) for replica in self._client.replicas]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for ticker in self._tickers:
            ticker.cancel()
        await asyncio.gather(*self._tickers, return_exceptions=True)
        await asyncio.gather(*self._running)

    def target(self, app: App, issue: Issue) -> None:
        """From now on call as this application."""
        self._targets = dict.fromkeys(self._client.replicas, (app, issue))

    async def until(self, holds: Callable[[], bool], what: str, within_s: float) -> None:
        """Wait until that holds, looking after each call."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    self._noted.clear()
                    await self._noted.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s: {what}") from None

    async def _tick(self, replica: int) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._pause_s * replica / len(self._client.replicas)
        for number in itertools.count():
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + self._pause_s, loop.time() - 1.0)
            if replica in self._targets and len(self._running) < OUTSTANDING:
                self._start(self._one(replica, issue_first=number % self._issue_each == 0))
            else:
                self.skipped += replica in self._targets

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _one(self, replica: int, *, issue_first: bool) -> None:
        app, issue = self._targets[replica]
        if issue_first:
            fresh = await self._client.issue(replica, app)
            if fresh.token and self._targets[replica][0] is app:
                self._targets[replica] = (app, fresh)
        await self._client.call(replica, issue)
        self._noted.set()


class Watch:
    """Which replicas did what with an application's calls since a moment; asked after each call."""

    def __init__(self, client: FleetClient, app: App) -> None:
        self._history = client.history
        self._app = app
        self._seen = len(self._history.calls)
        self._since = time.monotonic()
        self._admitted: set[int] = set()
        self._refused: set[int] = set()

    def admitted_by(self) -> set[int]:
        """The replicas that let a call in which started since."""
        self._look()
        return self._admitted

    def refused_by(self) -> set[int]:
        """The replicas that refused one."""
        self._look()
        return self._refused

    def _look(self) -> None:
        for call in self._history.calls[self._seen :]:
            if call.client == self._app.client_id and call.start >= self._since:
                if admitted(call):
                    self._admitted.add(call.replica)
                elif call.outcome in REFUSALS:
                    self._refused.add(call.replica)
        self._seen = len(self._history.calls)


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
