"""A revocation holds on every replica of a real fleet: four processes on one PostgreSQL, healthy and under faults.

Calls, token exchanges and revocations run on all of them; the history of it is checked as a whole at the end.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.support import fleet_faults as faults
from tests.support.fleet import Fleet, addresses, running_fleet
from tests.support.fleet_client import FleetClient, Member
from tests.support.fleet_faults import Fault, Scene
from tests.support.fleet_load import Load, Watch
from tests.support.history import STALE, Revocation, delays, percentile, violations
from tests.support.scale import LONG, scaled

REPLICAS = 4
BOUND_S = scaled(2.8, 2.0)
COMMIT_TIME_SLACK_S = 0.1
"""PostgreSQL notes the time of a commit before it writes it."""
REVOCATIONS = scaled(40, 1000)
ROUNDS = scaled(1, 20)
RECOVERY_S = scaled(8.0, 2.0)
"""A full run has the machine alone."""
P99_S = 0.050
LOADED_S = 1.0
"""What a short run allows, for it shares its machine with other tests."""
CROWD = 12
REVOKERS = 3
NAMES = count()

pytestmark = pytest.mark.timeout(scaled(120, 3600))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(tmp_path_factory.mktemp("fleet"), REPLICAS, max_staleness_s=BOUND_S) as fleet:
        yield fleet


@pytest.fixture
def measured(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    """In a full run a fleet without wires and with the default bound."""
    if LONG:
        with running_fleet(tmp_path, REPLICAS, wires=False) as direct:
            yield direct
    else:
        yield request.getfixturevalue("fleet")


def test_a_revocation_is_in_force_on_all_replicas_within_moments(measured: Fleet) -> None:
    """None is admitted once EVERYWHERE was answered; how long it takes until then is printed."""
    client = asyncio.run(_revoke_one_by_one(measured))
    _check(measured, client)
    found = delays(client.history, client.replicas)
    assert len(found) == REVOCATIONS
    refused = [each.refused for each in found]
    admitted = [each.admitted for each in found]
    for name, values in (("last replica refuses", refused), ("last call let in", admitted)):
        p50, p99 = (percentile(values, percent) * 1000 for percent in (50, 99))
        print(f"commit → {name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {max(values) * 1000:.1f} ms")
    assert percentile(refused, 99) <= (P99_S if LONG else LOADED_S)


async def _revoke_one_by_one(fleet: Fleet) -> FleetClient:
    draw = random.Random(5)
    async with _client(fleet) as client, Load(client) as load:
        everyone = set(client.replicas)
        members = await client.crowd(REVOCATIONS, f"healthy-{next(NAMES)}")
        for member in members:
            watch = Watch(client, member.app)
            load.aim([member])
            await load.until(lambda watch=watch: watch.admitted_by() == everyone, "admitted everywhere", 10)  # type: ignore[misc]
            revocation = await client.revoke(draw.choice(client.replicas), member.app)
            assert (revocation.effective, revocation.proof) == ("EVERYWHERE", "ACKNOWLEDGED")
            await client.on_all(member.issue)
        await client.sweep(members)
        assert load.skipped == 0
        return client


@pytest.mark.parametrize(
    "fault",
    [
        faults.listeners_killed,
        faults.replica_paused,
        faults.connection_cut,
        faults.connection_stalled,
        faults.database_restarted,
        faults.transaction_held_open,
        faults.revoker_killed,
    ],
    ids=lambda fault: fault.__name__,
)
def test_no_fault_lets_a_revoked_client_in(fleet: Fleet, fault: Fault) -> None:
    """None is admitted beyond the bound, and soon after the fault all is as before, without any restart."""
    recoveries = []
    for number in range(ROUNDS):
        client, recovery_s = asyncio.run(_through(fleet, fault, random.Random(number)))
        recoveries.append(recovery_s)
        _check(fleet, client)
        effects = Counter(each.proof or each.effective for each in client.history.revocations)
        print(f"{fault.__name__}: recovered after {recovery_s * 1000:.0f} ms; revocations {dict(effects)}")
    assert max(recoveries) <= RECOVERY_S


def test_a_fleet_cut_off_from_its_database_admits_nobody_and_tells_all_to_come_again(fleet: Fleet) -> None:
    """Beyond the bound: 100 % UNAVAILABLE with RetryInfo, 0 UNAUTHENTICATED; soon after the end, all as before."""
    for number in range(ROUNDS):
        client, recovery_s = asyncio.run(_through(fleet, faults.database_out, random.Random(number), revoking=False))
        _check(fleet, client)
        stale = [call for call in client.history.calls if call.outcome == STALE]
        assert len(stale) > 100
        assert all(call.retry for call in stale)
        first = min(call.start for call in stale)
        last = first + BOUND_S / 4 + 0.2  # a replica may have asked so much later than the first
        during = [call for call in client.history.calls if last < call.start < last + 0.7]
        assert {call.outcome for call in during} == {STALE}
        assert {call.replica for call in during} == set(range(REPLICAS))
        assert recovery_s <= RECOVERY_S


async def _through(
    fleet: Fleet, fault: Fault, draw: random.Random, *, revoking: bool = True
) -> tuple[FleetClient, float]:
    """What happened, and how long after the fault the fleet was whole again (s)."""
    async with _client(fleet) as client, Load(client) as load:
        await client.whole()
        spare, bystander, *crowd = await client.crowd(CROWD, f"{fault.__name__}-{next(NAMES)}".replace("_", "-"))
        victim = draw.choice(fleet.replicas)
        load.aim([spare, bystander, *crowd])
        stopped = asyncio.Event()
        others = [replica for replica in client.replicas if replica != victim.number]
        async with asyncio.TaskGroup() as revokers:
            for n in range(REVOKERS * revoking):
                revokers.create_task(_revoke_all(client, crowd[n::REVOKERS], others, stopped, draw))
            await fault(Scene(fleet, client, victim, spare, draw))
            ended = time.monotonic()
            await _whole(client, bystander)
            recovery_s = time.monotonic() - ended
            stopped.set()
        load.aim([bystander])
        await asyncio.to_thread(fleet.forget_silent)
        last = await client.revoke(victim.number, bystander.app)
        assert (last.effective, last.proof) == ("EVERYWHERE", "ACKNOWLEDGED")
        await client.sweep([spare, bystander, *crowd])
        return client, recovery_s


async def _revoke_all(
    client: FleetClient, members: Sequence[Member], on: Sequence[int], stopped: asyncio.Event, draw: random.Random
) -> None:
    """Revoke one after the other, again where that failed, and call with each as soon as it is said to be dead."""
    for member in members:
        while not stopped.is_set():
            revocation = await client.revoke(draw.choice(on), member.app)
            if revocation.effective == "EVERYWHERE":
                await client.on_all(member.issue)
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(draw.uniform(0, 0.3))


async def _whole(client: FleetClient, bystander: Member) -> None:
    """Until every replica admits who may come in."""
    async with asyncio.timeout(20):
        while True:
            if all(call.outcome in ("OK", "NOT_FOUND") for call in await client.on_all(bystander.issue)):
                return
            await asyncio.sleep(0.02)


def _check(fleet: Fleet, client: FleetClient) -> None:
    """The whole history against the promises, with the times of the commits as the database knows them."""
    commits = fleet.commit_times()
    history = client.history
    history.revocations = [_committed(each, commits) for each in history.revocations]
    assert violations(history, BOUND_S * 1.01 + COMMIT_TIME_SLACK_S) == []
    assert len(history.calls) > 100
    assert {call.outcome for call in client.swept if call.client in commits} == {"CLIENT_REVOKED"}
    assert "CLIENT_REVOKED" not in {call.outcome for call in client.swept if call.client not in commits}


def _committed(revocation: Revocation, commits: dict[str, float]) -> Revocation:
    return replace(revocation, commit=commits.get(revocation.client))


def _client(fleet: Fleet) -> FleetClient:
    return FleetClient(addresses(fleet.replicas), fleet.admin)
