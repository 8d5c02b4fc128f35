"""The parts of `auth` joined as `app` joins them, on a clock and a store that tests hold in their hands."""

from dataclasses import dataclass, replace
from typing import Any, Final

import jwt

from tests.support.fake_client_store import FakeClientStore
from tests.support.fake_secret_use_store import FakeSecretUseStore
from typeplate_server.auth.access import Access
from typeplate_server.auth.admission import Admission, Caller
from typeplate_server.auth.changes import Changes
from typeplate_server.auth.clients import KNOWN_SCOPES, VEHICLES_READ, ClientState, SecretState, State
from typeplate_server.auth.exchange import TokenExchange
from typeplate_server.auth.failures import FailureLimiter
from typeplate_server.auth.keyring import KeyRing, SigningKey
from typeplate_server.auth.propagation import Propagation, SoleReplica
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.revoked_tokens import RevokedTokens
from typeplate_server.auth.secret_uses import SecretUses
from typeplate_server.auth.secrets import ClientSecret, SecretHasher, new_secret
from typeplate_server.auth.service import ClientAdministration
from typeplate_server.auth.store import ClientStore
from typeplate_server.auth.tokens import AccessTokenVerifier, TokenIssuer

NOW: Final = 1_800_000_000.25
ISSUER: Final = "urn:typeplate:test"
PEER: Final = "192.0.2.1"
READ: Final = Access(scope=VEHICLES_READ)
ANY_TOKEN: Final = Access(authenticated=True)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Switch:
    """Whether the auth state is fresh."""

    on: bool = True

    def __call__(self) -> bool:
        return self.on


def client_state(
    client_id: str = "reader",
    scopes: frozenset[str] = frozenset({VEHICLES_READ}),
    state: State = "active",
    **fields: Any,
) -> ClientState:
    """A client with defaults for all a test does not care about."""
    values: dict[str, Any] = {
        "display_name": "", "generation": 1, "generation_nonce": "00c0ffee00c0ffee", "create_time": NOW,
        "update_time": NOW, "changed_seq": 1,
    }  # fmt: skip
    return ClientState(client_id=client_id, scopes=scopes, state=state, **(values | fields))


class AuthWorld:
    """One replica with two clients, `reader` with `vehicles:read` and `root` with every scope, and their secrets."""

    def __init__(self, store: ClientStore | None = None, propagation: Propagation | None = None) -> None:
        self.clock = Clock()
        self.boot = Clock(1000.0)
        self.fresh = Switch()
        self.revoked = RevokedTokens()
        self.hasher = SecretHasher(b"p" * 32)
        self.secrets: dict[str, ClientSecret] = {}
        clients = [self._with_secret(client_state()), self._with_secret(client_state("root", KNOWN_SCOPES))]
        self.store = FakeClientStore(clients)
        self.registry = ClientRegistry(clients)
        self.key = SigningKey.generate()
        self.keys = KeyRing([self.key])
        self.issuer = TokenIssuer(self.keys, ISSUER, self.clock)
        self.verifier = AccessTokenVerifier(self.keys, ISSUER, self.clock)
        self.admission = Admission(
            self.keys, self.verifier, self.registry, self.clock, self.fresh, revoked=self.revoked
        )
        self.failures = FailureLimiter(self.clock)
        self.used = FakeSecretUseStore()
        self.uses = SecretUses(self.used)
        self.exchanging = TokenExchange(
            self.registry, self.hasher, self.issuer, self.clock, self.fresh, self.failures, self.uses
        )
        self.changes = Changes(propagation or SoleReplica(self.boot, self.clock))
        self.administration = ClientAdministration(
            store or self.store, self.registry, self.hasher, self.clock, self.changes, self.uses
        )

    def _with_secret(self, client: ClientState) -> ClientState:
        secret = new_secret()
        self.secrets[client.client_id] = secret
        return replace(client, secrets=(SecretState(secret.secret_id, self.hasher.hash(secret), NOW),))

    def client(self, client_id: str = "reader") -> ClientState:
        """The client as the registry has it."""
        client = self.registry.get(client_id)
        assert client is not None
        return client

    def set(self, client_id: str = "reader", **fields: Any) -> ClientState:
        """Changes a client in memory, as a change that came in."""
        client = self.client(client_id)
        changed = replace(client, changed_seq=client.changed_seq + 1, **fields)
        self.registry.apply(changed)
        return changed

    def token(self, client_id: str = "reader", lifetime_s: float | None = None) -> str:
        """A good token of the client."""
        client = self.client(client_id)
        return self.issuer.issue(client, client.scopes, lifetime_s).access_token

    def admit(self, token: str, access: Access = READ) -> Caller | None:
        """Admits one call with this token."""
        return self.admission.admit([f"Bearer {token}"], access)

    def caller(self, client_id: str = "reader") -> Caller:
        """An admitted caller."""
        caller = self.admit(self.token(client_id), ANY_TOKEN)
        assert caller is not None
        return caller

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token, some changed; None takes one away."""
        claims = jwt.decode(self.token(), options={"verify_signature": False}) | changes
        return {name: value for name, value in claims.items() if value is not None}
