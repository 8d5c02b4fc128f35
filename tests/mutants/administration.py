"""What keeps a deployment in its administrators' hands and its trail honest. Each rule of it taken out."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.rules import CLIENTS, SERVICE

AUDIT: Final = "tests/unit/auth/test_audit.py"
SECRETS: Final = "tests/unit/auth/test_client_secrets.py"
TRAIL: Final = "tests/conformance/store/test_audit.py"

ADMINISTRATION: Final = (
    Mutant(
        "trail-read-from-one",
        "the audit trail is read from its very first row, whatever number it was given",
        (
            Edit(
                "store/audit.py",
                "    if seq is not None:\n        found = found.where(audit.c.seq > seq)\n",
                "    found = found.where(audit.c.seq > (seq or 0))\n",
            ),
        ),
        caught_by=(f"{TRAIL}::test_every_one_of_many_random_edits_of_rows_is_found",),
        spares=(f"{TRAIL}::test_edits_removals_and_exchanges_of_rows_are_found",),
    ),
    Mutant(
        "empty-trail-is-whole",
        "a deployment that has begun has a trail",
        (Edit("auth/audit.py", "        if self._begun and not self.head.seq:\n", "        if False:\n"),),
        caught_by=(
            f"{AUDIT}::test_no_trail_of_a_deployment_that_has_begun_is_a_broken_one",
            f"{TRAIL}::test_every_one_of_many_random_edits_of_rows_is_found",
        ),
        spares=(f"{AUDIT}::test_a_whole_trail_gives_its_head",),
    ),
    Mutant(
        "administrator-without-a-secret",
        "only who has a live secret counts as an administrator who is left",
        (
            Edit(
                "auth/clients.py",
                "        return granted and any(secret.live_at(now) for secret in self.secrets)\n",
                "        return granted\n",
            ),
        ),
        caught_by=(
            f"{SECRETS}::test_who_has_no_live_secret_is_no_other_administrator",
            f"{SECRETS}::test_the_last_administrators_last_live_secret_is_deleted_by_force_only",
        ),
        spares=(f"{SERVICE}::test_the_last_administrator_is_kept_unless_forced",),
    ),
    Mutant(
        "administrator-with-a-dead-secret",
        "the rows, too, count as an administrator only who has a live secret",
        (Edit("store/client_rows.py", ", granted, gets_in)", ", granted)"),),
        caught_by=(f"{CLIENTS}::test_another_administrator_is_one_that_gets_in",),
        spares=(f"{CLIENTS}::test_a_change_that_raises_undoes_everything",),
    ),
    Mutant(
        "last-secret-goes",
        "the last live secret of the last administrator is deleted by force only",
        (
            Edit(
                "auth/client_changes.py",
                "        if not force and _ends_administration(current, changed, now):\n",
                "        if False:\n",
            ),
        ),
        caught_by=(
            f"{SECRETS}::test_the_last_administrators_last_live_secret_is_deleted_by_force_only",
            f"{SECRETS}::test_of_two_last_administrators_whose_secrets_go_at_once_one_keeps_its_own",
        ),
        spares=(f"{SERVICE}::test_the_last_administrator_is_kept_unless_forced",),
    ),
    Mutant(
        "last-administrator-unlocked",
        "whether another administrator is left is looked at under the lock that its end needs too",
        (
            Edit(
                "store/clients.py",
                "    lock(connection, AUTH)\n    guarding.ask(connection, guard)\n",
                "    guarding.ask(connection, guard)\n",
            ),
        ),
        caught_by=(f"{CLIENTS}::test_of_two_last_administrators_on_two_replicas_one_stays[postgres]",),
        spares=(f"{CLIENTS}::test_of_two_last_administrators_on_two_replicas_one_stays[sqlite]",),
    ),
    Mutant(
        "deleted-then-compromised",
        "a secret found compromised after its deletion takes the tokens that were let live with it",
        (
            Edit(
                "auth/client_changes.py",
                '            return current if tokens == "dead" else _touched(current.next_generation(), now)\n',
                "            return current\n",
            ),
        ),
        caught_by=(f"{SECRETS}::test_a_secret_that_was_deleted_and_then_found_compromised_takes_its_tokens_with_it",),
        spares=(f"{SECRETS}::test_the_deletion_of_a_compromised_secret_may_be_said_again",),
    ),
)
