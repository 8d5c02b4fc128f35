"""A model of the acknowledgement protocol, small enough to try every interleaving.

Replicas join, poll, apply, acknowledge and leave; revokers commit, list the replicas and wait; time may pass between
any two steps, so that every pause and every delay is among the interleavings. A state is *unsafe* when a revocation
has been answered EVERYWHERE and some replica would still admit its client. Each rule of the protocol is a switch: with
all of them on no reachable state may be unsafe, and with one off the search must find the hole that it closes.

A scenario says who takes part. Sequence numbers stand for rows: `dead[c]` is the seq at which client c was revoked, 0
while it lives; `knows[c]` is the same as one replica has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

BOUND: Final = 2
"""max_staleness, in ticks."""
CLIENTS: Final = 2

REGISTER_FIRST: Final = "register before the first read"
LIST_AFTER_COMMIT: Final = "list the replicas after COMMIT has returned"
STOP_THEN_DEREGISTER: Final = "stop admitting, then deregister"
PURGE_WAITS: Final = "purge a row only after the bound and with its heartbeat unchanged"
OWN_ROW: Final = "a replica whose row is gone starts anew"
APPLY_THEN_ACK: Final = "apply, then acknowledge"
RETRY_WAITS: Final = "a repeated revocation waits like a first one"
NEVER_BACK: Final = "a client never goes back in changed_seq"
FEED_MOVES_CURSOR: Final = "only the feed moves the cursor"
ONE_SNAPSHOT: Final = "seq and changes from one snapshot"
AS_OF_BEFORE: Final = "as_of is taken before the question"
TIMER_AFTER_COMMIT: Final = "the wait is counted from the commit's return"
MARGIN: Final = "the wait has a margin for slow clocks"
ONE_BOUND: Final = "one bound for all replicas"
INCARNATION: Final = "an incarnation in the row"
COMMITTED_HEARTBEAT: Final = "freshness is earned by a committed heartbeat"
ONE_HISTORY: Final = "another epoch or a smaller seq means to read everything anew"
ACK_NAMES_EPOCH: Final = "an acknowledgement counts in its own epoch only"
REVOKER_KEEPS_EPOCH: Final = "a revoker believes a registry of its own epoch only"
EPOCH_KEEPS_ROWS: Final = "a new epoch keeps the rows of replicas"
EPOCH_TAKES_BACK: Final = "a new epoch takes back what was acknowledged"
SILENT_STAYS: Final = "while a purged replica may be there still, not all have acknowledged"

RULES: Final = frozenset({
    REGISTER_FIRST, LIST_AFTER_COMMIT, STOP_THEN_DEREGISTER, PURGE_WAITS, OWN_ROW, APPLY_THEN_ACK, RETRY_WAITS,
    NEVER_BACK, FEED_MOVES_CURSOR, ONE_SNAPSHOT, AS_OF_BEFORE, TIMER_AFTER_COMMIT, MARGIN, ONE_BOUND, INCARNATION,
    COMMITTED_HEARTBEAT, ONE_HISTORY, ACK_NAMES_EPOCH, REVOKER_KEEPS_EPOCH, EPOCH_KEEPS_ROWS, EPOCH_TAKES_BACK,
    SILENT_STAYS,
})  # fmt: skip

Versions = tuple[int, ...]
ALIVE: Final[Versions] = (0,) * CLIENTS


class Row(NamedTuple):
    """A replica in the registry."""

    key: str
    acknowledged: int = 0
    heartbeat: int = 0
    """1: there was one since the janitor looked."""


class Database(NamedTuple):
    """The truth: the sequence, the clients, the registered replicas. `epoch` changes at a failover or a restore.

    `silent`: those that were purged, and have neither registered anew nor left.
    """

    seq: int = 0
    dead: Versions = ALIVE
    rows: tuple[Row, ...] = ()
    epoch: int = 0
    silent: frozenset[str] = frozenset()


class Poll(NamedTuple):
    """A poll under way: when it was asked and, once answered, what it says. `seq` -1: that half is still to come."""

    asked: int
    answered: bool = False
    seq: int = -1
    dead: Versions = ALIVE
    present: bool = True
    epoch: int = 0


class Replica(NamedTuple):
    """One process. `owed`: an acknowledgement not yet sent. `read`: a full read (reconciliation) not yet applied."""

    key: str
    phase: str = "out"  # out, registered, up, stopped, gone
    knows: Versions = (-1,) * CLIENTS
    cursor: int = 0
    as_of: int = -99
    lag: int = 0
    poll: Poll | None = None
    owed: int = 0
    read: Versions | None = None
    epoch: int = 0


class Revoker(NamedTuple):
    """One RevokeClient of `client` on the replica at index `home`."""

    home: int
    client: int
    step: str = "idle"  # idle, sent, committed, returned, applied, waiting, everywhere, lost
    sent: int = 0
    since: int = 0
    seq: int = 0
    listed: tuple[str, ...] = ()
    proof: str = ""
    epoch: int = 0


class Janitor(NamedTuple):
    """Somebody who purges a row unheard of: which, and when it was first looked at."""

    key: str = ""
    looked: int = 0
    done: bool = False


class World(NamedTuple):
    """Everything there is."""

    now: int
    database: Database
    replicas: tuple[Replica, ...]
    revokers: tuple[Revoker, ...]
    janitor: Janitor | None = None
    behind: Database | None = None
    """After a split: what the old primary, cut off, still answers to the last replica."""
    before: Database | None = None
    """What a standby has that lags one commit behind."""


class Scenario(NamedTuple):
    """Who takes part and what may happen."""

    world: World
    ticks: int = BOUND + 1
    may: frozenset[str] = frozenset()
    """Of: leave, reconcile, purge, split, failover, lag, freeze, restore."""


class Search(NamedTuple):
    """What was found: how many states, and how many of them unsafe, by what the EVERYWHERE rested on."""

    states: int
    unsafe: int
    unsafe_acknowledged: int


def explore(scenario: Scenario, rules: frozenset[str] = RULES, *, until_unsafe: bool = False) -> Search:
    """Tries every interleaving, or looks for one unsafe state only."""
    seen, todo = {scenario.world}, [scenario.world]
    while todo:
        for world in _steps(todo.pop(), scenario, rules):
            if world not in seen:
                seen.add(world)
                todo.append(world)
                if until_unsafe and _unsafe(world, rules):
                    todo.clear()
                    break
    proofs = [proof for world in seen for proof in [_unsafe(world, rules)] if proof]
    return Search(len(seen), len(proofs), proofs.count("acknowledged"))


def _unsafe(world: World, rules: frozenset[str]) -> str:
    """The proof of a revocation that was answered EVERYWHERE and does not hold; empty: there is none."""
    for revoker in world.revokers:
        if revoker.step == "everywhere":
            for index, replica in enumerate(world.replicas):
                if _fresh(world, index, rules) and replica.knows[revoker.client] == 0:
                    return revoker.proof
    return ""


def _fresh(world: World, index: int, rules: frozenset[str]) -> bool:
    replica = world.replicas[index]
    own_bound = BOUND + (2 if ONE_BOUND not in rules and index else 0)
    return replica.phase == "up" and world.now - replica.lag - replica.as_of < own_bound


def _steps(world: World, scenario: Scenario, rules: frozenset[str]) -> Iterator[World]:
    yield from _time(world, scenario)
    for index in range(len(world.replicas)):
        yield from _replica(world, index, scenario, rules)
    for index in range(len(world.revokers)):
        yield from _revoker(world, index, rules)
    if world.janitor is not None:
        yield from _janitor(world, rules)
    if "split" in scenario.may and world.behind is None:
        yield world._replace(behind=world.database)
    if "failover" in scenario.may and world.before is not None:
        yield from _failover(world)
    if "restore" in scenario.may and world.database.epoch == 0 and _nobody_told(world):
        yield _restore(world, rules)


def _time(world: World, scenario: Scenario) -> Iterator[World]:
    """A tick. `lag`: the last replica's clock may miss one in its life; `freeze`: any number of them."""
    if world.now >= scenario.ticks:
        return
    later = world._replace(now=world.now + 1)
    yield later
    last = len(world.replicas) - 1
    if "freeze" in scenario.may or ("lag" in scenario.may and world.replicas[last].lag == 0):
        yield _set(later, last, lag=world.replicas[last].lag + 1)


