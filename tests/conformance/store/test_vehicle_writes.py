"""VehicleStore's writes: what counts as which outcome, what gets a revision, and that refusals leave no trace."""

from __future__ import annotations

import time

import pytest

from tests.support.store import NOW, client, draft, parsed
from typeplate_server.auth.store import CallerRows
from typeplate_server.errors import ClientRevoked, EtagMismatch
from typeplate_server.store.clients import SqlClientStore
from typeplate_server.store.vehicles import SqlVehicleStore
from typeplate_server.vehicles.store import WRITE_BATCH, Draft, StoredVehicle


async def test_a_message_is_the_draft_and_what_the_store_gives(vehicles: SqlVehicleStore) -> None:
    """etag, revision and times are in the message, and nothing of the draft is lost."""
    new = draft("own-1", trim="Élan", displacement_l=1.4, cost=900.0)
    result = await vehicles.upsert([new], now=NOW)
    stored = await vehicles.get("own-1")
    message = parsed(stored)
    assert (result.outcomes, result.written, result.seq) == (("created",), ("own-1",), 1)
    assert (message.etag, message.revision) == (new.etag, 1)
    assert message.create_time.ToMicroseconds() == message.update_time.ToMicroseconds() == int(NOW * 1_000_000)
    assert stored is not None
    assert stored == StoredVehicle("own-1", stored.message, new.etag, new.content_hash, 1, 1, deleted=False)
    for given in ("etag", "revision", "create_time", "update_time"):
        message.ClearField(given)
    assert message == new.vehicle


async def test_each_outcome(vehicles: SqlVehicleStore) -> None:
    """New: created; other hash: updated; same hash: unchanged. Numbers go to rows that are written."""
    await vehicles.upsert([draft("own-1"), draft("own-2")], now=NOW)
    result = await vehicles.upsert([draft("own-1"), draft("own-2", doors=5), draft("own-3")], now=NOW + 60)
    assert result.outcomes == ("unchanged", "updated", "created")
    assert (set(result.written), result.seq) == ({"own-2", "own-3"}, 4)
    first, second = parsed(await vehicles.get("own-1")), parsed(await vehicles.get("own-2"))
    assert (first.revision, first.update_time.seconds) == (1, int(NOW))
    assert (second.doors, second.create_time.seconds, second.update_time.seconds) == (5, int(NOW), int(NOW) + 60)
    assert sorted([second.revision, parsed(await vehicles.get("own-3")).revision]) == [3, 4]


async def test_other_estimates_are_written_quietly(vehicles: SqlVehicleStore) -> None:
    """Same etag, revision and times under new bytes; only `write_seq` tells other caches."""
    await vehicles.upsert([draft("own-1", cost=900.0)], now=NOW)
    before = await vehicles.get("own-1")
    result = await vehicles.upsert([draft("own-1", cost=1000.0)], now=NOW + 60)
    after = await vehicles.get("own-1")
    assert (result.outcomes, result.written) == (("unchanged",), ("own-1",))
    expected = parsed(before)
    expected.estimates.fuel_cost_usd_per_year = 1000.0
    assert parsed(after) == expected
    assert before is not None
    assert after is not None
    assert (after.etag, after.revision, after.write_seq) == (before.etag, before.revision, before.write_seq + 1)


async def test_what_is_unchanged_to_the_byte_is_not_written(vehicles: SqlVehicleStore) -> None:
    """An import that runs again takes no number."""
    await vehicles.upsert([draft("own-1", cost=1.0)], now=NOW)
    result = await vehicles.upsert([draft("own-1", cost=1.0)], now=NOW + 60)
    assert (result.outcomes, result.written, result.seq) == (("unchanged",), (), 1)


async def test_an_id_may_stand_twice_in_a_batch(vehicles: SqlVehicleStore) -> None:
    """The later draft meets the earlier one; one row and one number come of it."""
    batch = [draft("own-1"), draft("own-1", doors=3), draft("own-1", doors=3, cost=5.0), draft("own-1", doors=3)]
    result = await vehicles.upsert(batch, now=NOW)
    assert (result.outcomes, result.seq) == (("created", "updated", "unchanged", "unchanged"), 1)
    message = parsed(await vehicles.get("own-1"))
    assert (message.doors, message.HasField("estimates"), message.revision) == (3, False, 1)


async def test_a_tombstone_is_revived_as_created(vehicles: SqlVehicleStore) -> None:
    """With a new create_time and revision, and without delete_time."""
    await vehicles.upsert([draft("own-1")], now=NOW)
    await vehicles.delete(["own-1"], now=NOW + 1)
    assert (await vehicles.upsert([draft("own-1")], now=NOW + 2)).outcomes == ("created",)
    stored = await vehicles.get("own-1")
    message = parsed(stored)
    assert not message.HasField("delete_time")
    assert (message.create_time.seconds, message.revision, stored and stored.deleted) == (int(NOW) + 2, 3, False)
    assert await vehicles.live_ids("own", "", 10) == ["own-1"]


async def test_a_deleted_vehicle_stays_as_a_tombstone(vehicles: SqlVehicleStore) -> None:
    """Its message keeps everything and says when; what is absent or dead already is not counted."""
    await vehicles.upsert([draft("own-1", doors=5), draft("own-2")], now=NOW)
    await vehicles.delete(["own-2"], now=NOW + 1)
    result = await vehicles.delete(["own-1", "own-2", "own-3"], now=NOW + 2.5)
    assert (result.deleted, result.seq) == (("own-1",), 4)
    stored = await vehicles.get("own-1")
    message = parsed(stored)
    assert (message.doors, message.revision, message.delete_time.ToMilliseconds()) == (5, 4, int(NOW * 1000) + 2500)
    assert stored is not None
    assert (stored.deleted, stored.revision, stored.write_seq) == (True, 4, 4)
    assert (await vehicles.delete(["own-1"], now=NOW)).seq == 4


