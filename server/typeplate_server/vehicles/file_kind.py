"""Owns what the first bytes of a file say it is, so that a wrong or damaged file is refused by its right name."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

FileKind = Literal["empty", "zip", "gzip", "other"]

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""Of a first member, of an archive without any, and of one that is split (APPNOTE.TXT 4.3)."""
_GZIP: Final = b"\x1f\x8b"  # RFC 1952 §2.3.1


def file_kind(path: Path) -> FileKind:
    """What the file begins as; whether it is whole is not looked at. Raises OSError."""
    with path.open("rb") as file:
        first = file.read(4)
    if not first:
        return "empty"
    if first in _ZIP:
        return "zip"
    return "gzip" if first.startswith(_GZIP) else "other"
