"""A model of issue, suspend, resume and admit, small enough to try every interleaving.

Two token exchanges run against an administrator who suspends a client, resumes it, and suspends it again, while the
clock may tick between any two steps. Every step is atomic; everything else may interleave. A scheme says what a token
carries and when it is admitted. A state is *unsafe* when a token would be admitted whose exchange had begun before
the last suspension returned, and *unfair* when a token would be refused whose exchange began
after the last resumption had returned and no suspension has begun since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

EXCHANGES = 2
LAST_TICK = 3
ADMIN_STEPS = ("suspend", "return", "resume", "return", "suspend", "return")


@dataclass(frozen=True, slots=True)
class Client:
    """The row the server decides by. `changed_at` is the revoking replica's clock at the last suspension."""

    active: bool = True
    generation: int = 0
    changed_at: int = -1


@dataclass(frozen=True, slots=True)
class Exchange:
    """One IssueToken: 0 not begun, 1 has read and checked, 2 has signed, 3 was refused."""

    step: int = 0
    epoch: int = 0
    after_resume: bool = False
    seen_generation: int = -1
    iat: int = -1
    generation: int = -1


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is. `epoch` counts the suspensions that have returned."""

    client: Client = Client()
    exchanges: tuple[Exchange, ...] = (Exchange(),) * EXCHANGES
    admin: int = 0
    tick: int = 0
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Scheme:
    """When a token is admitted, and whether the issuer reads the generation again when it signs."""

    name: str
    admits: Callable[[Exchange, Client], bool]
    reads_again: bool = False


GENERATION = Scheme("generation equal and active", lambda t, c: c.active and t.generation == c.generation)
IAT_BEFORE = Scheme("dead if iat < t", lambda t, c: c.active and not t.iat < c.changed_at)
IAT_NOT_AFTER = Scheme("dead if iat <= t", lambda t, c: c.active and not t.iat <= c.changed_at)
STATUS_ONLY = Scheme("active", lambda t, c: c.active)
GENERATION_READ_AGAIN = Scheme("generation read again when signing", GENERATION.admits, reads_again=True)


def explore(scheme: Scheme, skew: int) -> tuple[int, int, int]:
    """(states, unsafe, unfair) of a scheme when the issuer's clock is `skew` ticks ahead of the revoker's."""
    start = World()
    seen, todo = {start}, [start]
    while todo:
        for world in _steps(todo.pop(), scheme, skew):
            if world not in seen:
                seen.add(world)
                todo.append(world)
    unsafe = sum(any(_unsafe(scheme, world, token) for token in world.exchanges) for world in seen)
    unfair = sum(any(_unfair(scheme, world, token) for token in world.exchanges) for world in seen)
    return len(seen), unsafe, unfair


def _steps(world: World, scheme: Scheme, skew: int) -> Iterator[World]:
    if world.tick < LAST_TICK:
        yield replace(world, tick=world.tick + 1)
    if world.admin < len(ADMIN_STEPS):
        yield _administer(world)
    for number, exchange in enumerate(world.exchanges):
        if exchange.step < 2:
            moved = _begin(world, exchange) if exchange.step == 0 else _sign(world, exchange, scheme, skew)
            yield replace(world, exchanges=(*world.exchanges[:number], moved, *world.exchanges[number + 1 :]))


def _administer(world: World) -> World:
    step, client, admin = ADMIN_STEPS[world.admin], world.client, world.admin + 1
    if step == "suspend":
        changed = Client(active=False, generation=client.generation + 1, changed_at=world.tick)
        return replace(world, client=changed, admin=admin)
    if step == "resume":
        changed = replace(client, active=True, generation=client.generation + 1)
        return replace(world, client=changed, admin=admin)
    suspended = ADMIN_STEPS[world.admin - 1] == "suspend"
    return replace(world, admin=admin, epoch=world.epoch + suspended)


def _begin(world: World, exchange: Exchange) -> Exchange:
    if not world.client.active:
        return replace(exchange, step=3)
    resumed = world.admin >= 1 and ADMIN_STEPS[world.admin - 1] == "return"
    generation = world.client.generation
    return replace(exchange, step=1, epoch=world.epoch, after_resume=resumed, seen_generation=generation)


def _sign(world: World, exchange: Exchange, scheme: Scheme, skew: int) -> Exchange:
    generation = world.client.generation if scheme.reads_again else exchange.seen_generation
    return replace(exchange, step=2, iat=world.tick + skew, generation=generation)


def _unsafe(scheme: Scheme, world: World, token: Exchange) -> bool:
    return token.step == 2 and token.epoch < world.epoch and scheme.admits(token, world.client)


def _unfair(scheme: Scheme, world: World, token: Exchange) -> bool:
    nothing_since = world.client.active and token.epoch == world.epoch and (world.admin == 0 or token.after_resume)
    return token.step == 2 and nothing_since and not scheme.admits(token, world.client)
