"""Owns the sample: 1,684 vehicles from vPIC that a new installation begins with, as gzipped JSON lines beside this.

`server/scripts/make_sample.py` makes the file; nobody edits it.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

from typeplate_server.vehicles.jsonl import JsonLinesFile, open_jsonl

FILE_NAME: Final = "vehicles.jsonl.gz"


def open_sample() -> JsonLinesFile:
    """The sample's file. Raises SourceError when it is not installed."""
    return open_jsonl(Path(str(resources.files(__package__).joinpath(FILE_NAME))))
