"""Where a change is in force: EVERYWHERE only when it is, on what it rests, and else the truth."""

import asyncio
from dataclasses import replace

import pytest

from tests.support.auth_world import ANY_TOKEN, NOW
from tests.support.fake_replica_store import FakeDeploymentStore
from tests.support.replica_world import Fleet, Node, until
from typeplate_server.auth.changes import Changed
from typeplate_server.auth.clients import ClientState
from typeplate_server.auth.propagation import SILENT_KEPT_S, Effective
from typeplate_server.auth.service import ClientDraft, ClientPatch
from typeplate_server.auth.store import CommitUnknown
from typeplate_server.errors import AuthStateStale, ClientRevoked, DatabaseUnavailable, ServiceError

ACKNOWLEDGED = Effective("EVERYWHERE", "ACKNOWLEDGED", NOW)
BOUND = Effective("EVERYWHERE", "STALENESS_BOUND", NOW)


def refused_with(node: Node, token: str) -> type[Exception] | None:
    try:
        node.admission.admit([f"Bearer {token}"], ANY_TOKEN)
    except ServiceError as error:
        return type(error)
    return None


async def revoking(node: Node, within: float | None = None) -> "asyncio.Task[Changed[ClientState]]":
    """A revocation that has been committed and waits."""
    task = asyncio.create_task(node.clients.revoke("reader", within=within))
    await until(lambda: "registered" in node.link.calls)
    return task


async def test_alone_it_is_everywhere_at_once() -> None:
    """Its own row is no reason to wait."""
    node = await Fleet.make().node("a")
    assert (await node.clients.revoke("reader")).effective == ACKNOWLEDGED


async def test_it_waits_for_every_other_replica() -> None:
    """Until each has applied it: then, and not before, the answer; and every one refuses."""
    fleet = Fleet.make()
    a, b, c = [await fleet.node(name) for name in "abc"]
    token = a.token()
    task = await revoking(a)
    await b.replica.turn()
    await asyncio.sleep(0.06)
    assert not task.done()
    assert refused_with(c, token) is None
    await c.replica.turn()
    assert (await asyncio.wait_for(task, 1)).effective == ACKNOWLEDGED
    assert [refused_with(node, token) for node in (a, b, c)] == [ClientRevoked] * 3


async def test_a_repeated_call_waits_again() -> None:
    """Already revoked is no reason to answer early; it costs no second write."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    first = await a.clients.revoke("reader", within=0)
    assert first.effective.scope == "THIS_REPLICA"
    again = asyncio.create_task(a.clients.revoke("reader"))
    await asyncio.sleep(0.06)
    assert not again.done()
    await b.replica.turn()
    assert await asyncio.wait_for(again, 1) == Changed(first.value, ACKNOWLEDGED)
    assert fleet.clients.writes == 1


async def test_after_the_bound_the_answer_rests_on_it() -> None:
    """1 % later than the bound and not a moment before; by then the silent replica refuses by itself."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    token = a.token()
    task = await revoking(a)
    for node in (a, b):
        node.boot.now += 10.09
    await asyncio.sleep(0.06)
    assert not task.done()
    assert refused_with(b, token) is AuthStateStale
    a.boot.now += 0.02
    assert (await asyncio.wait_for(task, 1)).effective == BOUND


async def test_the_bound_is_counted_from_when_the_commit_had_returned() -> None:
    """However long the commit took: until then a poll may have been answered without it."""
    fleet = Fleet.make()
    a, _ = [await fleet.node(name) for name in "ab"]

    async def slow() -> None:
        a.boot.now += 5

    fleet.clients.at_commit = slow
    task = await revoking(a)
    a.boot.now += 10
    await asyncio.sleep(0.06)
    assert not task.done()
    a.boot.now += 0.2
    assert (await asyncio.wait_for(task, 1)).effective == BOUND


async def test_the_largest_bound_counts() -> None:
    """A replica that has not heard of a smaller one yet follows the old one."""
    fleet = Fleet.make()
    a = await fleet.node("a")
    fleet.database.max_staleness_s = 30.0
    b = await fleet.node("b")
    b.link.max_staleness_s = 30.0
    await b.replica.turn()
    task = await revoking(a)
    a.boot.now += 30.2
    await asyncio.sleep(0.06)
    assert not task.done()
    a.boot.now += 0.2
    assert (await asyncio.wait_for(task, 1)).effective == BOUND


