"""What can befall a fleet: each fault begins, lasts, and has ended when its function returns.

All take the fleet, its client and the replica that is hit; what hits the database hits all of them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.support.fleet import Fleet, Replica
from tests.support.fleet_client import FleetClient, Member
from tests.support.history import LOST, Revocation

KILL_LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'typeplate-listen'"
NEXT_SEQ = "UPDATE auth_clock SET seq = seq + 1 RETURNING seq"
REVOKE = """
    UPDATE clients SET state = 'revoked', generation = generation + 1, generation_nonce = 'beefbeefbeefbeef',
                       revoke_time = update_time, changed_seq = %s
     WHERE client_id = %s
"""
HELD_S = 0.4
PAUSE_S = 3.0
CUT_S = 3.0
OUTAGE_S = 5.0


@dataclass(slots=True)
class Scene:
    """A fleet under load. `spare` is a member that nobody else revokes."""

    fleet: Fleet
    client: FleetClient
    victim: Replica
    spare: Member
    draw: random.Random


Fault = Callable[[Scene], Awaitable[None]]


async def listeners_killed(scene: Scene) -> None:
    """All of them, twice, the second time perhaps amid their reconnecting."""
    for _ in range(2):
        await asyncio.to_thread(scene.fleet.execute, KILL_LISTENERS)
        await asyncio.sleep(scene.draw.uniform(0, 0.2))


async def replica_paused(scene: Scene) -> None:
    """For longer than the bound."""
    scene.victim.pause()
    await asyncio.sleep(PAUSE_S)
    scene.victim.resume()


async def connection_cut(scene: Scene) -> None:
    """Resets, for longer than the bound."""
    scene.victim.wire.cut()
    await asyncio.sleep(CUT_S)
    scene.victim.wire.mend()


async def connection_stalled(scene: Scene) -> None:
    """Silence, for longer than the bound."""
    scene.victim.wire.stall()
    await asyncio.sleep(CUT_S)
    scene.victim.wire.mend()


async def database_restarted(scene: Scene) -> None:
    """An orderly one, as in an upgrade."""
    await asyncio.to_thread(scene.fleet.postgres.stop)
    await asyncio.to_thread(scene.fleet.postgres.start)


async def database_out(scene: Scene) -> None:
    """For longer than the bound."""
    await asyncio.to_thread(scene.fleet.postgres.stop)
    await asyncio.sleep(OUTAGE_S)
    await asyncio.to_thread(scene.fleet.postgres.start)


async def transaction_held_open(scene: Scene) -> None:
    """One that took its number before others asked for theirs, and commits late, without any NOTIFY."""
    client_id = scene.spare.app.client_id
    start = time.monotonic()

    def hold() -> None:
        with scene.fleet.postgres.connect(scene.fleet.database) as connection, connection.transaction():
            (seq,) = connection.execute(NEXT_SEQ).fetchone() or (0,)
            connection.execute(REVOKE, (seq, client_id))
            time.sleep(HELD_S)

    await asyncio.to_thread(hold)
    scene.client.history.revocations.append(Revocation(client_id, -1, start, time.monotonic(), LOST))


async def revoker_killed(scene: Scene) -> None:
    """Amid a revocation of its own, which is then asked for again elsewhere; it is started again."""
    victim = scene.victim
    revoking = asyncio.create_task(scene.client.revoke(victim.number, scene.spare.app))
    await asyncio.sleep(scene.draw.uniform(0, 0.03))
    await asyncio.to_thread(victim.kill)
    await revoking
    other = (victim.number + 1) % len(scene.fleet.replicas)
    again = await scene.client.revoke(other, scene.spare.app)
    assert again.effective == "EVERYWHERE", again
    await scene.client.on_all(scene.spare.issue)
    await asyncio.to_thread(victim.start)
    await scene.client.reconnect(victim.number, victim.address)
