"""Owns what an application sets on a client: checked once, the same for both clients, with no secret to show.

Environment: TYPEPLATE_TARGET, TYPEPLATE_CLIENT_ID, TYPEPLATE_CLIENT_SECRET or TYPEPLATE_CLIENT_SECRET_FILE,
TYPEPLATE_CA_FILE, TYPEPLATE_PLAINTEXT.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from typeplate._credentials import Credentials
from typeplate._secret import SecretCallable, secret_source
from typeplate._tls import TlsSettings, Transport, is_target, on_this_machine, transport_of
from typeplate.errors import ConfigurationError, TypeplateError

DEFAULT_TIMEOUT_S = 10.0
WAITING_TIMEOUT_S = 30.0
"""For methods that wait until all replicas have acknowledged a change (typeplate.v1.waits)."""
LONGEST_TIMEOUT_S = 366 * 86_400.0
"""Beyond it a timeout is none; clocks overflow sooner or later."""
BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


Timeout = float | timedelta
"""Seconds, or a timedelta."""


def seconds_of(timeout: Timeout) -> float:
    """The timeout in seconds. Raises ConfigurationError for one that is not positive."""
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not isinstance(seconds, int | float):
        raise TypeError(f"timeout cannot be {type(timeout).__name__}: it is seconds or a timedelta")
    if not seconds > 0:
        raise ConfigurationError("timeout is not positive")
    return seconds


def timeouts_of(timeout: Timeout | None) -> tuple[float, float]:
    """The client's timeouts: for unary calls, and for those that wait for all replicas."""
    return (DEFAULT_TIMEOUT_S, WAITING_TIMEOUT_S) if timeout is None else (seconds_of(timeout),) * 2


def deadline_of(given: Timeout | None, default: float) -> float | None:
    """The timeout for gRPC: the call's, else the default; infinite is none. Raises ConfigurationError."""
    timeout = default if given is None else seconds_of(given)
    return None if timeout > LONGEST_TIMEOUT_S else timeout


@dataclass(frozen=True, slots=True)
class Options:
    """A client's settings, checked."""

    target: str
    credentials: Credentials | None
    timeout: float
    waiting_timeout: float
    tls: TlsSettings
    transport: Transport
    proxy: bool
    user_agent: str
    clock: Callable[[], float]

    def timeout_of(self, *, waits: bool) -> float:
        """Of a unary call that says nothing itself."""
        return self.waiting_timeout if waits else self.timeout

    @property
    def peer(self) -> str:
        """The server as errors name it; where a proxy is between, that may be to blame."""
        variable = proxy_variable(self.target, os.environ) if self.proxy else None
        return f"{self.target} (by the proxy in {variable}; proxy=False goes without)" if variable else self.target

    @property
    def patience(self) -> float:
        """Seconds to wait for a token or a server where a call has no deadline."""
        return self.timeout if self.timeout <= LONGEST_TIMEOUT_S else DEFAULT_TIMEOUT_S


class Settings(TypedDict, total=False):
    """The constructor's arguments, which say what they mean."""

    target: str
    client_id: str | None
    client_secret: str | SecretCallable | None
    client_secret_file: str | Path | None
    scopes: Sequence[str]
    timeout: Timeout | None
    ca_file: str | Path | None
    client_cert_file: str | Path | None
    client_key_file: str | Path | None
    server_name: str | None
    plaintext: bool | None
    proxy: bool
    user_agent: str
    clock: Callable[[], float]