async def test_a_smaller_bound_counts_once_nobody_goes_by_the_larger() -> None:
    """Stopped between its heartbeat, which read the smaller one, and the page: still fresh by the larger one."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    token = b.token()
    for node in (a, b):
        node.link.max_staleness_s = 2.0
    await a.replica.turn()
    await a.replica.turn()
    b.link.after_snapshot = asyncio.Event().wait  # type: ignore[assignment]
    stopped = asyncio.create_task(b.replica.turn())
    await until(lambda: fleet.database.rows[b.replica.identity].heartbeat > 2)
    task = await revoking(a)
    for node in (a, b):
        node.boot.now += 9.9
    await asyncio.sleep(0.06)
    assert refused_with(b, token) is None
    assert not task.done()
    for node in (a, b):
        node.boot.now += 0.3
    assert (await asyncio.wait_for(task, 1)).effective == BOUND
    assert refused_with(b, token) is AuthStateStale
    stopped.cancel()


async def test_a_larger_bound_counts_from_the_moment_it_is_set() -> None:
    """A replica may have read it before the commit, its row not written yet, and the registry be out of reach since."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    for node in (a, b):
        node.link.max_staleness_s = 30.0
    task = await revoking(a)
    a.link.cut = DatabaseUnavailable()
    a.boot.now += 30.2
    await asyncio.sleep(0.06)
    assert not task.done()
    a.boot.now += 0.2
    assert (await asyncio.wait_for(task, 1)).effective == BOUND


async def test_the_callers_deadline_comes_first() -> None:
    """THIS_REPLICA, with the time by which it holds everywhere: the bound and 1 % after the commit."""
    fleet = Fleet.make()
    a, _ = [await fleet.node(name) for name in "ab"]
    task = await revoking(a, within=2.0)
    a.boot.now += 1.89
    await asyncio.sleep(0.06)
    assert not task.done()
    a.boot.now += 0.02
    effective = (await asyncio.wait_for(task, 1)).effective
    assert (effective.scope, effective.proof) == ("THIS_REPLICA", None)
    assert effective.everywhere_time == pytest.approx(NOW + 10.1 - 1.91)


async def test_a_replica_that_left_is_not_waited_for_and_one_that_came_later_neither() -> None:
    """Who registers after the commit reads after it."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    task = await revoking(a)
    late = await fleet.node("c")
    late.link.cut = DatabaseUnavailable()
    await b.replica.leave()
    assert (await asyncio.wait_for(task, 1)).effective == BOUND, "it acknowledged nothing"
    assert refused_with(late, a.token()) is ClientRevoked


async def test_a_replica_that_joins_during_the_commit_is_waited_for() -> None:
    """It has read before there was anything to read: the list of replicas is made after the commit has returned."""
    fleet = Fleet.make()
    a = await fleet.node("a")
    token, late = a.token(), []

    async def join() -> None:
        late.append(await fleet.node("late"))

    fleet.clients.at_commit = join
    task = await revoking(a)
    await asyncio.sleep(0.06)
    assert not task.done()
    assert refused_with(late[0], token) is None
    await late[0].replica.turn()
    assert (await asyncio.wait_for(task, 1)).effective == ACKNOWLEDGED
    assert refused_with(late[0], token) is ClientRevoked


async def test_a_registry_that_cannot_be_read_is_never_taken_for_everywhere() -> None:
    """Nobody knows whom to wait for, nor for how long."""
    fleet = Fleet.make()
    a, _ = [await fleet.node(name) for name in "ab"]
    a.link.cut = DatabaseUnavailable()
    task = asyncio.create_task(a.clients.revoke("reader"))
    await asyncio.sleep(0.03)
    a.boot.now += 11
    assert (await asyncio.wait_for(task, 1)).effective.scope == "THIS_REPLICA"
    a.link.cut = None
    task = asyncio.create_task(a.clients.revoke("reader", within=5))
    await asyncio.sleep(0.03)
    a.link.cut = DatabaseUnavailable()
    a.boot.now += 11
    assert (await asyncio.wait_for(task, 1)).effective == BOUND


async def test_a_row_that_was_silent_for_the_bound_delays_no_other_change_and_has_acknowledged_none() -> None:
    """The one that was killed costs one wait. Whoever only slept begins anew, and only then is all acknowledged."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    token = b.token("other")
    task = await revoking(a)
    for node in (a, b):
        node.boot.now += 10.2
    await asyncio.wait_for(task, 1)
    for _ in range(2):
        assert (await a.clients.revoke("other")).effective == BOUND
    assert [row.identity.replica_id for row in fleet.database.rows.values()] == ["a"]
    assert refused_with(b, token) is AuthStateStale
    await b.replica.turn()
    assert refused_with(b, token) is AuthStateStale
    await b.replica.turn()
    assert refused_with(b, token) is ClientRevoked
    assert (await a.clients.revoke("other")).effective == ACKNOWLEDGED


