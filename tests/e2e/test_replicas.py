"""What one replica of a fleet says while another is stopped, cut off or slow, and what holds once it has said so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest
from google.protobuf import field_mask_pb2

from tests.support.fleet import Fleet, addresses, running_fleet
from tests.support.fleet_client import VEHICLE, App, FleetClient, Member
from tests.support.history import STALE, Call, Issue, percentile
from tests.support.postgres import shared_postgres
from tests.support.scale import scaled
from tests.support.server import command
from typeplate.v1 import auth_service_pb2 as pb
from typeplate.v1 import client_pb2, data_service_pb2, data_service_pb2_grpc, vehicle_pb2

BOUND_S = 2.5
DEADLINE_S = 1.0
AT_ONCE_S = 0.5
HELD_S = 0.3
FOLLOWED_S = 1.0
WRITES = scaled(8, 200)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
HERE, THERE = 0, 1
NAMES = (f"app-{number}" for number in count())

pytestmark = pytest.mark.timeout(scaled(60, 300))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    directory = tmp_path_factory.mktemp("replicas")
    with running_fleet(directory, 2, max_staleness_s=BOUND_S, postgres=shared_postgres()) as fleet:
        yield fleet


@pytest.fixture
async def client(fleet: Fleet) -> AsyncIterator[FleetClient]:
    async with FleetClient(addresses(fleet.replicas), fleet.admin) as client:
        yield client
        for replica in fleet.replicas:
            replica.resume()
            replica.wire.mend()
        await _until_served(client, await client.create(HERE, next(NAMES)))


async def test_what_a_revocation_says_while_a_replica_is_stopped_is_true(fleet: Fleet, client: FleetClient) -> None:
    """In time for its deadline: where it holds, and by when everywhere. From then on the stopped one admits nobody."""
    bystander, doomed = await client.crowd(2, next(NAMES))
    for member in (bystander, doomed):
        assert await _outcomes(client, member) == {"NOT_FOUND"}
    fleet.replicas[THERE].pause()
    first = await client.revoke(HERE, doomed.app, DEADLINE_S)
    assert first.effective == "THIS_REPLICA"
    assert DEADLINE_S / 2 < first.end - first.start < DEADLINE_S
    assert first.start < first.everywhere_at <= first.end + BOUND_S * 1.01
    unwaited = await client.revoke(HERE, doomed.app, wait=False)
    assert unwaited.effective == "THIS_REPLICA"
    assert unwaited.end - unwaited.start < AT_ONCE_S
    again = asyncio.create_task(client.revoke(HERE, doomed.app))
    await asyncio.sleep(max(0.0, first.everywhere_at - time.monotonic()))  # the promise itself
    late = [asyncio.create_task(client.call(THERE, doomed.issue)) for _ in range(10)]
    await asyncio.sleep(0.1)  # they lie in the stopped one's socket
    fleet.replicas[THERE].resume()
    assert {call.outcome for call in await asyncio.gather(*late)} <= {STALE, "CLIENT_REVOKED"}
    repeated = await again
    assert (repeated.effective, repeated.end - repeated.start > DEADLINE_S) == ("EVERYWHERE", True)
    await _until_served(client, bystander.app)
    assert await _outcomes(client, doomed) == {"CLIENT_REVOKED"}


async def test_what_was_granted_works_everywhere_once_the_call_has_returned(fleet: Fleet, client: FleetClient) -> None:
    """Of a client, a secret and a scope, although news are slow to reach the other replica."""
    app = App(next(NAMES), "")
    metadata = await client.as_admin()
    name = f"clients/{app.client_id}"
    async with _SlowNews(fleet) as news:
        created = await client.create(HERE, app.client_id)
        news.assert_had_come()
        assert (await client.issue(THERE, created)).outcome == "OK"
    async with _SlowNews(fleet) as news:
        request = pb.CreateClientSecretRequest(parent=name)
        secret = await client.auth(HERE).CreateClientSecret(request, metadata=metadata, timeout=10)
        news.assert_had_come()
        assert (await client.issue(THERE, App(app.client_id, secret.value))).outcome == "OK"
    async with _SlowNews(fleet) as news:
        scopes = ["vehicles:read", "vehicles:write"]
        change = pb.UpdateClientRequest(
            client=client_pb2.Client(name=name, scopes=scopes), update_mask=field_mask_pb2.FieldMask(paths=["scopes"])
        )
        await client.auth(HERE).UpdateClient(change, metadata=metadata, timeout=10)
        news.assert_had_come()
        wanted = pb.IssueTokenRequest(client_id=app.client_id, client_secret=created.secret, scopes=scopes)
        assert (await client.auth(THERE).IssueToken(wanted, timeout=10)).scopes == scopes


async def test_a_replica_that_is_cut_off_issues_no_token(fleet: Fleet, client: FleetClient) -> None:
    """It cannot know whether the secret still stands. It says when to come again, and has no grudge afterwards."""
    [member] = await client.crowd(1, next(NAMES))
    fleet.replicas[THERE].wire.cut()
    await _until(lambda: client.call(THERE, member.issue), STALE)
    for app in (member.app, App(member.app.client_id, "wrong"), App("nobody", "")):
        issue = await client.issue(THERE, app)
        assert (issue.outcome, issue.retry) == (STALE, True)
    assert (await client.issue(HERE, member.app)).outcome == "OK"
    fleet.replicas[THERE].wire.mend()
    await _until_served(client, member.app)


async def test_a_replica_forgets_a_vehicle_that_another_has_changed(client: FleetClient) -> None:
    """Within a second, though the vehicle was hot there; how long it took is printed."""
    metadata = await client.as_admin()
    here, there = (data_service_pb2_grpc.DataServiceStub(client.channel(replica)) for replica in (HERE, THERE))
    vehicle = vehicle_pb2.Vehicle(name=VEHICLE, make="Opel", model="0", model_year=2020)
    request = data_service_pb2.CreateVehicleRequest(vehicle=vehicle, vehicle_id=VEHICLE.removeprefix("vehicles/"))
    await here.CreateVehicle(request, metadata=metadata)
    took = []
    get = data_service_pb2.GetVehicleRequest(name=VEHICLE)
    try:
        for number in range(1, WRITES + 1):
            for _ in range(3):
                assert (await there.GetVehicle(get, metadata=metadata)).model == vehicle.model
            vehicle.model = str(number)
            await here.UpdateVehicle(data_service_pb2.UpdateVehicleRequest(vehicle=vehicle), metadata=metadata)
            written = time.monotonic()
            while (await there.GetVehicle(get, metadata=metadata)).model != vehicle.model:
                assert time.monotonic() - written < FOLLOWED_S
                await asyncio.sleep(0.005)
            took.append(time.monotonic() - written)
    finally:
        await here.DeleteVehicle(data_service_pb2.DeleteVehicleRequest(name=VEHICLE), metadata=metadata)
    p50, p99, worst = (1000 * value for value in (percentile(took, 50), percentile(took, 99), max(took)))
    print(f"a change shows on another replica after: p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {worst:.0f} ms")


async def test_what_was_granted_while_a_replica_is_stopped_says_where_it_works(
    fleet: Fleet, client: FleetClient
) -> None:
    """In time for the deadline of the call, and by when it works everywhere; once all follow again, everywhere."""
    auth, metadata = client.auth(HERE), await client.as_admin()
    name = next(NAMES)
    changes: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: auth.CreateClient(
            pb.CreateClientRequest(client_id=name, client=client_pb2.Client()), metadata=metadata, timeout=AT_ONCE_S
        ),
        lambda: auth.CreateClientSecret(
            pb.CreateClientSecretRequest(parent=f"clients/{name}"), metadata=metadata, timeout=AT_ONCE_S
        ),
        lambda: auth.UpdateClient(
            pb.UpdateClientRequest(client=client_pb2.Client(name=f"clients/{name}", scopes=["vehicles:read"])),
            metadata=metadata,
            timeout=AT_ONCE_S,
        ),
    )
    fleet.replicas[THERE].pause()
    for change in changes:
        before = time.time()
        effect = (await change()).change_effect
        assert (effect.effective, effect.proof) == (client_pb2.EFFECTIVE_THIS_REPLICA, 0)
        assert before < effect.everywhere_time.ToMicroseconds() / 1e6 < time.time() + BOUND_S * 1.01
    fleet.replicas[THERE].resume()
    await _until_served(client, await client.create(HERE, next(NAMES)))
    effect = (await changes[2]()).change_effect
    assert (effect.effective, effect.proof) == (
        client_pb2.EFFECTIVE_EVERYWHERE,
        client_pb2.EFFECTIVE_PROOF_ACKNOWLEDGED,
    )


async def test_a_silent_replica_has_not_acknowledged(fleet: Fleet, client: FleetClient) -> None:
    """It costs one wait, and no answer says that every replica has the change until it has come back and read."""
    fleet.replicas[THERE].pause()
    first, second = [await client.revoke(HERE, await client.create(HERE, next(NAMES))) for _ in range(2)]
    assert {each.proof for each in (first, second)} == {"STALENESS_BOUND"}
    assert second.end - second.start < AT_ONCE_S
    fleet.replicas[THERE].resume()
    await _until_served(client, await client.create(HERE, next(NAMES)))
    last = await client.revoke(HERE, await client.create(HERE, next(NAMES)))
    assert (last.effective, last.proof) == ("EVERYWHERE", "ACKNOWLEDGED")


async def test_a_new_epoch_holds_on_a_replica_that_is_cut_off(fleet: Fleet) -> None:
    """Just before it begins: a revocation in it waits until that one admits nobody, and so does the command."""
    async with FleetClient(addresses(fleet.replicas), fleet.admin) as client:
        [doomed] = await client.crowd(1, next(NAMES))
        bystander = await client.create(HERE, next(NAMES))
        with fleet.postgres.connect(fleet.database) as holding, fleet.postgres.connect(fleet.database) as looking:
            with holding.transaction():
                holding.execute("SELECT 1 FROM clients WHERE client_id = %s FOR UPDATE", [bystander.client_id])
                settings = {"DATABASE_URL": fleet.postgres.url(fleet.database)}
                data_dir = fleet.replicas[HERE].data_dir
                beginning = asyncio.create_task(
                    asyncio.to_thread(command, data_dir, "restore-epoch", "--yes", **settings)
                )
                while not looking.execute(WAITING).fetchall():
                    assert not beginning.done(), beginning.result().stderr
                    await asyncio.sleep(0.01)
                fleet.replicas[THERE].wire.cut()
            await _revoked_under_the_new_epoch(fleet, doomed.app)
            assert {(await client.call(THERE, doomed.issue)).outcome for _ in range(10)} == {STALE}
        done = await beginning
        assert done.returncode == 0, done.stderr
        fleet.replicas[THERE].wire.mend()
        await _until_served(client, bystander)
        assert await _outcomes(client, doomed) == {"CLIENT_REVOKED"}


async def _revoked_under_the_new_epoch(fleet: Fleet, app: App) -> None:
    """By an administrator whose token is of it, too."""
    async with asyncio.timeout(20):
        while True:
            async with FleetClient([fleet.replicas[HERE].address], fleet.admin) as client:
                await client.whole()
                if (await client.revoke(HERE, app)).effective == "EVERYWHERE":
                    return
            await asyncio.sleep(0.02)


class _SlowNews:
    """For a moment after it was entered, nothing reaches the replica THERE; who answers before has not waited."""

    def __init__(self, fleet: Fleet) -> None:
        self._wire = fleet.replicas[THERE].wire
        self._mending: asyncio.Task[None] | None = None
        self._had_come = False

    async def __aenter__(self) -> _SlowNews:
        self._wire.stall()
        self._mending = asyncio.create_task(self._mend())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._mending is not None
        await self._mending

    def assert_had_come(self) -> None:
        """That it was waited for."""
        assert self._had_come

    async def _mend(self) -> None:
        await asyncio.sleep(HELD_S)
        self._had_come = True
        await asyncio.to_thread(self._wire.mend)


async def _outcomes(client: FleetClient, member: Member) -> set[str]:
    return {call.outcome for call in await client.on_all(member.issue)}


async def _until_served(client: FleetClient, app: App) -> None:
    """Until every replica issues tokens again."""
    for replica in client.replicas:
        await _until(lambda replica=replica: client.issue(replica, app), "OK")  # type: ignore[misc]


async def _until(ask: Callable[[], Awaitable[Call | Issue]], outcome: str) -> None:
    """Until it comes out so."""
    async with asyncio.timeout(20):
        while True:
            if (await ask()).outcome == outcome:
                return
            await asyncio.sleep(0.02)