# --- the replica loop ---------------------------------------------------------------------------------------------


def _replica(world: World, index: int, scenario: Scenario, rules: frozenset[str]) -> Iterator[World]:
    replica = world.replicas[index]
    if replica.phase == "out" and replica.poll is None:
        yield from _join(world, index, rules)
    if replica.poll is not None:
        yield from _poll(world, index, rules)
    elif replica.phase in ("registered", "up") and not replica.owed:
        yield _set(world, index, poll=Poll(world.now - replica.lag))
    if replica.owed:
        yield _acknowledge(world, index, rules)
    if replica.phase == "up" and "reconcile" in scenario.may:
        if replica.read is None:
            yield _set(world, index, read=world.database.dead)
        else:
            yield _set(world, index, knows=_merged(replica.knows, replica.read, rules), read=None)
    if "leave" in scenario.may and index:
        yield from _leave(world, index, rules)


def _join(world: World, index: int, rules: frozenset[str]) -> Iterator[World]:
    replica = world.replicas[index]
    if REGISTER_FIRST in rules:
        yield _set(_register(world, replica.key), index, phase="registered", owed=0)
    else:  # reads and, later on, registers and opens at once
        yield _set(world, index, poll=Poll(world.now - replica.lag))


def _register(world: World, key: str) -> World:
    rows = tuple(row for row in world.database.rows if row.key != key)
    silent = world.database.silent - {key}
    return world._replace(database=world.database._replace(rows=(*rows, Row(key)), silent=silent))


