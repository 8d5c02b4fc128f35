"""What the text of an option means; the sentences of these errors are shown by argparse as they are."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Final

LONGEST_TOKEN_LIFETIME_S: Final = 900


def one_of(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(names[:-1])} or {names[-1]}"


def natural(text: str) -> int:
    """A whole number from 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more")
    return int(text)


def positive(text: str) -> float:
    """A finite number of seconds above 0."""
    number = _number(text)
    if number is None or number <= 0:
        raise argparse.ArgumentTypeError("must be a number of seconds, more than 0")
    return number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def seconds(text: str) -> int:
    """A time such as `300`, `90s` or `5m`, in seconds."""
    unit = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
    try:
        return natural(text[:-1]) * unit if unit else natural(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError("must be a time such as 300, 90s or 5m") from None


def lifetime(text: str) -> int:
    """A time that a server can grant a token; a longer one would be granted in name only."""
    if (found := seconds(text)) > LONGEST_TOKEN_LIFETIME_S:
        raise argparse.ArgumentTypeError("must be at most 15m, the server's maximum")
    return found


def label(text: str) -> tuple[str, str]:
    """`KEY=VALUE`."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError("must be KEY=VALUE")
    return key, value


def bound(text: str) -> tuple[str, float]:
    """`FIELD=NUMBER`."""
    field, _, value = text.partition("=")
    number = _number(value)
    if not field or number is None:
        raise argparse.ArgumentTypeError("must be FIELD=NUMBER, such as power_kw=150")
    return field.replace("-", "_"), number
