"""The exchange of a client's secret for an access token (RFC 6749 §4.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from typeplate_server.auth.failures import FailureLimiter
from typeplate_server.auth.registry import ClientRegistry
from typeplate_server.auth.secrets import SecretHasher
from typeplate_server.auth.tokens import IssuedToken, TokenIssuer


class TokenExchange:
    """Exchanges client credentials for tokens; all from memory, no database, no await."""

    def __init__(
        self,
        registry: ClientRegistry,
        hasher: SecretHasher,
        issuer: TokenIssuer,
        clock: Callable[[], float],
        fresh: Callable[[], bool],
        failures: FailureLimiter,
    ) -> None: ...

    def exchange(
        self, client_id: str, client_secret: str, scopes: Sequence[str], lifetime_s: float | None, peer: str
    ) -> IssuedToken:
        """A token for the client, or the reason why not. `peer` is the caller's address without its port."""
        raise NotImplementedError