def _poll(world: World, index: int, rules: frozenset[str]) -> Iterator[World]:
    replica = world.replicas[index]
    poll = replica.poll
    assert poll is not None
    if not poll.answered:
        yield _answer(world, index, poll, rules)
    elif poll.seq < 0:
        yield _set(world, index, poll=poll._replace(seq=world.database.seq))
    else:
        yield _apply(world, index, poll, rules)


def _answer(world: World, index: int, poll: Poll, rules: frozenset[str]) -> World:
    database, cut = world.database, world.behind is not None and index == len(world.replicas) - 1
    if cut:
        if COMMITTED_HEARTBEAT in rules:
            return _set(world, index, poll=None)  # the write fails, and with it the poll
        assert world.behind is not None
        database = world.behind
    replica = world.replicas[index]
    present = any(row.key == replica.key for row in database.rows)
    pairs = zip(database.dead, replica.knows, strict=True)
    changed = tuple(seq if seq > replica.cursor else known for seq, known in pairs)
    fresh_read = replica.phase != "up" or (replica.epoch != database.epoch and ONE_HISTORY in rules)
    answer = Poll(
        poll.asked, True, database.seq if ONE_SNAPSHOT in rules else -1,
        database.dead if fresh_read else changed, present, database.epoch,
    )  # fmt: skip
    world = world if cut else _beat(world, replica.key)
    owed = answer.seq if APPLY_THEN_ACK not in rules else 0
    return _set(world, index, poll=answer, owed=max(0, owed))


def _beat(world: World, key: str) -> World:
    """Only whether there was one since the janitor looked matters; more would make the search large."""
    if world.janitor is None or not world.janitor.key:
        return world
    rows = tuple(row._replace(heartbeat=1) if row.key == key else row for row in world.database.rows)
    return world._replace(database=world.database._replace(rows=rows))


