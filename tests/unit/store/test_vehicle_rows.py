"""Keys, search words, times and bytes as they are stored."""

from __future__ import annotations

import pytest

from tests.support.store import draft
from typeplate.v1 import vehicle_pb2
from typeplate_server.store.vehicle_rows import content_bytes, fuel_bits, given_bytes, search_text, text_key, timestamp


@pytest.mark.parametrize(
    ("one", "other"),
    [("BMW", "bmw"), ("STRASSE", "straße"), ("CITROE\u0308N", "citro\u00ebn"), ("ΣΊΣΥΦΟΣ", "σίσυφος")],
)
def test_texts_that_differ_in_case_or_composition_have_one_key(one: str, other: str) -> None:
    """Unicode caseless matching, which SQL's lower() does not know."""
    assert text_key(one) == text_key(other)


def test_texts_that_differ_otherwise_do_not() -> None:
    """Accents and blanks count."""
    assert len({text_key(text) for text in ("Elan", "Élan", "E lan", "elan ")}) == 4


def test_search_holds_each_beginning_of_a_word_once() -> None:
    """After a blank, and where letters or digits begin behind another sign."""
    assert search_text("Mercedes-Benz", "E 220 d", "", "E") == " mercedes-benz benz e 220 d"
    assert search_text("a_b", "(C)", "--") == " a_b b (c) c) --"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, (0, 0)), (1.25, (1, 250_000_000)), (1.9999999, (2, 0)), (-0.5, (-1, 500_000_000))],
)
def test_times_are_kept_to_the_microsecond(seconds: float, expected: tuple[int, int]) -> None:
    """Rounded, never out of Timestamp's range."""
    made = timestamp(seconds)
    assert (made.seconds, made.nanos) == expected


def test_fuels_that_are_not_known_have_no_bit() -> None:
    """0 means unknown, and a number from a later model must not overflow."""
    assert (fuel_bits(0), fuel_bits(1, 3), fuel_bits(1 << 30, -1)) == (0, 0b1010, 0)


def test_two_parts_make_one_message() -> None:
    """Concatenated messages are one message, equal to the byte to one that was serialised whole."""
    vehicle = draft("own-1", power_kw=0.0, trim="é").vehicle
    whole = content_bytes(vehicle) + given_bytes('"x"', 7, 1.5, 2.5)
    merged = vehicle_pb2.Vehicle.FromString(whole)
    assert (merged.etag, merged.revision, merged.power_kw, merged.HasField("power_kw")) == ('"x"', 7, 0.0, True)
    assert merged.SerializeToString(deterministic=True) == whole