async def test_a_delete_that_its_check_refuses_deletes_nothing(vehicles: SqlVehicleStore) -> None:
    """The check sees every id with its current vehicle."""
    await vehicles.upsert([draft("own-1"), draft("own-2")], now=NOW)
    seen = {}

    def check(vehicle_id: str, current: StoredVehicle | None) -> None:
        seen[vehicle_id] = current
        if current is None:
            raise EtagMismatch(vehicle_id)

    with pytest.raises(EtagMismatch):
        await vehicles.delete(["own-1", "own-2", "own-3"], now=NOW, check=check)
    assert seen == {**await vehicles.get_many(["own-1", "own-2"]), "own-3": None}
    assert await vehicles.live_ids("own", "", 10) == ["own-1", "own-2"]


async def test_put_changes_what_it_reads(vehicles: SqlVehicleStore) -> None:
    """`change` sees None, then the vehicle; what it returns is written by the same rules."""

    def add_door(current: StoredVehicle | None) -> Draft:
        return draft("own-1", doors=parsed(current).doors + 1 if current else 1)

    assert parsed(await vehicles.put("own-1", add_door, now=NOW)).doors == 1
    second = await vehicles.put("own-1", add_door, now=NOW + 1)
    assert (parsed(second).doors, second.revision, second) == (2, 2, await vehicles.get("own-1"))
    same = await vehicles.put("own-1", lambda _: draft("own-1", doors=2), now=NOW + 2)
    assert same == second


async def test_a_put_that_raises_leaves_everything(vehicles: SqlVehicleStore) -> None:
    """Neither row nor number, whatever is raised; nor may it write under another id."""
    await vehicles.upsert([draft("own-1")], now=NOW)

    def refuse(current: StoredVehicle | None) -> Draft:
        raise EtagMismatch("vehicles/own-1")

    with pytest.raises(EtagMismatch):
        await vehicles.put("own-1", refuse, now=NOW)
    with pytest.raises(ValueError, match="own-9"):
        await vehicles.put("own-1", lambda _: draft("own-9"), now=NOW)
    assert (await vehicles.current_revision(), await vehicles.get("own-9")) == (1, None)


async def test_a_refusing_guard_undoes_every_kind_of_write(vehicles: SqlVehicleStore, clients: SqlClientStore) -> None:
    """It reads the caller's row inside the transaction, and is asked even when nothing would change."""
    await clients.create(client("writer", state="revoked"))
    await vehicles.upsert([draft("own-1")], now=NOW)

    def guard(rows: CallerRows) -> None:
        caller = rows.get("writer")
        assert caller is not None
        if caller.state == "revoked":
            raise ClientRevoked

    with pytest.raises(ClientRevoked):
        await vehicles.upsert([draft("own-2")], now=NOW, guard=guard)
    with pytest.raises(ClientRevoked):
        await vehicles.upsert([draft("own-1")], now=NOW, guard=guard)
    with pytest.raises(ClientRevoked):
        await vehicles.put("own-1", lambda _: draft("own-1", doors=2), now=NOW, guard=guard)
    with pytest.raises(ClientRevoked):
        await vehicles.delete(["own-1"], now=NOW, guard=guard)
    assert (await vehicles.current_revision(), await vehicles.live_ids("own", "", 9)) == (1, ["own-1"])


async def test_one_bad_draft_undoes_its_whole_batch(vehicles: SqlVehicleStore) -> None:
    """A draft that sets what the store gives is a mistake of the program."""
    bad = draft("own-2")
    bad.vehicle.revision = 7
    with pytest.raises(ValueError, match="revision"):
        await vehicles.upsert([draft("own-1"), bad], now=NOW)
    assert await vehicles.get("own-1") is None


async def test_a_batch_that_would_hold_the_lock_too_long_is_refused(vehicles: SqlVehicleStore) -> None:
    """One write carries at most WRITE_BATCH vehicles."""
    with pytest.raises(ValueError, match="at most"):
        await vehicles.upsert([draft(f"own-{n}") for n in range(WRITE_BATCH + 1)], now=NOW)
    with pytest.raises(ValueError, match="at most"):
        await vehicles.delete(["own-1"] * (WRITE_BATCH + 1), now=NOW)


async def test_an_empty_batch_changes_nothing(vehicles: SqlVehicleStore) -> None:
    """And says where the sequence stands."""
    assert (await vehicles.upsert([], now=NOW)).seq == (await vehicles.delete([], now=NOW)).seq == 0


async def test_times_do_not_depend_on_the_time_zone(vehicles: SqlVehicleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written in one zone and read in another, in the hour that summer time repeats."""
    repeated_hour = 1_698_541_200.125
    try:
        for number, zone in enumerate(("America/St_Johns", "Asia/Kathmandu")):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            await vehicles.upsert([draft(f"own-{number}")], now=repeated_hour)
        for number in range(2):
            assert parsed(await vehicles.get(f"own-{number}")).create_time.ToMilliseconds() == 1_698_541_200_125
    finally:
        monkeypatch.undo()
        time.tzset()