def _apply(world: World, index: int, poll: Poll, rules: frozenset[str]) -> World:
    replica = world.replicas[index]
    if not poll.present and (OWN_ROW in rules) and replica.phase != "out":
        return _set(world, index, phase="out", poll=None, as_of=-99, knows=(-1,) * CLIENTS, cursor=0)
    other_history = poll.epoch != replica.epoch or poll.seq < replica.cursor
    if ONE_HISTORY in rules and other_history and replica.phase == "up":
        anew = {"phase": "registered", "knows": (-1,) * CLIENTS, "cursor": 0, "as_of": -99}
        return _set(world, index, poll=None, epoch=poll.epoch, **anew)
    as_of = poll.asked if AS_OF_BEFORE in rules else world.now - replica.lag
    if replica.phase == "out":
        world = _register(world, replica.key)
    owed = poll.seq if APPLY_THEN_ACK in rules else 0
    knows = _merged(replica.knows, poll.dead, rules)
    return _set(
        world, index, phase="up", poll=None, knows=knows, cursor=max(replica.cursor, poll.seq), as_of=as_of,
        owed=owed if owed > _acknowledged(world, replica.key) else 0, epoch=poll.epoch,
    )  # fmt: skip


def _merged(knows: Versions, news: Versions, rules: frozenset[str]) -> Versions:
    if NEVER_BACK not in rules:
        return news
    return tuple(max(old, new) for old, new in zip(knows, news, strict=True))


def _acknowledged(world: World, key: str) -> int:
    return next((row.acknowledged for row in world.database.rows if row.key == key), 0)


def _acknowledge(world: World, index: int, rules: frozenset[str]) -> World:
    replica = world.replicas[index]
    heard = ACK_NAMES_EPOCH not in rules or replica.epoch == world.database.epoch
    rows = tuple(
        row._replace(acknowledged=replica.owed) if row.key == replica.key and heard else row
        for row in world.database.rows
    )
    return _set(world._replace(database=world.database._replace(rows=rows)), index, owed=0)


def _leave(world: World, index: int, rules: frozenset[str]) -> Iterator[World]:
    phase = world.replicas[index].phase
    registered = any(row.key == world.replicas[index].key for row in world.database.rows)
    if STOP_THEN_DEREGISTER in rules:
        if phase == "up":
            yield _set(world, index, phase="stopped", poll=None, owed=0, read=None)
        elif phase == "stopped":
            left = _drop(world, world.replicas[index].key)
            yield _set(left._replace(database=left.database._replace(silent=frozenset())), index, phase="gone")
    elif phase == "up":
        yield _drop(world, world.replicas[index].key) if registered else _set(world, index, phase="gone", poll=None)


def _drop(world: World, key: str) -> World:
    rows = tuple(row for row in world.database.rows if row.key != key)
    return world._replace(database=world.database._replace(rows=rows))


# --- the revoker --------------------------------------------------------------------------------------------------


def _revoker(world: World, index: int, rules: frozenset[str]) -> Iterator[World]:
    revoker = world.revokers[index]
    step = _REVOKER_STEPS.get(revoker.step)
    if step is not None:
        yield from step(world, index, revoker, rules)


def _send(world: World, index: int, revoker: Revoker, rules: frozenset[str]) -> Iterator[World]:
    listed = () if LIST_AFTER_COMMIT in rules else tuple(row.key for row in world.database.rows)
    yield _revoked(world, index, step="sent", sent=world.now, listed=listed, epoch=world.database.epoch)


def _commit(world: World, index: int, revoker: Revoker, rules: frozenset[str]) -> Iterator[World]:
    database, client = world.database, revoker.client
    if database.dead[client]:
        seq = database.dead[client]
        yield _revoked(world, index, step="committed" if RETRY_WAITS in rules else "everywhere", seq=seq, proof="none")
        return
    seq = database.seq + 1
    dead = (*database.dead[:client], seq, *database.dead[client + 1 :])
    committed = world._replace(database=database._replace(seq=seq, dead=dead), before=world.before and database)
    yield _revoked(committed, index, step="committed", seq=seq)


