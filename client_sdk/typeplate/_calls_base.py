"""Owns what the calls of both clients have in common: the settings, the token known so far, whether it is closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Protocol, TypeVar

from typeplate._options import Options
from typeplate._reach import jitter
from typeplate._token import Token, TokenCache
from typeplate.errors import ClientClosed, ConfigurationError, TypeplateError


class Authenticating(Protocol):
    """What gives the tokens, of either kind."""

    def rejected(self, token: Token, error: TypeplateError, *, last: bool) -> bool:
        """Whether a call refused with this token shall be tried once more."""


A = TypeVar("A", bound=Authenticating)


class Session(Protocol[A]):
    """What belongs to one process or event loop; `authenticator` is None where the client has no credentials."""

    authenticator: A | None


class BaseCalls(ABC, Generic[A]):
    """The subclasses begin the sessions and perform the calls."""

    def __init__(self, options: Options) -> None:
        credentials = options.credentials
        self._options = options
        self._cache = TokenCache(jitter, changes=credentials is not None and credentials.secret.changes)
        self._closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        """The methods of a client travel as its settings, too, and never with its token."""
        return (type(self), (self._options,))

    @property
    def target(self) -> str:
        """The server."""
        return self._options.target

    @property
    def peer(self) -> str:
        """The server as errors name it."""
        return self._options.peer

    @property
    def patience(self) -> float:
        """Seconds to wait for a token or a server where a call has no deadline."""
        return self._options.patience

    @abstractmethod
    def session(self) -> Session[A]:
        """This process's, or the running loop's."""

    def authenticator(self) -> A:
        """What gives the tokens. Raises ConfigurationError where the client has no credentials."""
        if (found := self.session().authenticator) is None:
            raise ConfigurationError("this client was made without client_id and client_secret")
        return found

    def replaceable(self, token: Token | None, error: TypeplateError, *, last: bool) -> bool:
        """Whether to try once more with another token; see TokenCache.rejected. A closed client tries nothing more."""
        return token is not None and not self._closed and self.authenticator().rejected(token, error, last=last)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ClientClosed("the client is closed")
