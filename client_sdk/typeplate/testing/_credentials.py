"""Owns what an application under test is given to call with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Credentials:
    """A server's address, a client's id and its secret. `ca_file`: whom to trust, where the server speaks TLS."""

    target: str
    client_id: str
    client_secret: str = field(repr=False)
    ca_file: str | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The same as environment variables, for an application that uses `Client.from_env()`; holds the secret."""
        values = {
            "TYPEPLATE_TARGET": self.target,
            "TYPEPLATE_CLIENT_ID": self.client_id,
            "TYPEPLATE_CLIENT_SECRET": self.client_secret,
        }
        return values | ({"TYPEPLATE_CA_FILE": self.ca_file} if self.ca_file else {})

    def settings(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a client's constructor; what is `given` comes first."""
        found: dict[str, Any] = {"target": self.target, "client_id": self.client_id, "ca_file": self.ca_file}
        if "client_secret_file" not in given:
            found["client_secret"] = self.client_secret
        return found | given
