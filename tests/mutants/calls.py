"""What is decided for one call: may its caller go on, commit, hear the answer. Each rule of it taken out."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.rules import (
    ADMISSION,
    CLIENTS,
    EXCHANGE,
    INTERCEPTOR,
    PROPAGATION,
    RACE,
    SERVICE,
    STREAMS,
    SUSPENSION,
)

CONCURRENCY: Final = "tests/conformance/store/test_concurrency.py"
DATABASE: Final = "tests/unit/store/test_database.py"
FORGED: Final = "tests/unit/auth/test_forged_tokens.py"
GUARDS: Final = "tests/integration/test_commit_guards.py"
TOKENS: Final = "tests/unit/auth/test_token_administration.py"
DEPLOYMENT: Final = "tests/conformance/store/test_deployment.py"
UNFINISHED: Final = "tests/integration/test_unfinished_calls.py"

CALLS: Final = (
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
    Mutant(
        "message-not-rechecked",
        "each message of a stream is sent only after the caller was checked once more",
        (
            Edit(
                "rpc/kinds.py",
                "            async for reply in replies:\n                call.recheck()\n",
                "            async for reply in replies:\n",
            ),
        ),
        caught_by=(f"{INTERCEPTOR}::test_a_stream_of_a_revoked_client_brings_no_further_message",),
        spares=(f"{INTERCEPTOR}::test_an_admitted_call_is_served",),
    ),
    Mutant(
        "start-not-rechecked",
        "who was admitted at the headers is checked again when the request is there",
        (
            Edit(
                "rpc/interceptor.py",
                "            call.recheck()\n            return await serve(request, call, context)\n",
                "            return await serve(request, call, context)\n",
            ),
        ),
        caught_by=(f"{UNFINISHED}::test_a_caller_revoked_between_its_headers_and_its_body_is_not_served",),
        spares=(f"{INTERCEPTOR}::test_an_admitted_call_is_served",),
    ),
    Mutant(
        "token-revocation-ignored",
        "a token that was revoked by itself is refused",
        (Edit("auth/admission.py", "            if token_revoked:\n", "            if False:\n"),),
        caught_by=(f"{TOKENS}::test_a_revoked_token_is_refused_and_the_clients_others_are_not",),
        spares=(f"{ADMISSION}::test_generation_equal_and_state_active_is_the_whole_rule",),
    ),
    Mutant(
        "doubt-forgotten",
        "a revocation of which nobody knows whether it was committed refuses the client here",
        (Edit("auth/changes.py", "        doubt()\n        self._changed()\n", "        self._changed()\n"),),
        caught_by=(
            f"{SERVICE}::test_a_revocation_of_unknown_outcome_is_refused_in_memory",
            f"{SUSPENSION}::test_a_suspension_in_doubt_counts_until_the_row_can_be_read",
        ),
        spares=(f"{SERVICE}::test_a_revocation_that_surely_failed_refuses_nobody",),
    ),
    Mutant(
        "hang-up-stops-the-effect",
        "a caller that hangs up stops neither a commit nor what follows from it",
        (Edit("auth/changes.py", "        return await asyncio.shield(task)\n", "        return await task\n"),),
        caught_by=(f"{SERVICE}::test_a_caller_that_hangs_up_stops_neither_commit_nor_effect",),
        spares=(f"{SERVICE}::test_revoke_is_durable_then_in_force_then_answered",),
    ),
    Mutant(
        "scope-taken-generation-kept",
        "taking a scope away kills the tokens that carry it",
        (
            Edit(
                "auth/client_changes.py",
                "        if current.scopes - changed.scopes:\n            changed = changed.next_generation()\n",
                "",
            ),
        ),
        caught_by=(f"{SERVICE}::test_granting_a_scope_keeps_tokens_and_taking_one_kills_them",),
        spares=(f"{SERVICE}::test_update_changes_what_the_patch_names_and_nothing_else",),
    ),
    Mutant(
        "compromised-generation-kept",
        "a compromised secret takes every token issued so far with it",
        (
            Edit(
                "auth/client_changes.py",
                "replace(current.next_generation() if compromised else current, secrets=left)",
                "replace(current, secrets=left)",
            ),
        ),
        caught_by=(
            "tests/unit/auth/test_client_secrets.py::test_a_compromised_secret_takes_every_token_with_it",
            f"{RACE}::test_no_token_outlives_the_end_of_its_client[sqlite]",
        ),
        spares=(f"{RACE}::test_a_token_issued_while_its_client_lives_is_admitted",),
    ),
    Mutant(
        "header-not-compared",
        "a token's header is byte for byte one that this deployment writes",
        (
            Edit(
                "auth/tokens.py",
                "        key = self._keys.by_header.get(jws.header)\n",
                "        key = self._keys.by_header.get(jws.header, self._keys.signing)\n",
            ),
        ),
        caught_by=(f"{FORGED}::test_a_foreign_header_is_refused_before_any_cryptography",),
        spares=(f"{FORGED}::test_the_token_the_forgeries_are_made_from_is_admitted",),
    ),
    Mutant(
        "places-of-waiting-only",
        "a caller that hangs up leaves its place taken until its write is through the line",
        (
            Edit(
                "auth/token_administration.py",
                "        with self._writes.hold(caller.client_id):\n"
                "            written = await self._store.revoke(dead, guard)\n",
                "        written = await self._store.revoke(dead, guard)\n",
            ),
        ),
        caught_by=(f"{TOKENS}::test_one_client_fills_no_line_of_writes",),
        spares=(f"{TOKENS}::test_who_waits_for_other_replicas_holds_its_places_too",),
    ),
    Mutant(
        "places-of-writing-only",
        "whoever waits for other replicas asks the database again and again, and holds a place for it",
        (
            Edit(
                "auth/token_administration.py",
                "        with self._calls.hold(caller.client_id):  #",
                "        if True:  #",
            ),
        ),
        caught_by=(f"{TOKENS}::test_who_waits_for_other_replicas_holds_its_places_too",),
        spares=(f"{TOKENS}::test_one_client_fills_no_line_of_writes",),
    ),
    Mutant(
        "repetition-writes",
        "what is known as revoked costs no write, whoever repeats it how often",
        (
            Edit(
                "auth/token_administration.py",
                "        if known is not None:\n",
                "        if known is None and False:\n",
            ),
        ),
        caught_by=(f"{TOKENS}::test_repeating_what_the_feed_has_brought_costs_no_write_and_waits_all_the_same",),
        spares=(f"{TOKENS}::test_revoking_again_writes_nothing_and_waits_for_the_same_change",),
    ),
    Mutant(
        "forgotten-failures",
        "a failure whose caller has gone is noted and not reported as forgotten",
        (Edit("store/database.py", "        done.add_done_callback(_notice)\n", ""),),
        caught_by=(f"{DATABASE}::test_a_failure_whose_caller_has_gone_is_not_reported_as_forgotten",),
        spares=(f"{DATABASE}::test_a_cancelled_write_runs_to_its_end",),
    ),
    Mutant(
        "forgotten-comes-back",
        "a token that was forgotten as expired is neither read again nor missed",
        (
            Edit(
                "auth/revoked_tokens.py",
                "        self._forgotten_before = max(self._forgotten_before, expired_before)\n",
                "",
            ),
            Edit(
                "auth/revoked_tokens.py",
                "for jti, token in self._tokens.items() if not self._is_forgotten(token)}",
                "for jti, token in self._tokens.items() if token.expire_time >= expired_before}",
            ),
        ),
        caught_by=(f"{TOKENS}::test_a_token_once_forgotten_stays_so_though_the_database_still_has_it",),
        spares=(f"{TOKENS}::test_it_is_kept_until_it_has_expired_and_no_longer",),
    ),
    Mutant(
        "own-number-believed",
        "a number counts for those who repeat a revocation only once the feed has brought it",
        (
            Edit(
                "auth/revoked_tokens.py",
                "setdefault(token.jti, replace(token, changed_seq=0))",
                "setdefault(token.jti, token)",
            ),
        ),
        caught_by=(f"{TOKENS}::test_a_number_counts_only_in_the_history_that_brought_it",),
        spares=(f"{TOKENS}::test_repeating_what_the_feed_has_brought_costs_no_write_and_waits_all_the_same",),
    ),
    Mutant(
        "known-while-stale",
        "what a stale replica knows may be of a history that is over",
        (Edit("auth/token_administration.py", "            self._admission.recheck(caller)  #", "            #"),),
        caught_by=(f"{TOKENS}::test_a_number_counts_only_in_the_history_that_brought_it",),
        spares=(f"{TOKENS}::test_repeating_what_the_feed_has_brought_costs_no_write_and_waits_all_the_same",),
    ),
    Mutant(
        "dead-by-one-clock",
        "a token counts as dead everywhere only when it is so by every replica's clock",
        (Edit("auth/token_administration.py", "self._clock() - CLOCK_MARGIN_S", "self._clock()"),),
        caught_by=(
            f"{TOKENS}::test_a_token_that_lives_by_another_clock_is_revoked_and_not_taken_for_dead",
            f"{TOKENS}::test_it_is_kept_until_it_has_expired_and_no_longer",
        ),
        spares=(f"{TOKENS}::test_a_revoked_token_is_refused_and_the_clients_others_are_not",),
    ),
    Mutant(
        "one-batch-a-minute",
        "forgetting goes on until nothing expired is left",
        (Edit("store/revoked_tokens.py", "            if batch < FORGET_BATCH:\n", "            if True:\n"),),
        caught_by=(f"{DEPLOYMENT}::test_expired_tokens_are_forgotten_in_short_transactions_until_none_is_left",),
        spares=(f"{DEPLOYMENT}::test_a_token_is_revoked_once",),
    ),
    Mutant(
        "commit-without-sync",
        "a commit outlives the power: synchronous=FULL on every connection that writes",
        (
            Edit("store/sqlite.py", '"PRAGMA synchronous = FULL"', '"PRAGMA synchronous = NORMAL"'),
            Edit("store/sqlite.py", " or synchronous < _FULL:", ":"),
        ),
        caught_by=(f"{DATABASE}::test_the_writing_connection_is_durable",),
        spares=(f"{DATABASE}::test_any_exception_undoes_the_transaction",),
    ),
)
