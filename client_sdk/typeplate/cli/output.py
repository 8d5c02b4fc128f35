"""What the `typeplate` command prints: plain tables for people, JSON for scripts, hints for neither.

Tables and JSON go to standard output, hints to standard error. Headings are bold on a terminal, unless NO_COLOR is
set (no-color.org). Control characters in what a server answers are shown, not sent to the terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from typeplate.cli.text import plain

UNSEEN: Final = re.compile(
    r"[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""C1 controls and changes of direction, which a terminal might obey; half characters, which cannot be written."""


def print_json(value: Message | Iterable[Message] | dict[str, Any]) -> None:
    """One JSON value: an object for a message, an array for several; names as proto3 JSON has them."""
    if isinstance(value, Message):
        shown: Any = MessageToDict(value)
    else:
        shown = value if isinstance(value, dict) else [MessageToDict(message) for message in value]
    print(visible_json(json.dumps(shown, indent=2, ensure_ascii=False)))


def visible_json(text: str) -> str:
    """JSON with all that is UNSEEN as JSON's own escapes."""
    return UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings, each column as wide as its widest cell."""
    cells = [[_plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    print(_bold(_line(headings, widths)))
    for row in cells:
        print(_line(row, widths))


def print_fields(message: Message) -> None:
    """All that is set in a message, one line each: its path, two spaces, its value."""
    found = _flatten(MessageToDict(message, preserving_proto_field_name=True))
    fields = [(plain(path), value) for path, value in found]
    width = max((len(path) for path, _ in fields), default=0)
    for path, value in fields:
        print(f"{path:{width}}  {_plain(value)}")


def hint(text: str) -> None:
    """A remark for a person, on standard error."""
    print(plain(text), file=sys.stderr)


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flatten(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for index, part in enumerate(value):
            yield from _flatten(part, f"{path}[{index}]")
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else value


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain("" if value is None else str(value))


def _bold(text: str) -> str:
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[1m{text}\x1b[0m" if wanted else text
