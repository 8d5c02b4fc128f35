"""What a servicer's function is told about the call it serves, and what such a function looks like.

A servicer is a plain class with one function per RPC of its service, named as in the proto:

    async def GetVehicle(self, request: pb.GetVehicleRequest, call: Call) -> pb.Vehicle | bytes
    async def ExportVehicles(self, request: pb.ExportVehiclesRequest, call: Call) -> AsyncIterator[pb.… | bytes]
    async def ImportVehicles(self, requests: AsyncIterator[pb.…], call: Call) -> AsyncIterator[pb.… | bytes]

(the last two are async generators). When it runs, the caller has been admitted and the request parsed;
bytes in the reply are sent as they are. Errors for the caller are raised as ServiceError. Before each
message of a stream the server asks `recheck` by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typeplate_server.auth.admission import Admission, Caller
    from typeplate_server.auth.store import CommitGuard


@dataclass(frozen=True, slots=True)
class Subject:
    """Who proved to be a client by its secret, and which token it was given; for the log."""

    client_id: str
    jti: str = ""
    kid: str = ""


class Call:
    """One call in progress. `caller` is None for public methods alone; of these, `proved` may name a subject."""

    __slots__ = ("_admission", "_context", "_request_ids", "caller", "claimed_client", "number", "peer_uri", "subject")

    def __init__(
        self, context: Any, number: int, request_ids: str, admission: Admission, caller: Caller | None = None
    ) -> None:
        self._context = context
        self._admission = admission
        self._request_ids = request_ids
        self.number = number
        self.caller = caller
        self.subject: Subject | None = None
        self.claimed_client = ""  # whom an exchange for a token said to be; proves nothing
        # Asked for at once: of a call that has ended, gRPC reads the peer from freed memory.
        self.peer_uri: str = context.peer()

    @property
    def request_id(self) -> str:
        """Names this call in the server's log and in errors."""
        return f"{self._request_ids}{self.number:08x}"

    @property
    def peer(self) -> str:
        """The network address the call came from, without port: `127.0.0.1`, `::1`, `unix`."""
        return peer_address(self.peer_uri)

    def proved(self, client_id: str, jti: str = "", kid: str = "") -> None:
        """Let the log name this client, and its new token. Never to be told an id that is only claimed."""
        self.subject = Subject(client_id, jti, kid)

    @property
    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None when it set none."""
        remaining: float | None = self._context.time_remaining()
        return remaining

    @property
    def commit_guard(self) -> CommitGuard:
        """Checks the caller again inside a write transaction, right before it commits. Every write takes it along."""
        if self.caller is None:
            raise RuntimeError("a public method has no caller and may not write")
        return self._admission.commit_guard(self.caller, self.peer)

    def recheck(self) -> None:
        """Raise the ServiceError that refuses the caller by now, if anything does (expiry, revocation, staleness)."""
        if self.caller is not None:
            self._admission.recheck(self.caller)


def peer_address(peer: str) -> str:
    """`ipv4:127.0.0.1:4711` → `127.0.0.1`; `ipv6:%5B::1%5D:4711` → `::1`; `unix:` → `unix`."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return kind or "unknown"
    host = rest.rpartition(":")[0]
    return host.removeprefix("%5B").removeprefix("[").removesuffix("%5D").removesuffix("]")
