"""What happened to a fleet of replicas, on one clock, and what of it must never have happened.

Whoever drives a fleet notes each operation with its start and end, all in one process and by `time.monotonic`, so
that "started after the other had returned" is a plain comparison. `violations` then holds the whole history to the
promises of a revocation: each rule below is one way of breaking them. What has no answer proves nothing: a call
whose connection broke was neither admitted nor refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

LOST: Final = "lost"
"""The outcome of an operation that was never answered."""

STALE: Final = "AUTH_STATE_STALE"
REFUSALS: Final = frozenset(
    {
        "TOKEN_MISSING", "TOKEN_MALFORMED", "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED",
        "CLIENT_REVOKED", "CLIENT_SUSPENDED", "CREDENTIALS_INVALID",
    }
)  # fmt: skip
"""The outcomes that are UNAUTHENTICATED. Any other but these, `STALE` and `LOST` comes after the admission."""

AFTER_EVERYWHERE: Final = "after EVERYWHERE had been answered"
AFTER_ANSWER: Final = "by the replica that had answered the revocation"
AFTER_TIME: Final = "after the time by which the revocation was to hold everywhere"
AFTER_BOUND: Final = "later than the bound after the commit"
AFTER_REFUSAL: Final = "by a replica that had refused the client before"
REFUSED_EARLY: Final = "refused although nobody had begun to revoke the client"


@dataclass(frozen=True, slots=True)
class Issue:
    """An IssueToken that was answered: `token` is "" unless it succeeded, `retry` as for a call."""

    client: str
    replica: int
    start: float
    end: float
    outcome: str
    token: str = field(default="", repr=False)
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call with the token of `issue`. `retry`: the answer said when to come again (RetryInfo)."""

    issue: Issue
    replica: int
    start: float
    end: float
    outcome: str
    retry: bool = False

    @property
    def client(self) -> str:
        """Whose token it carried."""
        return self.issue.client


@dataclass(frozen=True, slots=True)
class Revocation:
    """A RevokeClient. `effective` and `proof` as answered; `everywhere_at` and `commit` by the clock of all else.

    `effective` is `LOST`, or the reason, when it was not answered, or with an error. `commit` is None while unknown.
    """

    client: str
    replica: int
    start: float
    end: float
    effective: str
    proof: str = ""
    everywhere_at: float = math.inf
    commit: float | None = None


@dataclass(slots=True)
class History:
    """All operations, in the order in which they were noted."""

    issues: list[Issue] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    revocations: list[Revocation] = field(default_factory=list)

    @property
    def admissions(self) -> list[Call | Issue]:
        """All that replicas let in or refused."""
        return [*self.calls, *self.issues]


@dataclass(frozen=True, slots=True)
class Violation:
    """An operation that should not have come out as it did, the rule it breaks, and by how much (s)."""

    rule: str
    operation: Call | Issue
    revocation: Revocation | None
    late_s: float


@dataclass(frozen=True, slots=True)
class _Limit:
    """From `time` on `replica` (None: any) admits nothing of the client."""

    rule: str
    time: float
    replica: int | None
    revocation: Revocation


def admitted(operation: Call | Issue) -> bool:
    """Whether the operation was let in, whatever came of it then."""
    return operation.outcome not in REFUSALS and operation.outcome not in (STALE, LOST)


def violations(history: History, bound_s: float = math.inf) -> list[Violation]:
    """Every broken promise. `bound_s`: how long after its commit a revocation may go unheard by a replica."""
    limits: dict[str, list[_Limit]] = {}
    for revocation in history.revocations:
        limits.setdefault(revocation.client, []).extend(_limits(revocation, bound_s))
    found = [_late(each, limits.get(each.client, [])) for each in history.admissions]
    return [each for each in found if each is not None] + [*_readmitted(history), *_refused_early(history)]


def _limits(revocation: Revocation, bound_s: float) -> Iterator[_Limit]:
    if revocation.effective == "EVERYWHERE":
        yield _Limit(AFTER_EVERYWHERE, revocation.end, None, revocation)
    if revocation.effective == "THIS_REPLICA":
        yield _Limit(AFTER_ANSWER, revocation.end, revocation.replica, revocation)
        yield _Limit(AFTER_TIME, revocation.everywhere_at, None, revocation)
    if revocation.commit is not None:
        yield _Limit(AFTER_BOUND, revocation.commit + bound_s, None, revocation)


def _late(operation: Call | Issue, limits: Sequence[_Limit]) -> Violation | None:
    """The first promise that an operation breaks by its being admitted. A token died also if it was issued late."""
    if not admitted(operation):
        return None
    for limit in limits:
        if operation.start > limit.time and limit.replica in (None, operation.replica):
            return Violation(limit.rule, operation, limit.revocation, operation.start - limit.time)
    return None


def _readmitted(history: History) -> Iterator[Violation]:
    """A replica that knows of a revocation never forgets it, not over a crash either."""
    refused: dict[tuple[str, int], float] = {}
    for call in history.calls:
        if call.outcome == "CLIENT_REVOKED":
            key = (call.client, call.replica)
            refused[key] = min(call.end, refused.get(key, math.inf))
    for call in history.calls:
        since = refused.get((call.client, call.replica), math.inf)
        if call.start > since and admitted(call):
            yield Violation(AFTER_REFUSAL, call, None, call.start - since)


def _refused_early(history: History) -> Iterator[Violation]:
    begun: dict[str, float] = {}
    for revocation in history.revocations:
        begun[revocation.client] = min(revocation.start, begun.get(revocation.client, math.inf))
    for operation in history.admissions:
        ahead = begun.get(operation.client, math.inf) - operation.end
        if operation.outcome in REFUSALS and ahead > 0:
            yield Violation(REFUSED_EARLY, operation, None, ahead)


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after its commit (its start, where that is unknown) a revocation was in force on the last replica (s).

    `refused`: until each replica had refused a call, as its caller saw it. `admitted`: until the start of the last
    call that any of them let in; 0 if none was.
    """

    client: str
    refused: float
    admitted: float


def delays(history: History, replicas: Sequence[int]) -> list[Delay]:
    """The delay of each revocation that every one of `replicas` was seen to refuse."""
    by_client: dict[str, list[Call]] = {}
    for call in history.calls:
        by_client.setdefault(call.client, []).append(call)
    found = (_delay(each, by_client.get(each.client, []), replicas) for each in history.revocations)
    return [each for each in found if each is not None]


def _delay(revocation: Revocation, calls: Sequence[Call], replicas: Sequence[int]) -> Delay | None:
    since = revocation.start if revocation.commit is None else revocation.commit
    firsts = [_refused_by(calls, replica) for replica in replicas]
    if math.inf in firsts:
        return None
    last = max((call.start for call in calls if admitted(call)), default=since)
    return Delay(revocation.client, max(firsts) - since, max(last - since, 0.0))


def _refused_by(calls: Sequence[Call], replica: int) -> float:
    return min((call.end for call in calls if call.replica == replica and call.outcome in REFUSALS), default=math.inf)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]
