"""Usage is summed up in memory, by method and by peer, and no call is counted twice or lost by an outage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.auth_world import NOW, Clock, client_state
from tests.support.fake_secret_use_store import FakeSecretUseStore
from typeplate_server.auth.clients import ClientState, SecretState
from typeplate_server.auth.secret_uses import SecretUse, SecretUses
from typeplate_server.auth.usage import MAX_KEYS, Calls, Usage
from typeplate_server.errors import DatabaseUnavailable


@dataclass
class FakeUsageStore:
    """What was added; `fail_with` is raised."""

    methods: list[Calls] = field(default_factory=list)
    peers: list[Calls] = field(default_factory=list)
    fail_with: Exception | None = None

    async def add(self, methods: Sequence[Calls], peers: Sequence[Calls]) -> None:
        if self.fail_with is not None:
            raise self.fail_with
        self.methods += methods
        self.peers += peers

    async def read(self, client_id: str) -> tuple[tuple[Calls, ...], tuple[Calls, ...]]:
        return (
            tuple(calls for calls in self.methods if calls.client_id == client_id),
            tuple(calls for calls in self.peers if calls.client_id == client_id),
        )

    async def last_times(self, client_ids: Collection[str]) -> dict[str, float]:
        if self.fail_with is not None:
            raise self.fail_with
        ordered = sorted(self.methods, key=lambda calls: calls.last_time)
        return {calls.client_id: calls.last_time for calls in ordered if calls.client_id in client_ids}


class UsageWorld:
    """Usage whose timer stands at 50 s when the wall clock says NOW."""

    def __init__(self) -> None:
        self.store = FakeUsageStore()
        self.used = FakeSecretUseStore()
        self.uses = SecretUses(self.used)
        self.usage = Usage(self.store, self.uses, Clock(NOW), Clock(50.0), lambda peer: peer.partition(":")[0])


@pytest.fixture
def world() -> UsageWorld:
    return UsageWorld()


async def test_calls_are_summed_by_method_and_by_peer(world: UsageWorld) -> None:
    """With the time of the last one by the wall clock."""
    for method, peer, ended in (("/Get", "a", 40.0), ("/Get", "b", 41.0), ("/List", "a", 42.0), ("/Get", "a:2", 43.0)):
        world.usage.count("reader", method, peer, ended)
    await world.usage.flush()
    await world.usage.flush()
    assert world.store.methods == [Calls("reader", "/Get", 3, NOW - 7), Calls("reader", "/List", 1, NOW - 8)]
    assert world.store.peers == [Calls("reader", "a", 3, NOW - 7), Calls("reader", "b", 1, NOW - 9)]


async def test_an_outage_loses_no_call(world: UsageWorld) -> None:
    """What a flush could not write, the next one does, with the later time."""
    world.store.fail_with = DatabaseUnavailable()
    world.usage.count("reader", "/Get", "a", 40.0)
    with pytest.raises(DatabaseUnavailable):
        await world.usage.flush()
    world.usage.count("reader", "/Get", "a", 49.0)
    world.store.fail_with = None
    await world.usage.flush()
    assert world.store.methods == [Calls("reader", "/Get", 2, NOW - 1)]


async def test_ever_new_peers_do_not_fill_the_memory(world: UsageWorld) -> None:
    """Beyond MAX_KEYS calls are counted without their peer."""
    for number in range(MAX_KEYS + 500):
        world.usage.count("reader", "/Get", f"peer-{number}", 40.0)
    await world.usage.flush()
    assert world.store.methods == [Calls("reader", "/Get", MAX_KEYS + 500, NOW - 10)]
    assert len(world.store.peers) == MAX_KEYS


def with_secrets(client_id: str, *secret_ids: str) -> ClientState:
    return client_state(client_id, secrets=tuple(SecretState(each, b"", NOW) for each in secret_ids))


async def test_last_uses_are_the_newest_of_what_is_written_and_what_is_not(world: UsageWorld) -> None:
    """A call or an exchange, here or on another replica; nothing is written to learn it."""
    reader, other, idle = with_secrets("reader", "s1", "s2"), with_secrets("other", "s3"), with_secrets("idle", "s4")
    world.store.methods.append(Calls("reader", "/Get", 1, NOW - 50))
    world.store.methods.append(Calls("other", "/Get", 1, NOW - 60))
    await world.used.record([SecretUse("s1", "reader", NOW - 40, "b"), SecretUse("s2", "reader", NOW - 90, "b")])
    world.usage.count("other", "/List", "a", 40.0)
    world.uses.note(SecretUse("s2", "reader", NOW - 30, "a"))
    found = await world.usage.last([reader, other, idle])
    assert [found.of(client) for client in (reader, other, idle)] == [NOW - 30, NOW - 10, None]
    assert {each: (use.last_use_time, use.peer) for each, use in found.secrets.items()} == {
        "s1": (NOW - 40, "b"), "s2": (NOW - 30, "a"),
    }  # fmt: skip
    assert (len(world.store.methods), world.used.writes) == (2, 1)


async def test_an_outage_leaves_the_last_uses_seen_here(world: UsageWorld) -> None:
    """Better than no answer about the client at all."""
    reader = with_secrets("reader", "s1")
    world.usage.count("reader", "/Get", "a", 40.0)
    world.uses.note(SecretUse("s1", "reader", NOW - 30, "a"))
    world.store.fail_with = world.used.fail_with = DatabaseUnavailable()
    found = await world.usage.last([reader])
    assert (found.of(reader), found.secrets["s1"].peer) == (NOW - 10, "a")


async def test_a_use_is_seen_while_it_is_being_written(world: UsageWorld) -> None:
    """Else a secret that is in use could be deleted in that moment."""
    world.uses.note(SecretUse("s1", "reader", NOW - 1, "a"))
    written = world.used.record
    seen: list[bool] = []

    async def look(uses: Collection[SecretUse]) -> None:
        seen.append("s1" in await world.uses.last(["s1"]))
        await written(uses)

    world.used.record = look  # type: ignore[method-assign]
    await world.uses.flush()
    assert seen == [True]


async def test_usage_of_a_client_includes_this_minute(world: UsageWorld) -> None:
    """Most called first; last use is the latest of calls and exchanges; nobody else's calls or secrets."""
    for method in ("/List", "/Get", "/Get"):
        world.usage.count("reader", method, "a", 40.0)
    world.usage.count("other", "/Get", "b", 41.0)
    world.uses.note(SecretUse("s1", "reader", NOW - 1, "a"))
    world.uses.note(SecretUse("s2", "other", NOW, "b"))
    found = await world.usage.of("reader", ["s1", "s2"])
    assert [(calls.by, calls.calls) for calls in found.methods] == [("/Get", 2), ("/List", 1)]
    assert [calls.by for calls in found.peers] == ["a"]
    assert [use.secret_id for use in found.secrets] == ["s1"]
    assert found.last_use_time == NOW - 1
    assert (await world.usage.of("nobody", [])).last_use_time is None
