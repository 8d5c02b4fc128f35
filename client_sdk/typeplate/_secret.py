"""Owns where a client's secret comes from: a string, a file that may rotate, or a callable.

A secret is read anew for each token request, so a mounted secret that rotates needs no restart. It is in no `repr`,
and a source that holds the secret itself cannot be pickled.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol

from typeplate.errors import ConfigurationError, SecretUnavailable

SecretCallable = Callable[[], str | Awaitable[str]]


class SecretSource(Protocol):
    """Gives the secret of the moment."""

    @property
    def changes(self) -> bool:
        """Whether a later read may give another secret."""

    def read(self) -> str | Awaitable[str]:
        """The secret; an awaitable only from an asynchronous callable. Raises SecretUnavailable."""


@dataclass(frozen=True, slots=True)
class StringSecret:
    """A secret given as it is."""

    value: str = field(repr=False)
    changes = False

    def read(self) -> str:
        """The secret."""
        return self.value

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client that holds its secret cannot be pickled; give it client_secret_file or a callable")


@dataclass(frozen=True, slots=True)
class FileSecret:
    """A secret in a file, for example one mounted by an orchestrator."""

    path: Path
    changes = True

    def read(self) -> str:
        """The file's text less white space around it."""
        try:
            value = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            # `from None`: a decoding error quotes the bytes it stumbled upon.
            raise SecretUnavailable(f"client secret file {self.path}: {_said(error)}") from None
        if not value:
            raise SecretUnavailable(f"client secret file {self.path} is empty")
        return value


@dataclass(frozen=True, slots=True)
class CallableSecret:
    """A secret that the application fetches."""

    function: SecretCallable = field(repr=False)
    changes = True

    def read(self) -> str | Awaitable[str]:
        """What the function returns, checked where it is there already."""
        try:
            value = self.function()
        except Exception as error:
            raise failed(error) from error
        return value if inspect.isawaitable(value) else checked(value)


def failed(error: BaseException) -> SecretUnavailable:
    """What is told of a callable's error; its text may hold anything."""
    return SecretUnavailable(f"the client secret's callable raised {type(error).__name__}")


def checked(value: object) -> str:
    """A callable's result less white space around it, when it is a secret at all."""
    if not isinstance(value, str) or not value.strip():
        raise SecretUnavailable(f"the client secret's callable returned {type(value).__name__}, not a secret")
    if not value.isascii():  # not quoted, and never encoded: an encoding error would quote it
        raise SecretUnavailable("the client secret's callable returned text that is not ASCII")
    return value.strip()


def read_now(source: SecretSource) -> str:
    """The secret where nothing can be awaited."""
    value = source.read()
    if isinstance(value, str):
        return value
    if inspect.iscoroutine(value):
        value.close()
    raise SecretUnavailable("the client secret's callable is asynchronous: it needs AsyncClient")


def secret_source(secret: object, file: str | Path | None) -> SecretSource | None:
    """The source for what an application gave; None when it gave nothing."""
    if secret is not None and file is not None:
        raise ConfigurationError("client_secret and client_secret_file are both given")
    if file is not None:
        return FileSecret(Path(file))
    if secret is None:
        return None
    if callable(secret):
        return CallableSecret(secret)
    if not isinstance(secret, str):
        raise ConfigurationError(f"client_secret is {type(secret).__name__}, neither text nor a callable")
    if not secret.strip():
        raise ConfigurationError("client_secret is empty")
    if not secret.isascii():  # a byte that is not UTF-8 comes out of the environment as a surrogate
        raise ConfigurationError("client_secret is not ASCII text")
    return StringSecret(secret.strip())


def fingerprint(secret: str) -> bytes:
    """Tells secrets apart without keeping them, whatever they are made of."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _said(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "is not ASCII text"