class Configured:
    """A client's constructor, `from_env`, `repr` and pickling; both clients derive from it."""

    def __init__(
        self,
        target: str,
        *,
        client_id: str | None = None,
        client_secret: str | SecretCallable | None = None,
        client_secret_file: str | Path | None = None,
        scopes: Sequence[str] = (),
        timeout: Timeout | None = None,
        ca_file: str | Path | None = None,
        client_cert_file: str | Path | None = None,
        client_key_file: str | Path | None = None,
        server_name: str | None = None,
        plaintext: bool | None = None,
        proxy: bool = True,
        user_agent: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Checks the settings. Files are read, and the server is connected to, at the first call.

        Raises ConfigurationError naming the setting that cannot be.

        Args:
            target: The server, `host:port` or `unix:/path`.
            client_id: The application's id. Without it only public methods can be called.
            client_secret: Its secret `tps_…`, or a callable that fetches it (an asynchronous one for AsyncClient).
            client_secret_file: A file that holds the secret, read again for each token: for mounted ones that rotate.
            scopes: The scopes its tokens shall carry. Empty: all that it is granted.
            timeout: Seconds, or a timedelta, that a unary call may take where it says nothing; `inf` for no limit.
                Absent: 10, and 30 where a method waits until all replicas have acknowledged a change.
            ca_file: Certificate authorities to trust, PEM. Absent: the system's.
            client_cert_file: Client certificate, PEM, with `client_key_file`.
            client_key_file: The client certificate's private key, PEM.
            server_name: The name in the server's certificate where it is not the target's host.
            plaintext: True sends everything, tokens included, unprotected; False asks for TLS on loopback too. Absent:
                plaintext on loopback and unix sockets, TLS everywhere else.
            proxy: Whether `https_proxy` and its kind are obeyed; on this machine they never are.
            user_agent: Put before the SDK's own in the user agent, for example `sales-app/2.1`.
            clock: Monotonic seconds, for tests.
        """
        try:
            credentials = credentials_of(client_id, client_secret, client_secret_file, scopes)
            tls = TlsSettings(
                _path("ca_file", ca_file),
                _path("client_cert_file", client_cert_file),
                _path("client_key_file", client_key_file),
                server_name,
            )
            if not isinstance(proxy, bool):
                raise ConfigurationError("proxy is True or False; which one it is stands in https_proxy")
            transport = transport_of(checked_target(target), tls, plaintext)
            timeouts = timeouts_of(timeout)
            options = Options(target, credentials, *timeouts, tls, transport, proxy, user_agent, clock)
        except TypeplateError as error:
            del client_secret  # error trackers record local variables, here and in the frames that are left out
            raise error.with_traceback(None) from None
        self._start(options)

    def _start(self, options: Options) -> None:
        self._options = options

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **settings: Unpack[Settings]) -> Self:
        """The client that the environment describes; `settings` are the constructor's and come first.

        It reads TYPEPLATE_TARGET, TYPEPLATE_CLIENT_ID, TYPEPLATE_CLIENT_SECRET or TYPEPLATE_CLIENT_SECRET_FILE,
        TYPEPLATE_CA_FILE and TYPEPLATE_PLAINTEXT.

        Raises ConfigurationError naming the variable that is missing or wrong.
        """
        try:
            return cls(**{**settings_of(os.environ if environ is None else environ, settings), **settings})
        except TypeplateError as error:
            del environ, settings  # see the constructor
            raise error.with_traceback(None) from None

    def __repr__(self) -> str:
        if (shown := getattr(self, "_options", None)) is None:  # in a traceback of its constructor
            return f"{type(self).__name__}(…)"
        client_id = shown.credentials.client_id if shown.credentials else None
        return f"{type(self).__name__}({shown.target!r}, client_id={client_id!r}, transport={shown.transport.value!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A client travels as its settings and connects anew; one that holds its secret itself does not travel."""
        return (_restored, (type(self), self._options))


def _restored(kind: type[Configured], options: Options) -> Configured:
    client = kind.__new__(kind)
    client._start(options)
    return client


def proxy_variable(target: str, environ: Mapping[str, str]) -> str | None:
    """The environment variable whose proxy gRPC goes by to this target; the names are gRPC's."""
    if on_this_machine(target):
        return None
    excepted = (environ.get("no_grpc_proxy") or environ.get("no_proxy") or "").split(",")
    host = target.rpartition(":")[0].rpartition("/")[2]
    if any(host.endswith(end.strip()) for end in excepted if end.strip()):
        return None
    return next((name for name in ("grpc_proxy", "https_proxy", "http_proxy") if environ.get(name)), None)


def checked_target(target: object) -> str:
    """The target, if it is one."""
    if not isinstance(target, str) or not is_target(target):
        raise ConfigurationError(f"target {target!r} is not of the form host:port or unix:/path")
    return target


def credentials_of(
    client_id: str | None,
    secret: str | SecretCallable | None,
    file: str | Path | None,
    scopes: Sequence[str],
) -> Credentials | None:
    """The credentials that an application gave; None when it gave none."""
    if not isinstance(client_id, str | None):
        raise ConfigurationError(f"client_id is {type(client_id).__name__}, not text")
    if isinstance(scopes, str):  # which would be taken letter by letter
        raise ConfigurationError("scopes is a list of scopes, not a string")
    source = secret_source(secret, file)
    if (source is None) != (not client_id):
        raise ConfigurationError("client_id and client_secret (or client_secret_file) belong together")
    return Credentials(client_id, source, tuple(scopes)) if client_id and source else None


def settings_of(environ: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments that the environment states."""
    found: dict[str, Any] = {}
    if "target" not in given:
        found["target"] = _needed(environ, "TYPEPLATE_TARGET")
    if "client_id" not in given:
        found["client_id"] = _needed(environ, "TYPEPLATE_CLIENT_ID")
    if not {"client_secret", "client_secret_file"} & given.keys():
        file = environ.get("TYPEPLATE_CLIENT_SECRET_FILE")
        secret = environ.get("TYPEPLATE_CLIENT_SECRET")
        if not file and not secret:
            raise ConfigurationError("neither TYPEPLATE_CLIENT_SECRET nor TYPEPLATE_CLIENT_SECRET_FILE is set")
        found |= {"client_secret": secret or None, "client_secret_file": file or None}
    if ca_file := environ.get("TYPEPLATE_CA_FILE"):
        found["ca_file"] = ca_file
    if plaintext := environ.get("TYPEPLATE_PLAINTEXT"):
        if plaintext.lower() not in BOOLEANS:
            raise ConfigurationError(f"TYPEPLATE_PLAINTEXT is neither true nor false: {plaintext!r}")
        found["plaintext"] = BOOLEANS[plaintext.lower()]
    return found


def _needed(environ: Mapping[str, str], name: str) -> str:
    if not (value := environ.get(name)):
        raise ConfigurationError(f"{name} is not set")
    return value


def _path(name: str, value: str | Path | None) -> Path | None:
    if value == "":
        raise ConfigurationError(f"{name} is empty")
    return None if value is None else Path(value)
