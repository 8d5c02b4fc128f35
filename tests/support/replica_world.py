"""Several replicas over one fake database, each with its own memory, loop and link, on clocks that tests hold."""

import asyncio
from dataclasses import dataclass

from tests.support.auth_world import ISSUER, NOW, Clock, client_state
from tests.support.fake_client_store import FakeClientStore
from tests.support.fake_replica_store import FakeDeploymentStore, FakeReplicaStore, FakeRevokedTokenStore
from typeplate_server.auth.admission import Admission
from typeplate_server.auth.auth_state import AuthState
from typeplate_server.auth.changes import Changes
from typeplate_server.auth.exchange import TokenExchange
from typeplate_server.auth.failures import FailureLimiter
from typeplate_server.auth.key_administration import KeyAdministration
from typeplate_server.auth.keyring import KeyRing, SigningKey
from typeplate_server.auth.propagation import Acknowledgements
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.replica import Replica
from typeplate_server.auth.revoked_tokens import RevokedTokens
from typeplate_server.auth.sealing import Sealer
from typeplate_server.auth.secrets import SecretHasher
from typeplate_server.auth.service import ClientAdministration
from typeplate_server.auth.signing_keys import StoredKeys
from typeplate_server.auth.store import ReplicaIdentity
from typeplate_server.auth.token_administration import TokenAdministration
from typeplate_server.auth.tokens import AccessTokenVerifier, TokenIssuer

SEALER = Sealer(b"s" * 32)


class Node:
    """One replica, joined as `app` joins it. `link` is its way to the database, which can be cut."""

    def __init__(self, name: str, fleet: "Fleet") -> None:
        self.link = FakeReplicaStore(fleet.clients, fleet.database)
        self.boot = Clock(1000.0)
        self.changes_seen = 0
        self.registry = ClientRegistry()
        self.revoked = RevokedTokens()
        self.keys = KeyRing([fleet.first_key])
        self.state = AuthState(self.registry, self.revoked, StoredKeys(self.keys, SEALER))
        identity = ReplicaIdentity(name, f"{name}-1")
        self.replica = Replica(self.link, identity, self.state, self.boot, changed=self._changed)
        self.waiting = Acknowledgements(
            self.link,
            identity,
            lambda: self.replica.max_staleness_s,
            lambda: self.replica.history,
            self.boot,
            fleet.clock,
        )
        changes = Changes(self.waiting, self._changed)
        hasher, fresh = SecretHasher(b"p" * 32), self.replica.fresh
        verifier, issuer = (
            AccessTokenVerifier(self.keys, ISSUER, fleet.clock),
            TokenIssuer(self.keys, ISSUER, fleet.clock),
        )
        self.admission = Admission(self.keys, verifier, self.registry, fleet.clock, fresh, revoked=self.revoked)
        self.exchange = TokenExchange(self.registry, hasher, issuer, fleet.clock, fresh, FailureLimiter(fleet.clock))
        self.clients = ClientAdministration(fleet.clients, self.registry, hasher, fleet.clock, changes)
        self.tokens = TokenAdministration(
            FakeRevokedTokenStore(self.link), self.revoked, verifier, self.admission, changes, fleet.clock
        )
        self.rotation = KeyAdministration(FakeDeploymentStore(self.link), self.state.keys, SEALER, changes, fleet.clock)
        self.issuer = issuer

    def _changed(self) -> None:
        self.changes_seen += 1

    def token(self, client_id: str = "reader") -> str:
        """A token of the client as this replica knows it."""
        client = self.registry.get(client_id)
        assert client is not None
        return self.issuer.issue(client, client.scopes).access_token


@dataclass
class Fleet:
    """The database, and the wall clock all share."""

    clients: FakeClientStore
    database: FakeReplicaStore
    clock: Clock
    first_key: SigningKey

    @classmethod
    def make(cls) -> "Fleet":
        clients = FakeClientStore([client_state(changed_seq=1), client_state("other", changed_seq=2)])
        return cls(clients, FakeReplicaStore(clients), Clock(NOW), SigningKey.generate())

    async def node(self, name: str) -> Node:
        """A replica that has started, and does not follow until it is told to."""
        node = Node(name, self)
        await node.replica.start()
        return node


async def until(condition: object, seconds: float = 5.0) -> None:
    """Waits until the condition, a function, holds."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)
