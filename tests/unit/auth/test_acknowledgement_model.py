"""Why EVERYWHERE is true: all interleavings of a small model, with every rule and with each taken out."""

import pytest

from tests.support import acknowledgement_model as model

SCENARIOS = {
    "plain": model.PLAIN,
    "a replica joins": model.JOIN,
    "a replica leaves": model.LEAVE,
    "a row is purged": model.PURGE,
    "the revocation is repeated": model.RETRY,
    "reconciliation": model.RECONCILE,
    "two revocations": model.TWO,
    "a slow clock": model.SLOW,
    "a split": model.SPLIT,
    "a process restarted in another's place": model.restarted(model.RULES),
    "a commit is lost in a failover": model.failover(),
    "a backup is restored": model.RESTORE,
}

HOLES = {
    model.REGISTER_FIRST: model.JOIN,
    model.LIST_AFTER_COMMIT: model.JOIN,
    model.STOP_THEN_DEREGISTER: model.LEAVE,
    model.PURGE_WAITS: model.PURGE,
    model.OWN_ROW: model.PURGE,
    model.APPLY_THEN_ACK: model.PLAIN,
    model.RETRY_WAITS: model.RETRY,
    model.NEVER_BACK: model.RECONCILE,
    model.FEED_MOVES_CURSOR: model.TWO,
    model.ONE_SNAPSHOT: model.PLAIN,
    model.AS_OF_BEFORE: model.PLAIN,
    model.TIMER_AFTER_COMMIT: model.PLAIN,
    model.MARGIN: model.SLOW,
    model.ONE_BOUND: model.PLAIN,
    model.INCARNATION: model.restarted(model.RULES - {model.INCARNATION}),
    model.COMMITTED_HEARTBEAT: model.SPLIT,
    model.ONE_HISTORY: model.failover(),
    model.ACK_NAMES_EPOCH: model.failover(),
    model.REVOKER_KEEPS_EPOCH: model.failover(),
    model.EPOCH_KEEPS_ROWS: model.RESTORE,
    model.EPOCH_TAKES_BACK: model.RESTORE,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_with_every_rule_no_state_is_unsafe(name: str) -> None:
    """And the search is no small one."""
    found = model.explore(SCENARIOS[name])
    assert found.unsafe == 0
    assert found.states > 500


def test_each_rule_has_its_hole() -> None:
    """None is in the model for nothing."""
    assert set(HOLES) == model.RULES - {model.SILENT_STAYS}


@pytest.mark.parametrize("rule", sorted(HOLES))
def test_without_a_rule_its_hole_is_found(rule: str) -> None:
    """An old token admitted after EVERYWHERE."""
    assert model.explore(HOLES[rule], model.RULES - {rule}, until_unsafe=True).unsafe > 0


def test_a_pause_that_stops_the_clock_breaks_the_bound_and_no_acknowledgement() -> None:
    """Why the answer tells what it rests on: a frozen replica outlives the bound, and never its own word."""
    for frozen in (model.FROZEN, model.PURGED_FROZEN):
        found = model.explore(frozen)
        assert found.unsafe > 0
        assert found.unsafe_acknowledged == 0


def test_a_replica_that_was_purged_has_acknowledged_nothing() -> None:
    """Without the rule its silence passes for its word."""
    assert model.explore(model.PURGED_FROZEN, model.RULES - {model.SILENT_STAYS}).unsafe_acknowledged > 0
