"""Owns how proto comments become docstrings."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from model import Method

WIDTH = 118
QUOTES = re.compile(r'"{3,}|"+\Z')
REQUEST = "A ready request, instead of the arguments above."
TIMEOUT = {
    False: "Seconds this call may take, waiting for a token and for the server included. Absent: the client's default.",
    True: "Seconds the whole stream may take. Absent: no limit.",
}
RESUMED = "Broken off, the stream goes on by itself after the last message received, over an outage of up to 5 minutes."
PAGE_TIMEOUT = "Seconds each page may take. Absent: the client's default."
WAITING_TIMEOUT = (
    "Seconds this call may take, waiting for a token, for the server and for its replicas included. Absent: the "
    "client's `timeout` if it was given one, else 30."
)


def documented(method: Method) -> list[tuple[str, str]]:
    if method.client_streaming:
        entries = [("requests", "The requests, in the order they are sent.")]
    else:
        entries = [(a.name, f"{a.comment} {a.note}") for a in method.arguments]
        entries.append(("request", REQUEST if entries else "A ready request."))
    return [*entries, ("timeout", timeout(method))]


def text_of(method: Method) -> str:
    return "\n\n".join([method.comment, *method.notes])


def timeout(method: Method) -> str:
    about = PAGE_TIMEOUT if method.items else TIMEOUT[not method.unary]
    if method.waits:
        return WAITING_TIMEOUT
    return f"{about} {RESUMED}" if method.resume else about


def docstring(comment: str, arguments: list[tuple[str, str]], indent: str) -> Iterator[str]:
    text = escaped(comment).splitlines() or ["Undocumented."]
    if len(text) == 1 and not arguments:
        yield f'{indent}"""{text[0]}"""'
        return
    yield f'{indent}"""{text[0]}'
    yield from (f"{indent}{line}".rstrip() for line in text[1:])
    if arguments:
        yield from ("", f"{indent}Args:")
    for name, about in arguments:
        flowing = " ".join(escaped(about).split())
        yield from textwrap.wrap(
            f"{name}: {flowing}",
            WIDTH,
            initial_indent=f"{indent}    ",
            subsequent_indent=f"{indent}        ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    yield f'{indent}"""'


def escaped(text: str) -> str:
    """The text as it has to be written between triple quotes; a quote at its end would be taken for one of theirs."""
    return QUOTES.sub(lambda found: '\\"' * len(found[0]), text.replace("\\", "\\\\"))
