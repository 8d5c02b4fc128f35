"""What every kind of call does in every state of its token, its client and its server, as one table of data.

A cell is a kind of call, a client (sync or aio), a transport and a state. Its client has got one token before the state
comes about; then it calls, and calls once more. `issued` counts its IssueToken calls up to the end, the first included.
`again` is how the second call ends. A row that does not recover by itself says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNARY, DOWNLOAD, UPLOAD, EXCHANGE = "unary", "stream of responses", "stream of requests", "stream both ways"
KINDS: Final = (UNARY, DOWNLOAD, UPLOAD, EXCHANGE)
CLIENTS: Final = ("sync", "aio")
TRANSPORTS: Final = ("tls", "loopback", "plaintext")
OK: Final = "OK"


@dataclass(frozen=True, slots=True)
class Row:
    """How calls end in a state: OK, or the name of an error in typeplate.errors."""

    state: str
    outcome: str
    issued: int
    again: str = OK
    kinds: tuple[str, ...] = KINDS
    why: str = ""


TABLE: Final = (
    Row("fresh", OK, 1),
    Row("stale", OK, 2),
    Row("expired", OK, 2),
    Row("expired by the server's clock alone", OK, 2),
    Row("refused once", OK, 2),
    Row(
        "refused twice",
        "TokenRejected",
        3,
        why="A token that has just been issued is refused too, so a third would say no more. The next call gets one.",
    ),
    Row(
        "revoked",
        "ClientRevoked",
        1,
        again="ClientRevoked",
        why="A revocation is for good. Remembered, so that a revoked fleet does not hammer the server.",
    ),
    Row(
        "suspended",
        "ClientSuspended",
        1,
        again="ClientSuspended",
        why="An administrator has to resume it. Remembered for half a minute at first.",
    ),
    Row("suspended, then resumed", OK, 2),
    Row("server away, then back", OK, 1, kinds=(UNARY, DOWNLOAD)),
    Row(
        "server away, then back",
        "Unavailable",
        1,
        kinds=(UPLOAD, EXCHANGE),
        why="Not idempotent, and whether the server acted is not known. The token is kept for the next call.",
    ),
    Row("key rotated", OK, 1),
    Row("key compromised", OK, 2),
    Row("secret rotated, read from a file", OK, 2),
    Row(
        "secret rotated, given as a string",
        "CredentialsRejected",
        2,
        again="CredentialsRejected",
        why="The client holds the old secret itself; it works until its token ends. Give it a file or a callable.",
    ),
)

CELLS: Final = tuple(
    (transport, row, kind, client)
    for transport in TRANSPORTS
    for row in TABLE
    for kind in row.kinds
    for client in CLIENTS
)