def _return(world: World, index: int, revoker: Revoker, rules: frozenset[str]) -> Iterator[World]:
    since = world.now if TIMER_AFTER_COMMIT in rules else revoker.sent
    yield _revoked(world, index, step="returned", since=since)


def _apply_here(world: World, index: int, revoker: Revoker, rules: frozenset[str]) -> Iterator[World]:
    home = world.replicas[revoker.home]
    knows = tuple(revoker.seq if c == revoker.client else known for c, known in enumerate(home.knows))
    cursor = home.cursor if FEED_MOVES_CURSOR in rules else max(home.cursor, revoker.seq)
    yield _revoked(_set(world, revoker.home, knows=knows, cursor=cursor), index, step="applied")


def _list(world: World, index: int, revoker: Revoker, rules: frozenset[str]) -> Iterator[World]:
    listed = tuple(row.key for row in world.database.rows) if LIST_AFTER_COMMIT in rules else revoker.listed
    others = tuple(key for key in listed if key != world.replicas[revoker.home].key)
    yield _revoked(world, index, step="waiting", listed=others)


def _wait(world: World, index: int, revoker: Revoker, rules: frozenset[str]) -> Iterator[World]:
    behind = [row.key for row in world.database.rows if row.acknowledged < revoker.seq]
    if REVOKER_KEEPS_EPOCH in rules and world.database.epoch != revoker.epoch:
        yield _revoked(world, index, step="lost")
    elif not any(key in behind for key in revoker.listed):
        silent = SILENT_STAYS in rules and bool(world.database.silent)
        yield _revoked(world, index, step="everywhere", proof="bound" if silent else "acknowledged")
    elif world.now - revoker.since >= BOUND + (MARGIN in rules):
        yield _revoked(world, index, step="everywhere", proof="bound")


_REVOKER_STEPS: Final[dict[str, Callable[[World, int, Revoker, frozenset[str]], Iterator[World]]]] = {
    "idle": _send, "sent": _commit, "committed": _return, "returned": _apply_here, "applied": _list, "waiting": _wait,
}  # fmt: skip


# --- what may befall them -----------------------------------------------------------------------------------------


def _janitor(world: World, rules: frozenset[str]) -> Iterator[World]:
    """Purges the last replica's row once, after having looked at it."""
    janitor = world.janitor
    assert janitor is not None
    row = next((row for row in world.database.rows if row.key == world.replicas[-1].key), None)
    if janitor.done or row is None:
        return
    if not janitor.key:
        yield world._replace(janitor=Janitor(row.key, world.now))
    elif PURGE_WAITS not in rules or (world.now - janitor.looked >= BOUND and not row.heartbeat):
        dropped = _drop(world, row.key)
        database = dropped.database._replace(silent=dropped.database.silent | {row.key})
        yield dropped._replace(janitor=janitor._replace(done=True), database=database)
    elif row.heartbeat:
        yield world._replace(janitor=janitor._replace(done=True))


def _failover(world: World) -> Iterator[World]:
    """A standby that lacks the last commit is promoted, while nobody has been told of that commit yet."""
    before = world.before
    assert before is not None
    lost = [each.step for each in world.revokers if each.seq > before.seq]
    if len(lost) == 1 and lost[0] in _UNTOLD and world.database.epoch == 0:
        promoted = before._replace(epoch=1, rows=_as_of(world.database.rows, before.seq))
        yield world._replace(database=promoted, before=None)


def _nobody_told(world: World) -> bool:
    """What was answered and the backup has forgotten has to be done again, which is the operator's part."""
    return all(each.step != "everywhere" for each in world.revokers)


