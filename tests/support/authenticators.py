"""Both authenticators without a server: `issue` stands for it, and the clock is the test's."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from typeplate._auth import Authenticator
from typeplate._auth_aio import AsyncAuthenticator
from typeplate._credentials import Credentials
from typeplate._secret import CallableSecret, SecretCallable
from typeplate._token import TokenCache
from typeplate.errors import DeadlineExceeded
from typeplate.v1.auth_service_pb2 import IssueTokenRequest, IssueTokenResponse

PATIENCE_S = 5.0
LIFE_S = 900


def issue(_: IssueTokenRequest) -> IssueTokenResponse:
    """A token for 900 s."""
    response = IssueTokenResponse(access_token="a-token")
    response.expires_in.FromSeconds(LIFE_S)
    return response


async def issue_aio(request: IssueTokenRequest) -> IssueTokenResponse:
    """The same for asyncio."""
    return issue(request)


def authenticator(
    secret: SecretCallable,
    issues: Callable[[IssueTokenRequest], IssueTokenResponse] = issue,
    clock: Callable[[], float] = time.monotonic,
) -> Authenticator:
    """One that gets its secret from this callable and its tokens from `issues`."""
    return Authenticator(*parts(secret, issues, clock))


def aio_authenticator(
    secret: SecretCallable,
    issues: Callable[[IssueTokenRequest], Awaitable[IssueTokenResponse]] = issue_aio,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncAuthenticator:
    """The same for asyncio."""
    return AsyncAuthenticator(*parts(secret, issues, clock))


def parts(secret: SecretCallable, issues: Any, clock: Callable[[], float]) -> Any:
    """What both are made of."""
    cache = TokenCache(lambda: 0.0, changes=True)
    return Credentials("app", CallableSecret(secret)), issues, cache, clock, lambda: 0.0, unanswered


def unanswered(seconds: float) -> DeadlineExceeded:
    """The error of a caller who waited in vain."""
    return DeadlineExceeded(f"nothing within {seconds} s")
