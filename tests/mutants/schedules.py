"""The schedules that a search found (tests/support/acknowledgement_model.py), each with the rule against it out."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.rules import (
    ADMISSION,
    CLIENTS,
    EXCHANGE,
    FEED,
    INTERCEPTOR,
    PROPAGATION,
    REPLICA,
    SERVICE,
    STREAMS,
)

REGISTRY: Final = "tests/unit/auth/test_registry.py"
REPLICAS: Final = "tests/conformance/store/test_replicas.py"
CONCURRENCY: Final = "tests/conformance/store/test_concurrency.py"
GUARDS: Final = "tests/integration/test_commit_guards.py"
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
                "            self._apply(page, as_of)\n",
                "            await self._acknowledge(page)\n            self._apply(page, as_of)\n",
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
                "            page = await self._store.poll(self.identity, self._cursor)\n",
                "            numbers = [client.changed_seq for client in self._state.clients.after(str())]\n"
                "            known = Cursor(max(numbers, default=0)) if self._cursor != Cursor() else Cursor()\n"
                "            page = await self._store.poll(self.identity, known)\n",
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
        "purge-of-the-living",
        "a row is purged only with the heartbeat that was seen to stand still",
        (
            Edit(
                "store/replicas.py",
                "delete(replicas).where(is_row_of(identity), replicas.c.heartbeat == heartbeat)",
                "delete(replicas).where(is_row_of(identity))",
            ),
        ),
        caught_by=(
            f"{REPLICAS}::test_a_purge_spares_who_lives",
            f"{REPLICAS}::test_a_purge_cannot_meet_the_row_that_came_after",
        ),
        spares=(f"{REPLICAS}::test_a_replica_is_registered_until_it_leaves",),
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
                "return connection.execute(beaten.where(is_row_of(identity))).rowcount == 1",
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
        "reply-not-rechecked",
        "what was read leaves only after the caller was checked once more",
        (Edit("rpc/kinds.py", "        if only_reads:\n            call.recheck()\n", ""),),
        caught_by=(f"{INTERCEPTOR}::test_what_was_read_does_not_leave_after_a_revocation",),
        spares=(f"{INTERCEPTOR}::test_an_admitted_call_is_served",),
    ),
    Mutant(
        "guard-before-the-lock",
        "the caller is read again under the lock of the change, which a revocation under way holds",
        (
            Edit(
                "store/clients.py",
                "    lock(connection, AUTH)\n    guarding.ask(connection, guard)\n",
                "    guarding.ask(connection, guard)\n    lock(connection, AUTH)\n",
            ),
            Edit(
                "store/guarding.py",
                "        lock(connection, AUTH)\n        guard(GuardedRows(connection))\n",
                "        guard(GuardedRows(connection))\n",
            ),
        ),
        caught_by=(f"{CONCURRENCY}::test_a_guard_is_asked_after_the_change_under_way[postgres]",),
        spares=(f"{CLIENTS}::test_a_refusing_guard_undoes_everything",),
    ),
    Mutant(
        "guard-believes-memory",
        "the caller is looked up in the rows of the transaction, not in this process's memory",
        (
            Edit(
                "auth/admission.py",
                "            self._require_good(caller, rows.get(caller.client_id), True, revoked)\n",
                "            self._require_good(caller, self._client(caller.client_id), True, revoked)\n",
            ),
        ),
        caught_by=(f"{ADMISSION}::test_the_commit_guard_believes_the_row_and_not_the_memory",),
        spares=(f"{ADMISSION}::test_recheck_asks_the_same_questions_of_a_caller",),
    ),
    Mutant(
        "row-read-before-the-lock",
        "a change decides on the row as it stands under the lock",
        (
            Edit(
                "store/clients.py",
                "            clients = begin(connection, guard)\n            before = clients.get(client_id)\n",
                "            before = ClientsInTransaction(connection).get(client_id)\n"
                "            clients = begin(connection, guard)\n",
            ),
            Edit(
                "store/client_rows.py",
                ".with_for_update(read=True)",
                "",
            ),
        ),
        caught_by=(f"{CONCURRENCY}::test_tasks_and_connections_of_one_process_lose_nothing[postgres]",),
        spares=(f"{CONCURRENCY}::test_tasks_and_connections_of_one_process_lose_nothing[sqlite]",),
    ),
    Mutant(
        "stale-replica-issues",
        "a replica that is not fresh issues no token",
        (Edit("auth/exchange.py", "        if not self._fresh():\n", "        if False:\n"),),
        caught_by=(f"{EXCHANGE}::test_a_stale_replica_issues_nothing",),
        spares=(f"{EXCHANGE}::test_a_right_secret_gets_a_token_that_is_admitted",),
    ),
    Mutant(
        "stale-replica-admits",
        "a replica that is not fresh admits nobody",
        (Edit("auth/admission.py", "        if not fresh:\n", "        if False:\n"),),
        caught_by=(
            f"{ADMISSION}::test_stale_state_refuses_with_a_time_to_come_again",
            f"{PROPAGATION}::test_after_the_bound_the_answer_rests_on_it",
        ),
        spares=(f"{ADMISSION}::test_a_good_token_is_admitted_and_says_who_calls",),
    ),
    Mutant(
        "known-token-without-its-key",
        "a token known already is good only while the key that made it so is live",
        (
            Edit(
                "auth/admission.py",
                "            if known is not None and known[0] in self._keys.live:\n",
                "            if known is not None:\n",
            ),
        ),
        caught_by=(f"{ADMISSION}::test_a_known_token_dies_with_its_key",),
        spares=(f"{ADMISSION}::test_a_signature_is_verified_once_and_everything_else_each_time",),
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
    Mutant(
        "no-sweep",
        "expiry and staleness, which nobody announces, end a stream in time",
        (
            Edit(
                "rpc/open_streams.py",
                "        self._timer = None\n        self.recheck()\n",
                "        self._timer = None\n",
            ),
        ),
        caught_by=(f"{STREAMS}::test_every_kind_of_stream_ends_in_time_with_the_reason[expired-found by the sweep]",),
        spares=(f"{STREAMS}::test_a_stream_that_brings_about_its_own_end_is_told_the_reason",),
    ),
    Mutant(
        "caller-without-guard",
        "every method that writes takes its caller's guard to the commit",
        (
            Edit(
                "rpc/auth_servicer.py",
                "            client_id, force=request.force, guard=call.commit_guard, within=_within(request, call)\n",
                "            client_id, force=request.force, within=_within(request, call)\n",
            ),
        ),
        caught_by=(f"{GUARDS}::test_a_caller_revoked_meanwhile_commits_nothing",),
        spares=(f"{SERVICE}::test_a_caller_revoked_meanwhile_commits_nothing",),
    ),
)
