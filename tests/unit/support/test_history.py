"""The checker of histories finds each kind of broken promise, and finds none where none was broken."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from tests.support.history import (
    AFTER_ANSWER,
    AFTER_BOUND,
    AFTER_EVERYWHERE,
    AFTER_REFUSAL,
    AFTER_TIME,
    LOST,
    REFUSED_EARLY,
    STALE,
    Call,
    History,
    Issue,
    Revocation,
    delays,
    percentile,
    violations,
)

BOUND_S = 2.0
REPLICAS = range(4)
APPS = 20
CALLS = 60
SEEDS = range(20)


class Simulation:
    """A fleet that keeps every promise: each replica hears of a commit at a time of its own, within the bound."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.history = History()
        self.heard: dict[str, list[float]] = {}
        for number in range(APPS):
            self._live(f"app-{number}")
        for kept in (self.history.calls, self.history.issues, self.history.revocations):
            self.random.shuffle(kept)

    def _live(self, client: str) -> None:
        commit = self.random.uniform(5, 15)
        self.heard[client] = [commit + self.random.uniform(0, BOUND_S) for _ in REPLICAS]
        self.history.revocations.append(self._revocation(client, commit))
        self.history.issues += [self.issue(client) for _ in range(10)]
        for _ in range(CALLS):
            self.history.calls.append(self.call(self.random.choice(self.history.issues[-10:])))

    def _revocation(self, client: str, commit: float) -> Revocation:
        replica = self.random.choice(REPLICAS)
        heard = self.heard[client]
        heard[replica] = commit
        start, bound = commit - self.random.uniform(0, 0.2), commit + BOUND_S
        kind = self.random.randrange(3)
        if kind == 0:
            return Revocation(client, replica, start, commit + 0.01, "THIS_REPLICA", "", bound, commit)
        if kind == 1:
            return Revocation(client, replica, start, max(heard), "EVERYWHERE", "ACKNOWLEDGED", max(heard), commit)
        return Revocation(client, replica, start, commit + 0.01, LOST, commit=commit)

    def issue(self, client: str) -> Issue:
        replica, start, end = self._when()
        decided = self.random.uniform(start, end)
        refused = decided > self.heard[client][replica]
        return Issue(client, replica, start, end, "CLIENT_REVOKED" if refused else "OK")

    def call(self, issue: Issue) -> Call:
        replica, start, end = self._when()
        decided = self.random.uniform(start, end)
        known = "CLIENT_REVOKED" if decided > self.heard[issue.client][replica] else "OK"
        return Call(issue, replica, start, end, self.random.choices([known, LOST, STALE], [20, 1, 1])[0])

    def _when(self) -> tuple[int, float, float]:
        start = self.random.uniform(0, 25)
        return self.random.choice(REPLICAS), start, start + self.random.expovariate(100)

    def plant(self, client: str, replica: int, start: float, outcome: str = "OK", issued: float = 0.0) -> Call:
        """A call that none of this fleet would have answered so."""
        issue = Issue(client, replica, issued, issued + 0.001, "OK")
        call = Call(issue, replica, start, start + 0.001, outcome)
        self.history.calls.insert(self.random.randrange(len(self.history.calls)), call)
        return call

    def some(self, effective: str) -> Revocation:
        return self.random.choice([each for each in self.history.revocations if each.effective == effective])


def admitted_after_everywhere(fleet: Simulation) -> Call:
    revocation = fleet.some("EVERYWHERE")
    return fleet.plant(revocation.client, fleet.random.choice(REPLICAS), revocation.end + 1e-6)


def admitted_by_the_replica_that_answered(fleet: Simulation) -> Call:
    revocation = fleet.some("THIS_REPLICA")
    return fleet.plant(revocation.client, revocation.replica, revocation.end + 1e-6)


def admitted_after_the_time_told(fleet: Simulation) -> Call:
    revocation = fleet.some("THIS_REPLICA")
    elsewhere = (revocation.replica + 1) % len(REPLICAS)
    return fleet.plant(revocation.client, elsewhere, revocation.everywhere_at + 1e-6)


def admitted_beyond_the_bound(fleet: Simulation) -> Call:
    revocation = fleet.some(LOST)
    assert revocation.commit is not None
    return fleet.plant(revocation.client, fleet.random.choice(REPLICAS), revocation.commit + BOUND_S + 1e-6)


def admitted_again(fleet: Simulation) -> Call:
    revocation = fleet.some("THIS_REPLICA")
    elsewhere = (revocation.replica + 1) % len(REPLICAS)
    refused = fleet.plant(revocation.client, elsewhere, fleet.heard[revocation.client][elsewhere], "CLIENT_REVOKED")
    return fleet.plant(revocation.client, elsewhere, refused.end + 1e-6)


