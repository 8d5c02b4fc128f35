"""The key that a deployment signs with, taken from its database as a server takes it: for tests that forge tokens."""

import asyncio
from pathlib import Path

from typeplate_server.auth.key_changes import signing_key as the_one_that_signs
from typeplate_server.auth.keyfile import load_key_file
from typeplate_server.auth.keyring import SigningKey
from typeplate_server.auth.sealing import Sealer
from typeplate_server.store.database import Database
from typeplate_server.store.deployment import SqlDeploymentStore


def signing_key(data_dir: Path) -> SigningKey:
    """Of the deployment on SQLite in this directory. Not from inside an event loop."""
    stored = asyncio.run(_stored(data_dir))
    return Sealer(load_key_file(data_dir / "keys.json").sealing_key).unseal(*stored)


async def _stored(data_dir: Path) -> tuple[str, bytes]:
    database = Database(f"sqlite:///{data_dir / 'typeplate.db'}", data_dir)
    try:
        key = the_one_that_signs(await SqlDeploymentStore(database).signing_keys())
        assert key is not None
        return key.kid, key.sealed_private
    finally:
        await database.close()