def _restore(world: World, rules: frozenset[str]) -> World:
    """A backup that has forgotten one change, but not who was there, takes the database's place; an epoch begins."""
    database = world.database
    seq = max(0, database.seq - 1)
    rows = tuple(row._replace(acknowledged=0) if EPOCH_TAKES_BACK in rules else row for row in database.rows)
    dead = tuple(number if number <= seq else 0 for number in database.dead)
    kept = rows if EPOCH_KEEPS_ROWS in rules else ()
    return world._replace(database=database._replace(seq=seq, dead=dead, rows=kept, epoch=1))


_UNTOLD: Final = ("committed", "returned", "applied", "waiting")


def _as_of(rows: tuple[Row, ...], seq: int) -> tuple[Row, ...]:
    """An acknowledgement of a commit is committed after it, and so is lost with it."""
    return tuple(row._replace(acknowledged=min(row.acknowledged, seq)) for row in rows)


def _set(world: World, index: int, **fields: object) -> World:
    changed = world.replicas[index]._replace(**fields)  # type: ignore[arg-type]
    return world._replace(replicas=(*world.replicas[:index], changed, *world.replicas[index + 1 :]))


def _revoked(world: World, index: int, **fields: object) -> World:
    changed = world.revokers[index]._replace(**fields)  # type: ignore[arg-type]
    return world._replace(revokers=(*world.revokers[:index], changed, *world.revokers[index + 1 :]))


# --- scenarios ----------------------------------------------------------------------------------------------------


def _world(*replicas: Replica, revokers: tuple[Revoker, ...]) -> World:
    rows = tuple({r.key: Row(r.key) for r in replicas if r.phase == "up"}.values())
    return World(0, Database(rows=rows), replicas, revokers)


def _up(key: str) -> Replica:
    return Replica(key, "up", ALIVE, as_of=0)


def _home() -> Replica:
    """A replica that only serves its revoker: it has stopped polling, which other interleavings include."""
    return Replica("home", "stopped", ALIVE)


ONE: Final = (Revoker(0, 0),)
PLAIN: Final = Scenario(_world(_home(), _up("b"), revokers=ONE), ticks=BOUND + 2)
JOIN: Final = Scenario(_world(_home(), Replica("b"), revokers=ONE))
LEAVE: Final = Scenario(PLAIN.world, may=frozenset({"leave"}))
PURGE: Final = Scenario(PLAIN.world._replace(janitor=Janitor()), ticks=BOUND)
RETRY: Final = Scenario(_world(_home(), _up("b"), revokers=(Revoker(0, 0), Revoker(0, 0))), ticks=2)
RECONCILE: Final = Scenario(PLAIN.world, may=frozenset({"reconcile"}))
TWO: Final = Scenario(_world(_up("a"), _home(), revokers=(Revoker(0, 0), Revoker(1, 1))), ticks=0)
SLOW: Final = Scenario(PLAIN.world, ticks=BOUND + 2, may=frozenset({"lag"}))
SPLIT: Final = Scenario(PLAIN.world, ticks=BOUND + 2, may=frozenset({"split"}))
RESTORE: Final = Scenario(_world(_home(), _up("b"), revokers=(Revoker(0, 0), Revoker(0, 1))), 0, frozenset({"restore"}))
FROZEN: Final = Scenario(PLAIN.world, ticks=BOUND + 2, may=frozenset({"freeze"}))
PURGED_FROZEN: Final = Scenario(PLAIN.world._replace(janitor=Janitor()), ticks=BOUND, may=frozenset({"freeze"}))


def restarted(rules: frozenset[str]) -> Scenario:
    """A process starts in the place of another that is paused, and not dead."""
    key = "b2" if INCARNATION in rules else "b"
    return Scenario(_world(_home(), _up("b"), Replica(key), revokers=ONE), ticks=1)


def failover() -> Scenario:
    """A commit is seen by a replica and lost; another takes its number."""
    world = _world(_home(), _up("b"), revokers=(Revoker(0, 0), Revoker(0, 1)))
    return Scenario(world._replace(before=world.database), ticks=1, may=frozenset({"failover"}))