def issued_late(fleet: Simulation) -> Call:
    """With a token of after the revocation, which is no less dead."""
    revocation = fleet.some("EVERYWHERE")
    start = revocation.end + 1.0
    return fleet.plant(revocation.client, 0, start, issued=revocation.end + 0.5)


def refused_too_early(fleet: Simulation) -> Call:
    revocation = fleet.some("EVERYWHERE")
    return fleet.plant(revocation.client, 0, revocation.start - 1.0, "TOKEN_REVOKED")


BAD: list[tuple[Callable[[Simulation], Call], str]] = [
    (admitted_after_everywhere, AFTER_EVERYWHERE),
    (admitted_by_the_replica_that_answered, AFTER_ANSWER),
    (admitted_after_the_time_told, AFTER_TIME),
    (admitted_beyond_the_bound, AFTER_BOUND),
    (admitted_again, AFTER_REFUSAL),
    (issued_late, AFTER_EVERYWHERE),
    (refused_too_early, REFUSED_EARLY),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fleet_that_keeps_its_promises_breaks_no_rule(seed: int) -> None:
    fleet = Simulation(seed)
    assert violations(fleet.history, BOUND_S) == []
    assert {each.effective for each in fleet.history.revocations} == {"EVERYWHERE", "THIS_REPLICA", LOST}
    assert {call.outcome for call in fleet.history.calls} == {"OK", "CLIENT_REVOKED", LOST, STALE}


@pytest.mark.parametrize(("plant", "rule"), BAD, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.parametrize("seed", SEEDS)
def test_one_wrong_answer_among_a_thousand_is_found_and_its_rule_named(
    seed: int, plant: Callable[[Simulation], Call], rule: str
) -> None:
    fleet = Simulation(seed)
    planted = plant(fleet)
    found = violations(fleet.history, BOUND_S)
    assert planted in [each.operation for each in found if each.rule == rule]
    assert {each.operation.client for each in found} == {planted.client}
    assert all(each.late_s > 0 for each in found)


def test_a_token_issued_after_everywhere_is_a_violation_though_nobody_used_it() -> None:
    dead = Issue("app", 1, 2.5, 2.6, "OK")
    late = History(issues=[dead], revocations=[Revocation("app", 0, 1.0, 2.0, "EVERYWHERE")])
    assert [(each.rule, each.operation) for each in violations(late)] == [(AFTER_EVERYWHERE, dead)]


def test_what_was_never_answered_breaks_nothing_and_an_answer_below_the_admission_counts_as_admitted() -> None:
    issue = Issue("app", 1, 0.0, 0.1, "OK")
    revocation = Revocation("app", 0, 1.0, 2.0, "EVERYWHERE")
    outcomes = {
        outcome: len(violations(History(calls=[Call(issue, 1, 2.5, 2.6, outcome)], revocations=[revocation])))
        for outcome in (LOST, STALE, "CLIENT_REVOKED", "TOKEN_REVOKED", "NOT_FOUND", "DATABASE_UNAVAILABLE", "OK")
    }
    assert [outcome for outcome, count in outcomes.items() if count] == ["NOT_FOUND", "DATABASE_UNAVAILABLE", "OK"]


def test_a_call_that_was_already_running_may_be_admitted() -> None:
    issue = Issue("app", 1, 0.0, 0.1, "OK")
    running = Call(issue, 1, 1.9, 9.0, "OK")
    assert not violations(History(calls=[running], revocations=[Revocation("app", 0, 1.0, 2.0, "EVERYWHERE")]), BOUND_S)


def test_a_delay_runs_from_the_commit_to_the_last_replica_that_refuses() -> None:
    issue = Issue("app", 0, 0.0, 0.1, "OK")
    calls = [
        Call(issue, 0, 1.01, 1.02, "CLIENT_REVOKED"),
        Call(issue, 1, 1.02, 1.03, "OK"),
        Call(issue, 1, 1.04, 1.05, "TOKEN_REVOKED"),
        Call(issue, 1, 1.06, 1.07, "CLIENT_REVOKED"),
    ]
    history = History(calls=calls, revocations=[Revocation("app", 0, 0.9, 1.1, "EVERYWHERE", commit=1.0)])
    (delay,) = delays(history, [0, 1])
    assert (round(delay.refused, 3), round(delay.admitted, 3)) == (0.05, 0.02)
    assert delays(history, [0, 1, 2]) == []


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, each) for each in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7
    assert percentile([1.0, math.inf], 99) == math.inf
