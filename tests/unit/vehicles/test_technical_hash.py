"""The technical content hash: what must move it, and what must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.epa_file import GASOLINE_ROW
from typeplate_server.vehicles.epa.columns import (
    LATE_COLUMNS,
    TECHNICAL_COLUMNS,
    TECHNICAL_NUMBER_COLUMNS,
    VOLATILE_COLUMNS,
)
from typeplate_server.vehicles.epa.technical_hash import TechnicalHash

COLUMNS = list(GASOLINE_ROW)


def hash_of(changes: dict[str, str]) -> bytes:
    """The hash of a good row with these changes."""
    return TechnicalHash(COLUMNS).of([{**GASOLINE_ROW, **changes}[column] for column in COLUMNS])


def test_the_columns_are_71_technical_12_volatile_and_one_late() -> None:
    """All 84, each once."""
    assert (len(TECHNICAL_COLUMNS), len(VOLATILE_COLUMNS), len(LATE_COLUMNS)) == (71, 12, 1)
    assert len(TECHNICAL_COLUMNS | VOLATILE_COLUMNS | LATE_COLUMNS) == 84


@pytest.mark.parametrize("column", sorted(TECHNICAL_COLUMNS))
def test_every_technical_column_counts(column: str) -> None:
    """Another value in it is another hash."""
    assert hash_of({column: "77"}) != hash_of({})


@pytest.mark.parametrize("column", sorted(VOLATILE_COLUMNS | LATE_COLUMNS))
def test_no_volatile_column_counts(column: str) -> None:
    """Costs, scores, dates, and the column that older files lack."""
    assert hash_of({column: "77"}) == hash_of({})


@given(st.lists(st.text("abc", min_size=1), min_size=1), st.sampled_from([" ", "  ", "\t", "   \n "]))
def test_runs_of_white_space_do_not_count(words: list[str], blank: str) -> None:
    """EPA pads engine descriptions differently from year to year."""
    assert hash_of({"eng_dscr": f" {blank.join(words)}{blank}"}) == hash_of({"eng_dscr": " ".join(words)})


@given(st.sampled_from(sorted(TECHNICAL_NUMBER_COLUMNS)), st.integers(0, 99_999))
def test_numbers_are_compared_as_numbers(column: str, tenths: int) -> None:
    """`2`, `2.0` and `2.00` are one number, and `2.1` is another."""
    plain = hash_of({column: str(tenths / 10)})
    assert hash_of({column: f"{tenths / 10:.3f}"}) == plain
    assert hash_of({column: str((tenths + 1) / 10)}) != plain


def test_text_stays_text() -> None:
    """A model named 300 is not the model named 300.0, and cells do not run into each other."""
    assert hash_of({"model": "300"}) != hash_of({"model": "300.0"})
    assert hash_of({"make": "a b", "mfrCode": "c"}) != hash_of({"make": "a", "mfrCode": "b c"})
