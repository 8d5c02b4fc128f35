"""The server's settings: the only reader of the environment, and the one definition of what can be set.

Rules: every refusal names the variable at fault. A `TYPEPLATE_` variable that looks like a misspelt setting is
refused, because a misspelt TLS or lifetime setting must not go unnoticed. Plaintext needs loopback, a unix socket, or
an explicit setting.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from typeplate_server import database_url

PREFIX: Final = "TYPEPLATE_"
CLIENT_VARIABLES: Final = frozenset({"TARGET", "CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_FILE", "CA_FILE"})
KUBERNETES: Final = re.compile(r"(SERVICE_(HOST|PORT)|PORT)(_\w+)?")  # injected for a Service named `typeplate`
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LONGEST_TOKEN_LIFETIME_S: Final = 900
GRPC_EXPERIMENTS: Final = "-event_engine_listener,-event_engine_client"


class ConfigError(Exception):
    """Settings that cannot be used; each of `problems` is a sentence that names the variable at fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def text(value: str) -> str:
    """Any text."""
    return value


def path(value: str) -> Path:
    """A path, `~` being the home directory."""
    return Path(value).expanduser()


def yes_or_no(value: str) -> bool:
    """`1` or `0`, and the words people write instead."""
    word = value.lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("must be 1 or 0")


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not minimum <= int(value) <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(value)

    return parse


def seconds(minimum: float, maximum: float) -> Callable[[str], float]:
    """A number of seconds within bounds."""

    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) or not minimum <= float(value) <= maximum:
            raise ValueError(f"must be a number of seconds from {minimum:g} to {maximum:g}")
        return float(value)

    return parse


def log_level(value: str) -> str:
    """One of the four levels."""
    if value.lower() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return value.lower()


def address(value: str) -> str:
    """`host:port`, `[ipv6]:port` or `unix:/path`."""
    if value.startswith("unix:"):
        if len(value) == len("unix:"):
            raise ValueError("must name a path after unix:")
        return value
    form = re.fullmatch(r"(\[[0-9a-fA-F:.%\w]+\]|[^\s\[\]:/]+):([0-9]{1,5})", value)
    if not form or int(form[2]) > 65535:
        raise ValueError("must be host:port, [ipv6]:port or unix:/path")
    return value


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: variable name less the prefix, what it is when unset, what it means, and how it is read."""

    name: str
    default: str
    meaning: str
    parse: Callable[[str], Any] = text

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name

    @property
    def field(self) -> str:
        """Its name in Settings."""
        return self.name.lower()


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "LISTEN",
        "127.0.0.1:50051",
        "Address to serve on: `host:port`, `[ipv6]:port` or `unix:/path`. Port 0: any free one.",
        address,
    ),
    Setting("DATA_DIR", "data", "Directory of the database, the key file and the administrator's credentials.", path),
    Setting(
        "DATABASE_URL",
        "",
        "Database. Unset: SQLite, `typeplate.db` in the data directory. For several replicas PostgreSQL: "
        "`postgresql+psycopg://user:password@host/database`.",
    ),
    Setting("TLS_CERT_FILE", "", "Certificate chain of the server (PEM). Together with the key file it turns TLS on."),
    Setting("TLS_KEY_FILE", "", "Private key of the certificate (PEM, not encrypted)."),
    Setting(
        "ALLOW_PLAINTEXT", "0", "`1`: serve without TLS beyond loopback, for a proxy in front that does TLS.", yes_or_no
    ),
    Setting("REFLECTION", "0", "`1`: serve gRPC reflection, so that foreign tools can list the services.", yes_or_no),
    Setting(
        "MAX_TOKEN_LIFETIME",
        "900",
        "Longest life of an access token in seconds, 60 to 900.",
        whole(60, LONGEST_TOKEN_LIFETIME_S),
    ),
    Setting(
        "MAX_CONCURRENT_RPCS",
        "1000",
        "Calls served at once; more are refused with RESOURCE_EXHAUSTED. A client has a quarter of them at most for "
        "its streams and for calls whose request has not come.",
        whole(1, 100_000),
    ),
    Setting(
        "LOG_LEVEL",
        "info",
        "`debug`, `info`, `warning` (of calls only those that failed) or `error` (no calls).",
        log_level,
    ),
    Setting("DRAIN_SECONDS", "8", "How long calls in progress may go on after SIGTERM, in seconds.", seconds(0, 600)),
    Setting("WORKERS", "1", "Processes that share the address, 1 to 64; `serve --workers` overrides it.", whole(1, 64)),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings as read; see SETTINGS for what each means."""

    listen: str
    data_dir: Path
    database_url: str
    tls_cert_file: str
    tls_key_file: str
    allow_plaintext: bool
    reflection: bool
    max_token_lifetime: int
    max_concurrent_rpcs: int
    log_level: str
    drain_seconds: float
    workers: int
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Reads and checks all of them. Raises ConfigError with every problem there is, not only the first."""
        problems: list[str] = []
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            try:
                values[setting.field] = setting.parse(environ.get(setting.variable) or setting.default)
            except ValueError as error:
                problems.append(f"{setting.variable} {error}, and is {environ.get(setting.variable)!r}")
        misspelt, unknown = _unknown(environ)
        problems += misspelt
        if problems:
            raise ConfigError(problems)
        settings = cls(**values, warnings=tuple(unknown))
        if problems := list(settings._contradictions()):
            raise ConfigError(problems)
        return settings

    @property
    def database(self) -> str:
        """The database's URL, the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'typeplate.db'}"

    @property
    def tls(self) -> bool:
        """Whether TLS is on."""
        return bool(self.tls_cert_file)

    @property
    def target(self) -> str:
        """Where a client on this machine reaches the server."""
        host, _, port = self.listen.rpartition(":")
        return f"localhost:{port}" if host in ("0.0.0.0", "[::]") else self.listen  # noqa: S104 - compared, not bound

    def _contradictions(self) -> Iterator[str]:
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            absent = "TLS_CERT_FILE" if self.tls_key_file else "TLS_KEY_FILE"
            yield f"{PREFIX}{absent} must be set too: TLS needs the certificate and its key"
        elif not self.tls and not self.allow_plaintext and not is_loopback(self.listen):
            yield (
                f"{PREFIX}LISTEN is {self.listen!r}, reachable from elsewhere, and there is no TLS: set "
                f"{PREFIX}TLS_CERT_FILE and {PREFIX}TLS_KEY_FILE, or {PREFIX}ALLOW_PLAINTEXT=1 behind a TLS proxy"
            )
        if self.workers > 1 and self.listen.startswith("unix:"):
            yield f"{PREFIX}WORKERS must be 1 on a unix socket, which processes cannot share as they share a port"
        if not database_url.is_database_url(self.database):
            yield f"{PREFIX}DATABASE_URL {database_url.FORM}"