async def test_what_has_been_silent_for_an_hour_is_no_replica_any_more() -> None:
    """Nor who has left; before, every answer says that not all have acknowledged."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    fleet.database.rows[b.replica.identity] = replace(fleet.database.rows[b.replica.identity], heartbeat_time=NOW)
    assert await a.link.set_silent([fleet.database.rows[b.replica.identity]]) == 1
    fleet.clock.now = NOW + SILENT_KEPT_S
    assert await a.waiting.forget_silent() == 0
    assert (await a.clients.revoke("reader")).effective.proof == "STALENESS_BOUND"
    fleet.clock.now += 1
    assert await a.waiting.forget_silent() == 1
    assert (await a.clients.revoke("reader")).effective.proof == "ACKNOWLEDGED"


async def test_a_replica_that_is_fresh_still_is_waited_for_under_a_new_epoch() -> None:
    """It has not heard of the epoch and admits what is revoked in it, until it hears or the bound has passed."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    token = b.token()
    await FakeDeploymentStore(a.link).begin_epoch()
    a.link.epoch = b.link.epoch = "e2"
    for _ in range(3):
        await a.replica.turn()
    task = await revoking(a)
    await asyncio.sleep(0.06)
    assert not task.done()
    assert refused_with(b, token) is None
    for _ in range(3):
        await b.replica.turn()
    assert (await asyncio.wait_for(task, 1)).effective == ACKNOWLEDGED
    assert refused_with(b, token) is ClientRevoked


async def test_a_row_with_a_heartbeat_is_not_set_silent() -> None:
    """However long it does not acknowledge."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    b.link.at_acknowledge = asyncio.Event().wait  # type: ignore[assignment]
    task = await revoking(a)
    turning = [asyncio.create_task(b.replica.turn())]
    await until(lambda: "acknowledge 3" in b.link.calls)
    a.boot.now += 10.05
    await asyncio.sleep(0.06)
    turning.append(asyncio.create_task(b.replica.turn()))
    a.boot.now += 0.1
    await asyncio.wait_for(task, 1)
    assert "set silent" not in a.link.calls
    for turn in turning:
        turn.cancel()


@pytest.mark.parametrize("what", ["epoch", "timeline"])
async def test_a_change_whose_history_ended_is_never_said_to_hold(what: str) -> None:
    """A promoted standby may lack the commit, and another change may have its number, which is acknowledged then."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    task = await revoking(a)
    for node in (a, b):
        setattr(node.link, what, "another")
    fleet.clients.rows["reader"] = a.registry.get("other")  # type: ignore[assignment]
    for _ in range(3):
        await b.replica.turn()
    with pytest.raises(CommitUnknown):
        await asyncio.wait_for(task, 1)


async def test_an_acknowledgement_on_its_way_counts_in_its_own_history_only() -> None:
    """It arrives after the failover: whoever sent it begins anew, and nobody takes it for another change's."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    arrive = asyncio.Event()
    b.link.at_acknowledge = arrive.wait  # type: ignore[assignment]
    lost = await revoking(a, within=0)
    turning = asyncio.create_task(b.replica.turn())
    await until(lambda: "acknowledge 3" in b.link.calls)
    await lost
    a.link.timeline = b.link.timeline = "2"
    arrive.set()
    await turning
    assert fleet.database.rows[b.replica.identity].acknowledged_seq == 2
    assert not b.replica.fresh()


async def test_every_kind_of_change_waits() -> None:
    """New clients and secrets work everywhere when the call has returned; what refuses, refuses everywhere."""
    fleet = Fleet.make()
    a, b = [await fleet.node(name) for name in "ab"]
    made = await _finished(a.clients.create(ClientDraft("shop")), b)
    secret = await _finished(a.clients.create_secret("shop"), b)
    for value in (made.secret.value, secret.secret.value):
        token = b.exchange.exchange("shop", value, (), None, "192.0.2.1").access_token
        assert refused_with(b, token) is None
    caller = a.admission.admit([f"Bearer {token}"], ANY_TOKEN)
    assert caller is not None
    for work in (
        a.tokens.revoke(token, caller),
        a.clients.update("shop", ClientPatch(scopes=["vehicles:read"])),
        a.clients.suspend("shop"),
        a.clients.resume("shop"),
        a.clients.delete_secret("shop", secret.secret.secret_id, compromised=True),
        a.rotation.rotate(),
    ):
        changed = await _finished(work, b)
        assert changed is not None
        assert changed.effective == ACKNOWLEDGED
        assert b.registry.get("shop") == a.registry.get("shop") == fleet.clients.rows["shop"]
        assert refused_with(b, token) is not None


async def _finished(work, other: Node):  # type: ignore[no-untyped-def]
    """What the work answers, which waits for the other replica."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.03)
    assert not task.done()
    while not task.done():
        await other.replica.turn()
        await asyncio.sleep(0.01)
    return await task
