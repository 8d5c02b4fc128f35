"""How far this machine has seen the deployment's auth state: what tells a backup that was put in its database's place.

Rules kept here:
* `seen.json` in the data directory names the epoch, the number reached in it, the head of the audit trail then, and the
  epochs before. Within an epoch the number never goes back, and the head stays in the trail: another history that has
  counted as far has other heads. It is written within a second of a change, so it is behind by that much at most.
* Nothing starts on, or writes auth state to, less than was seen: changes are missing, revocations maybe among them, and
  tokens of those whom they refused would live again. `restore-epoch` kills those tokens, and after it the epoch is
  another one.
* Where something was seen no new deployment is begun, however empty the database is.
* Who restores this file along with the database, or has a new machine, has to know it without being told.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Final

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import given_keys_may_begin, lost_database, not_readable, open_database
from typeplate_server.app.failure import StartupError
from typeplate_server.auth.audit import Head
from typeplate_server.auth.replica import Replica
from typeplate_server.config import Settings
from typeplate_server.database_url import shown_url
from typeplate_server.errors import ServiceError
from typeplate_server.store.database import Database
from typeplate_server.store.faults import DatabaseError
from typeplate_server.store.migration import schema_state
from typeplate_server.store.reached import Reached, reached

EACH_S: Final = 1.0
NO_HEAD: Final = Head()

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """The epoch, the number reached in it, the epochs that came before, and the audit trail's head by then."""

    epoch: str
    seq: int
    earlier: tuple[str, ...] = ()
    head: Head = NO_HEAD

    def then(self, there: Reached) -> Seen:
        """What has been seen after that."""
        if there.epoch != self.epoch:
            return Seen(there.epoch, there.seq, (*self.earlier, self.epoch), there.head)
        return self if there.seq <= self.seq else Seen(there.epoch, there.seq, self.earlier, there.head)

    def is_ahead_of(self, there: Reached) -> bool:
        """Whether a database that is there lacks what was seen; it was asked for `head`."""
        if there.epoch == self.epoch:
            return there.seq < self.seq or not there.had
        return there.epoch in self.earlier


def require_database(settings: Settings) -> None:
    """Raises StartupError when there is no schema, where there was one: beside a key file, or seen already."""
    data_dir = DataDir(settings.data_dir)
    if read(data_dir) is None and (given_keys_may_begin(settings) or not data_dir.key_file.exists()):
        return
    try:
        if schema_state(settings.database).kind == "empty":
            raise StartupError(lost_database(settings))
    except DatabaseError as error:
        raise StartupError(str(error)) from None


async def require_nothing_missing(settings: Settings) -> None:
    """Raises StartupError when the database is older than this machine has seen it, or is another."""
    require_database(settings)
    seen = read(DataDir(settings.data_dir))
    if seen is None:
        return
    database = open_database(settings)
    try:
        there = await database.run(lambda connection: reached(connection, seen.head))
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()
    if not there.claimed:
        raise StartupError(lost_database(settings))
    if seen.is_ahead_of(there):
        raise StartupError(
            f"{shown_url(settings.database)} is older than this machine has seen it: a backup was restored, or a "
            "standby that lagged was promoted. Run `typeplate-server restore-epoch`, which kills every access token "
            "issued so far, start, and revoke again what was revoked since"
        )


async def keep(data_dir: DataDir, database: Database, replica: Replica) -> None:
    """Writes how far the database has come as soon as the replica has heard of it, until cancelled."""
    noted = None
    while True:
        heard = (replica.history, replica.cursor)
        if heard != noted:
            noted = heard if await note(data_dir, database) else None
        await asyncio.sleep(EACH_S)


async def note(data_dir: DataDir, database: Database) -> bool:
    """Writes how far the database has come, if that is more than was written; whether that succeeded.

    A failure is told, and so is a database that lacks what was seen: it stays what was seen.
    """
    seen = await asyncio.to_thread(read, data_dir)
    try:
        there = await database.run(lambda connection: reached(connection, NO_HEAD if seen is None else seen.head))
        if seen is not None and seen.is_ahead_of(there):
            logger.critical("the database lacks what was seen of it: `typeplate-server restore-epoch` has to be run")
        else:
            await asyncio.to_thread(_write, data_dir, seen, there)
    except (StartupError, ServiceError) as error:
        logger.warning("how far the database has come could not be noted: %s", error)
        return False
    return True


def read(data_dir: DataDir) -> Seen | None:
    """What was written; None: nothing yet, or nothing that can be read, which shall keep nobody from starting."""
    try:
        values = json.loads((data_dir.path / "seen.json").read_text("utf-8"))
        head = Head.parse(values.get("head", str(NO_HEAD)))
        return Seen(str(values["epoch"]), int(values["seq"]), tuple(map(str, values["earlier"])), head)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        logger.warning("%s cannot be read: whether a backup was restored is not known", data_dir.path / "seen.json")
        return None


def _write(data_dir: DataDir, before: Seen | None, there: Reached) -> None:
    after = Seen(there.epoch, there.seq, head=there.head) if before is None else before.then(there)
    if after != before:
        values = {"epoch": after.epoch, "seq": after.seq, "head": str(after.head), "earlier": after.earlier}
        data_dir.write_private(data_dir.path / "seen.json", json.dumps(values) + "\n")
