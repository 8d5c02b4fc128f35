"""Page tokens: exact, bound to their question, and nothing else passes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typeplate_server.errors import InvalidArgument
from typeplate_server.vehicles import page_token

QUESTION = b"filter and order"
VALUES = (
    st.none() | st.text(max_size=200) | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
)


def refused(token: str, question: bytes = QUESTION, columns: int = 1) -> None:
    with pytest.raises(InvalidArgument) as caught:
        page_token.decode(token, question, columns)
    assert [violation.field for violation in caught.value.violations] == ["page_token"]


@given(st.lists(VALUES, max_size=5), st.text(min_size=1, max_size=80))
def test_a_token_says_exactly_where_to_go_on(values: list[str | float | None], vehicle_id: str) -> None:
    """Numbers, texts and unknown values come back as they went in, their types too."""
    after = (*values, vehicle_id)
    decoded = page_token.decode(page_token.encode(after, QUESTION), QUESTION, len(values))
    assert decoded == after
    assert list(map(type, decoded or ())) == list(map(type, after))


def test_no_token_is_the_first_page_and_no_next_page_is_no_token() -> None:
    """Both ends of a list."""
    assert page_token.decode("", QUESTION, 0) is None
    assert page_token.encode(None, QUESTION) == ""


def test_a_token_of_another_question_is_refused() -> None:
    """Filter and order belong to the token."""
    refused(page_token.encode((2020, "own-1"), b"another filter"))


def test_a_token_of_another_number_of_columns_is_refused() -> None:
    """Even if its check is right."""
    refused(page_token.encode(("own-1",), QUESTION))


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    """Any other letter at any place, and any shorter token."""
    token = page_token.encode((2020, "epa-12345"), QUESTION)
    place = data.draw(st.integers(0, len(token) - 2))  # the last letter may have bits that mean nothing
    letter = data.draw(st.characters().filter(lambda letter: letter != token[place]))
    refused(token[:place] + letter + token[place + 1 :])
    refused(token[:place] or "A")


@given(st.text(min_size=1, max_size=300))
def test_any_text_is_refused(text: str) -> None:
    """No text is an error of ours."""
    refused(text)


@pytest.mark.parametrize(
    "place",
    [
        "[1,",
        f'[{10**19},"x"]',
        f'[{"9" * 5000},"x"]',
        "{}",
        '"x"',
        '[[1],"x"]',
        '[{"a":1},"x"]',
        '[NaN,"x"]',
        '[true,"x"]',
        "\ud800",
    ],
)
def test_a_forged_place_with_a_right_check_is_refused(place: str) -> None:
    """The check is no secret: whoever computes it still gets nowhere, not even to a number that no database takes."""
    body = place.encode("utf-8", "surrogatepass")
    token = base64.urlsafe_b64encode(page_token._check(body, QUESTION) + body).rstrip(b"=").decode()
    refused(token)


def test_an_endless_token_is_refused_before_it_is_read() -> None:
    """Length comes first; a place nested a hundred thousand deep is not parsed."""
    refused("A" * (page_token.MAX_LENGTH + 1))
    body = b"[" * 10_000
    refused(base64.urlsafe_b64encode(page_token._check(body, QUESTION) + body).rstrip(b"=").decode())
    assert len(page_token.encode(("ﬀ" * 600, "x" * 61), QUESTION)) < page_token.MAX_LENGTH
