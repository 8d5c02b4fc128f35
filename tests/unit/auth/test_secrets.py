"""Client secrets: form, checksum, hashing, and that they show nowhere."""

import re
import string
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from typeplate_server.auth.secrets import ClientSecret, SecretHasher, new_secret, parse_secret

GOOD = new_secret()


def test_a_secret_has_the_published_form() -> None:
    """`tps_<key id>_<43 base62>_<6 base62>`, which leak scanners look for."""
    assert re.fullmatch(r"tps_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", GOOD.value)
    assert GOOD.value.split("_")[1] == GOOD.secret_id


def test_a_secret_comes_back_from_its_text() -> None:
    """Round trip of many; none equals another, in key id either."""
    made = [new_secret() for _ in range(2000)]
    assert [parse_secret(secret.value) for secret in made] == made
    assert len({secret.secret_id for secret in made}) == len({secret.value for secret in made}) == len(made)


def test_random_part_carries_256_bits() -> None:
    """Every one of 256 bits is seen both set and clear, and 2^256 fits into 43 digits of base 62."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    ones = zeros = 0
    for _ in range(200):
        number = 0
        for character in new_secret().value.split("_")[2]:
            number = number * 62 + digits.index(character)
        assert number < 2**256
        ones |= number
        zeros |= ~number & (2**256 - 1)
    assert ones == zeros == 2**256 - 1


def test_the_checksum_is_crc32_of_all_before_it() -> None:
    """A fixed example, so that leak scanners can rely on it: the CRC-32 of the text before it is 0xBFE91750."""
    example = f"tps_{'0' * 12}_{'0' * 43}_3VtdK4"
    assert zlib.crc32(example.rpartition("_")[0].encode()) == 0xBFE91750
    assert parse_secret(example).secret_id == "0" * 12


@pytest.mark.parametrize("position", range(len(GOOD.value)))
def test_any_changed_character_is_refused(position: int) -> None:
    """The checksum covers the prefix, the key id and the random part."""
    other = "a" if GOOD.value[position] != "a" else "b"
    with pytest.raises(ValueError, match=r"form|checksum"):
        parse_secret(GOOD.value[:position] + other + GOOD.value[position + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "tps_", GOOD.value + "\n", " " + GOOD.value, GOOD.value + "a", GOOD.value[:-1], GOOD.value.upper(),
        GOOD.value.replace("_", "-"), GOOD.value.swapcase(), "x" * 10_000_000, "\0" * 68, "tps_" + "é" * 64, "٣" * 68,
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_secret_is_refused_without_quoting_it(text: str) -> None:
    """Whatever is sent; the error does not repeat it."""
    with pytest.raises(ValueError, match=r"form|checksum") as refused:
        parse_secret(text)
    assert len(str(refused.value)) < 80


@settings(max_examples=300)
@given(st.text())
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    """ValueError and nothing else."""
    with pytest.raises(ValueError, match=r"form|checksum"):
        parse_secret(text)


def test_a_secret_shows_in_no_repr_or_format() -> None:
    """Only `value` gives it away."""
    random_part = GOOD.value.split("_")[2]
    assert all(random_part not in shown for shown in (repr(GOOD), str(GOOD), f"{GOOD}", f"{[GOOD]}", "%s" % (GOOD,)))  # noqa: UP031


def test_only_the_same_secret_under_the_same_pepper_matches() -> None:
    """HMAC-SHA-256, 32 bytes."""
    hasher = SecretHasher(b"p" * 32)
    stored = hasher.hash(GOOD)
    assert len(stored) == 32
    assert hasher.matches(GOOD, stored)
    assert not hasher.matches(new_secret(), stored)
    assert not SecretHasher(b"q" * 32).matches(GOOD, stored)
    assert not hasher.matches(GOOD, hasher.dummy())
    assert not hasher.matches(GOOD, b"")
    assert not any(
        hasher.matches(GOOD, stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]) for at in range(len(stored))
    )
    assert len(hasher.dummy()) == 32
    assert "p" * 8 not in repr(hasher)


def test_a_short_pepper_is_refused() -> None:
    """A pepper one can guess protects nothing."""
    with pytest.raises(ValueError, match="32 bytes"):
        SecretHasher(b"p" * 31)


def test_the_hash_covers_the_key_id() -> None:
    """Two secrets that differ in their key id alone have different hashes."""
    hasher = SecretHasher(b"p" * 32)
    assert hasher.hash(ClientSecret("a", "tps_a_x")) != hasher.hash(ClientSecret("b", "tps_b_x"))
