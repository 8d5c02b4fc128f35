"""What may go to a terminal as it is: a server's texts must neither move the cursor nor hide what they say."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text on one line, with control characters shown, not sent to the terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _code(c) for c in text)


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
