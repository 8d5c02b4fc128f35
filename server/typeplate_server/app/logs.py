"""Where the server's log goes: standard error, one JSON object a line, for operators' messages as for calls.

A record that was given `extra={"figures": …}` has these beside the fields that all have.
"""

from __future__ import annotations

import json
import logging
from typing import TextIO

from typeplate_server.rpc.call_log import timestamp
from typeplate_server.rpc.scrub import scrubbed


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, without anything that looks like a credential."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        return json.dumps(
            {
                "time": timestamp(record.created),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": scrubbed(message),
                **getattr(record, "figures", {}),
            }
        )


def set_up(level: str, stream: TextIO) -> None:
    """Send every logger's records to `stream`, from `level` up."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its steps are ours to tell
