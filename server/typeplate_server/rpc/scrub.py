"""Takes secrets, tokens and vehicle identification numbers out of text bound for the log."""

from __future__ import annotations

import re
import traceback

PATTERNS = re.compile(
    r"tps_[0-9A-Za-z_]+"  # client secrets
    r"|eyJ[\w-]*\.[\w.-]+"  # JWS
    r"|(?i:bearer\s+\S+)"
    r"|-----BEGIN[\s\S]+?(?:-----END[^-]*-----|\Z)"  # PEM
    r"|\b[A-HJ-NPR-Z0-9]{17}\b"  # VIN (ISO 3779)
)
MESSAGE_LIMIT = 500


def scrubbed(text: str) -> str:
    """`text` without anything that looks like a credential or a VIN."""
    return PATTERNS.sub("[removed]", text)


def scrubbed_traceback(error: BaseException) -> str:
    """The traceback of `error` and what caused it, each message scrubbed and cut to 500 characters."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        lines += traceback.format_tb(seen.__traceback__)
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}: {scrubbed(str(seen))[:MESSAGE_LIMIT]}\n")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "".join(lines)
