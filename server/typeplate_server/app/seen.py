"""How far this machine has seen the deployment's auth state: what tells a backup that was put in its database's place.

Rules kept here:
* `seen.json` in the data directory names the epoch, the number reached in it, and the epochs before. Within an epoch
  the number never goes back. It is written within a second of a change, so it is behind by that much at most.
* A start on less than was seen is refused: changes are missing, revocations maybe among them, and tokens of those whom
  they refused would live again. `restore-epoch` kills those tokens, and after it the epoch is another one.
* Who restores this file along with the database, or has a new machine, has to know it without being told.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, dataclass
from typing import Final

from typeplate_server.app.data_dir import DataDir
from typeplate_server.app.deployment import not_readable, open_database
from typeplate_server.app.failure import StartupError
from typeplate_server.auth.replica import Replica
from typeplate_server.config import Settings, shown_url
from typeplate_server.errors import ServiceError
from typeplate_server.store.clocks import AUTH, current
from typeplate_server.store.deployment import SqlDeploymentStore

EACH_S: Final = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """The epoch, the number reached in it, and the epochs that came before."""

    epoch: str
    seq: int
    earlier: tuple[str, ...] = ()

    def then(self, epoch: str, seq: int) -> Seen:
        """What has been seen after that."""
        if epoch != self.epoch:
            return Seen(epoch, seq, (*self.earlier, self.epoch))
        return self if seq <= self.seq else Seen(epoch, seq, self.earlier)

    def is_ahead_of(self, epoch: str, seq: int) -> bool:
        """Whether a database that is there lacks what was seen."""
        return epoch in self.earlier or (epoch == self.epoch and seq < self.seq)


async def require_nothing_missing(settings: Settings) -> None:
    """Raises StartupError when the database is older than this machine has seen it."""
    data_dir = DataDir(settings.data_dir)
    seen = read(data_dir)
    if seen is None:
        return
    database = open_database(settings)
    try:
        epoch = (await SqlDeploymentStore(database).read()).epoch
        seq = await database.run(lambda connection: current(connection, AUTH))
    except ServiceError as error:
        raise not_readable(error) from None
    finally:
        await database.close()
    if seen.is_ahead_of(epoch, seq):
        raise StartupError(
            f"{shown_url(settings.database)} is older than this machine has seen it: a backup was restored, or a "
            "standby that lagged was promoted. Run `typeplate-server restore-epoch`, which kills every access token "
            "issued so far, start, and revoke again what was revoked since"
        )


async def keep(data_dir: DataDir, replica: Replica) -> None:
    """Writes what the replica has seen, until cancelled."""
    noted = None
    while True:
        reached = (replica.history, replica.cursor)
        if reached != noted:
            noted = reached if await note(data_dir, replica) else None
        await asyncio.sleep(EACH_S)


async def note(data_dir: DataDir, replica: Replica) -> bool:
    """Writes what the replica has seen, if that is more than was written; whether that succeeded. A failure is told."""
    history, seq = replica.history, replica.cursor.seq
    if history is None:
        return False
    try:
        await asyncio.to_thread(_write, data_dir, history.epoch, seq)
    except StartupError as error:
        logger.warning("%s", error)
        return False
    return True


def read(data_dir: DataDir) -> Seen | None:
    """What was written; None: nothing yet, or nothing that can be read, which shall keep nobody from starting."""
    try:
        values = json.loads((data_dir.path / "seen.json").read_text("utf-8"))
        return Seen(str(values["epoch"]), int(values["seq"]), tuple(map(str, values["earlier"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        logger.warning("%s cannot be read: whether a backup was restored is not known", data_dir.path / "seen.json")
        return None


def _write(data_dir: DataDir, epoch: str, seq: int) -> None:
    before = read(data_dir)
    after = Seen(epoch, seq) if before is None else before.then(epoch, seq)
    if after != before:
        data_dir.write_private(data_dir.path / "seen.json", json.dumps(asdict(after)) + "\n")
