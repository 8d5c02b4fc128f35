"""The schedules that a search found (tests/support/acknowledgement_model.py), each with the rule against it out."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.rules import FEED, PROPAGATION, REPLICA, SERVICE

DEPLOYMENT: Final = "tests/conformance/store/test_deployment.py"
ROTATION: Final = "tests/unit/auth/test_key_rotation.py"
PAGES: Final = "tests/unit/auth/test_feed_pages.py"
REGISTRY: Final = "tests/unit/auth/test_registry.py"
REPLICAS: Final = "tests/conformance/store/test_replicas.py"
STARTED: Final = f"{REPLICA}::test_it_registers_before_its_first_read_and_acknowledges_after"
WAITS: Final = f"{PROPAGATION}::test_it_waits_for_every_other_replica"

SCHEDULES: Final = (
    Mutant(
        "register-after-the-first-read",
        "a replica that joins registers first, so that whoever revokes meanwhile waits for it",
        (
            Edit("auth/replica.py", "        if not self._registered:\n            await self._register()\n", ""),
            Edit(
                "auth/replica.py",
                "        self._bound = page.max_staleness_s\n        if not page.present:\n",
                "        self._bound = page.max_staleness_s\n"
                "        if not self._registered:\n"
                "            await self._register()\n"
                "        elif not page.present:\n",
            ),
        ),
        caught_by=(STARTED,),
        spares=(f"{REPLICA}::test_an_answer_that_took_longer_than_the_bound_makes_nobody_fresh",),
    ),
    Mutant(
        "replicas-listed-before-the-commit",
        "whom to wait for is read after the commit has returned",
        (
            Edit(
                "auth/changes.py",
                "        value, since = await self._finish(",
                '        if hasattr(self._propagation, "_registry"):\n'
                "            self._propagation.early = await self._propagation._registry(None)\n"
                "        value, since = await self._finish(",
            ),
            Edit(
                "auth/propagation.py",
                "            registry = await self._registry(history)\n",
                '            registry = self.__dict__.pop("early", None) or await self._registry(history)\n',
            ),
        ),
        caught_by=(f"{PROPAGATION}::test_a_replica_that_joins_during_the_commit_is_waited_for",),
        spares=(WAITS, f"{PROPAGATION}::test_alone_it_is_everywhere_at_once"),
    ),
    Mutant(
        "deregister-before-it-stopped",
        "a replica that leaves stops admitting first, and its row goes last",
        (
            Edit("auth/replica.py", "        self._left = True\n        self._fresh_until = _NEVER\n", ""),
            Edit(
                "auth/replica.py",
                "        await self._store.deregister(self.identity)\n",
                "        await self._store.deregister(self.identity)\n"
                "        self._left = True\n"
                "        self._fresh_until = _NEVER\n",
            ),
        ),
        caught_by=(f"{REPLICA}::test_its_row_goes_last",),
        spares=(STARTED, f"{REPLICA}::test_it_leaves_after_it_has_stopped_being_fresh_for_good"),
    ),
    Mutant(
        "acknowledge-before-apply",
        "a page is acknowledged once it has been applied",
        (
            Edit(
                "auth/replica.py",
                "        elif self._continues(page) and self._apply(page, as_of):\n"
                "            await self._acknowledge(page)\n",
                "        elif self._continues(page):\n            await self._acknowledge(page)\n"
                "            self._apply(page, as_of)\n",
            ),
        ),
        caught_by=(f"{REPLICA}::test_what_is_acknowledged_is_applied_and_told_before",),
        spares=(STARTED, WAITS),
    ),
    Mutant(
        "already-revoked-early",
        "a repeated revocation waits as the first one does",
        (
            Edit(
                "auth/client_writes.py",
                '        """Writes a change that ends a client for good. Raises as `grant` does."""\n',
                '        """Writes a change that ends a client for good. Raises as `grant` does."""\n'
                "        from typeplate_server.auth.propagation import Effective\n"
                "        known = self._registry.get(client_id)\n"
                '        if known is not None and known.state == "revoked":\n'
                '            return Changed(known, Effective("EVERYWHERE", "ACKNOWLEDGED", known.update_time))\n',
            ),
        ),
        caught_by=(f"{PROPAGATION}::test_a_repeated_call_waits_again",),
        spares=(WAITS, f"{SERVICE}::test_revoking_again_changes_nothing_and_succeeds"),
    ),
    Mutant(
        "older-state-applied",
        "a client never goes back in its number, whatever arrives late",
        (
            Edit(
                "auth/registry.py",
                "        if not self.has(client):\n            self._clients[",
                "        if True:\n            self._clients[",
            ),
        ),
        caught_by=(
            f"{REGISTRY}::test_a_client_never_goes_back",
            f"{REPLICA}::test_a_full_read_overtaken_by_news_brings_nobody_back",
        ),
        spares=(f"{REGISTRY}::test_clients_come_in_order_of_id", STARTED),
    ),
    Mutant(
        "local-change-moves-the-cursor",
        "only the feed moves the cursor, not what was applied here",
        (
            Edit(
                "auth/replica.py",
                "            page = await self._store.poll(self.identity, self._cursor, self._followed)\n",
                "            numbers = [client.changed_seq for client in self._state.clients.after(str())]\n"
                "            known = Cursor(max(numbers, default=0)) if self._cursor != Cursor() else Cursor()\n"
                "            page = await self._store.poll(self.identity, known, self._followed)\n",
            ),
        ),
        caught_by=(f"{REPLICA}::test_only_the_feed_moves_the_cursor",),
        spares=(STARTED, WAITS),
    ),
    Mutant(
        "two-snapshots",
        "the number and what changed are read in one snapshot",
        (
            Edit(
                "store/database.py",
                "            lambda operation: self._transact(operation, both, snapshot=True),\n",
                "            lambda operation: self._transact(operation, both),\n",
            ),
        ),
        caught_by=(f"{REPLICAS}::test_what_a_poll_reads_is_as_of_one_moment[postgres]",),
        spares=(f"{REPLICAS}::test_a_page_has_what_changed_after_the_cursor",),
    ),
    Mutant(
        "wait-from-before-the-commit",
        "the wait for those who do not answer begins when the commit has returned",
        (
            Edit("auth/changes.py", "        since = self._propagation.boot_time()\n", ""),
            Edit(
                "auth/changes.py",
                "        value = await self._known(write, doubt)\n",
                "        since = self._propagation.boot_time()\n        value = await self._known(write, doubt)\n",
            ),
        ),
        caught_by=(f"{PROPAGATION}::test_the_bound_is_counted_from_when_the_commit_had_returned",),
        spares=(WAITS, f"{PROPAGATION}::test_after_the_bound_the_answer_rests_on_it"),
    ),
    Mutant(
        "wait-without-margin",
        "the wait is longer than the bound, for clocks of different rates",
        (Edit("auth/propagation.py", "MARGIN: Final = 1.01\n", "MARGIN: Final = 1.0\n"),),
        caught_by=(f"{PROPAGATION}::test_after_the_bound_the_answer_rests_on_it",),
        spares=(WAITS,),
    ),
    Mutant(
        "own-bound-only",
        "the largest bound that any replica follows is waited for",
        (
            Edit(
                "auth/propagation.py",
                "*(row.max_staleness_s for row in rows if row.identity in listed)",
                "",
            ),
        ),
        caught_by=(f"{PROPAGATION}::test_the_largest_bound_counts",),
        spares=(WAITS, f"{PROPAGATION}::test_after_the_bound_the_answer_rests_on_it"),
    ),
    Mutant(
        "absent-row-ignored",
        "a replica whose row is gone is not fresh until it has read everything anew",
        (
            Edit(
                "auth/replica.py",
                "        if not page.present:\n            self._start_anew()\n        elif",
                "        if",
            ),
        ),
        caught_by=(f"{REPLICA}::test_a_replica_whose_row_is_gone_admits_nobody_until_it_has_read_anew",),
        spares=(STARTED,),
    ),
    Mutant(
        "the-living-set-silent",
        "a row is set silent only with the heartbeat that was seen to stand still",
        (
            Edit(
                "store/replicas.py",
                "replicas.c.incarnation, replicas.c.heartbeat)\n",
                "replicas.c.incarnation)\n",
            ),
            Edit(
                "store/replicas.py",
                "row.identity.incarnation, row.heartbeat) for row",
                "row.identity.incarnation) for row",
            ),
        ),
        caught_by=(
            f"{REPLICAS}::test_who_lives_is_not_set_silent",
            f"{REPLICAS}::test_a_row_that_came_after_the_one_seen_is_not_set_silent",
        ),
        spares=(f"{REPLICAS}::test_a_replica_is_registered_until_it_leaves",),
    ),
    Mutant(
        "set-silent-at-once",
        "only a row whose heartbeat has stood still for the whole bound is set silent",
        (Edit("auth/propagation.py", " now - since > row.max_staleness_s * MARGIN:", " now - since >= 0:"),),
        caught_by=(WAITS, f"{PROPAGATION}::test_a_row_with_a_heartbeat_is_not_set_silent"),
        spares=(f"{PROPAGATION}::test_alone_it_is_everywhere_at_once",),
    ),
    Mutant(
        "silence-is-consent",
        "while a replica is silent, not every one has acknowledged",
        (Edit("auth/propagation.py", "if registry.silent or (", "if ("),),
        caught_by=(
            f"{PROPAGATION}::test_a_row_that_was_silent_for_the_bound_delays_no_other_change_and_has_acknowledged_none",
            f"{PROPAGATION}::test_what_has_been_silent_for_an_hour_is_no_replica_any_more",
        ),
        spares=(WAITS, f"{PROPAGATION}::test_after_the_bound_the_answer_rests_on_it"),
    ),
    Mutant(
        "epoch-forgets-the-replicas",
        "a new epoch keeps the rows of replicas, which may be fresh still",
        (
            Edit(
                "store/deployment.py",
                "            connection.execute(_TAKE_BACK)\n",
                "            connection.execute(replicas.delete())\n",
            ),
        ),
        caught_by=(f"{DEPLOYMENT}::test_a_new_epoch_kills_every_token",),
        spares=(f"{DEPLOYMENT}::test_an_epoch_without_clients_is_told_too",),
    ),
    Mutant(
        "doubted-key-trusted",
        "a key whose removal is in doubt verifies nothing",
        (Edit("auth/key_administration.py", "doubt=lambda: self._keys.doubt(kid))", "doubt=lambda: None)"),),
        caught_by=(f"{ROTATION}::test_a_key_whose_removal_is_in_doubt_verifies_nothing_until_it_is_known",),
        spares=(f"{ROTATION}::test_a_removal_asks_nothing_after_its_commit",),
    ),
    Mutant(
        "acknowledged-across-epochs",
        "what was acknowledged in one epoch does not count in the next, whichever commits first",
        (
            Edit(
                "store/replicas.py",
                "            now = select(deployment.c.epoch, timeline(connection)).with_for_update(read=True)\n",
                "            now = select(deployment.c.epoch, timeline(connection))\n",
            ),
        ),
        caught_by=(f"{REPLICAS}::test_no_acknowledgement_slips_through_a_new_epoch[postgres]",),
        spares=(f"{REPLICAS}::test_an_acknowledgement_of_another_history_does_not_count",),
    ),
    Mutant(
        "everywhere-without-the-registry",
        "a registry that could not be read is never taken for everywhere",
        (Edit("auth/propagation.py", "known=pending is not None)", "known=True)"),),
        caught_by=(f"{PROPAGATION}::test_a_registry_that_cannot_be_read_is_never_taken_for_everywhere",),
        spares=(WAITS, f"{PROPAGATION}::test_after_the_bound_the_answer_rests_on_it"),
    ),
    Mutant(
        "another-history-believed",
        "a registry of another history says nothing of a change in this one",
        (Edit("auth/propagation.py", "        if history not in (None, registry.history):\n", "        if False:\n"),),
        caught_by=(f"{PROPAGATION}::test_a_change_whose_history_ended_is_never_said_to_hold",),
        spares=(WAITS,),
    ),
    Mutant(
        "fresh-before-all-is-read",
        "a page that leaves more to read makes nobody fresh",
        (
            Edit(
                "auth/replica.py",
                "        last = not page.more and not self._replacing\n",
                "        last = not self._replacing\n",
            ),
        ),
        caught_by=(f"{PAGES}::test_it_is_fresh_with_the_last_page_and_acknowledges_nothing_before",),
        spares=(STARTED,),
    ),
    Mutant(
        "fresh-by-what-replaced",
        "a page of another history, which replaces all that was known, makes nobody fresh by itself",
        (
            Edit(
                "auth/replica.py",
                "        last = not page.more and not self._replacing\n",
                "        last = not page.more\n",
            ),
        ),
        caught_by=(f"{REPLICA}::test_what_is_revoked_here_while_another_history_is_read_stays_revoked",),
        spares=(STARTED,),
    ),
    Mutant(
        "no-incarnation",
        "the row of an earlier run is not that of a later one with the same name",
        (
            Edit(
                "store/feed.py",
                " & (replicas.c.incarnation == identity.incarnation)",
                "",
            ),
        ),
        caught_by=(f"{REPLICAS}::test_runs_of_one_replica_are_told_apart",),
        spares=(f"{REPLICAS}::test_a_replica_is_registered_until_it_leaves",),
    ),
    Mutant(
        "no-heartbeat-write",
        "freshness is earned by a heartbeat that was committed",
        (
            Edit(
                "store/replicas.py",
                "return connection.execute(beaten.where(follows(identity))).rowcount == 1",
                "return page.present",
            ),
        ),
        caught_by=(f"{REPLICAS}::test_each_poll_commits_a_heartbeat",),
        spares=(f"{REPLICAS}::test_a_page_has_what_changed_after_the_cursor",),
    ),
    Mutant(
        "sequence-may-go-back",
        "a sequence that went back closes the replica until another epoch",
        (
            Edit(
                "auth/replica.py",
                " and page.seq < self._seen_seq:\n",
                " and False:\n",
            ),
        ),
        caught_by=(f"{REPLICA}::test_a_sequence_that_goes_back_closes_until_another_epoch",),
        spares=(STARTED, f"{REPLICA}::test_under_another_history_all_is_read_anew"),
    ),
    Mutant(
        "streams-not-told",
        "every change that was applied ends the streams of those whom it refuses",
        (
            Edit("auth/replica.py", "        if news:\n            self._changed()\n", ""),
            Edit("auth/changes.py", "        apply(value)\n        self._changed()\n", "        apply(value)\n"),
        ),
        caught_by=(f"{REPLICA}::test_what_is_acknowledged_is_applied_and_told_before",),
        spares=(STARTED, WAITS),
    ),
    Mutant(
        "notify-left-out",
        "whoever takes a number wakes up the listeners",
        (Edit("store/clocks.py", "    if clock is AUTH:\n        notify(connection, seq)\n", ""),),
        caught_by=(f"{FEED}::test_a_change_wakes_the_listeners_of_every_process[postgres]",),
        spares=(f"{FEED}::test_a_change_wakes_the_listeners_of_every_process[sqlite]",),
    ),
)
