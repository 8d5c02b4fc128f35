"""What a check does must not depend on how many clients there are, and each of them costs little memory.

What it costs is measured by `tests/benchmarks/auth_scale.py`; here is what no noise of a machine can hide.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

from tests.support.auth_world import ANY_TOKEN, AuthWorld
from tests.support.many_clients import Credentials, fill
from tests.support.replica_world import SEALER
from tests.support.scale import scaled
from tests.support.store import new_back_end
from typeplate_server.auth.auth_state import AuthState
from typeplate_server.auth.replica import Replica
from typeplate_server.auth.signing_keys import StoredKeys
from typeplate_server.auth.store import ReplicaIdentity
from typeplate_server.store.replicas import SqlReplicaStore

COUNT = scaled(2_000, 100_000)
MOST_BYTES = 1500


class LookedUpOnly(dict[Any, Any]):
    """A dict that answers questions about one key, and lets nobody go through it."""

    def _refuse(self, *_: object) -> NoReturn:
        raise AssertionError("it goes through all clients")

    __iter__ = keys = values = items = copy = __or__ = __eq__ = _refuse


class ScaledWorld(AuthWorld):
    """One replica that has read its clients from a real database; `memory` is what they took."""

    credentials: list[Credentials]
    memory: int

    @classmethod
    async def of(cls, directory: Path, count: int) -> ScaledWorld:
        world = cls()
        database = new_back_end("sqlite", directory).open()
        world.credentials = await fill(database, count, world.hasher)
        state = AuthState(world.registry, world.revoked, StoredKeys(world.keys, SEALER))
        replica = Replica(SqlReplicaStore(database, world.clock), ReplicaIdentity("a", "a1"), state, world.boot)
        gc.collect()
        tracemalloc.start()
        await replica.start()
        gc.collect()
        world.memory = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        await database.close()
        return world

    def token_of(self, who: Credentials) -> str:
        """Exchanges a secret."""
        return self.exchanging.exchange(who.client_id, who.secret.value, (), None, "192.0.2.1").access_token


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[ScaledWorld, ScaledWorld]:
    """Ten clients, and many."""
    few, many = tmp_path_factory.mktemp("few"), tmp_path_factory.mktemp("many")
    return asyncio.run(ScaledWorld.of(few, 10)), asyncio.run(ScaledWorld.of(many, COUNT))


def steps(work: Callable[[], object]) -> int:
    """How many steps of Python's machine, and calls of functions written in C, some work takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        count += event == "opcode"
        frame.f_trace_opcodes = True
        return trace

    def profile(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
    return count


def test_admission_takes_as_many_steps_with_many_clients(worlds: tuple[ScaledWorld, ScaledWorld]) -> None:
    """Of a token that is known, to the step."""
    taken = []
    for world in worlds:
        token = world.token_of(world.credentials[-1])
        world.admit(token, ANY_TOKEN)
        taken.append(steps(lambda world=world, token=token: world.admit(token, ANY_TOKEN)))  # type: ignore[misc]
    assert taken[0] == taken[1] > 20


def test_nothing_that_a_call_does_goes_through_the_clients(
    worlds: tuple[ScaledWorld, ScaledWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exchange, admission of a new and of a known token, the check before a commit, and news of one client."""
    world = worlds[1]
    monkeypatch.setattr(world.registry, "_clients", LookedUpOnly(world.registry._clients))
    monkeypatch.setattr(world.revoked, "_tokens", LookedUpOnly(world.revoked._tokens))
    for who in world.credentials[:50]:
        token = world.token_of(who)
        for _ in range(2):
            caller = world.admit(token, ANY_TOKEN)
            assert caller is not None
            world.admission.recheck(caller)
        world.set(who.client_id, display_name="Renamed")


def test_each_client_takes_little_memory(worlds: tuple[ScaledWorld, ScaledWorld]) -> None:
    """With its secret, its labels, and a tenth of a revoked token."""
    few, many = worlds
    each = (many.memory - few.memory) / (COUNT - 10)
    print(f"{each:.0f} bytes per client")
    assert each <= MOST_BYTES
