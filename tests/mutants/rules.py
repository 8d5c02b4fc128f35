"""The rules that keep a revoked token dead and a refused call empty, each taken out as one would by mistake."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

ADMISSION: Final = "tests/unit/auth/test_admission.py"
EXCHANGE: Final = "tests/unit/auth/test_exchange.py"
REPLICA: Final = "tests/unit/auth/test_replica.py"
PROPAGATION: Final = "tests/unit/auth/test_propagation.py"
SERVICE: Final = "tests/unit/auth/test_service.py"
SUSPENSION: Final = "tests/unit/auth/test_suspension.py"
CLIENTS: Final = "tests/conformance/store/test_clients.py"
FEED: Final = "tests/conformance/store/test_feed.py"
RACE: Final = "tests/conformance/store/test_issue_race.py"
STREAMS: Final = "tests/integration/test_open_streams.py"
INTERCEPTOR: Final = "tests/integration/test_interceptor.py"
CHANGES: Final = "tests/integration/test_client_changes.py"

RULES: Final = (
    Mutant(
        "compare-by-iat",
        "a token is good when its generation is the client's, not when it was issued after the last change",
        (
            Edit(
                "auth/admission.py",
                "    generation: str\n    expire_time: int\n",
                "    generation: str\n    expire_time: int\n    issue_time: int = 0\n",
            ),
            Edit("auth/admission.py", "token.generation, token.exp)", "token.generation, token.exp, token.iat)"),
            Edit(
                "auth/admission.py",
                "client.generation_claim == caller.generation:",
                "caller.issue_time >= int(client.update_time):",
            ),
        ),
        caught_by=(
            f"{ADMISSION}::test_generation_equal_and_state_active_is_the_whole_rule",
            f"{SUSPENSION}::test_a_suspended_client_gets_and_uses_no_token_until_it_is_resumed",
            f"{RACE}::test_no_token_outlives_the_end_of_its_client",
        ),
        spares=(
            f"{ADMISSION}::test_a_good_token_is_admitted_and_says_who_calls",
            f"{RACE}::test_a_token_issued_while_its_client_lives_is_admitted",
        ),
    ),
    Mutant(
        "generation-read-twice",
        "IssueToken signs with the generation of the one read that its checks were made on",
        (
            Edit(
                "auth/exchange.py",
                "self._issuer.issue(client, _granted(client, scopes)",
                "self._issuer.issue(self._registry.get(client_id) or client, _granted(client, scopes)",
            ),
        ),
        caught_by=(
            f"{EXCHANGE}::test_the_generation_is_that_of_the_one_read",
            f"{RACE}::test_no_token_outlives_the_end_of_its_client",
        ),
        spares=(
            f"{EXCHANGE}::test_a_right_secret_gets_a_token_that_is_admitted",
            f"{RACE}::test_a_token_issued_while_its_client_lives_is_admitted",
        ),
    ),
    Mutant(
        "as-of-after-the-reply",
        "the time that freshness counts from is taken before the poll is sent",
        (
            Edit("auth/replica.py", "        as_of = self._boot()\n", ""),
            Edit(
                "auth/replica.py",
                "        if self._left:\n            return\n",
                "        as_of = self._boot()\n        if self._left:\n            return\n",
            ),
        ),
        caught_by=(
            f"{REPLICA}::test_it_is_fresh_for_the_bound_from_before_the_question",
            f"{REPLICA}::test_an_answer_that_took_longer_than_the_bound_makes_nobody_fresh",
        ),
        spares=(
            f"{REPLICA}::test_it_registers_before_its_first_read_and_acknowledges_after",
            f"{REPLICA}::test_a_poll_that_fails_makes_nobody_fresher",
        ),
    ),
    Mutant(
        "serial-number",
        "numbers come from a locked row, so that commit order is their order",
        (
            Edit(
                "store/migrations/versions/0001_clients_and_vehicles.py",
                '    _create_clock("auth_clock")\n',
                '    _create_clock("auth_clock")\n'
                '    if op.get_bind().dialect.name == "postgresql":\n'
                '        op.execute("CREATE SEQUENCE auth_serial")\n',
            ),
            Edit(
                "store/clocks.py",
                "    connection.execute(select(clock.c.seq).with_for_update())\n",
                '    if clock is not AUTH or connection.dialect.name != "postgresql":\n'
                "        connection.execute(select(clock.c.seq).with_for_update())\n",
            ),
            Edit(
                "store/clocks.py",
                "    seq = int(connection.execute(statement).scalar_one())\n",
                '    if clock is AUTH and connection.dialect.name == "postgresql":\n'
                "        seq = int(connection.exec_driver_sql(\"SELECT nextval('auth_serial')\").scalar_one())\n"
                "    else:\n"
                "        seq = int(connection.execute(statement).scalar_one())\n",
            ),
            Edit(
                "store/feed.py",
                "    return select(\n        auth_clock.c.seq,\n",
                "    from typeplate_server.store.schema import clients\n"
                "    seq: Any = auth_clock.c.seq\n"
                '    if connection.dialect.name == "postgresql":\n'
                "        seq = func.coalesce(select(func.max(clients.c.changed_seq)).scalar_subquery(), 0)\n"
                '    return select(\n        seq.label("seq"),\n',
            ),
        ),
        caught_by=(f"{FEED}::test_no_revocation_is_missed[postgres]",),
        spares=(
            f"{FEED}::test_no_revocation_is_missed[sqlite]",
            f"{FEED}::test_a_change_wakes_the_listeners_of_every_process[postgres]",
        ),
    ),
    Mutant(
        "no-catch-up-after-listen",
        "a listener that has connected calls back once, for what it cannot have heard",
        (
            Edit(
                "store/listening.py",
                '            connection.execute(f"LISTEN {CHANNEL}")\n            self.heard()\n',
                '            connection.execute(f"LISTEN {CHANNEL}")\n',
            ),
        ),
        caught_by=(f"{FEED}::test_a_change_wakes_the_listeners_of_every_process[postgres]",),
        spares=(f"{FEED}::test_commit_order_is_sequence_order[postgres]",),
    ),
    Mutant(
        "wake-up-lost-in-a-poll",
        "what wakes the loop during a poll makes for one more",
        (
            Edit(
                "auth/replica.py",
                "                self._woken.clear()  # before the poll: what wakes during it makes for one more\n"
                "                self._note_health(await self._try(self.turn))\n",
                "                self._note_health(await self._try(self.turn))\n                self._woken.clear()\n",
            ),
        ),
        caught_by=(f"{REPLICA}::test_what_wakes_it_during_a_poll_makes_for_one_more",),
        spares=(
            f"{REPLICA}::test_a_wake_up_makes_it_poll_at_once",
            f"{REPLICA}::test_it_polls_without_being_woken",
        ),
    ),
    Mutant(
        "generation-in-memory-only",
        "a new generation is written with the change that began it",
        (
            Edit(
                "store/clients.py",
                "    rows.update(connection, before, written)\n",
                "    kept = replace(\n"
                "        written, generation=before.generation, generation_nonce=before.generation_nonce\n"
                "    )\n"
                "    rows.update(connection, before, kept)\n",
            ),
        ),
        caught_by=(
            f"{CLIENTS}::test_an_update_returns_what_then_stands",
            f"{CHANGES}::test_tokens_from_before_a_suspension_stay_dead_after_a_crash",
        ),
        spares=(
            f"{CLIENTS}::test_a_client_comes_back_as_it_went_in",
            f"{CHANGES}::test_a_suspension_is_answered_with_where_it_holds_and_can_be_taken_back",
        ),
    ),
    Mutant(
        "answer-before-apply",
        "a change is in force in this process before it is answered",
        (Edit("auth/changes.py", "        apply(value)\n        self._changed()\n", ""),),
        caught_by=(
            f"{SERVICE}::test_revoke_is_durable_then_in_force_then_answered",
            f"{SUSPENSION}::test_a_suspended_client_gets_and_uses_no_token_until_it_is_resumed",
        ),
        spares=(
            f"{PROPAGATION}::test_alone_it_is_everywhere_at_once",
            f"{SERVICE}::test_unknown_clients_and_long_reasons_are_refused",
        ),
    ),
    Mutant(
        "answer-before-acknowledgement",
        "EVERYWHERE is answered when every registered replica has acknowledged",
        (
            Edit(
                "auth/propagation.py",
                "                if not pending - {self._identity}:\n",
                "                if pending is not None:\n",
            ),
        ),
        caught_by=(
            f"{PROPAGATION}::test_it_waits_for_every_other_replica",
            f"{PROPAGATION}::test_a_repeated_call_waits_again",
            f"{PROPAGATION}::test_every_kind_of_change_waits",
        ),
        spares=(f"{PROPAGATION}::test_alone_it_is_everywhere_at_once",),
    ),
    Mutant(
        "check-before-register",
        "a stream is registered before it is checked, so that no change falls between",
        (
            Edit(
                "rpc/open_streams.py",
                "        stream = self._register(call, call.caller.client_id, inf)\n"
                "        try:\n            call.recheck()\n",
                "        call.recheck()\n"
                "        stream = self._register(call, call.caller.client_id, inf)\n        try:\n",
            ),
        ),
        caught_by=(f"{STREAMS}::test_a_change_in_the_middle_of_a_check_finds_the_stream[once registered]",),
        spares=(f"{STREAMS}::test_a_stream_that_brings_about_its_own_end_is_told_the_reason",),
    ),
    Mutant(
        "abort-not-awaited",
        "the one abort there is is awaited, or else the call ends with OK",
        (
            Edit(
                "rpc/errors.py",
                "    await context.abort(outcome.code, outcome.message, outcome.trailers(request_id))\n"
                '    raise AssertionError("abort returns never")\n',
                "    context.abort(outcome.code, outcome.message, outcome.trailers(request_id))\n",
            ),
        ),
        caught_by=(f"{INTERCEPTOR}::test_a_refused_call_never_reaches_the_servicer_and_brings_no_message",),
        spares=(f"{INTERCEPTOR}::test_an_admitted_call_is_served",),
    ),
)