def load(arguments: Mapping[str, str]) -> Settings:
    """This process's settings, `arguments` before environment; sets what gRPC reads there. Raises ConfigError."""
    tune_grpc(os.environ)
    return Settings.from_env({**os.environ, **arguments})


def is_loopback(listen: str) -> bool:
    """Whether only this machine can reach the address."""
    if listen.startswith("unix:"):
        return True
    host = listen.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unknown(environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Variables that look like a misspelt setting, and others that nobody reads."""
    misspelt, unread = [], []
    names = [setting.name for setting in SETTINGS]
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in names or name in CLIENT_VARIABLES or KUBERNETES.fullmatch(name):
            continue
        if close := difflib.get_close_matches(name, names, n=1, cutoff=0.75):
            misspelt.append(f"{variable} is no setting; did you mean {PREFIX}{close[0]}?")
        else:
            unread.append(f"{variable} is no setting and is ignored")
    return misspelt, unread


def shown(settings: Settings) -> list[tuple[str, str]]:
    """Variable and value of each setting, fit for a screen: of the database's URL what `shown_url` lets through."""
    assert {setting.field for setting in SETTINGS} | {"warnings"} == {field.name for field in fields(Settings)}
    pairs = []
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if setting.name == "DATABASE_URL":
            value = database_url.shown_url(settings.database)
        pairs.append((setting.variable, str(int(value) if isinstance(value, bool) else value)))
    return pairs


def markdown_table() -> str:
    """The settings as a table for the README."""
    rows = [f"| `{s.variable}` | {f'`{s.default}`' if s.default else ''} | {s.meaning} |" for s in SETTINGS]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows]) + "\n"


def tune_grpc(environ: MutableMapping[str, str]) -> None:
    """Set what gRPC core reads from the environment when it is first imported, unless the operator has set it.

    Without its event engine a call costs less CPU (`adr/`); what core has to say goes to our own log as sentences.
    """
    environ.setdefault("GRPC_EXPERIMENTS", GRPC_EXPERIMENTS)
    environ.setdefault("GRPC_VERBOSITY", "NONE")
