"""The call log."""

from __future__ import annotations

import io
import json
import select
import threading
from typing import Any

import grpc

from tests.support.server import eventually
from typeplate_server.auth.admission import Caller
from typeplate_server.rpc import call_log
from typeplate_server.rpc.call import Subject
from typeplate_server.rpc.call_log import CallLog
from typeplate_server.rpc.errors import CANCELLED, OK, Outcome

CALLER = Caller("my-app", "jti-1", "kid-1", frozenset({"vehicles:read"}), "1.00", 1_800_000_900)
REFUSED = Outcome(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED", "token expired")


def note(log: CallLog, outcome: Outcome = OK, caller: Caller | Subject | None = CALLER, number: int = 10) -> None:
    log.add("/s/M", outcome, caller, "ipv4:192.0.2.7:1234", 0.0015, "abc-", number)


def written(only_failed: bool = False, *outcomes: Outcome) -> list[dict[str, Any]]:
    stream = io.StringIO()
    log = CallLog(stream, lambda: 1_800_000_000.25, only_failed=only_failed)
    log.start()
    for outcome in outcomes:
        note(log, outcome)
    log.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_who_called_what_from_where_and_how_it_ended() -> None:
    [line] = written(False, OK)
    assert line == {
        "time": "2027-01-15T08:00:00.250+00:00",
        "method": "/s/M",
        "code": "OK",
        "client_id": "my-app",
        "jti": "jti-1",
        "kid": "kid-1",
        "peer": "192.0.2.7",
        "duration_ms": 1.5,
        "request_id": "abc-0000000a",
    }


def test_of_a_client_without_a_token_its_id_alone_is_written() -> None:
    stream = io.StringIO()
    log = CallLog(stream, lambda: 0.0)
    log.start()
    note(log, caller=Subject("my-app"))
    log.close()
    line = json.loads(stream.getvalue())
    assert (line["client_id"], line.keys() & {"jti", "kid"}) == ("my-app", set())


def test_a_failed_call_says_its_reason() -> None:
    [line] = written(False, REFUSED)
    assert (line["code"], line["reason"]) == ("UNAUTHENTICATED", "TOKEN_EXPIRED")


def test_at_warning_only_failed_calls_are_written() -> None:
    assert [line["code"] for line in written(True, OK, REFUSED, OK, CANCELLED)] == ["UNAUTHENTICATED", "CANCELLED"]


def test_lines_appear_while_the_server_runs() -> None:
    stream = io.StringIO()
    log = CallLog(stream, lambda: 0.0)
    log.start()
    note(log)
    eventually(lambda: bool(stream.getvalue()), "the line of a finished call")
    log.close()


class Stalled(io.StringIO):
    """A reader that takes nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.released = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        self.released.wait(10)
        return super().write(text)


def test_a_stalled_reader_holds_up_no_call_and_bounds_what_is_kept() -> None:
    stream = Stalled()
    log = CallLog(stream, lambda: 0.0)
    log.start()
    note(log)
    assert stream.entered.wait(10)
    for number in range(call_log.LIMIT + 7):
        note(log, number=number)
    stream.released.set()
    log.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + call_log.LIMIT + 1
    assert json.loads(lines[-1])["dropped_lines"] == 7


def test_a_reader_that_has_gone_is_no_error() -> None:
    stream = io.StringIO()
    log = CallLog(stream, lambda: 0.0)
    log.start()
    stream.close()
    note(log)
    log.close()


class Writes(io.StringIO):
    """Remembers each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def write(self, text: str) -> int:
        assert text.endswith("\n")
        self.sizes.append(len(text))
        return super().write(text)


def test_each_write_is_of_whole_lines_and_no_longer_than_a_pipe_keeps_together() -> None:
    """Workers share standard error, and a longer write to a pipe may be cut by another process's."""
    stream = Writes()
    log = CallLog(stream, lambda: 0.0)
    for number in range(1000):
        note(log, number=number)
    log.start()
    log.close()
    assert [json.loads(line)["request_id"] for line in stream.getvalue().splitlines()] == [
        f"abc-{number:08x}" for number in range(1000)
    ]
    assert max(stream.sizes) <= select.PIPE_BUF
    assert len(stream.sizes) < 100
