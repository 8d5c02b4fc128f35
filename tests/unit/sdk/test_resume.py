"""The rules of a stream that goes on: which position it asks for, and when it is opened again."""

from __future__ import annotations

import pytest

from typeplate._resume import Resumable, Resume, position_of
from typeplate._streams import OUTAGE_S, STOOD_S, Opening
from typeplate.errors import NotFound, Unavailable
from typeplate.v1.data_service_pb2 import ExportVehiclesRequest, ExportVehiclesResponse
from typeplate.v1.vehicle_pb2 import Vehicle

RULE = Resume("vehicles.name", "after", "revision")
AWAY = Unavailable("away")


def message(*names: str, revision: int = 7) -> ExportVehiclesResponse:
    return ExportVehiclesResponse(revision=revision, vehicles=[Vehicle(name=name) for name in names])


def test_the_position_is_the_last_one_received() -> None:
    """A message without one changes nothing, and the application's request stays as it was."""
    request = ExportVehiclesRequest(source="epa", after="a")
    resumable = Resumable(request, RULE)
    assert resumable.attempt() == request
    moved = [resumable.received(each) for each in (message(), message("b", "c"), message(), message("c"))]
    assert moved == [False, True, False, False]
    assert resumable.attempt() == ExportVehiclesRequest(source="epa", after="c")
    assert request.after == "a"


def test_what_tells_of_the_start_is_kept() -> None:
    resumable = Resumable(ExportVehiclesRequest(), RULE)
    resumable.received(message(revision=7))
    resumable.received(later := message("a", revision=9))
    assert later.revision == 7


def test_a_position_may_stand_in_the_message_itself() -> None:
    assert position_of(message(revision=3), "revision") == 3
    assert position_of(message(), "vehicles.name") is None


def opening(**settings: float | None) -> Opening:
    return Opening(100.0, **{"timeout": None, "patience": 10.0, "repeatable": True, **settings})  # type: ignore[arg-type]


def seconds_until_given_up(tries: Opening, now: float) -> float:
    """How long it goes on trying while each try fails at once."""
    started = now
    while True:
        tries.opened = now
        tries.failed(now)
        if (pause := tries.pause(AWAY, now, 0.0)) is None:
            return now - started
        now += pause


def test_a_stream_that_has_not_begun_waits_as_long_as_any_call() -> None:
    assert seconds_until_given_up(opening(), 100.0) == pytest.approx(10.0, abs=1.0)


def test_a_stream_that_has_moved_on_waits_longer_and_anew_after_each_outage() -> None:
    tries = opening()
    for now in (200.0, 5000.0):
        tries.moved_on()
        assert seconds_until_given_up(tries, now) == pytest.approx(OUTAGE_S, abs=1.0)


def test_a_stream_that_had_nothing_to_say_has_moved_on_when_it_stood_for_a_while() -> None:
    """A token that expires under it after hours is no second refusal, either."""
    tries = opening()
    tries.opened, tries.replaced = 100.0, True
    tries.failed(100.0 + STOOD_S)
    assert not tries.replaced
    assert tries.pause(AWAY, 100.0 + STOOD_S, 0.0) is not None
    tries.opened, tries.replaced = 200.0, True
    tries.failed(200.0 + STOOD_S - 1.0)
    assert tries.replaced


def test_the_streams_own_timeout_ends_it_first() -> None:
    tries = opening(timeout=20.0)
    tries.moved_on()
    assert seconds_until_given_up(tries, 105.0) == pytest.approx(15.0, abs=1.0)


def test_only_an_outage_is_waited_out() -> None:
    assert opening().pause(NotFound("no"), 100.0, 0.0) is None
    assert opening(repeatable=False).pause(AWAY, 100.0, 0.0) is None
